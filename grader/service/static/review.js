// One key for each button and link that names one in data-key. Every page works without it.
"use strict";
(() => {
  // A second stroke meant for the last page must not decide on what nobody has seen yet.
  const PAUSE = 300;
  addEventListener("load", () => setTimeout(() => { document.body.dataset.seen = "yes"; }, PAUSE));

  const typing = (target) => target instanceof HTMLInputElement;
  const withKey = (key) => [...document.querySelectorAll("[data-key]")]
    .find((one) => one.dataset.key.split(" ").includes(key));

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.key === "Enter" && event.target.matches?.("a, button, summary")) return;
    const field = document.querySelector(`[data-focus="${CSS.escape(event.key)}"]`);
    const one = withKey(event.key);
    if (field) field.select();
    else if (one && (document.body.dataset.seen || one.tagName === "A")) one.click();
    else return;
    event.preventDefault();
  });

  // Once is enough.
  for (const form of document.forms) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    });
  }
  // Whoever comes back by the browser's own button may send again.
  addEventListener("pageshow", () => { for (const form of document.forms) delete form.dataset.sent; });
})();
