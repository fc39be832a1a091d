/** What a client calls itself, as a person would say it: `Firefox · Linux`. Pure. */

// The order matters: Edge and Opera say Chrome too, and Chrome says Safari.
const BROWSERS = [["Edg", "Edge"], ["OPR", "Opera"], ["Firefox", "Firefox"], ["Chrom", "Chrome"], ["Safari", "Safari"]];
const SYSTEMS = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]];
const LONGEST = 60;

/** @returns {string} what is known of a browser; any other client's own words, cut; "" for none. */
export function clientName(agent) {
  if (!agent) return "";
  const known = (list) => list.find(([sign]) => agent.includes(sign))?.[1];
  const browser = agent.startsWith("Mozilla/") ? known(BROWSERS) : undefined;
  if (!browser) return agent.slice(0, LONGEST);
  return [browser, known(SYSTEMS)].filter(Boolean).join(" · ");
}
