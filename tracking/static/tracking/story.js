// The button beside a code or an answer: shown only where it works, copies it, and says that it did. And: print buttons.
(function () {
  "use strict";

  function copy(element) {
    if (navigator.clipboard) return navigator.clipboard.writeText(element.textContent);
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy") ? Promise.resolve() : Promise.reject(new Error("not copied"));
  }

  function prepare(button) {
    const words = button.textContent;
    button.hidden = false;
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", function () {
      copy(document.getElementById(button.dataset.tbCopy)).then(function () {
        button.textContent = button.dataset.tbCopied;
        setTimeout(function () { button.textContent = words; }, 2000);
      });
    });
  }

  document.querySelectorAll("[data-tb-copy]").forEach(prepare);
  document.querySelectorAll("[data-tb-print]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () { window.print(); });
  });
})();
