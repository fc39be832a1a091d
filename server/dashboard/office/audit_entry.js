/** What one entry of the audit says: who, and what it changed, field by field. Pure. */

const LONG = 80;

/** @returns {string|null} the id in `account:<id>` or `device:<id>`. */
export function idOfActor(actor) {
  return /^(?:account|device):(.+)$/.exec(actor)?.[1] ?? null;
}

/** @returns {string} `session …a265b8`: an id's end tells two apart as well as all of it. */
export function shortSubject(subject) {
  return subject.replace(/^(\w+):.*(.{6})$/, "$1 …$2");
}

/** @returns {{kind: string, id: string}|null} what an entry without a name is about; a bare id is of the act's own kind. */
export function subjectOf({ subject, action }) {
  const found = /^(?:(\w+):)?[0-9a-f-]{30}([0-9a-f]{6})$/.exec(subject ?? "");
  return found && { kind: found[1] ?? action.split(".")[0], id: found[2] };
}

/** @returns {number|null} the instant, where a value is one as the hub writes it. */
export function instantIn(text) {
  return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) ? Date.parse(text) : null;
}

/** @returns {{name: string, before: string|null, after: string|null}[]} what differs; null: it wasn't there. */
export function changesOf({ before, after }) {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return names
    .map((name) => ({ name, before: told(before?.[name]), after: told(after?.[name]) }))
    .filter((change) => change.before !== change.after);
}

function told(value) {
  if (value === undefined || value === null || value?.length === 0) return null;
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join(", ");
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > LONG ? `${text.slice(0, LONG)}…` : text;
}
