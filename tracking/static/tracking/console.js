// Makes unfold usable by keyboard: what it leaves to the mouse gets a place in the tab order, a role and a name, and
// Enter or Space press it. Adds a link that skips the sidebar. Watches for parts that are drawn later.
(function () {
  "use strict";

  const MOUSE_ONLY = ["span", "div", "td", "h2", "a:not([href])"].map((tag) => tag + "[x-on\\:click]").join(",");
  const ICON_NAMES = {
    close: "Close the sidebar",
    dock_to_right: "Show or hide the sidebar",
    expand_more: "Show or hide details",
    more_horiz: "Actions",
  };

  function nameOf(element) {
    const icons = Array.from(element.querySelectorAll(".material-symbols-outlined"), (icon) => icon.textContent.trim());
    const text = element.textContent.trim().replace(/\s+/g, " ");
    const words = text.split(" ").filter((word) => !icons.includes(word)).join(" ");
    return ICON_NAMES[words] || words || ICON_NAMES[icons[0]] || "";
  }

  function press(event) {
    if (event.target !== event.currentTarget || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    event.currentTarget.click();
  }

  function mend(element) {
    if (element.hasAttribute("tabindex") || element.childNodes.length === 0) return;
    element.setAttribute("tabindex", "0");
    element.setAttribute("role", "button");
    const name = nameOf(element);
    if (name) element.setAttribute("aria-label", name);
    element.addEventListener("keydown", press);
  }

  function nameSearch() {
    const input = document.getElementById("searchbar");
    const button = document.getElementById("searchbar-submit");
    if (input) input.setAttribute("aria-label", input.placeholder);
    if (button) button.setAttribute("aria-label", "Search");
  }

  // Landmarks: one main, and every part that scrolls by itself with a name of its own (simplebar reads it when it starts).
  function nameLandmarks() {
    const main = document.getElementById("main");
    if (main) main.setAttribute("role", "main");
    document.querySelectorAll("[data-simplebar]").forEach((one, number) => {
      const name = one.id === "nav-sidebar-apps" ? "Pages" : "Part " + number;
      one.setAttribute("data-simplebar-aria-label", name + ", can be scrolled");
    });
  }

  function addSkipLink() {
    const content = document.getElementById("content");
    if (!content) return;
    content.setAttribute("tabindex", "-1");
    const link = document.createElement("a");
    link.className = "tb-skip";
    link.href = "#content";
    link.textContent = "Skip to the content";
    document.body.prepend(link);
  }

  // The search box takes whole e-mails, so it is a text area: Enter searches, and a pasted text is shown on more lines.
  function prepareFind() {
    const box = document.getElementById("tb-find");
    if (!box) return;
    box.addEventListener("keydown", function (event) {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (box.value.trim()) box.form.requestSubmit();
    });
    box.addEventListener("input", function () {
      box.classList.toggle("tb-tall", box.value.includes("\n"));
    });
  }

  // What screen readers would meet without a name: tooltips, columns that only hold boxes, fields drawn by select2.
  function nameRest() {
    document.querySelectorAll(".help-tooltip[aria-label]:not([role])").forEach((one) => one.setAttribute("role", "img"));
    document.querySelectorAll("th").forEach((one) => {
      if (one.textContent.trim() || one.querySelector("input, button, a")) return;
      const words = document.createElement("span");
      words.className = "tb-unseen";
      words.textContent = "Remove";
      one.append(words);
    });
    document.querySelectorAll(".select2-selection:not([data-tb-named])").forEach((one) => {
      const select = one.closest(".select2-container").parentElement.querySelector("select[id]");
      const label = select && document.querySelector('label[for="' + select.id + '"]');
      if (!label) return;
      const words = label.textContent.trim().replace(/[\s*:]+$/, "");
      one.setAttribute("data-tb-named", "1");
      one.setAttribute("aria-label", words);
      one.removeAttribute("aria-labelledby");
      const text = one.querySelector(".select2-selection__rendered");
      if (text) text.setAttribute("aria-label", words);
    });
  }

  function mendAll() {
    document.querySelectorAll(MOUSE_ONLY).forEach(mend);
    nameRest();
  }

  document.addEventListener("DOMContentLoaded", function () {
    nameLandmarks();
    addSkipLink();
    nameSearch();
    prepareFind();
    mendAll();
    new MutationObserver(mendAll).observe(document.body, { childList: true, subtree: true });
  });
})();
