/** What an import's report says is wrong with a line, in the reader's language where the page knows the sentence. Pure. */

const PROBLEMS = [
  [/^begins like a formula$/, "line_formula"],
  [/^has characters that aren't printed$/, "line_unprinted"],
  [/^is empty, and this person is new$/, "line_needed_new"],
  [/^is empty, and this person changes sites$/, "line_needed_moving"],
  [/^is empty$/, "line_empty"],
  [/^is not what an? (?:employee number|badge) looks like$/, "line_grammar"],
  [/^is no name, or too long$/, "line_no_name"],
  [/^is on line (?<line>\d+) too$/, "line_twice"],
  [/^is taken$/, "line_taken"],
  [/^is of someone inactive/, "line_inactive"],
  [/^is someone else's$/, "line_others"],
  [/^there is no site of this name$/, "line_no_site"],
  [/^isn't one of this site's$/, "line_no_department"],
  [/^could be more than one/, "line_ambiguous"],
  [/^has two columns$/, "line_two_columns"],
  [/^has no column$/, "line_no_column"],
  [/^has more cells than the header$/, "line_more_cells"],
  [/^its quotes or line ends don't fit/, "line_quotes"],
];

/** @returns {{key: string|null, values: object}} null where only the hub's own words are known. */
export function problemOf(problem) {
  for (const [pattern, key] of PROBLEMS) {
    const found = pattern.exec(problem);
    if (found) return { key, values: { ...found.groups } };
  }
  return { key: null, values: {} };
}
