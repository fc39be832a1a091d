/** What the hub refused, in the reader's words and beside the field that it names. Pure. */

/** Codes with a sentence of their own (`fault_<code>`); whatever else comes is told by its name. */
const KNOWN = new Set([
  "conflict", "disconnected", "expired", "forbidden", "internal", "invalid", "not_found", "overloaded", "rate_limited",
  "timed_out", "too_large", "unavailable", "unauthenticated",
]);
/** Fields whose conflict deserves more than "it has changed". */
const TAKEN = new Set([
  "account_id", "active", "badge", "employee_number", "fingerprint", "name", "request_key", "role", "scope", "status", "username",
]);
/** Fields of which one can say better what is wrong. */
const INVALID = new Set([
  "account_id", "badge", "code", "csv", "current", "display_name", "employee_id", "employee_number", "lost_at", "name", "new",
  "password", "pin", "scope", "time_zone", "username", "valid_until",
]);

/** @returns {{key: string, values: object, field: string|null}} what to say, and of which field. */
export function faultOf(problem) {
  const code = problem.code ?? "internal";
  const field = typeof problem.details?.field === "string" ? problem.details.field : null;
  const whole = field?.split(".")[0]; // `scope.site_ids` is a part of `scope`
  if (code === "conflict" && TAKEN.has(whole)) return { key: `fault_taken_${whole}`, values: {}, field };
  if (code === "invalid" && INVALID.has(whole)) return { key: `fault_invalid_${whole}`, values: {}, field };
  if (code === "rate_limited" && problem.retryAfterMs) {
    return { key: "fault_rate_limited_for", values: { count: Math.ceil(problem.retryAfterMs / 1000) }, field };
  }
  if (KNOWN.has(code)) return { key: `fault_${code}`, values: {}, field };
  return { key: "fault_other", values: { code: String(code) }, field };
}
