/**
 * Who is signed in. The access token lives in this object alone: never in the address, never in storage.
 * What survives a reload is the hub's HttpOnly cookie, which `resume` turns into a new token.
 */

/** The hub won't have us: sign in (again). */
export class SessionEnded extends Error {}

/** Nothing is wrong with the person; the hub can't be reached or can't answer now. */
export class Unreachable extends Error {}

/** The hub read the sign-in and said no. `reason`: credentials | code_needed | throttled | forbidden. */
export class SignInRefused extends Error {
  constructor(reason, retryAfterSeconds = null) {
    super(reason);
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

const EARLY_MS = 30_000;

export class Session {
  #fetch;
  #now;
  #token = null;
  #expiresAt = 0;
  #renewing = null;

  constructor({ fetch = (...args) => globalThis.fetch(...args), now = Date.now } = {}) {
    this.#fetch = fetch;
    this.#now = now;
  }

  get signedIn() {
    return this.#token !== null;
  }

  /** @param {{username: string, password: string, totp?: string}} credentials */
  async signIn(credentials) {
    const body = Object.fromEntries(Object.entries(credentials).filter(([, value]) => value));
    const answer = await this.#post("/api/login", body);
    if (answer.status === 429) {
      throw new SignInRefused("throttled", Number(answer.headers.get("Retry-After")) || null);
    }
    if (answer.status === 403) throw new SignInRefused("forbidden");
    if (answer.status >= 500) throw new Unreachable(`HTTP ${answer.status}`);
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({}));
      const wantsCode = /totp|one.?time/i.test(`${problem.code ?? ""} ${problem.type ?? ""} ${problem.detail ?? ""}`);
      throw new SignInRefused(wantsCode ? "code_needed" : "credentials");
    }
    this.#keep(await answer.json());
  }

  /** Turns the cookie into a token. Raises SessionEnded without one, Unreachable when the hub is away. */
  resume() {
    return this.#renew();
  }

  /** A token that still holds for a while; `renew` asks for a younger one in any case. */
  async token({ renew = false } = {}) {
    if (renew || this.#token === null || this.#now() > this.#expiresAt - EARLY_MS) await this.#renew();
    return this.#token;
  }

  /** Forgets the token at once; the hub ends the family if it can be reached. */
  async signOut() {
    this.#token = null;
    await this.#post("/api/token/logout", null).catch(() => {});
  }

  // One renewal at a time: the cookie rotates, and two askers get the one successor.
  #renew() {
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #renewOnce() {
    const answer = await this.#post("/api/token/refresh", null);
    if (answer.ok) {
      this.#keep(await answer.json());
    } else if (answer.status === 429 || answer.status >= 500) {
      throw new Unreachable(`HTTP ${answer.status}`);
    } else {
      this.#token = null;
      throw new SessionEnded(`HTTP ${answer.status}`);
    }
  }

  #keep({ access_token: token, expires_in: expiresInSeconds }) {
    this.#token = token;
    this.#expiresAt = this.#now() + expiresInSeconds * 1000;
  }

  async #post(path, body) {
    try {
      return await this.#fetch(path, {
        method: "POST",
        credentials: "same-origin",
        cache: "no-store",
        headers: body ? { "Content-Type": "application/json" } : {},
        body: body ? JSON.stringify(body) : undefined,
      });
    } catch (problem) {
      throw new Unreachable(String(problem));
    }
  }
}
