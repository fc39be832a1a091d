/** Whether somebody reads or works in a part of the page right now: what moves there waits for them. */

/** A pointer that was left lying on a wall screen reads nothing. */
export const IDLE_MS = 45_000;

export class Attention {
  #node;
  #timer = null;
  #onChange;

  /** @param {(held: boolean) => void} onChange called when attention comes and goes. */
  constructor(node, onChange) {
    this.#node = node;
    this.#onChange = onChange;
    this.held = false;
    // A finger scrolls past; only a pointer that rests, or the focus, holds.
    const mouse = (event) => event.pointerType !== "touch" && this.#stir();
    node.addEventListener("pointerenter", mouse);
    node.addEventListener("pointermove", mouse);
    node.addEventListener("pointerleave", () => this.#maybeLeave());
    node.addEventListener("focusin", () => this.#stir());
    node.addEventListener("keydown", () => this.#stir());
    node.addEventListener("focusout", (event) => node.contains(event.relatedTarget) || this.#maybeLeave());
  }

  #stir() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#set(false), IDLE_MS);
    this.#set(true);
  }

  #maybeLeave() {
    // After the event, so that what has the focus or the pointer now is asked.
    queueMicrotask(() => {
      if (!this.#node.matches(":hover, :focus, :focus-within")) this.#set(false);
    });
  }

  #set(held) {
    if (this.held === held) return;
    this.held = held;
    this.#onChange(held);
  }
}
