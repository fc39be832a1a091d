/** What the hub refused, in the reader's words and beside the field that it names. Pure. */

/** Codes with a sentence of their own (`fault_<code>`); whatever else comes is told by its name. */
const KNOWN = new Set([
  "conflict", "disconnected", "expired", "forbidden", "internal", "invalid", "not_found", "overloaded", "rate_limited",
  "timed_out", "too_large", "unavailable", "unauthenticated",
]);
/** Fields whose conflict deserves more than "taken". */
const TAKEN = new Set(["badge", "employee_number", "username", "name", "fingerprint", "status", "request_key"]);
/** Fields of which one can say better what is wrong. */
const INVALID = new Set(["badge", "employee_number", "pin", "username", "password", "new", "time_zone", "display_name", "name", "csv"]);
const WRONG = new Set(["current", "password", "code"]);

/** @returns {{key: string, values: object, field: string|null}} what to say, and of which field. */
export function faultOf(problem) {
  const code = problem.code ?? "internal";
  const field = typeof problem.details?.field === "string" ? problem.details.field : null;
  if (code === "conflict" && TAKEN.has(field)) return { key: `fault_taken_${field}`, values: {}, field };
  if (code === "invalid" && INVALID.has(field)) return { key: `fault_invalid_${field}`, values: {}, field };
  if (["forbidden", "unauthenticated"].includes(code) && WRONG.has(field)) return { key: `fault_wrong_${field}`, values: {}, field };
  if (code === "rate_limited" && problem.retryAfterMs) {
    return { key: "fault_rate_limited_for", values: { count: Math.ceil(problem.retryAfterMs / 1000) }, field };
  }
  if (KNOWN.has(code)) return { key: `fault_${code}`, values: {}, field };
  return { key: "fault_other", values: { code: String(code) }, field };
}
