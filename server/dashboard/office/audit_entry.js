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

/** @returns {{name: string, before: string|null, after: string|null}[]} what differs; null: it wasn't there. */
export function changesOf({ before, after }) {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return names
    .map((name) => ({ name, before: told(before?.[name]), after: told(after?.[name]) }))
    .filter((change) => change.before !== change.after);
}

function told(value) {
  if (value === undefined || value === null) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > LONG ? `${text.slice(0, LONG)}…` : text;
}
