/* One <audio> for the whole page. A button with data-play="<track id>" plays that song from its middle;
   the other such buttons of the same [data-queue] are what comes next. */
"use strict";
(() => {
  const bar = document.getElementById("player");
  if (!bar) return;
  const audio = bar.querySelector("audio");
  const part = (name) => bar.querySelector(`[data-player="${name}"]`);
  const seek = part("seek");
  let queue = [];
  let at = -1;
  let dragging = false;

  const clock = (seconds) => {
    if (!Number.isFinite(seconds)) return "–:––";
    const whole = Math.floor(seconds);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  };

  const mark = () => {
    const playing = !audio.paused && at >= 0 ? queue[at].id : null;
    document.querySelectorAll("[data-play]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.play === playing));
    });
    const toggle = part("toggle");
    toggle.setAttribute("aria-label", audio.paused ? toggle.dataset.labelPlay : toggle.dataset.labelPause);
    part("icon-play").toggleAttribute("hidden", !audio.paused);
    part("icon-pause").toggleAttribute("hidden", audio.paused);
  };

  const play = (index) => {
    if (index < 0 || index >= queue.length) return;
    at = index;
    const song = queue[at];
    bar.hidden = false;
    document.body.classList.add("has-player");
    part("title").textContent = song.title;
    part("artist").textContent = song.artist;
    part("state").textContent = "";
    audio.src = `${bar.dataset.audio}${encodeURIComponent(song.id)}`;
    audio.dataset.fresh = bar.dataset.start === "middle" ? "yes" : "";
    audio.play().catch(() => mark());
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-play], [data-play-all]");
    if (!button) return;
    if (button.dataset.play && at >= 0 && queue[at].id === button.dataset.play && audio.src) {
      if (audio.paused) audio.play(); else audio.pause();
      return;
    }
    const scope = button.hasAttribute("data-play-all") ? document : button.closest("[data-queue]") || document;
    const songs = [...scope.querySelectorAll("[data-play]")];
    queue = songs.map((one) => ({ id: one.dataset.play, title: one.dataset.title, artist: one.dataset.artist || "" }));
    play(button.dataset.play ? songs.indexOf(button) : 0);
  });

  audio.addEventListener("loadedmetadata", () => {
    if (audio.dataset.fresh && audio.duration > 40) audio.currentTime = audio.duration / 2;
    audio.dataset.fresh = "";
  });
  audio.addEventListener("timeupdate", () => {
    part("now").textContent = clock(audio.currentTime);
    part("length").textContent = clock(audio.duration);
    if (!dragging && audio.duration) {
      seek.value = String(Math.round((audio.currentTime / audio.duration) * 1000));
      seek.setAttribute("aria-valuetext", `${clock(audio.currentTime)} / ${clock(audio.duration)}`);
    }
  });
  audio.addEventListener("play", mark);
  audio.addEventListener("pause", mark);
  audio.addEventListener("ended", () => { if (at + 1 < queue.length) play(at + 1); });
  audio.addEventListener("error", () => {
    if (audio.src) part("state").textContent = bar.dataset.labelError;
    mark();
  });
  seek.addEventListener("input", () => { dragging = true; });
  seek.addEventListener("change", () => {
    dragging = false;
    if (audio.duration) audio.currentTime = (Number(seek.value) / 1000) * audio.duration;
  });
  part("toggle").addEventListener("click", () => { if (audio.paused) audio.play(); else audio.pause(); });
  part("previous").addEventListener("click", () => { if (audio.currentTime > 4) audio.currentTime = 0; else play(at - 1); });
  part("next").addEventListener("click", () => play(at + 1));
  part("close").addEventListener("click", () => {
    audio.pause();
    audio.removeAttribute("src");
    at = -1;
    bar.hidden = true;
    document.body.classList.remove("has-player");
    mark();
  });
  document.addEventListener("htmx:afterSettle", mark);
})();
