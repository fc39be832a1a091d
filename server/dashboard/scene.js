/**
 * Everything that the views need for one picture, worked out once: which sites are looked at, who is there, how
 * fresh that is. Views read it and keep nothing of their own but their elements. Pure but for the caches.
 */
import { localDay } from "./clock.js";
import { count, gather } from "./roster.js";

const ownZone = new Intl.DateTimeFormat().resolvedOptions().timeZone;

export class SceneMaker {
  #board;
  #presence;
  #past;
  #departments;

  constructor({ board, presence, past, departments }) {
    this.#board = board;
    this.#presence = presence;
    this.#past = past;
    this.#departments = departments;
  }

  /** @returns the site that is looked at, or null for all of several. */
  chosen(look, remembered) {
    const sites = this.#board.sites;
    if (sites.length === 1) return sites[0];
    const wanted = look.site || remembered;
    return this.#board.site(wanted);
  }

  make({ look, language, now, revision, role, link, remembered }) {
    const sites = this.#board.sites.sort((one, other) => language.collator.compare(one.name, other.name));
    const site = this.chosen(look, remembered);
    const shown = site ? [site] : sites;
    const siteIds = new Set(shown.map((one) => one.site_id));
    const people = gather(shown);
    const freshness = this.#presence.freshnessOf([...siteIds]);
    const feedKey = site?.site_id ?? null;
    const scene = {
      language,
      look,
      place: site?.site_id ?? "all",
      now,
      revision,
      role,
      link,
      sites,
      site,
      shown,
      siteIds,
      people,
      // Of several sites no one's clock is the page's: then it is the clock of whoever looks.
      zone: site?.time_zone ?? ownZone,
      counts: count(people, siteIds, now),
      freshness,
      doubtful: this.#presence.doubtful(freshness),
      feedLines: this.#past.feed.of(siteIds),
      feedState: this.#past.feedStates.get(feedKey) ?? "loading",
      freshnessOf: (siteId) => this.#presence.freshness(siteId),
      siteCounts: (one) => count(one.people, new Set([one.site_id]), now),
      headcountOf: (siteId) => this.#past.headcount(siteId),
      siteOf: (siteId) => this.#board.site(siteId),
      departmentsKnown: this.#departments.size > 0,
      departmentOf: (departmentId) => this.#departments.get(departmentId),
    };
    if (site) {
      scene.day = localDay(now, site.time_zone);
      scene.headcount = this.#past.headcount(site.site_id);
    }
    return scene;
  }
}
