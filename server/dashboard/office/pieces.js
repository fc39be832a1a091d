/** What several parts of the office are made of: tables, chips, filters, states, facts. */
import { arrange, byId, element, setText, shape } from "../elements.js";
import { faultOf } from "./faults.js";

/** A word and a shape, then a colour. */
export function chip(kind, text, shapeName) {
  return element("span", { class: "chip", data: { kind } }, shape(shapeName), element("span", { text }));
}

/**
 * Keyed rows: one that didn't change keeps its nodes, and with them the focus.
 * @param {object} parts
 * @param {string} parts.label names the table.
 * @param {{label: string, cell: (item: object) => Node|string, class?: string}[]} parts.columns the first is the row's head.
 * @param {(item: object) => string} parts.key
 */
export class Table {
  #columns;
  #key;
  #rows = new Map();
  #body = element("tbody");

  constructor({ label, columns, key }) {
    this.#columns = columns;
    this.#key = key;
    const head = element("tr", {}, ...columns.map((column) => element("th", { scope: "col", class: column.class, text: column.label })));
    this.node = element("table", { class: "list", "aria-label": label }, element("thead", {}, head), this.#body);
  }

  /** @param {string} [context] what else the cells show; when it changes all are written anew. */
  show(items, context = "") {
    const seen = new Map();
    for (const item of items) {
      const key = this.#key(item);
      const content = context + JSON.stringify(item);
      const row = this.#rows.get(key);
      if (row?.content === content) seen.set(key, row);
      else seen.set(key, { content, node: this.#write(row?.node ?? element("tr", { data: { key } }), item) });
    }
    this.#rows = seen;
    arrange(this.#body, [...seen.values()].map((row) => row.node));
  }

  #write(node, item) {
    node.replaceChildren(
      ...this.#columns.map((column, index) => {
        const made = column.cell(item);
        const parts = { class: column.class, data: { label: column.label } };
        const cell = index === 0 ? element("th", { scope: "row", ...parts }) : element("td", parts);
        if (made !== null && made !== "") cell.append(made);
        return cell;
      }),
    );
    return node;
  }
}

/** A listing with its states: loading, empty, failed, more. */
export class ListFrame {
  #table;
  #empty;
  #state = element("p", { class: "list-state", role: "status", hidden: true });
  #again;
  #more;

  constructor({ language, table, empty, onMore, onAgain }) {
    this.#table = table;
    this.#empty = empty;
    this.language = language;
    this.#again = element("button", { type: "button", text: language.say("again"), hidden: true, on: { click: onAgain } });
    this.#more = element("button", { type: "button", class: "more", text: language.say("more"), hidden: true, on: { click: onMore } });
    this.node = element("div", { class: "list-frame" }, table.node, this.#state, this.#again, this.#more);
  }

  show(listing, items = listing.items ?? [], context = "") {
    const { state } = listing;
    this.#table.show(items, context);
    this.#table.node.hidden = items.length === 0;
    const sentence = this.#sentence(listing, items);
    setText(this.#state, sentence);
    this.#state.hidden = !sentence;
    this.#state.dataset.state = state;
    this.#again.hidden = state !== "failed";
    this.#more.hidden = !listing.hasMore;
    this.#more.disabled = listing.busy;
    this.node.setAttribute("aria-busy", String(Boolean(listing.busy)));
  }

  #sentence({ state, problem }, items) {
    if (state === "loading") return this.language.say("list_loading");
    if (state === "failed") {
      const { key, values } = faultOf(problem);
      return this.language.say(key, values);
    }
    return items.length === 0 ? this.#empty() : "";
  }
}

/** Facts of one thing: `[label, text or node]`; what is null isn't told. */
export function facts(pairs) {
  const lines = pairs
    .filter(([, value]) => value !== null && value !== "")
    .map(([label, value]) => {
      const told = element("dd");
      told.append(value);
      return element("div", {}, element("dt", { text: label }), told);
    });
  return element("dl", { class: "facts" }, ...lines);
}

export function button(text, run, kind = "") {
  return element("button", { type: "button", class: kind || null, text, data: { act: text }, on: { click: run } });
}

/** Writes a part anew; whoever stood on something of it stands on it again, or on the part's title where it is gone. */
export function rewrite(body, nodes) {
  const held = body.contains(document.activeElement) ? document.activeElement : null;
  body.replaceChildren(...nodes);
  if (!held) return;
  const again = [...body.querySelectorAll("button")].find((one) => held.dataset.act && one.dataset.act === held.dataset.act);
  (again ?? byId(held.id) ?? byId("office-title"))?.focus({ preventScroll: true });
}

/** The head of a part: where one is, what one may do there. */
export function partHead({ title, id = "office-title", back = null, actions = [] }) {
  return element(
    "header",
    { class: "part-head" },
    back ? element("a", { class: "back", href: back.href, text: back.text }) : null,
    element("h1", { id, tabindex: -1, text: title }),
    element("div", { class: "part-actions" }, ...actions),
  );
}

const TYPING_MS = 250;

/** A search that asks when a hand rests, and filters beside it. */
export function searchBox({ language, label, value, onSearch, wait = TYPING_MS }) {
  const input = element("input", { type: "search", maxlength: 100, autocomplete: "off", spellcheck: "false", "aria-label": label, placeholder: label, "aria-keyshortcuts": "/", data: { search: "" } });
  input.value = value ?? "";
  let timer = null;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => onSearch(input.value.trim()), wait);
  });
  const icon = element("span", { class: "search-icon", "aria-hidden": "true" });
  const node = element("div", { class: "search", role: "search" }, icon, input, element("kbd", { "aria-hidden": "true", text: "/" }));
  return { node, input, say: language };
}

export function filterBox({ label, value, options, onChange }) {
  const select = element("select", { "aria-label": label });
  const node = element("div", { class: "filter" }, select);
  const offer = (offered, chosen) => {
    select.replaceChildren(...offered.map((option) => element("option", { value: option.value, text: option.label })));
    select.value = chosen ?? "";
    select.dataset.set = String(Boolean(select.value));
  };
  offer(options, value);
  select.addEventListener("change", () => {
    select.dataset.set = String(Boolean(select.value));
    onChange(select.value || null);
  });
  return { node, select, offer };
}
