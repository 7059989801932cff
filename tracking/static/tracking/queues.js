// A queue: one tick for all that the page shows. Without this script each row is ticked by itself.
(function () {
  "use strict";

  document.addEventListener("DOMContentLoaded", function () {
    const boxes = Array.from(document.querySelectorAll(".tb-ticked tbody input[type=checkbox]"));
    const heading = document.querySelector(".tb-ticked thead th");
    if (!boxes.length || !heading) return;
    const all = document.createElement("input");
    all.type = "checkbox";
    all.setAttribute("aria-label", "Tick all on this page");
    const holder = document.querySelector(".tb-acts");
    const label = document.createElement("label");
    label.append(all, " Tick all on this page");
    (holder || heading).prepend(label);
    all.addEventListener("change", () => boxes.forEach((box) => { box.checked = all.checked; }));
    boxes.forEach((box) => box.addEventListener("change", () => { all.checked = boxes.every((one) => one.checked); }));
  });
})();
