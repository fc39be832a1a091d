/** One's own account: password, second factor, sessions. For everybody who signs in. */
import { element } from "../elements.js";
import { factorSecret } from "./accounts.js";
import { ask } from "./dialogs.js";
import { ownPasswordField, passwordField, textField } from "./fields.js";
import { SECOND_FACTOR_ROLES } from "./permissions.js";
import { button, partHead } from "./pieces.js";
import { qrDrawing } from "./qr_view.js";
import { SessionsBlock } from "./sessions.js";

const LEAST_PASSWORD = 12;

export class SecurityPart {
  #office;
  #sessions;

  constructor(office) {
    this.#office = office;
  }

  build() {
    const { language, role } = this.#office;
    const say = (key) => language.say(key);
    this.#sessions = new SessionsBlock(this.#office, null, (session) => session.current && this.#office.signOut());
    const factor = [button(say("factor_begin"), () => this.#beginFactor())];
    if (!SECOND_FACTOR_ROLES.includes(role)) factor.push(button(say("factor_remove"), () => this.#removeFactor(), "quiet danger-text"));
    return [
      partHead({ title: say("own_security") }),
      element(
        "div",
        { class: "one" },
        block(say("password"), say("own_password_text"), [button(say("password_change"), () => this.#changePassword())]),
        block(say("second_factor"), say(SECOND_FACTOR_ROLES.includes(role) ? "own_factor_needed" : "own_factor_text"), factor),
        this.#sessions.node,
      ),
    ];
  }

  look() {
    this.#sessions.refresh();
  }

  refresh() {
    return this.#sessions.refresh();
  }

  show() {
    this.#sessions.show();
  }

  #changePassword() {
    const { language } = this.#office;
    const say = (key, values) => language.say(key, values);
    const wanted = passwordField({ name: "new", label: say("password_new"), hint: say("password_new_hint", { count: LEAST_PASSWORD }), required: true });
    const repeated = passwordField({ name: "repeated", label: say("password_repeat"), required: true });
    ask(this.#office, {
      title: say("password_change"),
      text: say("password_change_text"),
      fields: [ownPasswordField({ name: "current", label: say("password_current") }), wanted, repeated],
      action: say("password_change"),
      command: (values) => {
        if (values.new.length < LEAST_PASSWORD) return wanted.fault(say("fault_invalid_new")), wanted.focus(), null;
        if (values.new !== values.repeated) return repeated.fault(say("password_differs")), repeated.focus(), null;
        return { type: "password.change", current: values.current, new: values.new };
      },
      done: () => {
        this.#office.toast(say("password_is_changed"));
        this.refresh();
      },
    });
  }

  /** The new secret is shown where its first code is typed in: until then the old one serves. */
  #beginFactor() {
    const { language } = this.#office;
    const say = (key) => language.say(key);
    ask(this.#office, {
      title: say("factor_begin"),
      text: say("factor_begin_text"),
      fields: [ownPasswordField({ name: "password", label: say("password_current") })],
      action: say("go_on"),
      command: ({ password }) => ({ type: "totp.begin", password }),
      done: ({ totp_uri: uri }) => (uri ? this.#confirmFactor(uri) : this.#office.toast(say("secret_lost"))),
    });
  }

  #confirmFactor(uri) {
    const { language } = this.#office;
    const say = (key, values) => language.say(key, values);
    const { shown, label } = factorSecret(language, uri);
    const picture = element("div", { class: "secret-block" }, qrDrawing(uri, say("qr_of", { what: label })), element("code", { class: "secret", text: shown }));
    ask(this.#office, {
      title: say("factor_scan"),
      text: say("factor_scan_text"),
      above: [picture],
      fields: [textField({ name: "code", label: say("totp"), inputmode: "numeric", autocomplete: "one-time-code", maxlength: 12, required: true })],
      action: say("confirm"),
      command: ({ code }) => ({ type: "totp.confirm", code }),
      done: () => this.#office.toast(say("factor_is_set")),
    });
  }

  #removeFactor() {
    const { language } = this.#office;
    const say = (key) => language.say(key);
    ask(this.#office, {
      title: say("factor_remove"),
      text: say("factor_remove_text"),
      fields: [
        ownPasswordField({ name: "password", label: say("password_current") }),
        textField({ name: "code", label: say("totp"), inputmode: "numeric", autocomplete: "one-time-code", maxlength: 12, required: true }),
      ],
      action: say("factor_remove"),
      danger: true,
      command: ({ password, code }) => ({ type: "totp.remove", password, code }),
      done: () => this.#office.toast(say("factor_is_removed")),
    });
  }
}

function block(title, text, actions) {
  return element("section", { class: "card block", "aria-label": title }, element("header", {}, element("h2", { text: title }), ...actions), element("p", { class: "muted", text }));
}
