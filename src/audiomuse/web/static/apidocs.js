/* Try an operation of the API from its form and show the answer. */
"use strict";
document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-operation]");
  if (!form) return;
  event.preventDefault();
  const answer = form.querySelector(".answer");
  let path = form.dataset.path;
  const query = new URLSearchParams();
  form.querySelectorAll("[data-in]").forEach((input) => {
    if (input.dataset.in === "path") path = path.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.value !== "") query.set(input.name, input.value);
  });
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const request = { method: form.dataset.method, headers: { "X-CSRFToken": token } };
  const body = form.querySelector("[name=body]");
  if (body) {
    request.body = body.value;
    request.headers["Content-Type"] = "application/json";
  }
  answer.hidden = false;
  answer.textContent = "…";
  try {
    const reply = await fetch(query.size ? `${path}?${query}` : path, request);
    const text = await reply.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: shown as it is */ }
    answer.textContent = `${reply.status} ${reply.statusText}\n${shown}`;
  } catch (error) {
    answer.textContent = String(error);
  }
});
