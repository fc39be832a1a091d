/** The head of the page: which site, how fresh, how complete, in which language and light, and who looks. */
import { byId, element, setShape, setText, shape } from "./elements.js";

const FRESH_SHAPES = { live: "in", catching_up: "waiting", stale: "late", loading: "waiting" };
const LAGGING_MS = 5 * 60_000;

export class BarView {
  #shape = shape("waiting");
  #siteKey = "";

  constructor({ onSite, onRetry }) {
    byId("connection-shape").append(this.#shape);
    // What sticks below the head has to know how tall it is: it wraps, and a banner may join it.
    new ResizeObserver(([entry]) => {
      document.documentElement.style.setProperty("--top", `${Math.ceil(entry.contentRect.height)}px`);
    }).observe(byId("top"));
    byId("site-picker").addEventListener("change", (event) => onSite(event.target.value));
    byId("banner-retry").addEventListener("click", onRetry);
  }

  show(scene) {
    this.#boardLines(true);
    this.#showSites(scene);
    this.#showCompleteness(scene);
    this.showLink(scene);
  }

  /** What stands there in every part: how fresh, and who looks. Of a board's own lines nothing. */
  showAlone(scene) {
    this.#boardLines(false);
    byId("silent").hidden = true;
    this.showLink(scene);
  }

  /** @param {object} scene language, freshness, doubtful, zone, now, link, role. */
  showLink(scene) {
    this.#showFreshness(scene);
    setText(byId("account-role"), scene.language.say(`role_${scene.role}`));
  }

  #boardLines(shown) {
    for (const id of ["picker", "complete"]) byId(id).hidden = !shown;
  }

  #showSites({ language, sites, place }) {
    const key = [language.name, ...sites.map((one) => one.site_id + one.name)].join("|");
    const picker = byId("site-picker");
    if (key !== this.#siteKey) {
      this.#siteKey = key;
      const options = sites.map((one) => element("option", { value: one.site_id, text: one.name }));
      if (sites.length > 1) options.unshift(element("option", { value: "all", text: language.say("all_sites") }));
      picker.replaceChildren(...options);
    }
    picker.value = place;
    picker.disabled = sites.length < 2;
  }

  #showFreshness({ language, freshness, doubtful, zone, now, link }) {
    const { state, since } = freshness;
    const time = since === null ? "" : language.moment(since, zone, now);
    const text = { live: "live", catching_up: "catching_up", stale: "stale_since", loading: "connecting" }[state];
    setShape(this.#shape, FRESH_SHAPES[state]);
    setText(byId("connection-text"), language.say(text, { time }));
    byId("connection").dataset.state = state;
    const banner = byId("banner");
    banner.hidden = !doubtful;
    if (banner.hidden) return;
    banner.dataset.state = state;
    setText(byId("banner-text"), language.say(`banner_${state}`, { time }));
    const seconds = link.state === "waiting" ? Math.ceil((link.until - link.now) / 1000) : 0;
    const detail = seconds > 0 ? language.say("banner_retry", { count: seconds }) : "";
    setText(byId("banner-detail"), link.state === "connecting" ? language.say("banner_trying") : detail);
    byId("banner-retry").hidden = link.state !== "waiting";
  }

  #showCompleteness({ language, shown, zone, now }) {
    const told = shown.map((site) => site.complete_to);
    const line = byId("complete");
    if (told.length > 0 && told.every((one) => one === null)) {
      setText(line, language.say("complete_none"));
      line.dataset.lagging = "true";
    } else {
      // Of several sites the slowest says how far all are complete; one without terminals has nothing to miss.
      const to = Math.min(...told.filter(Boolean).map((one) => Date.parse(one)));
      setText(line, Number.isFinite(to) ? language.say("complete_to", { time: language.moment(to, zone, now) }) : "");
      line.dataset.lagging = String(now - to > LAGGING_MS);
    }
    showSilent(byId("silent"), shown, language);
  }
}

/** Names the terminals that haven't been heard of; hides the line where there is none. */
export function showSilent(line, boards, language) {
  const names = boards.flatMap((board) => board.silent_devices.map((device) => device.name));
  line.hidden = names.length === 0;
  if (names.length > 0) setText(line, language.say("silent", { count: names.length, names: language.list(names) }));
}
