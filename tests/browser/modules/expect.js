/** The few assertions that the module tests need; a failure says what was there. */

function sorted(value) {
  if (value instanceof Map) return sorted([...value]);
  if (value instanceof Set) return sorted([...value]);
  if (Array.isArray(value)) return value.map(sorted);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
  }
  return value === undefined ? "undefined" : value;
}

export function equal(actual, expected, what = "") {
  const [is, should] = [JSON.stringify(sorted(actual)), JSON.stringify(sorted(expected))];
  if (is !== should) throw new Error(`${what}\n  is:     ${is}\n  should: ${should}`);
}

export function ok(value, what) {
  if (!value) throw new Error(`not so: ${what}`);
}

/** Resolves with what `promise` was rejected with. */
export async function rejects(promise, what = "") {
  try {
    await promise;
  } catch (problem) {
    return problem;
  }
  throw new Error(`was not rejected: ${what}`);
}
