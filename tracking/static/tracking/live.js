// Home keeps itself fresh: asks for its figures every half minute while it is looked at, leaves them alone while one of
// them has the keyboard, and reads out the first of them only when they have changed.
(function () {
  "use strict";

  const EVERY = 30000;

  document.addEventListener("DOMContentLoaded", function () {
    const live = document.getElementById("tb-live");
    const words = document.getElementById("tb-live-words");
    if (!live || !words) return;
    let timer = 0;
    let asked = false;

    function summary() {
      const head = live.querySelector("[data-tb-summary]");
      return head ? head.dataset.tbSummary : "";
    }

    function stop(note) {
      clearInterval(timer);
      timer = 0;
      if (!note) return;
      words.textContent = note;
      const head = live.querySelector("[data-tb-summary]");
      if (head) head.textContent = note;
    }

    async function refresh() {
      if (asked || document.hidden || live.contains(document.activeElement)) return;
      asked = true;
      try {
        const answer = await fetch(live.dataset.url, { redirect: "manual", headers: { "X-Requested-With": "fetch" } });
        if (answer.status === 200) {
          const before = summary();
          live.innerHTML = await answer.text();
          if (summary() !== before) words.textContent = summary();
        } else if (answer.type === "opaqueredirect" || answer.status < 500) {
          stop(words.dataset.stale); // logged out, or no longer allowed
        }
      } catch {
        // the server is away: the next round asks again
      } finally {
        asked = false;
      }
    }

    function start() {
      if (!timer) timer = setInterval(refresh, EVERY);
    }

    document.addEventListener("visibilitychange", function () {
      if (document.hidden) { stop(""); return; }
      refresh();
      start();
    });
    live.addEventListener("tb:refresh", refresh);
    start();
  });
})();
