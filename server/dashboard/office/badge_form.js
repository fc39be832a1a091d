/** Handing out a badge: typed, read by a reader at this desk, or the last one that a terminal didn't know. */
import { element, setText } from "../elements.js";
import { ask } from "./dialogs.js";
import { faultOf } from "./faults.js";
import { textField, tickField } from "./fields.js";
import { fromField } from "./moments.js";
import { wireTime } from "../clock.js";

export function assignBadge(office, person, done) {
  const { language, places } = office;
  const say = (key, values) => language.say(key, values);
  const zone = places.zone(person.site_id);
  const badge = textField({ name: "badge", label: say("badge"), hint: say("badge_hint"), maxlength: 128, required: true, autocapitalize: "characters" });
  const until = textField({ name: "valid_until", label: say("badge_until"), hint: say("badge_until_hint", { zone }), type: "datetime-local" });
  const reassign = tickField({ name: "reassign", label: say("badge_reassign") });
  reassign.node.hidden = true;
  const dialog = ask(office, {
    title: say("badge_assign_title", { name: person.display_name }),
    above: office.may("badge.last_unknown") ? [lastUnknown(office, person, (found) => badge.set(found))] : [],
    fields: [badge, until, reassign],
    action: say("badge_assign"),
    command: (values) => {
      const ends = values.valid_until ? fromField(values.valid_until, zone) : null;
      if (values.valid_until && ends === null) return until.fault(say("fault_invalid")), null;
      return {
        type: "badge.assign",
        employee_id: person.employee_id,
        badge: values.badge,
        valid_until: ends === null ? null : wireTime(ends),
        reassign: values.reassign,
      };
    },
    onRefused: (problem) => {
      if (problem.code !== "conflict" || problem.details?.field !== "badge" || !reassign.node.hidden) return false;
      reassign.node.hidden = false;
      badge.fault(say("fault_taken_badge"));
      reassign.focus();
      return true;
    },
    done: () => {
      office.toast(say("badge_is_assigned"));
      done();
    },
  });
  return dialog;
}

/** Which terminal, a button, and what it found; the person's own site's terminals come first. */
function lastUnknown(office, person, onFound) {
  const { language, read, places } = office;
  const say = (key, values) => language.say(key, values);
  const select = element("select", { "aria-label": say("terminal"), disabled: true });
  const look = element("button", { type: "button", text: say("last_unknown_look"), disabled: true });
  const told = element("p", { class: "hint", role: "status", text: say("last_unknown_text") });
  office
    .readAll({ type: "device.list", status: "active" })
    .then((devices) => {
      const usable = devices.filter((device) => !device.retired);
      const near = (device) => Number(device.site_id !== person.site_id);
      usable.sort((one, other) => near(one) - near(other) || language.collator.compare(one.name, other.name));
      select.replaceChildren(
        ...usable.map(({ device_id: id, name, site_id: siteId }) =>
          element("option", { value: id, text: say("terminal_at", { name, site: places.siteName(siteId) }) }),
        ),
      );
      select.disabled = look.disabled = usable.length === 0;
      if (usable.length === 0) setText(told, say("no_terminals"));
    })
    .catch((problem) => setText(told, say(faultOf(problem).key, faultOf(problem).values)));
  look.addEventListener("click", async () => {
    look.disabled = true;
    try {
      const found = await read({ type: "badge.last_unknown", device_id: select.value });
      if (found.badge === null) setText(told, say("last_unknown_none"));
      else {
        const time = language.time(Date.parse(found.seen_at), places.zone(person.site_id));
        setText(told, say("last_unknown_found", { badge: found.badge, time }));
        onFound(found.badge);
      }
    } catch (problem) {
      const { key, values } = faultOf(problem);
      setText(told, say(key, values));
    }
    look.disabled = false;
  });
  return element("fieldset", { class: "field reader" }, element("legend", { text: say("last_unknown") }), element("div", { class: "reader-line" }, select, look), told);
}
