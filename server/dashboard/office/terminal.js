/** One terminal: what it last said of itself, and its way in, elsewhere, and out. */
import { element } from "../elements.js";
import { wireTime } from "../clock.js";
import { ask } from "./dialogs.js";
import { choiceField, textField } from "./fields.js";
import { faultOf } from "./faults.js";
import { fromField } from "./moments.js";
import { siteOptions } from "./people.js";
import { button, facts, partHead, rewrite } from "./pieces.js";
import { inGroups, standingOf } from "./terminal_state.js";
import { backlog, clockText, terminalChip } from "./terminals.js";

const REFRESH_MS = 5_000;

export class TerminalPart {
  #office;
  #device = null;
  #problem = null;
  #shown = null;
  #asked = 0;
  #askedAt = -Infinity;
  #body = element("div", { class: "one" });

  constructor(office) {
    this.#office = office;
  }

  build() {
    this.#device = this.#problem = this.#shown = null;
    this.#body.replaceChildren();
    return [this.#body];
  }

  look() {
    return this.refresh();
  }

  async refresh() {
    const asked = ++this.#asked;
    this.#askedAt = performance.now();
    const id = this.#office.look.filters.terminal;
    try {
      const all = await this.#office.readAll({ type: "device.list" });
      if (asked !== this.#asked) return;
      this.#device = all.find((device) => device.device_id === id) ?? null;
      this.#problem = this.#device ? null : { code: "not_found" };
    } catch (problem) {
      if (asked !== this.#asked || (this.#device && problem.code === "disconnected")) return;
      this.#problem = problem;
    }
    this.#office.redraw();
  }

  show() {
    if (this.#office.linked && performance.now() - this.#askedAt > REFRESH_MS) this.refresh();
    const key = JSON.stringify([this.#device, this.#problem?.code, this.#office.placesRevision]);
    if (key === this.#shown) return;
    this.#shown = key;
    rewrite(this.#body, this.#content());
  }

  #content() {
    const { language, href, places } = this.#office;
    const say = (key, values) => language.say(key, values);
    const back = { href: href({ view: "terminals", filters: this.#office.comeFrom("terminals") }), text: say("back_to_terminals") };
    const device = this.#device;
    if (!device) {
      const fault = this.#problem && faultOf(this.#problem);
      return [partHead({ title: say("terminal"), back }), element("p", { class: "list-state", text: fault ? say(fault.key, fault.values) : say("list_loading") })];
    }
    const zone = places.zone(device.site_id);
    const moment = (text) => (text ? language.moment(Date.parse(text), zone, this.#office.now()) : null);
    const standing = standingOf(device);
    return [
      partHead({ title: device.name, back, actions: this.#actions(standing) }),
      standing === "forked" ? element("p", { class: "alarm", role: "alert", text: say("forked_text", { time: moment(device.forked_at) }) }) : null,
      standing === "pending" ? this.#confirmBlock() : null,
      element(
        "section",
        { class: "card block" },
        facts([
          [say("state"), terminalChip(language, device)],
          [say("site"), places.siteName(device.site_id)],
          [say("terminal_heard"), moment(device.heard_at) ?? say("never")],
          [say("terminal_backlog"), backlog(language, device)],
          [say("terminal_oldest"), moment(device.oldest_unsent_at)],
          [say("terminal_complete"), moment(device.complete_to)],
          [say("terminal_clock"), clockText(language, device)],
          [say("terminal_version"), device.version],
          [say("terminal_created"), moment(device.created_at)],
          [say("terminal_confirmed"), moment(device.confirmed_at)],
          [say("terminal_revoked_at"), moment(device.revoked_at)],
          [say("fingerprint"), element("code", { class: "fingerprint", text: inGroups(device.fingerprint) })],
        ]),
      ),
    ].filter(Boolean);
  }

  #actions(standing) {
    const { language, may } = this.#office;
    const acts = [];
    const add = (key, run, kind) => acts.push(button(language.say(key), run, kind));
    if (standing === "retired" || standing === "revoked") return acts;
    if (standing !== "pending" && may("device.move")) add("terminal_move", () => this.#move(), "");
    if (standing !== "pending" && may("device.retire")) add("terminal_retire", () => this.#retire(), "");
    if (may("device.revoke")) add("terminal_revoke", () => this.#sure("terminal_revoke", { type: "device.revoke" }), "quiet danger-text");
    return acts;
  }

  /** The fingerprint that is confirmed is the one that stood here while somebody compared. */
  #confirmBlock() {
    const { language, may } = this.#office;
    const say = (key) => language.say(key);
    const { fingerprint, device_id } = this.#device;
    const confirm = button(say("fingerprint_same"), () => this.#confirm(device_id, fingerprint), "primary");
    const other = button(say("fingerprint_other"), () => this.#sure("terminal_revoke", { type: "device.revoke" }), "danger-text");
    return element(
      "section",
      { class: "card block compare", "aria-label": say("fingerprint") },
      element("h2", { text: say("fingerprint_question") }),
      element("p", { class: "muted", text: say("fingerprint_text") }),
      element("code", { class: "fingerprint large", text: inGroups(fingerprint) }),
      may("device.confirm") ? element("div", { class: "dialog-actions" }, other, confirm) : null,
    );
  }

  #confirm(deviceId, fingerprint) {
    const { language } = this.#office;
    ask(this.#office, {
      title: language.say("confirm_title", { name: this.#device.name }),
      text: language.say("confirm_text", { site: this.#office.places.siteName(this.#device.site_id) }),
      action: language.say("confirm"),
      command: () => ({ type: "device.confirm", device_id: deviceId, fingerprint }),
      done: () => this.refresh(),
    });
  }

  #move() {
    const { language, places } = this.#office;
    const device = this.#device;
    const others = siteOptions(places, language).filter((site) => site.value !== device.site_id);
    ask(this.#office, {
      title: language.say("move_title", { name: device.name }),
      text: language.say("move_text"),
      fields: [choiceField({ name: "site_id", label: language.say("site"), options: others, required: true })],
      action: language.say("terminal_move"),
      command: (values) => ({ type: "device.move", device_id: device.device_id, ...values }),
      done: () => this.refresh(),
    });
  }

  #retire() {
    const { language, places, now } = this.#office;
    const device = this.#device;
    const zone = places.zone(device.site_id);
    const lost = textField({ name: "lost_at", label: language.say("lost_at"), hint: language.say("lost_at_hint", { zone }), type: "datetime-local" });
    ask(this.#office, {
      title: language.say("terminal_retire_title", { name: device.name }),
      text: language.say("terminal_retire_text"),
      fields: [lost],
      action: language.say("terminal_retire"),
      danger: true,
      command: ({ lost_at: text }) => {
        const at = text ? fromField(text, zone) : null;
        if (text && (at === null || at > now())) return lost.fault(language.say("fault_future")), null;
        return { type: "device.retire", device_id: device.device_id, lost_at: at === null ? null : wireTime(at) };
      },
      done: () => this.refresh(),
    });
  }

  #sure(key, command) {
    const { language } = this.#office;
    const { device_id, name } = this.#device;
    ask(this.#office, {
      title: language.say(`${key}_title`, { name }),
      text: language.say(`${key}_text`),
      action: language.say(key),
      danger: true,
      command: () => ({ ...command, device_id }),
      done: () => this.refresh(),
    });
  }
}
