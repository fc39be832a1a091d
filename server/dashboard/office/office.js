/**
 * The parts of the page where the company is administered: which one shows, what they all share (places, requests,
 * the address), and what becomes of them when the link breaks or somebody else signs in.
 */
import { byId, element, setText } from "../elements.js";
import { OFFICE_VIEWS, writeLook } from "../address.js";
import { AccountPart } from "./account.js";
import { AccountsPart } from "./accounts.js";
import { AuditPart } from "./audit.js";
import { closeDialogs } from "./dialogs.js";
import { ImportPart } from "./import.js";
import { PeoplePart } from "./people.js";
import { PersonPart } from "./person.js";
import { PARTS, may, maySee } from "./permissions.js";
import { Places } from "./places.js";
import { PlacesPart } from "./places_part.js";
import { Requests } from "./requests.js";
import { SecurityPart } from "./security.js";
import { TerminalPart } from "./terminal.js";
import { TerminalsPart } from "./terminals.js";

const TOAST_MS = 6_000;
/** Under which entry of the navigation a view stands, where it isn't one itself. */
const UNDER = { places: "people", import: "people", rollcall: "board" };
/** The filter that picks one thing out of a list, and so shows it alone. */
const ONE = { people: "person", terminals: "terminal", accounts: "account" };

export class Office {
  language = null;
  role = null;
  linked = false;
  placesRevision = 0;
  #link;
  #address;
  #parts;
  #part = null;
  #built = "";
  #looked = "";
  #placesShown = -1;
  #lists = {};
  #toastTimer = null;
  #arrived = false;
  /** The last look that a control of the page itself went to. */
  #ownLook = null;
  #navigation = "";

  /**
   * @param {object} parts link, board, address; `now()` the hub's clock; `redraw()` soon; `onPlaces()` sites or
   *   departments changed; `onGo()` the look changed; `signOut()`.
   */
  constructor({ link, board, address, now, redraw, onPlaces, onGo, signOut }) {
    this.#link = link;
    this.#address = address;
    this.now = now;
    this.redraw = redraw;
    this.onGo = onGo;
    this.signOut = signOut;
    this.requests = new Requests({ link });
    this.places = new Places({
      requests: this.requests,
      board,
      onChange: () => {
        this.placesRevision += 1;
        redraw();
      },
    });
    this.onPlaces = onPlaces;
    this.read = (command) => this.requests.read(command);
    this.readAll = (command) => this.requests.readAll(command);
    this.write = (command, how) => this.requests.write(command, how);
    this.request = (command, options) => link.request(command, options);
    this.go = (change, options) => {
      this.#address.go(change, options);
      this.#ownLook = this.look;
      this.onGo();
    };
    this.may = (command) => may(this.role, command);
    this.#parts = {
      people: new PeoplePart(this),
      person: new PersonPart(this),
      places: new PlacesPart(this),
      import: new ImportPart(this),
      terminals: new TerminalsPart(this),
      terminal: new TerminalPart(this),
      accounts: new AccountsPart(this),
      account: new AccountPart(this),
      audit: new AuditPart(this),
      security: new SecurityPart(this),
    };
  }

  get look() {
    return this.#address.look;
  }

  /** A link to another look: its hash. */
  href = (change) => writeLook({ ...this.look, status: null, query: "", filters: {}, ...change }) || "#";

  /** The filters under which a list was last seen, for the way back to it. */
  comeFrom(view) {
    return this.#lists[view] ?? {};
  }

  linkUp(role) {
    this.role = role;
    this.linked = true;
    this.requests.linkUp();
    this.#loadPlaces().catch(() => {}); // without names the lists still stand
    if (this.#part && this.#built) this.#part.refresh();
  }

  linkDown() {
    this.linked = false;
  }

  /** Another person will sign in: nothing of the former one's stays, open dialogs least of all. */
  forget() {
    closeDialogs();
    this.#part?.leave?.();
    this.#part = null;
    this.#built = this.#looked = this.#navigation = "";
    this.#lists = {};
    this.places.forget();
    this.role = null;
    byId("office-body").replaceChildren();
    this.toast("");
  }

  /** After a write that changed sites or departments: here, and on the board. */
  async loadPlaces() {
    await this.#loadPlaces().catch(() => {});
    this.onPlaces();
  }

  #loadPlaces() {
    return this.places.load(this.role);
  }

  toast(text) {
    clearTimeout(this.#toastTimer);
    setText(byId("toast"), text);
    byId("toast").hidden = !text;
    if (text) this.#toastTimer = setTimeout(() => this.toast(""), TOAST_MS);
  }

  /** Draws the navigation: what the role may, where one is. */
  showNavigation(language, role, look) {
    const here = UNDER[look.view] ?? look.view;
    const shown = PARTS.filter((part) => maySee(role, part.view));
    const key = [language.name, role, here, look.site].join();
    const nav = byId("parts");
    nav.hidden = shown.length < 2;
    if (key === this.#navigation) return;
    this.#navigation = key;
    nav.replaceChildren(
      ...shown.map(({ view }) =>
        element("a", { href: this.href({ view }), "aria-current": view === here ? "page" : null, data: { part: view }, text: language.say(`part_${view}`) }),
      ),
    );
    byId("own-security").setAttribute("href", this.href({ view: "security" }));
    nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Draws the part that is looked at; `false` where the look is no part of the office. */
  show(language) {
    const { look } = this;
    if (!OFFICE_VIEWS.has(look.view)) {
      this.#leavePart();
      return false;
    }
    const name = look.filters[ONE[look.view]] ? ONE[look.view] : look.view;
    const allowed = maySee(this.role, look.view);
    const looked = JSON.stringify(look.filters);
    // Whoever came by a link or the browser's own buttons finds the filters' controls as the address says.
    if (looked !== this.#looked && look !== this.#ownLook && this.#looked) this.#looked = this.#built = " ";
    const built = [name, look.filters[ONE[look.view]] ?? "", language.name, this.role, allowed].join();
    if (built !== this.#built) {
      byId("office").dataset.part = allowed ? name : "denied";
      this.#build(allowed ? this.#parts[name] : null, language, built);
    }
    if (!this.#part) return true;
    if (name === look.view) this.#lists[look.view] = look.filters;
    if (looked !== this.#looked) {
      this.#looked = looked;
      this.#part.look(look);
    }
    if (this.#placesShown !== this.placesRevision) {
      this.#placesShown = this.placesRevision;
      this.#part.placesChanged?.(look);
    }
    this.#part.show();
    if (this.#arrived) byId("office-title")?.focus({ preventScroll: true });
    this.#arrived = false;
    return true;
  }

  /** Moves among the rows that show: 1 is the next, -1 the one before. */
  step(by) {
    const links = [...document.querySelectorAll("#office table.list tbody th a")];
    if (links.length === 0) return;
    const at = links.indexOf(document.activeElement);
    links[at === -1 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))].focus();
  }

  #leavePart() {
    if (!this.#built) return;
    this.#part?.leave?.();
    this.#part = null;
    this.#built = this.#looked = "";
    byId("office-body").replaceChildren();
  }

  #build(part, language, built) {
    const moved = this.#built !== "" && language === this.language;
    if (part !== this.#part) this.#part?.leave?.();
    this.language = language;
    this.#part = part;
    this.#built = built;
    this.#looked = "";
    this.#placesShown = -1;
    const denied = () => [element("h1", { id: "office-title", tabindex: -1, text: language.say("part_denied_title") }), element("p", { class: "muted", text: language.say("part_denied_text") })];
    byId("office-body").replaceChildren(...(part ? part.build() : denied()));
    window.scrollTo(0, 0);
    this.#arrived = moved;
  }
}
