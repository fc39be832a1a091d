/** A field that holds a person: some letters, a few matches, one chosen. */
import { element, setText } from "../elements.js";
import { framed } from "./fields.js";

const MATCHES = 8;
const TYPING_MS = 250;

/** @returns a field (see fields.js) whose value is an employee's id or null; `onPick(person|null)` is optional. */
export function personPicker({ language, read }, { name, label, hint = "", chosen = null, onPick = () => {} }) {
  let person = chosen;
  let asked = 0;
  let timer = null;
  const input = element("input", { type: "text", autocomplete: "off", spellcheck: "false", maxlength: 100, placeholder: language.say("search_people") });
  const list = element("ul", { class: "matches", hidden: true });
  const told = element("span", { class: "unseen", role: "status" });
  const pick = (found) => {
    person = found;
    input.value = found ? found.display_name : "";
    list.hidden = true;
    onPick(found);
  };
  const option = (found) =>
    element("li", {}, element("button", { type: "button", on: { click: () => pick(found) } }, element("span", { text: found.display_name }), element("small", { text: found.employee_number })));
  const search = async () => {
    const turn = ++asked;
    const query = input.value.trim();
    if (!query) {
      list.hidden = true;
      return;
    }
    const page = await read({ type: "employee.list", query, limit: MATCHES, cursor: null }).catch(() => ({ items: [] }));
    if (turn !== asked || !input.isConnected) return;
    list.replaceChildren(...page.items.map(option));
    list.hidden = page.items.length === 0;
    setText(told, language.say("found", { count: page.items.length }));
  };
  input.value = chosen?.display_name ?? "";
  input.addEventListener("input", () => {
    if (person) onPick(null);
    person = null;
    clearTimeout(timer);
    timer = setTimeout(search, TYPING_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && !list.hidden) {
      event.preventDefault();
      list.querySelector("button")?.focus();
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      list.hidden = true;
    }
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...list.querySelectorAll("button")];
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    (next ?? input).focus();
  });
  return framed({
    name,
    label,
    hint,
    control: input,
    value: () => person?.employee_id ?? null,
    extra: element("div", {}, list, told),
  });
}
