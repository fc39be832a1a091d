/** The large numbers, each a filter, and the sites at a glance where several are looked at. */
import { localDay } from "./clock.js";
import { arrange, byId, element, setText, shape } from "./elements.js";
import { sparkline } from "./view_curve.js";

const STATUSES = ["in", "break", "out", "late"];

export class NumbersView {
  #tiles = new Map();

  constructor({ onFilter }) {
    for (const status of STATUSES) {
      const word = element("span", { class: "tile-word" });
      const number = element("span", { class: "tile-number", data: { count: status } });
      const note = element("span", { class: "tile-note" });
      const button = element(
        "button",
        { type: "button", class: "tile card", data: { status }, "aria-pressed": "false", on: { click: () => onFilter(status) } },
        element("span", { class: "tile-head" }, shape(status), word),
        number,
        note,
      );
      this.#tiles.set(status, { button, word, number, note });
      byId("numbers").append(button);
    }
  }

  show({ language, counts, look }) {
    const figures = { in: counts.in, break: counts.break, out: counts.out + counts.late, late: counts.late };
    const elsewhere = counts.elsewhere ? language.say("elsewhere_count", { count: counts.elsewhere }) : "";
    const notes = { out: elsewhere, late: language.say("late_hint") };
    for (const [status, tile] of this.#tiles) {
      setText(tile.word, language.say(status));
      setText(tile.number, language.number(figures[status]));
      setText(tile.note, notes[status] ?? "");
      tile.button.setAttribute("aria-pressed", String(look.status === status));
      // Without planned hours nobody can be late: a nought there would be a claim.
      tile.button.hidden = status === "late" && !counts.expects && look.status !== "late";
    }
  }
}

export class SitesView {
  #onSite;
  #rows = new Map();

  constructor({ onSite }) {
    this.#onSite = onSite;
  }

  show({ language, sites, site, siteCounts, headcountOf, freshnessOf, now }) {
    byId("sites").hidden = site !== null;
    if (site !== null) return;
    const rows = sites.map((one) => {
      const row = this.#row(one.site_id);
      const counts = siteCounts(one);
      setText(row.name, one.name);
      setText(row.time, language.say("local_time", { time: language.time(now, one.time_zone) }));
      for (const status of ["in", "break", "out"]) {
        const figure = status === "out" ? counts.out + counts.late : counts[status];
        setText(row[status], language.number(figure));
        row[status].parentElement.setAttribute("title", language.say(status));
        setText(row[`${status}_word`], language.say(status));
      }
      const { state, since } = freshnessOf(one.site_id);
      const silent = one.silent_devices.map((device) => device.name);
      const old = state === "stale" ? language.say("stale_since", { time: language.moment(since, one.time_zone, now) }) : "";
      setText(row.note, old || (silent.length ? language.say("silent", { count: silent.length, names: language.list(silent) }) : ""));
      const day = localDay(now, one.time_zone);
      row.spark.replaceChildren(sparkline(headcountOf(one.site_id).since(day.start), counts, day, now));
      return row.item;
    });
    arrange(byId("site-list"), rows);
  }

  #row(siteId) {
    if (!this.#rows.has(siteId)) {
      const row = { name: element("strong"), time: element("span", { class: "site-time" }), note: element("span", { class: "site-note" }), spark: element("span") };
      const figures = ["in", "break", "out"].map((status) => {
        row[status] = element("span", { class: "site-number" });
        row[`${status}_word`] = element("span", { class: "unseen" });
        return element("span", { class: "site-figure", data: { status } }, shape(status), row[`${status}_word`], " ", row[status]);
      });
      const button = element(
        "button",
        { type: "button", data: { site: siteId }, on: { click: () => this.#onSite(siteId) } },
        element("span", { class: "site-name" }, row.name, " ", row.time),
        row.spark,
        element("span", { class: "site-figures" }, ...figures),
        " ",
        row.note,
      );
      row.item = element("li", {}, button);
      this.#rows.set(siteId, row);
    }
    return this.#rows.get(siteId);
  }
}
