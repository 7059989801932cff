"use strict";
// Keeps the page of an order true without a click: asks again each minute while somebody looks, 304 as a rule.
// Times of ours, in UTC in the page, are shown in the reader's own zone. Without this script all of it can be read.
(() => {
  const EVERY_MS = 60000, LONGEST_MS = 900000;
  let wait = EVERY_MS, timer = 0, etag = "";

  const localise = (root) => {
    for (const time of root.querySelectorAll("time[data-local]")) {
      const at = new Date(time.dateTime);
      if (!Number.isNaN(at.getTime())) {
        time.textContent = at.toLocaleString(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
      }
    }
  };

  const replace = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const all = (selector) => [...document.querySelectorAll(selector)];
    const open = all("details").map((one) => one.open);
    const focused = all("a, summary").indexOf(document.activeElement);
    for (const name of ["main", "footer"]) {
      const now = document.querySelector(name), next = fresh.querySelector(name);
      if (!now || !next) { return false; }
      localise(next);
      now.replaceChildren(...next.childNodes);
    }
    all("details").forEach((one, at) => { one.open = open[at] || false; });
    if (focused >= 0) { all("a, summary")[focused]?.focus({ preventScroll: true }); }
    return true;
  };

  const ask = async () => {
    try {
      const headers = etag ? { "X-Refresh": "1", "If-None-Match": etag } : { "X-Refresh": "1" };
      const answer = await fetch(location.href, { headers, cache: "no-store", credentials: "omit", redirect: "error" });
      if (answer.status === 200 && replace(await answer.text())) { etag = answer.headers.get("ETag") || ""; }
      wait = answer.ok || answer.status === 304 ? EVERY_MS : Math.min(2 * wait, LONGEST_MS);
      if (answer.status === 404 || answer.status === 410) { return; }
    } catch {
      wait = Math.min(2 * wait, LONGEST_MS);
    }
    plan();
  };

  const plan = () => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") { timer = setTimeout(ask, wait); }
  };

  localise(document);
  document.addEventListener("visibilitychange", plan);
  plan();
})();
