/** The door: name, password, a one-time code where it is asked for. */
import { byId } from "./elements.js";
import { SignInRefused } from "./session.js";

export class SignInView {
  #language;
  #problem = null;
  #busy = false;

  /** @param {(credentials: object) => Promise<void>} signIn rejects with SignInRefused or Unreachable. */
  constructor(signIn) {
    byId("totp-show").addEventListener("click", () => this.#askForCode());
    byId("sign-in-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      if (this.#busy) return;
      this.#setBusy(true);
      this.#tell(null);
      const value = (id) => byId(id).value;
      try {
        await signIn({ username: value("username").trim(), password: value("password"), totp: value("totp").trim() });
        this.#forget();
      } catch (problem) {
        this.#refused(problem);
      } finally {
        this.#setBusy(false);
      }
    });
  }

  /** @param {{key: string, values?: object}|null} notice why someone who was signed in stands here again. */
  show(language, notice = this.#problem) {
    this.#language = language;
    byId("sign-in-button").textContent = language.say(this.#busy ? "signing_in" : "sign_in");
    this.#tell(notice);
  }

  focus() {
    byId(byId("username").value ? "password" : "username").focus();
  }

  #refused(problem) {
    if (!(problem instanceof SignInRefused)) return this.#tell({ key: "refused_unreachable" });
    if (problem.reason === "code_needed") this.#askForCode();
    const count = problem.retryAfterSeconds;
    if (problem.reason === "throttled" && count) this.#tell({ key: "refused_throttled_for", values: { count } });
    else this.#tell({ key: `refused_${problem.reason}` });
    if (problem.reason === "credentials") {
      byId("password").value = "";
      byId("password").focus();
    }
  }

  #askForCode() {
    byId("totp-field").hidden = false;
    byId("totp-show").hidden = true;
    byId("totp").focus();
  }

  #tell(notice) {
    this.#problem = notice;
    const line = byId("sign-in-problem");
    line.hidden = !notice;
    line.textContent = notice ? this.#language.say(notice.key, notice.values) : "";
    for (const id of ["username", "password"]) byId(id).setAttribute("aria-invalid", String(Boolean(notice)));
  }

  #setBusy(busy) {
    this.#busy = busy;
    byId("sign-in-button").disabled = busy;
    byId("sign-in-button").textContent = this.#language.say(busy ? "signing_in" : "sign_in");
  }

  // A password doesn't wait in a hidden form for the next person.
  #forget() {
    for (const id of ["password", "totp"]) byId(id).value = "";
    byId("totp-field").hidden = true;
    byId("totp-show").hidden = false;
  }
}
