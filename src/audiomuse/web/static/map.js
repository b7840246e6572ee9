/* The map of the library: points on a canvas that tell their song and lead to it. */
"use strict";
(() => {
  const REACH = 22;

  const begin = async (canvas) => {
    canvas.dataset.begun = "yes";
    const caption = canvas.parentElement.querySelector("[data-map-caption]");
    const answer = await fetch(canvas.dataset.map, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const points = await answer.json();
    const pen = canvas.getContext("2d");
    let places = [];
    let chosen = -1;

    const draw = () => {
      const { width, height } = canvas.getBoundingClientRect();
      if (!width) return;
      const scale = window.devicePixelRatio || 1;
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      const style = getComputedStyle(canvas);
      const colour = (name) => style.getPropertyValue(name).trim();
      const tones = [1, 2, 3, 4, 5].map((tone) => colour(`--chart-${tone}`));
      const other = colour("--line-strong");
      const radius = Math.max(1.6, Math.min(5, 90 / Math.sqrt(points.x.length)));
      places = points.x.map((x, i) => [(x + 1) / 2 * (width - 24) + 12, (1 - points.y[i]) / 2 * (height - 24) + 12]);
      pen.globalAlpha = 0.75;
      places.forEach(([x, y], i) => {
        pen.fillStyle = points.island[i] < 0 ? other : tones[points.island[i]];
        pen.beginPath();
        pen.arc(x, y, radius, 0, 7);
        pen.fill();
      });
      pen.globalAlpha = 1;
      if (chosen < 0) return;
      pen.strokeStyle = colour("--ink");
      pen.lineWidth = 2;
      pen.beginPath();
      pen.arc(...places[chosen], radius + 4, 0, 7);
      pen.stroke();
    };

    const nearest = (event) => {
      const box = canvas.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      let best = -1;
      let least = REACH * REACH;
      places.forEach(([px, py], i) => {
        const away = (px - x) ** 2 + (py - y) ** 2;
        if (away < least) { least = away; best = i; }
      });
      return best;
    };

    const address = (i) => canvas.dataset.song + encodeURIComponent(points.id[i]);
    const choose = (i) => {
      if (i === chosen || i < 0) return;
      chosen = i;
      const link = document.createElement("a");
      link.href = address(i);
      link.textContent = points.title[i];
      caption.replaceChildren(link, points.artist[i] ? ` ${points.artist[i]}` : "");
      draw();
    };

    canvas.addEventListener("pointermove", (event) => {
      const i = nearest(event);
      canvas.classList.toggle("pointing", i >= 0);
      choose(i);
    });
    // A finger chooses, and goes by the name below; a mouse has seen the name already.
    canvas.addEventListener("click", (event) => {
      const i = nearest(event);
      choose(i);
      if (i >= 0 && event.pointerType !== "touch") window.location.assign(address(i));
    });
    new ResizeObserver(draw).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  };

  const look = () => document.querySelectorAll("canvas[data-map]:not([data-begun])").forEach(begin);
  document.addEventListener("htmx:load", look);
  look();
})();
