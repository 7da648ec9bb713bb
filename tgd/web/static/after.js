// What the pages for afterwards (report, statistics) have in common: the session, the language
// and reading. Nothing is shown before somebody has logged in.

import { $, say } from "./dom.js";
import { away, refused } from "./agency.js";
import { keyed } from "./keyed.js";
import { Refusal, logIn, logOut, session } from "./api.js";
import { own } from "./own.js";
import { preferred, speak, t } from "./texts.js";

const READ_MS = 15000;
const LONG_MS = 120000; // a whole case is read, sealed and packed

let csrf = null;

export const read = (path) => call(path, {});

export const send = (path, body) => keyed(path, body, (key) => call(path, {
  method: "POST", body: JSON.stringify(body),
  headers: { ...key, "Content-Type": "application/json", "X-CSRF-Token": csrf },
}));

// A file that an act answers with.
export const fetched = (path, body) => call(path, {
  method: "POST", body: JSON.stringify(body),
  headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
}, LONG_MS);

export const end = (path) => call(path, { method: "DELETE", headers: { "X-CSRF-Token": csrf } });

async function call(path, how, limit = READ_MS) {
  let answered, value;
  try {
    answered = await fetch("/api/v1/" + path, {
      ...how, credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(limit),
    });
    const json = answered.headers.get("Content-Type")?.includes("json");
    value = answered.status === 204 ? null : json ? await answered.json() : await answered.blob();
  } catch {
    throw new Refusal(0, "network", "");
  }
  if (!answered.ok) throw Object.assign(new Refusal(answered.status, value.code, value.detail), { more: value });
  return value;
}

// Shows the page: `catalogue` names its texts, `show(language, latest)` reads and shows what it is
// for; `latest()` says whether nothing was asked for since.
export class Page {
  constructor(catalogue, show) {
    this.catalogue = catalogue;
    this.show = show;
    this.asked = 0;
    this.language = preferred();
    $("language").addEventListener("click", () => this.turn());
    $("leave").addEventListener("click", () => this.leave());
    $("login").addEventListener("submit", (event) => this.enter(event));
  }

  async start() {
    await this.speak();
    try {
      this.inside(await session());
    } catch (error) {
      const code = refused();
      this.outside(code && error.status === 401 ? new Refusal(401, code, code) : error);
    }
  }

  async speak() {
    await speak(this.catalogue, this.language, $("language"));
  }

  async turn() {
    this.language = $("language").lang;
    await this.speak();
    if ($("login").hidden) await this.again();
  }

  inside(who) {
    csrf = who.csrf;
    this.role = who.role;
    say($("who"), who.username);
    own($("who"));
    $("login").hidden = true;
    $("leave").hidden = false;
    this.again();
  }

  outside(error) {
    if (!(error instanceof Refusal)) throw error;
    const first = error.code === "unauthenticated";
    this.tell(first ? null : error);
    document.body.classList.toggle("out", true);
    $("leave").hidden = true;
    $("login").hidden = false;
    $("login").elements.username.focus();
  }

  async again() {
    const asked = ++this.asked;
    const latest = () => asked === this.asked;
    try {
      await this.show(this.language, latest);
      document.body.classList.toggle("out", false);
      if (latest()) this.tell(null);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (!latest()) return;
      if (error.status === 401) this.outside(error);
      else this.tell(error);
    }
  }

  // Does an act once, whatever is clicked meanwhile; what is refused is said and nothing is lost.
  async act(button, doing) {
    if (button.disabled) return;
    button.disabled = true;
    try {
      await doing();
      this.tell(null);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.status === 401) this.outside(error);
      else this.tell(error);
    } finally {
      button.disabled = false;
    }
  }

  tell(error) {
    $("wrong").hidden = error === null;
    if (error) say($("wrong"), t("error", error.code) === error.code ? error.message : t("error", error.code));
  }

  async enter(event) {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData($("login")));
    if (!fields.totp) delete fields.totp;
    try {
      this.inside(await logIn(fields));
      $("login").reset();
    } catch (error) {
      this.outside(error);
    }
  }

  async leave() {
    try {
      if (away(await logOut())) return;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
    location.reload();
  }
}
