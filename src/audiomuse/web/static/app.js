/* What the server cannot know: focus after a page change, which fields belong to the chosen radio, questions. */
"use strict";
(() => {
  const showChosen = (root) => {
    root.querySelectorAll("[data-shown-for]").forEach((part) => {
      const [name, values] = part.dataset.shownFor.split("=");
      const form = part.closest("form") || document;
      const control = form.querySelector(`[name="${name}"]:checked`) || form.querySelector(`select[name="${name}"]`);
      part.hidden = !(control && values.split(",").includes(control.value));
    });
  };
  document.addEventListener("change", (event) => { if (event.target.name) showChosen(document); });
  document.addEventListener("htmx:load", (event) => showChosen(event.detail.elt.ownerDocument || document));
  showChosen(document);

  let navigated = false;
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.boosted) navigated = true;
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (!navigated) return;
    navigated = false;
    const main = document.getElementById("main");
    if (main && !main.contains(document.activeElement)) main.focus({ preventScroll: true });
  });

  const lost = document.getElementById("lost");
  const connection = (gone) => { if (lost) lost.hidden = !gone; };
  document.addEventListener("htmx:sendError", () => connection(true));
  document.addEventListener("htmx:afterOnLoad", () => connection(false));

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-ask]");
    if (button && !window.confirm(button.dataset.ask)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }, true);
})();
