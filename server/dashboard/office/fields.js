/** Fields of forms: a label, a control, what helps to fill it in, and what is wrong with it, tied together. */
import { element, setText } from "../elements.js";

let made = 0;

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {HTMLElement} node label, control, hint and fault.
 * @property {() => *} value
 * @property {boolean} required
 * @property {(text: string) => void} fault "" takes it off.
 * @property {string[]} [also] other names by which the hub calls it.
 * @property {string} [wrong] the words for a value that the hub calls invalid.
 * @property {() => void} focus
 */

/**
 * @param {object} parts name, label, value, hint, required, type, and attributes of the input.
 * @returns {Field}
 */
export function textField({ name, label, value = "", hint = "", required = false, type = "text", trim = type === "text", ...attributes }) {
  const input = element("input", { type, name, autocomplete: "off", spellcheck: "false", maxlength: 200, ...attributes });
  input.value = value;
  return framed({ name, label, hint, required, control: input, value: () => (trim ? input.value.trim() : input.value) });
}

/** A password that is to be: never proposed by a browser for something else. */
export const passwordField = (parts) => textField({ type: "password", maxlength: 1_000, autocomplete: "new-password", ...parts });

/** The password that one has: a hub that finds it invalid means that it is wrong. */
export function ownPasswordField({ name, label }) {
  const field = passwordField({ name, label, autocomplete: "current-password", required: true });
  field.wrong = "fault_wrong_password";
  return field;
}

/** @param {object} parts as above; `options` are `{value, label}`. */
export function choiceField({ name, label, value = "", hint = "", required = false, options, onChange = null }) {
  const select = element("select", { name });
  const field = framed({ name, label, hint, required, control: select, value: () => select.value });
  field.offer = (offered, chosen = select.value) => {
    select.replaceChildren(...offered.map((option) => element("option", { value: option.value, text: option.label })));
    select.value = offered.some((option) => option.value === chosen) ? chosen : (offered[0]?.value ?? "");
  };
  field.offer(options, value);
  if (onChange) select.addEventListener("change", () => onChange(select.value));
  return field;
}

export function tickField({ name, label, value = false, hint = "" }) {
  const box = element("input", { type: "checkbox", name });
  box.checked = value;
  const field = framed({ name, label, hint, control: box, value: () => box.checked });
  field.node.classList.add("tick");
  return field;
}

/** Several out of many, or all: `null` is all. `options` are `{value, label}`. */
export function severalField({ name, label, allLabel, value = null, options, hint = "" }) {
  const all = element("input", { type: "checkbox" });
  all.checked = value === null;
  const boxes = options.map((option) => {
    const box = element("input", { type: "checkbox", value: option.value });
    box.checked = value?.includes(option.value) ?? false;
    return { box, line: element("label", { class: "tick-line" }, box, element("span", { text: option.label })) };
  });
  const list = element("div", { class: "several" }, ...boxes.map((one) => one.line));
  const dress = () => {
    list.hidden = all.checked;
  };
  all.addEventListener("change", dress);
  dress();
  const allLine = element("label", { class: "tick-line" }, all, element("span", { text: allLabel }));
  const fault = element("p", { class: "fault", hidden: true });
  const node = element(
    "fieldset",
    { class: "field", data: { field: name } },
    element("legend", { text: label }),
    hint ? element("p", { class: "hint", text: hint }) : null,
    allLine,
    list,
    fault,
  );
  return {
    name,
    node,
    required: false,
    value: () => (all.checked ? null : boxes.filter((one) => one.box.checked).map((one) => one.box.value)),
    fault: (text) => showFault(fault, all, text),
    focus: () => all.focus(),
  };
}

/** @param {() => *} parts.value reads the control. */
export function framed({ name, label, hint = "", required = false, control, value, extra = null }) {
  const id = `field-${++made}`;
  control.id = id;
  const fault = element("p", { class: "fault", id: `${id}-fault`, hidden: true });
  const note = element("p", { class: "hint", id: `${id}-hint`, text: hint, hidden: !hint });
  control.setAttribute("aria-describedby", `${id}-hint ${id}-fault`);
  if (required) control.setAttribute("aria-required", "true");
  const node = element("div", { class: "field", data: { field: name } }, element("label", { for: id, text: label }), extra ? element("div", { class: "beside" }, control, extra) : control, note, fault);
  return {
    name,
    node,
    control,
    required,
    value,
    hint(text) {
      setText(note, text);
      note.hidden = !text;
    },
    set(text) {
      control.value = text;
    },
    fault: (text) => showFault(fault, control, text),
    focus: () => control.focus(),
  };
}

function showFault(line, control, text) {
  setText(line, text);
  line.hidden = !text;
  control.setAttribute("aria-invalid", String(Boolean(text)));
}
