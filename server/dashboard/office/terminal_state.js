/** What a terminal's item means: how it stands, what of it needs a look, how codes are grouped to be compared. Pure. */

/** In this order they need a look. */
const STANDINGS = ["forked", "pending", "silent", "active", "retired", "revoked"];
const CLOCK_TOLERANCE_MS = 5_000;

/** @returns {string} one of STANDINGS. A forked journal stays an alarm until the terminal is out of use. */
export function standingOf(device) {
  if (device.retired) return "retired";
  if (device.status === "revoked") return "revoked";
  if (device.forked_at) return "forked";
  if (device.status === "pending") return "pending";
  return device.silent ? "silent" : "active";
}

export function byTerminalNeed(collator) {
  return (one, other) =>
    STANDINGS.indexOf(standingOf(one)) - STANDINGS.indexOf(standingOf(other)) || collator.compare(one.name, other.name);
}

/** Whether its clock is off by more than anybody would overlook. */
export function clockIsOff({ clock_offset_ms: offset }) {
  return offset !== null && Math.abs(offset) >= CLOCK_TOLERANCE_MS;
}

/** In groups of four, so that two people can compare them line by line. */
export function inGroups(text) {
  return text.match(/.{1,4}/gu)?.join(" ") ?? "";
}

/** What the QR code of a pairing code holds: letters that no scanner's keyboard layout changes, behind a scheme. */
export function pairingText(code) {
  return `attendance-pair:${code.replace(/[^0-9a-z]/gi, "").toUpperCase()}`;
}
