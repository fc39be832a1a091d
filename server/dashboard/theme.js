/** Light, dark or high contrast: by preference until someone chooses. The choice stays with this browser. */
import { remember, remembered } from "./preferences.js";

export const THEMES = ["system", "light", "dark", "contrast"];

export class Theme {
  #root;
  #wantsContrast;
  #name;

  constructor(window) {
    this.#root = window.document.documentElement;
    this.#wantsContrast = window.matchMedia("(prefers-contrast: more)");
    this.#wantsContrast.addEventListener("change", () => this.#show());
    const kept = remembered("theme");
    this.#name = THEMES.includes(kept) ? kept : "system";
    this.#show();
  }

  get name() {
    return this.#name;
  }

  /** The theme after this one comes into force. */
  next() {
    this.#name = THEMES[(THEMES.indexOf(this.#name) + 1) % THEMES.length];
    remember("theme", this.#name);
    this.#show();
  }

  #show() {
    this.#root.dataset.theme = this.#name;
    this.#root.dataset.contrast = this.#name === "contrast" || this.#wantsContrast.matches ? "more" : "usual";
  }
}
