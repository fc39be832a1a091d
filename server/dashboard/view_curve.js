/** The headcount over the site's local day: present filled, break a lighter band on top, expected a thin line. */
import { expectedCurve } from "./headcount.js";
import { byId, drawing, setText } from "./elements.js";

/** Room for the labels, in rem: it grows with the letters. */
const EDGE = { left: 2.3, right: 0.9, top: 0.8, bottom: 1.6 };

export class CurveView {
  #space = byId("curve-space");
  #size = { width: 0, height: 0 };
  #scene = null;
  #pointedAt = null;
  #drawn = "";
  #edge = null;

  constructor() {
    new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      this.#size = { width: Math.floor(width), height: Math.floor(height) };
      const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
      this.#edge = Object.fromEntries(Object.entries(EDGE).map(([side, size]) => [side, size * rem]));
      this.#draw();
    }).observe(this.#space);
    this.#space.addEventListener("pointermove", (event) => this.#point(event.clientX));
    this.#space.addEventListener("pointerleave", () => this.#point(null));
  }

  show(scene) {
    byId("curve").hidden = scene.site === null;
    this.#scene = scene.site === null ? null : scene;
    this.#draw();
  }

  #point(clientX) {
    this.#pointedAt = clientX === null ? null : clientX - this.#space.getBoundingClientRect().left;
    this.#draw();
  }

  #draw() {
    const { width, height } = this.#size;
    if (!this.#scene || width < 80 || height < 60) return;
    const edge = this.#edge;
    const { language, site, day, headcount, people, counts, doubtful, freshness } = this.#scene;
    // The curve ends where knowledge does.
    const now = Math.max(day.start, doubtful ? freshness.since : this.#scene.now);
    const seen = headcount.since(day.start).filter((point) => point.at <= now);
    const points = [...seen, { at: now, in: counts.in, break: counts.break }];
    const expected = expectedCurve(people.values(), day);
    const most = points.reduce((top, point) => (inside(point) > inside(top) ? point : top), points[0]);
    const highest = Math.max(4, inside(most), ...(expected ?? []).map((one) => one.expected));
    const scale = niceScale(highest);
    const x = (at) => edge.left + ((at - day.start) / (day.end - day.start)) * (width - edge.left - edge.right);
    const y = (count) => height - edge.bottom - (count / scale.top) * (height - edge.top - edge.bottom);

    const pointed = this.#pointed(points, x, now);
    this.#caption(most, pointed, headcount.partial, expected !== null);
    // A minute's width is what can be seen of time passing: nothing is drawn again without a reason.
    const key = JSON.stringify([width, height, scale.top, Math.round(x(now)), points.length, counts, pointed, expected?.length, language.name, site.site_id, most]);
    if (key === this.#drawn) return;
    this.#drawn = key;

    const label = language.say("curve_label", {
      site: site.name,
      now: inside(points[points.length - 1]),
      most: inside(most),
      time: language.time(most.at, site.time_zone),
    });
    const svg = drawing("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
    for (const count of scale.lines) {
      const at = Math.round(y(count)) + 0.5;
      svg.append(drawing("line", { class: "curve-line", x1: edge.left, x2: width - edge.right, y1: at, y2: at }));
      svg.append(drawing("text", { class: "curve-text", x: edge.left * 0.78, y: at, "dominant-baseline": "central", "text-anchor": "end", text: language.number(count) }));
    }
    const every = width < 420 ? 6 : width < 700 ? 4 : 2;
    for (const { hour, at } of day.hours.filter((one) => one.hour % every === 0)) {
      const anchor = hour === 24 ? "end" : "middle";
      svg.append(drawing("text", { class: "curve-text", x: x(at), y: height - edge.bottom * 0.25, "text-anchor": anchor, text: String(hour).padStart(2, "0") }));
    }
    svg.append(drawing("path", { class: "curve-all", d: area(points, x, y, inside) }));
    svg.append(drawing("path", { class: "curve-in", d: area(points, x, y, (point) => point.in) }));
    svg.append(drawing("path", { class: "curve-edge", d: steps(points, x, y, inside) }));
    if (expected) {
      svg.append(drawing("path", { class: "curve-expected", d: steps(expected.map((one) => ({ ...one, n: one.expected })), x, y, (one) => one.n) }));
    }
    const mark = pointed ?? points[points.length - 1];
    const markX = pointed ? pointed.x : x(now);
    svg.append(drawing("line", { class: "curve-now", x1: markX, x2: markX, y1: edge.top, y2: height - edge.bottom }));
    svg.append(drawing("circle", { class: "curve-dot", cx: markX, cy: y(inside(mark)), r: edge.right / 3 }));
    this.#space.replaceChildren(svg);
  }

  #pointed(points, x, now) {
    if (this.#pointedAt === null) return null;
    const within = points.filter((point) => x(point.at) <= this.#pointedAt);
    if (within.length === 0 || this.#pointedAt > x(now)) return null;
    return { ...within[within.length - 1], x: this.#pointedAt };
  }

  #caption(most, pointed, partial, planned) {
    const { language, site, day } = this.#scene;
    const figures = (point) => ({ in: point.in, break: point.break });
    let text;
    if (pointed) {
      const [from, to] = [this.#edge.left, this.#size.width - this.#edge.right];
      const at = day.start + ((pointed.x - from) / (to - from)) * (day.end - day.start);
      text = language.say("curve_at", { time: language.time(at, site.time_zone), ...figures(pointed) });
    } else if (partial) {
      text = language.say("curve_partial");
    } else if (inside(most) === 0) {
      text = language.say("curve_empty");
    } else {
      text = language.say("curve_max", { most: inside(most), time: language.time(most.at, site.time_zone) });
    }
    const legend = planned && !pointed ? ` · ┄ ${language.say("curve_expected")}` : "";
    setText(byId("curve-caption"), text + legend);
  }
}

const inside = (point) => point.in + point.break;

/** The same day in the size of a word, for a site among others: its own scale, no axis. */
export function sparkline(seen, counts, day, now) {
  const points = [...seen.filter((point) => point.at <= now), { at: now, in: counts.in, break: counts.break }];
  const top = Math.max(1, ...points.map(inside));
  const x = (at) => ((at - day.start) / (day.end - day.start)) * 200;
  const y = (count) => 30 - (count / top) * 28;
  return drawing(
    "svg",
    { class: "spark", viewBox: "0 0 200 32", preserveAspectRatio: "none", "aria-hidden": "true" },
    drawing("line", { class: "curve-line", x1: 0, x2: 200, y1: 30.5, y2: 30.5 }),
    drawing("path", { class: "curve-in", d: area(points, x, y, inside) }),
  );
}

/** A top and lines at round numbers, at most four. */
function niceScale(highest) {
  const rough = highest / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough && Number.isInteger(one)) ?? Math.ceil(rough));
  const top = Math.max(step, Math.ceil(highest / step) * step);
  const lines = [];
  for (let count = 0; count <= top; count += step) lines.push(count);
  return { top, lines };
}

/** A count holds until the next: people come and go in steps. */
function steps(points, x, y, value) {
  let d = `M${round(x(points[0].at))} ${round(y(value(points[0])))}`;
  for (const point of points.slice(1)) d += `H${round(x(point.at))}V${round(y(value(point)))}`;
  return d;
}

function area(points, x, y, value) {
  const floor = round(y(0));
  return `${steps(points, x, y, value)}V${floor}H${round(x(points[0].at))}Z`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
