/**
 * Dialogs: a form that becomes one request, what is shown once, and nothing that stays. Each is made when it is
 * opened and leaves the document when it closes, with all that was typed into it or shown in it.
 */
import { element, setText } from "../elements.js";
import { faultOf } from "./faults.js";
import { qrDrawing } from "./qr_view.js";
import { Submission } from "./requests.js";

const COPIED_MS = 2_000;
let made = 0;

/** @returns {{dialog: HTMLDialogElement, closed: AbortSignal}} open, modal, with its title. */
function opened(title, wide, ...children) {
  const id = `dialog-${++made}`;
  const heading = element("h2", { id, text: title });
  const dialog = element("dialog", { class: wide ? "sheet wide" : "sheet", "aria-labelledby": id }, heading, ...children);
  const gone = new AbortController();
  dialog.addEventListener("close", () => {
    gone.abort();
    dialog.replaceChildren();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, closed: gone.signal };
}

/** Whoever signs out leaves no dialog open. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog.sheet")) dialog.close();
}

/**
 * A form, or a question when it has no fields.
 *
 * @param {object} context language; `write(command, how)`.
 * @param {object} parts
 * @param {string} parts.title
 * @param {string} [parts.text] what will happen.
 * @param {object[]} [parts.fields] see fields.js; in the order of the form.
 * @param {Node[]} [parts.above] what stands above the fields.
 * @param {string} parts.action the button's words.
 * @param {boolean} [parts.danger] something is lost by it.
 * @param {(values: object) => object|null} parts.command what to ask; null where a field was found wanting.
 * @param {(problem: object, form: object) => boolean} [parts.onRefused] true: it was told already.
 * @param {(answer: object, values: object) => void} [parts.done]
 */
export function ask({ language, write }, parts) {
  const { title, text = "", fields = [], above = [], action, danger = false, command, onRefused = () => false, done = () => {} } = parts;
  const problem = element("p", { class: "problem", role: "alert", hidden: true });
  const submit = element("button", { type: "submit", class: danger ? "danger" : "primary", text: action });
  const cancel = element("button", { type: "button", class: "quiet", text: language.say("cancel") });
  const form = element(
    "form",
    { novalidate: true },
    text ? element("p", { class: "what-happens", text }) : null,
    ...above,
    ...fields.map((field) => field.node),
    problem,
    element("div", { class: "dialog-actions" }, cancel, submit),
  );
  const { dialog, closed } = opened(title, parts.wide, form);
  const submission = new Submission();
  const tell = (sentence) => {
    setText(problem, sentence);
    problem.hidden = !sentence;
  };
  const busy = (words) => {
    submit.disabled = words !== null;
    setText(submit, words ?? action);
  };
  cancel.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    tell("");
    const values = filled(fields, language);
    const wanted = values && command(values);
    if (!wanted) return;
    busy(language.say("working"));
    const onWait = (waits) => busy(language.say(waits ? "waiting_for_link" : "working"));
    try {
      const answer = await write(wanted, { submission, signal: closed, onWait });
      if (closed.aborted) return;
      dialog.close();
      done(answer, values);
    } catch (refused) {
      if (closed.aborted) return;
      busy(null);
      if (!onRefused(refused, { fields, tell })) show(refused, fields, tell, language);
    }
  });
  (fields[0] ?? { focus: () => (danger ? cancel : submit).focus() }).focus();
  return dialog;
}

/** @returns {object|null} the values by name; null where one that is needed is missing, and the field says so. */
function filled(fields, language) {
  const values = {};
  let missing = null;
  for (const field of fields) {
    values[field.name] = field.value();
    const empty = field.required && (values[field.name] === "" || values[field.name] === null);
    field.fault(empty ? language.say("needed") : "");
    if (empty) missing ??= field;
  }
  missing?.focus();
  return missing ? null : values;
}

function show(refused, fields, tell, language) {
  const { key, values, field } = faultOf(refused);
  const named = fields.find((one) => one.name === field || one.also?.includes(field));
  const sentence = language.say((refused.code === "invalid" && named?.wrong) || key, values);
  if (!named) return tell(sentence);
  named.fault(sentence);
  named.focus();
}

/**
 * What the hub tells once. It stays in this dialog alone: closing takes it out of the document.
 *
 * @param {object} language
 * @param {object} parts title, text; `secrets`: `{label, value, shown?, qr?}` (`shown`: in groups, `qr`: what to draw).
 */
export function showOnce(language, { title, text, secrets, done = () => {} }) {
  const said = element("p", { class: "unseen", role: "status" });
  const blocks = secrets.map(({ label, value, shown = value, qr = null }) => {
    const code = element("code", { class: "secret", text: shown });
    const copy = element("button", { type: "button", class: "quiet", text: language.say("copy") });
    copy.addEventListener("click", async () => {
      const words = language.say((await copied(value, code)) ? "copied" : "not_copied");
      setText(copy, words);
      setText(said, words);
      setTimeout(() => setText(copy, language.say("copy")), COPIED_MS);
    });
    const line = element("div", { class: "secret-line" }, code, copy);
    const picture = qr ? qrDrawing(qr, language.say("qr_of", { what: label })) : null;
    return element("div", { class: "secret-block" }, element("h3", { text: label }), picture, line);
  });
  const close = element("button", { type: "button", class: "primary", text: language.say("noted") });
  const { dialog } = opened(
    title,
    false,
    element("p", { class: "what-happens", text }),
    ...blocks,
    said,
    element("div", { class: "dialog-actions" }, close),
  );
  // It can't be shown again: a key that was meant for something else doesn't take it away.
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("close", () => done());
  close.addEventListener("click", () => dialog.close());
  close.focus();
  return dialog;
}

/** Without the clipboard (plain HTTP in a company's network) the text is selected and copied the old way. */
async function copied(value, node) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    getSelection().selectAllChildren(node);
    return document.execCommand("copy");
  }
}
