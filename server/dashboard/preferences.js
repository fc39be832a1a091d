/** What this browser remembers of a person's habits (theme, language, site): never anything that opens a door. */

const PREFIX = "attendance.";

/** A browser may forbid storage; then nothing is remembered and nothing breaks. */
export function remembered(name) {
  try {
    return globalThis.localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    globalThis.localStorage.setItem(PREFIX + name, value);
  } catch {
    // see above
  }
}
