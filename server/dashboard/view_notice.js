/** The whole page as one sentence: loading, out of reach, not permitted, nothing to show. */
import { byId, setText, shape } from "./elements.js";

const MARKS = { loading: "waiting", unreachable: "late", denied: "out", refused: "late", no_sites: "out" };
const ACTIONS = { unreachable: "retry", refused: "reload" };

export class NoticeView {
  #kind = null;

  constructor({ onAction, onSignOut }) {
    byId("notice-action").addEventListener("click", () => onAction(this.#kind));
    byId("notice-sign-out").addEventListener("click", onSignOut);
  }

  /** @param {string} kind one of MARKS; @param {boolean} signedIn whether leaving makes sense. */
  show(language, kind, { code = "", signedIn = false } = {}) {
    if (this.#kind !== kind) byId("notice-mark").replaceChildren(shape(MARKS[kind]));
    this.#kind = kind;
    byId("notice").dataset.kind = kind;
    setText(byId("notice-title"), language.say(kind === "loading" ? "loading" : `${kind}_title`));
    setText(byId("notice-text"), kind === "loading" ? "" : language.say(`${kind}_text`, { code: String(code) }));
    byId("notice-action").hidden = !(kind in ACTIONS);
    if (kind in ACTIONS) setText(byId("notice-action"), language.say(ACTIONS[kind]));
    byId("notice-sign-out").hidden = !signedIn || kind === "loading";
  }
}
