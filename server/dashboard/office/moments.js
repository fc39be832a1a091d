/** A moment as a form's field holds it (`2026-11-24T18:00`, a wall clock in some zone), and as an instant. */
import { instantOf } from "../clock.js";

const FIELD = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})/;

/** @returns {number|null} milliseconds since 1970; null where the field is empty or no moment. */
export function fromField(text, zone) {
  const found = FIELD.exec(text ?? "");
  if (!found) return null;
  const [year, month, day, hour, minute] = found.slice(1).map(Number);
  const instant = instantOf(year, month, day, hour, zone) + minute * 60_000;
  return Number.isFinite(instant) ? instant : null;
}

/** @returns {string} what a field shows for an instant. */
export function toField(instant, zone) {
  const parts = {};
  const options = { timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" };
  for (const { type, value } of new Intl.DateTimeFormat("en-CA", options).formatToParts(instant)) parts[type] = value;
  return `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}`;
}
