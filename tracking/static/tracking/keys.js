// Single keys: / search, f search of the list, j k rows, o open, x tick, and the page's own acts (data-tb-act). ? tells them all. Off while somebody
// types, with Ctrl, Alt or Meta, in dialogs, and for whoever switches them off there (WCAG 2.1.4).
(function () {
  "use strict";

  const OFF = "tb-keys-off";
  const ACTS = { a: ["take"], n: ["next"], m: ["mine"], s: ["sync"], r: ["remap"], c: ["close"], w: ["note"] };
  const ALWAYS = [["/", "Find an order"], ["j", "Next row"], ["k", "Row before"], ["o", "Open the row"], ["x", "Tick the row"],
    ["?", "This help"]];
  let at = -1;

  function isOff() {
    try { return localStorage.getItem(OFF) === "1"; } catch { return false; }
  }

  function isTyping(element) {
    return element.isContentEditable || element.matches("input:not([type=checkbox]):not([type=radio]), textarea, select")
      || element.closest("dialog, [role=listbox], .select2-container");
  }

  function rows() {
    const found = document.querySelectorAll("#result_list tbody tr, .tb-table tbody tr");
    return Array.from(found).filter((row) => row.querySelector("a[href]") && row.offsetParent);
  }

  function say(words) {
    const region = document.getElementById("tb-said");
    if (region) region.textContent = words;
  }

  function go(step) {
    const all = rows();
    if (!all.length) return;
    const here = all.findIndex((row) => row.contains(document.activeElement));
    at = Math.min(Math.max((here >= 0 ? here : at) + step, 0), all.length - 1);
    const link = all[at].querySelector("th a[href], a[href]");
    link.focus();
    link.scrollIntoView({ block: "nearest" });
    say("Row " + (at + 1) + " of " + all.length);
  }

  function current() {
    return rows().find((row) => row.contains(document.activeElement));
  }

  function tick() {
    const box = current() && current().querySelector("input[type=checkbox]");
    if (!box) return;
    box.click();
    say(box.checked ? "Ticked" : "Not ticked");
  }

  // What a key does on this page: the page's own act, else that of its only parcel (remap-12).
  function target(key) {
    const visible = (selector) => Array.from(document.querySelectorAll(selector)).filter((one) => one.offsetParent);
    const names = ACTS[key] || [];
    const own = names.flatMap((name) => visible('[data-tb-act="' + name + '"], .tb-acts button[value="' + name + '"]'));
    const ofParcels = names.flatMap((name) => visible('[data-tb-act^="' + name + '-"]'));
    return own[0] || (ofParcels.length === 1 ? ofParcels[0] : null);
  }

  function act(key) {
    const found = target(key);
    if (found) found.click();
    return Boolean(found);
  }

  function shown() {
    const own = Object.keys(ACTS).map((key) => {
      const found = target(key);
      return found && [key, found.textContent.trim()];
    });
    const boxes = [["f", "Search in this list", "searchbar"], ["t", "Find a page of the sidebar", "nav-filter"]];
    const there = boxes.filter(([, , id]) => document.getElementById(id));
    return ALWAYS.concat(there, own.filter(Boolean));
  }

  function element(tag, text, parent) {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    parent.append(made);
    return made;
  }

  function help() {
    const before = document.activeElement;
    const dialog = element("dialog", "", document.body);
    dialog.className = "tb-keys";
    dialog.setAttribute("aria-labelledby", "tb-keys-title");
    element("h2", "Keys", dialog).id = "tb-keys-title";
    const list = element("dl", "", dialog);
    shown().forEach(([key, words]) => {
      const line = element("div", "", list);
      element("kbd", key, element("dt", "", line));
      element("dd", words, line);
    });
    const label = element("label", "", dialog);
    const box = element("input", "", label);
    box.type = "checkbox";
    box.checked = isOff();
    label.append(" Switch single keys off in this browser (? stays)");
    box.addEventListener("change", () => {
      try { localStorage.setItem(OFF, box.checked ? "1" : "0"); } catch { /* kept for this page only */ }
    });
    const close = element("button", "Close", dialog);
    close.className = "tb-button";
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => { dialog.remove(); if (before) before.focus(); });
    dialog.showModal();
  }

  function focusOn(id) {
    const box = document.getElementById(id);
    if (box) box.focus();
    return Boolean(box);
  }

  function pressed(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (isTyping(event.target)) return;
    if (event.key === "?") { event.preventDefault(); help(); return; }
    if (isOff()) { event.stopPropagation(); return; } // unfold's own key waits at the window
    const doing = {
      "/": () => focusOn("tb-find") || focusOn("searchbar"),
      f: () => focusOn("searchbar"),
      j: () => { go(1); return true; },
      k: () => { go(-1); return true; },
      o: () => { const row = current(); if (row) row.querySelector("th a[href], a[href]").click(); return Boolean(row); },
      x: () => { tick(); return true; },
    }[event.key] || (() => act(event.key));
    if (doing()) event.preventDefault();
  }

  document.addEventListener("DOMContentLoaded", function () {
    const region = document.createElement("div");
    region.id = "tb-said";
    region.className = "tb-unseen";
    region.setAttribute("role", "status");
    document.body.append(region);
    document.addEventListener("keydown", pressed);
  });
})();
