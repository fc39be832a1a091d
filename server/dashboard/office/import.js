/** People from a file: chosen, its columns named, tried line by line, and only then taken over, all or nothing. */
import { element } from "../elements.js";
import { IMPORT_FIELDS, decoded, partsOf, proposedMapping, toldMapping, topOf } from "./csv.js";
import { faultOf } from "./faults.js";
import { problemOf } from "./line_problems.js";
import { Table, ListFrame, button, chip, partHead } from "./pieces.js";
import { Submission } from "./requests.js";

/** The hub hashes, checks and writes up to 10,000 people before it answers the last part. */
const ANSWER_TIMEOUT_MS = 180_000;
const REPORT_PAGE = 200;
/** The hub's own default bound. */
const MOST_BYTES = 4 * 1_048_576;
const OUTCOMES = { create: ["good", "in"], update: ["some", "break"], unchanged: ["quiet", "out"], fault: ["bad", "late"] };

export class ImportPart {
  #office;
  #file = null;
  #mapping = [];
  #report = null;
  #work = null;
  #problem = null;
  /** The real import's: of this file, read this way. */
  #submission = new Submission();
  #going = null;
  #shownLines = REPORT_PAGE;
  #onlyFaults = false;
  #steps = element("div", { class: "one" });

  constructor(office) {
    this.#office = office;
  }

  build() {
    const { language, href } = this.#office;
    const back = { href: href({ view: "people", filters: this.#office.comeFrom("people") }), text: language.say("back_to_people") };
    this.#draw();
    return [partHead({ title: language.say("import_people"), back }), this.#steps];
  }

  look() {}

  refresh() {}

  show() {}

  /** Another person, or another errand: nobody's names stay in memory. */
  leave() {
    this.#going?.abort();
    this.#file = this.#report = this.#work = this.#problem = null;
  }

  #draw() {
    this.#steps.replaceChildren(...[this.#choosing(), this.#naming(), this.#trying(), this.#reporting()].filter(Boolean));
  }

  #choosing() {
    const { language } = this.#office;
    const say = (key, values) => language.say(key, values);
    const input = element("input", { type: "file", accept: ".csv,text/csv,text/plain", id: "import-file", class: "unseen" });
    input.addEventListener("change", () => this.#take(input.files[0]));
    const label = element("label", { for: "import-file", class: "button", text: say(this.#file ? "import_other_file" : "import_choose") });
    const name = this.#file ? element("strong", { class: "file-name", text: this.#file.name }) : null;
    const fault = this.#file?.fault ? element("p", { class: "fault", role: "alert", text: say(this.#file.fault) }) : null;
    return element(
      "section",
      { class: "card block" },
      element("header", {}, element("h2", { text: say("import_file") })),
      element("p", { class: "muted", text: say("import_text") }),
      element("p", { class: "file-line" }, input, label, name),
      fault,
    );
  }

  async #take(file) {
    if (!file) return;
    this.#report = this.#problem = null;
    this.#submission = new Submission();
    if (file.size > MOST_BYTES) this.#file = { name: file.name, fault: "csv_too_large" };
    else {
      const text = decoded(new Uint8Array(await file.arrayBuffer()));
      this.#file = { name: file.name, text, ...topOf(text) };
      this.#file.proposed = this.#mapping = proposedMapping(this.#file.columns);
    }
    this.#draw();
    this.#steps.querySelector("#import-file")?.focus();
  }

  #naming() {
    if (!this.#file || this.#file.fault) return null;
    const { language } = this.#office;
    const say = (key, values) => language.say(key, values);
    const { columns, sample } = this.#file;
    const head = element("tr", {}, element("th", { scope: "col", text: say("import_column") }), element("th", { scope: "col", text: say("import_means") }), element("th", { scope: "col", text: say("import_sample") }));
    const rows = columns.map((column, index) => {
      const select = element("select", { "aria-label": say("import_means_of", { column }), disabled: Boolean(this.#work) });
      const offered = this.#file.proposed[index] === "surname" ? ["surname"] : [];
      for (const field of [...offered, ...IMPORT_FIELDS, "ignore"]) select.append(element("option", { value: field, text: say(`import_${field}`) }));
      select.value = this.#mapping[index];
      select.addEventListener("change", () => this.#means(index, select.value));
      const example = sample.map((row) => row[index]?.trim()).filter(Boolean).join(" · ");
      return element("tr", { data: { ignored: String(select.value === "ignore") } }, element("th", { scope: "row", text: column || "—" }), element("td", {}, select), element("td", { class: "muted", text: example }));
    });
    const without = ["display_name", "site", "department"].filter((field) => !this.#mapping.includes(field));
    const named = (fields) => ({ fields: language.list(fields.map((field) => say(`import_${field}`))) });
    const note = this.#numbered
      ? element("p", { class: "muted", text: say("import_without", named(without)) })
      : element("p", { class: "fault", text: say("import_missing", named(["employee_number"])) });
    return element(
      "section",
      { class: "card block" },
      element("header", {}, element("h2", { text: say("import_columns") })),
      element("table", { class: "list mapping", "aria-label": say("import_columns") }, element("thead", {}, head), element("tbody", {}, ...rows)),
      this.#numbered && without.length === 0 ? null : note,
    );
  }

  /** A field is one column's: whoever had it before lets go of it. A name that is told is the whole name. */
  #means(index, field) {
    const letsGo = (other) => other === field || (other === "surname" && field === "display_name");
    this.#mapping = this.#mapping.map((other, at) => (at === index ? field : letsGo(other) ? "ignore" : other));
    this.#report = this.#problem = null;
    this.#submission = new Submission();
    this.#draw();
    this.#steps.querySelectorAll(".mapping select")[index]?.focus();
  }

  /** Without the number nobody is told from anybody; what else is missing only newcomers need. */
  get #numbered() {
    return this.#mapping.includes("employee_number");
  }

  #trying() {
    if (!this.#file || this.#file.fault) return null;
    const { language } = this.#office;
    const say = (key, values) => language.say(key, values);
    const nodes = [];
    if (this.#work) {
      const { sent, parts, dry, waits } = this.#work;
      const words = waits ? "waiting_for_link" : sent < parts ? "import_sending" : dry ? "import_trying" : "import_doing";
      const values = { percent: Math.round((100 * sent) / parts) };
      const bar = element("progress", { max: parts, "aria-label": say("import_people") });
      if (sent < parts) bar.value = sent; // all sent: how long the hub takes isn't known
      nodes.push(bar, element("p", { class: "muted", role: "status", text: say(words, values) }));
    } else {
      const tried = this.#report && !this.#report.done && this.#report.faults === 0;
      const dry = button(say("import_try"), () => this.#send(true), tried ? "" : "primary");
      dry.disabled = !this.#numbered;
      nodes.push(element("div", { class: "part-actions" }, dry, tried ? button(say("import_do", { count: this.#report.created + this.#report.updated }), () => this.#send(false), "primary") : null));
    }
    if (this.#problem) {
      const { key, values } = faultOf(this.#problem);
      nodes.push(element("p", { class: "fault", role: "alert", text: say(key, values) }));
    }
    return element("section", { class: "card block", "aria-label": say("import_try") }, ...nodes);
  }

  async #send(dry) {
    const { columns, text } = this.#file;
    const mapping = toldMapping(columns, this.#mapping);
    const parts = partsOf(text);
    const lines = [];
    this.#problem = this.#report = null;
    this.#work = { sent: 0, parts: parts.length, dry, waits: false };
    this.#going = new AbortController();
    const { signal } = this.#going;
    this.#draw();
    const progress = (change) => {
      if (signal.aborted) return;
      Object.assign(this.#work, change);
      this.#draw();
    };
    const send = async (keyed) => {
      // The parts are one connection's: after a break all of them go again, under the same key.
      lines.length = 0;
      for (const [part, csv] of parts.entries()) {
        const last = part === parts.length - 1;
        const command = { ...keyed, part, last, csv, mapping: last ? mapping : null, dry_run: dry };
        const onPart = last ? (answer) => lines.push(...answer.lines) : null;
        const answer = await this.#office.request(command, { onPart, timeoutMs: ANSWER_TIMEOUT_MS });
        progress({ sent: part + 1 });
        if (last) return answer;
      }
    };
    try {
      const submission = dry ? new Submission() : this.#submission;
      const onWait = (waits) => progress({ waits });
      const answer = await this.#office.write({ type: "employee.import" }, { submission, signal, send, onWait });
      if (signal.aborted) return;
      this.#report = { ...answer, lines, dry };
      this.#onlyFaults = answer.faults > 0;
      this.#shownLines = REPORT_PAGE;
      if (answer.done) this.#office.loadPlaces();
    } catch (problem) {
      if (signal.aborted) return;
      this.#problem = problem;
    }
    this.#work = null;
    this.#draw();
    this.#steps.querySelector(".report h2")?.focus();
  }

  #reporting() {
    if (!this.#report) return null;
    const { language } = this.#office;
    const say = (key, values) => language.say(key, values);
    const { done, created, updated, unchanged, faults, lines, dry } = this.#report;
    const title = done ? "import_done" : faults ? "import_faulty" : dry ? "import_would" : "import_nothing";
    const figures = [["create", created], ["update", updated], ["unchanged", unchanged], ["fault", faults]].map(([outcome, count]) =>
      element("li", { data: { outcome } }, element("b", { text: language.number(count) }), ` ${say(`import_count_${outcome}`, { count })}`),
    );
    const shown = this.#onlyFaults ? lines.filter((line) => line.outcome === "fault") : lines;
    const table = new Table({
      label: say("import_report"),
      key: (line) => String(line.line),
      columns: [
        { label: say("import_line"), cell: (line) => language.number(line.line), class: "figure" },
        { label: say("employee_number"), cell: (line) => line.employee_number, class: "code" },
        { label: say("import_outcome"), cell: (line) => chip(OUTCOMES[line.outcome][0], say(`import_${line.outcome}`), OUTCOMES[line.outcome][1]) },
        { label: say("import_problem"), cell: (line) => lineFault(line, language) },
      ],
    });
    const frame = new ListFrame({ language, table, empty: () => "", onMore: () => this.#showMore(), onAgain: () => {} });
    frame.show({ state: "ready", hasMore: shown.length > this.#shownLines, busy: false }, shown.slice(0, this.#shownLines));
    const toggle = faults ? button(say(this.#onlyFaults ? "import_show_all" : "import_show_faults"), () => this.#toggle()) : null;
    const heading = element("h2", { tabindex: -1, text: say(title, { count: created + updated }) });
    return element(
      "section",
      { class: "card block report", data: { done: String(done), faults: String(faults) } },
      element("header", {}, heading, toggle),
      element("ul", { class: "report-figures" }, ...figures),
      frame.node,
    );
  }

  #showMore() {
    this.#shownLines += REPORT_PAGE;
    this.#draw();
  }

  #toggle() {
    this.#onlyFaults = !this.#onlyFaults;
    this.#shownLines = REPORT_PAGE;
    this.#draw();
  }
}

/** Which field, and what is wrong with it. */
function lineFault({ field, problem }, language) {
  if (!problem && !field) return "";
  const name = IMPORT_FIELDS.includes(field) ? language.say(`import_${field}`) : field;
  const { key, values } = problemOf(problem ?? "");
  return element("span", {}, field ? element("b", { text: `${name}: ` }) : null, key ? language.say(key, values) : problem);
}
