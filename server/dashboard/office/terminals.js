/** Terminals: how each stands, what waits in it, and the invitation of a new one. */
import { element } from "../elements.js";
import { matcher } from "../roster.js";
import { ask, showOnce } from "./dialogs.js";
import { choiceField, textField } from "./fields.js";
import { siteOptions } from "./people.js";
import { ListFrame, Table, button, chip, filterBox, partHead, searchBox } from "./pieces.js";
import { byTerminalNeed, clockIsOff, pairingText, standingOf } from "./terminal_state.js";

/** A terminal that enrols shows up while somebody looks. */
const REFRESH_MS = 5_000;
const STANDINGS = ["forked", "pending", "silent", "active", "retired", "revoked"];

export class TerminalsPart {
  #office;
  #frame;
  #sites;
  #state = { items: null, problem: null, busy: false, hasMore: false, state: "loading" };
  #askedAt = -Infinity;
  #asked = 0;

  constructor(office) {
    this.#office = office;
  }

  build() {
    const { language, look, may } = this.#office;
    const say = (key) => language.say(key);
    const search = searchBox({ language, label: say("search_terminals"), value: look.filters.q, wait: 0, onSearch: (q) => this.#filter({ q: q || null }) });
    this.#sites = filterBox({ label: say("site"), value: look.filters.site, options: this.#siteOptions(), onChange: (site) => this.#filter({ site }) });
    const standing = filterBox({
      label: say("state"),
      value: look.filters.status,
      options: [{ value: "", label: say("terminals_in_use") }, ...STANDINGS.map((value) => ({ value, label: say(`terminal_${value}`) })), { value: "all", label: say("terminals_all") }],
      onChange: (status) => this.#filter({ status }),
    });
    const table = new Table({
      label: say("part_terminals"),
      key: (device) => device.device_id,
      columns: [
        { label: say("name"), cell: (device) => element("a", { href: this.#office.href({ view: "terminals", filters: { terminal: device.device_id } }), text: device.name }) },
        { label: say("state"), cell: (device) => terminalChip(language, device) },
        { label: say("site"), cell: (device) => this.#office.places.siteName(device.site_id) },
        { label: say("terminal_heard"), cell: (device) => this.#moment(device, device.heard_at) },
        { label: say("terminal_backlog"), cell: (device) => backlog(language, device), class: "figure" },
        { label: say("terminal_clock"), cell: (device) => clockText(language, device) },
      ],
    });
    this.#frame = new ListFrame({
      language,
      table,
      empty: () => say(this.#state.items?.length ? "none_match" : "terminals_empty"),
      onMore: () => {},
      onAgain: () => this.refresh(),
    });
    const invite = may("device.invite") ? [button(say("invite"), () => this.#invite(), "primary")] : [];
    return [
      partHead({ title: say("part_terminals"), actions: invite }),
      element("div", { class: "tools" }, search.node, this.#sites.node, standing.node),
      this.#frame.node,
    ];
  }

  look({ filters }) {
    this.placesChanged({ filters });
    if (this.#state.items === null) this.refresh();
  }

  placesChanged({ filters }) {
    this.#sites.offer(this.#siteOptions(), filters.site);
  }

  async refresh() {
    const asked = ++this.#asked;
    this.#askedAt = performance.now();
    try {
      const items = await this.#office.readAll({ type: "device.list" });
      if (asked === this.#asked) this.#state = { ...this.#state, items, problem: null, state: "ready" };
    } catch (problem) {
      if (asked !== this.#asked || (this.#state.items && problem.code === "disconnected")) return;
      this.#state = { ...this.#state, problem, state: "failed" };
    }
    this.#office.redraw();
  }

  show() {
    const { language, look, linked } = this.#office;
    if (linked && performance.now() - this.#askedAt > REFRESH_MS) this.refresh();
    const { q, site, status } = look.filters;
    const match = q ? matcher(q) : null;
    const shown = (this.#state.items ?? []).filter((device) => {
      if (site && device.site_id !== site) return false;
      const standing = standingOf(device);
      if (status ? status !== "all" && status !== standing : standing === "retired" || standing === "revoked") return false;
      return !match || match(device.name, this.#office.places.siteName(device.site_id));
    });
    shown.sort(byTerminalNeed(language.collator));
    this.#frame.show(this.#state, shown, this.#office.placesRevision);
  }

  #filter(change) {
    this.#office.go({ filters: { ...this.#office.look.filters, ...change } });
  }

  #siteOptions() {
    const { language, places } = this.#office;
    return [{ value: "", label: language.say("all_sites") }, ...siteOptions(places, language)];
  }

  #moment(device, text) {
    const { language, places, now } = this.#office;
    return text ? language.moment(Date.parse(text), places.zone(device.site_id), now()) : language.say("never");
  }

  #invite() {
    const { language, places } = this.#office;
    const say = (key, values) => language.say(key, values);
    ask(this.#office, {
      title: say("invite"),
      text: say("invite_text"),
      fields: [
        choiceField({ name: "site_id", label: say("site"), options: siteOptions(places, language), value: this.#office.look.filters.site, required: true }),
        textField({ name: "name", label: say("terminal_name"), hint: say("terminal_name_hint"), required: true }),
      ],
      action: say("invite_make"),
      command: (values) => ({ type: "device.invite", ...values }),
      done: (answer, { name, site_id: siteId }) => {
        const time = language.time(Date.parse(answer.expires_at), places.zone(siteId));
        if (!answer.pairing_code) return this.#office.toast(say("secret_lost"));
        showOnce(language, {
          title: say("pairing_title", { name }),
          text: say("pairing_text", { time }),
          secrets: [{ label: say("pairing_code"), value: answer.pairing_code, qr: pairingText(answer.pairing_code) }],
          done: () => this.refresh(),
        });
      },
    });
  }
}

const CHIPS = {
  forked: ["bad", "late"],
  pending: ["some", "waiting"],
  silent: ["bad", "late"],
  active: ["good", "in"],
  retired: ["quiet", "out"],
  revoked: ["quiet", "out"],
};

export function terminalChip(language, device) {
  const standing = standingOf(device);
  const [kind, shapeName] = CHIPS[standing];
  return chip(kind, language.say(`terminal_${standing}`), shapeName);
}

export function backlog(language, { outbox_depth: depth }) {
  return depth === null ? "—" : language.number(depth);
}

/** `on time`, or by how much its wall clock is off, and which way. */
export function clockText(language, device) {
  const { clock_offset_ms: offset } = device;
  if (offset === null) return "—";
  if (!clockIsOff(device)) return language.say("clock_right");
  const text = language.say(offset > 0 ? "clock_fast" : "clock_slow", { duration: language.duration(Math.abs(offset)) });
  return element("strong", { class: "late-text", text });
}

