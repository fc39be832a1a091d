/** `/` searches, `j` and `k` move among people, `?` helps. Nothing of it while somebody types. */

const TYPING = "input, textarea, select, [contenteditable]";

export function listenToKeys(document, { onSearch, onStep, onHelp, onEscape }) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape") return onEscape(event);
    if (event.target.closest(TYPING) || document.querySelector("dialog[open]")) return;
    const acts = { "/": onSearch, j: () => onStep(1), k: () => onStep(-1), "?": onHelp };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
