/** Live sessions, one's own or an account's, and how to end one. */
import { element } from "../elements.js";
import { clientName } from "./client_name.js";
import { ask } from "./dialogs.js";
import { Listing } from "./listing.js";
import { ListFrame, Table, button, chip } from "./pieces.js";

export class SessionsBlock {
  #office;
  #onEnded;
  #frame;
  #listing;

  /** @param {string|null} accountId null: one's own. @param {(session: object) => void} onEnded */
  constructor(office, accountId, onEnded) {
    this.#office = office;
    this.#listing = new Listing({ read: office.read, command: () => ({ type: "session.list", account_id: accountId }), onChange: office.redraw });
    this.#onEnded = onEnded;
    const { language } = office;
    const say = (key) => language.say(key);
    const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
    const moment = (text) => language.moment(Date.parse(text), zone, office.now());
    const table = new Table({
      label: say("sessions"),
      key: (session) => session.session_id,
      columns: [
        { label: say("session_began"), cell: (session) => moment(session.began_at), class: "when" },
        { label: say("session_seen"), cell: (session) => moment(session.renewed_at), class: "when" },
        { label: say("session_from"), cell: (session) => origin(session) },
        { label: say("state"), cell: (session) => (session.current ? chip("good", say("session_current"), "in") : "") },
        { label: say("actions"), class: "acts", cell: (session) => element("div", { class: "row-acts" }, button(say("session_end"), () => this.#end(session), "danger-text")) },
      ],
    });
    this.#frame = new ListFrame({ language, table, empty: () => say("sessions_empty"), onMore: () => this.#listing.more(), onAgain: () => this.refresh() });
    this.node = element("section", { class: "card block", "aria-label": say("sessions") }, element("header", {}, element("h2", { text: say("sessions") })), this.#frame.node);
  }

  refresh() {
    return this.#listing.items === null ? this.#listing.load({}) : this.#listing.refresh();
  }

  show() {
    this.#frame.show(this.#listing);
  }

  #end(session) {
    const { language } = this.#office;
    ask(this.#office, {
      title: language.say("session_end_title"),
      text: language.say(session.current ? "session_end_own_text" : "session_end_text"),
      action: language.say("session_end"),
      danger: true,
      command: () => ({ type: "session.revoke", session_id: session.session_id }),
      done: () => {
        this.refresh();
        this.#onEnded(session);
      },
    });
  }
}

function origin({ address, client }) {
  const text = [address, clientName(client)].filter(Boolean).join(" · ") || "—";
  return element("span", { title: client, text });
}
