"use strict";
// A shopper's order in the storefront's own page. One script, no cookie, nothing else loaded:
//
//   <script src="https://track.example.com/static/tracking/embed.js" defer></script>
//   <trackbridge-order token="…" lang="de"></trackbridge-order>
//
// Draws into a shadow tree, so neither page's style reaches the other. Every text is set as text, never as markup.
// Tells the page what it shows by the events "trackbridge:shown" (detail: the order) and "trackbridge:failed".
(() => {
  if (!document.currentScript) { throw new Error("trackbridge: load embed.js by a plain <script src>, not as a module"); }
  const HERE = new URL(document.currentScript.src);
  const EVERY_MS = 300000;
  const STYLE = `
    :host { display: block; font: inherit; color: inherit; line-height: 1.5; overflow-wrap: anywhere; }
    * { box-sizing: border-box; }
    p, ul, ol { margin: 0 0 .75rem; }
    h2 { font-size: 1.1em; margin: 1.25rem 0 .5rem; }
    a { color: var(--tb-ink); }
    .lead { font-size: 1.1em; }
    .card { border: 1px solid color-mix(in srgb, currentcolor 25%, transparent); border-radius: .6rem; padding: 1rem; margin: 0 0 1rem; }
    .soft { opacity: .8; font-size: .9em; margin: 0; }
    .status { font-size: 1.2em; font-weight: 650; margin: 0 0 .5rem; }
    .next { font-weight: 600; }
    .steps { display: flex; gap: .3rem; list-style: none; padding: 0; }
    .steps li { flex: 1; border-top: .3rem solid color-mix(in srgb, currentcolor 25%, transparent); font-size: .85em; padding-top: .3rem; }
    .steps .done, .steps .now { border-color: var(--tb-ink); }
    .steps .now { font-weight: 700; }
    .items, .scans { list-style: none; padding: 0; }
    .scans li { padding: .15rem 0; }
    .scans small { display: block; opacity: .8; }
    .button { display: inline-block; background: var(--tb-brand); color: var(--tb-on); padding: .5rem 1rem; border-radius: .4rem; text-decoration: none; font-weight: 650; }
    summary { cursor: pointer; }
    .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  `;

  // An element with attributes and children; whatever is no element becomes text.
  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== "" && value !== null && value !== undefined) { element.setAttribute(key, value); }
    }
    element.append(...children.filter((one) => one !== "" && one !== null && one !== undefined));
    return element;
  };
  const link = (url, text, attributes = {}) => {
    const isWeb = /^https?:\/\//i.test(url);
    return isWeb ? make("a", { href: url, rel: "noopener noreferrer", ...attributes }, text) : "";
  };
  const items = (list) => make("ul", { class: "items" }, ...list.map((one) => make("li", {}, `${one.quantity} × `, make("span", { dir: "auto" }, one.name))));

  const scans = (days) => days.map((group) => make("div", {}, make("p", { class: "soft" }, group.day), make("ul", { class: "scans" },
    ...group.scans.map((one) => make("li", {}, [one.time, one.milestone, one.place].filter(Boolean).join(" · "),
      one.words ? make("small", { dir: "auto" }, one.words) : "")))));

  const parcel = (one, labels) => {
    const steps = one.steps.map((step) => make("li", { class: step.state, "aria-current": step.state === "now" ? "step" : "" },
      step.label, step.state === "done" ? make("span", { class: "unseen" }, ` ${labels.done}`) : ""));
    return make("div", { class: `card ${one.tone}`, role: "group", "aria-label": one.title },
      make("p", { class: "soft" }, one.title),
      make("p", { class: "status" }, one.headline),
      steps.length ? make("ol", { class: "steps", "aria-label": labels.progress }, ...steps) : "",
      make("p", {}, [one.meaning, ...one.details].join(" ")),
      one.next_step ? make("p", { class: "next" }, one.next_step) : "",
      one.pickup_location ? make("p", { dir: "auto" }, make("strong", {}, labels.pickup), " ", one.pickup_location) : "",
      one.pickup_note ? make("p", { dir: "auto" }, one.pickup_note) : "",
      one.items.length ? items(one.items) : "",
      one.number ? make("p", {}, [one.carrier, ""].join(" "), make("bdi", {}, one.number)) : "",
      one.carrier_url ? make("p", {}, link(one.carrier_url, labels.follow)) : "",
      ...scans(one.recent),
      one.older.length ? make("details", {}, make("summary", {}, labels.earlier), ...scans(one.older)) : "");
  };

  const offer = (one) => make("div", { class: "card" }, make("p", { class: "status" }, one.headline), one.text ? make("p", {}, one.text) : "",
    make("p", {}, link(one.url, one.button, { class: "button" })));

  const draw = (order) => {
    const labels = order.labels;
    return make("div", { lang: order.language, dir: order.direction },
      make("p", { class: "lead" }, order.answer),
      order.is_paused ? make("p", { role: "note" }, labels.paused) : "",
      ...order.parcels.map((one) => parcel(one, labels)),
      ...(order.unshipped.length ? [make("h2", {}, order.parcels.length ? labels.not_shipped : labels.items), items(order.unshipped)] : []),
      order.offer ? offer(order.offer) : "",
      ...(order.returns.length ? [make("h2", {}, labels.returns), ...order.returns.map((one) => parcel(one, labels))] : []),
      make("p", { class: "soft" }, link(order.url, labels.details)));
  };

  class TrackbridgeOrder extends HTMLElement {
    static observedAttributes = ["token", "lang"];

    connectedCallback() {
      if (!this.shadowRoot) {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(STYLE);
        this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
      }
      this.load(false);
      this.timer = setInterval(() => { if (document.visibilityState === "visible") { this.load(true); } }, EVERY_MS);
    }

    disconnectedCallback() { clearInterval(this.timer); }

    attributeChangedCallback(name, before, after) { if (this.shadowRoot && before !== after) { this.load(false); } }

    async load(isRefresh) {
      const token = this.getAttribute("token");
      if (!token) { return; }
      const asked = this.asked = {};
      const url = new URL(`/api/v1/track/${encodeURIComponent(token)}/`, HERE);
      if (this.lang) { url.searchParams.set("lang", this.lang); }
      if (isRefresh) { url.searchParams.set("refresh", "1"); }
      try {
        const answer = await fetch(url, { credentials: "omit", referrerPolicy: "no-referrer", cache: "no-cache" });
        if (!answer.ok) { throw new Error(String(answer.status)); }
        const order = await answer.json();
        if (asked === this.asked) { this.show(order); }
      } catch (error) {
        if (!isRefresh && asked === this.asked) { this.tell("trackbridge:failed", String(error.message)); }
      }
    }

    show(order) {
      const isDark = matchMedia("(prefers-color-scheme: dark)").matches && this.hasAttribute("dark");
      this.style.setProperty("--tb-brand", order.look.brand);
      this.style.setProperty("--tb-on", order.look["on-brand"]);
      this.style.setProperty("--tb-ink", isDark ? order.look["dark-ink"] : order.look["brand-ink"]);
      const open = this.shadowRoot.querySelector("details[open]") !== null;
      this.shadowRoot.replaceChildren(draw(order));
      if (open) { this.shadowRoot.querySelectorAll("details").forEach((one) => { one.open = true; }); }
      this.tell("trackbridge:shown", order);
    }

    tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true })); }
  }

  if (!customElements.get("trackbridge-order")) { customElements.define("trackbridge-order", TrackbridgeOrder); }
})();
