// The server as the console sees it: the session, what is read, what is done, and the hints.
// The stream only hints; whatever is shown was read from /alerts, and its age is known.

import { keyed, known } from "./keyed.js";

const API = "/api/v1/";
const READ_MS = 3000;
const ACT_MS = 8000;
const EVERY_MS = 2000;
const WHERE_MS = 10_000; // whatever changes where her phone is also changes the alert: then at once
const PRESENT_MS = 4000;
const PATIENCE_MS = 12000; // of a slow line: old data, and said to be old, is better than none

export class Refusal extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

let csrf = null;
let name = null; // whose session this page has
let readAt = null; // when what this page shows was read, by the server's clock
let acted = 0; // how many acts were answered
export const server = { version: null }; // what it serves now; this page may be older

// The session of a browser is all its windows': where another was opened meanwhile, this page's
// token fits no longer. It goes on if it is the same person's, and never as somebody else.
async function call(method, path, ...more) {
  try {
    return await ask(method, path, ...more);
  } catch (refusal) {
    if (refusal.code !== "csrf" || name === null) throw refusal;
    csrf = null;
    const found = await ask("GET", "session", undefined, READ_MS);
    if (found.username !== name) throw new Refusal(401, "another_person", "");
    csrf = found.csrf;
    return ask(method, path, ...more);
  }
}

async function ask(method, path, body, limit, { cache = "no-store", headers: given = {} } = {}) {
  const headers = { ...given };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response, answer;
  try {
    response = await fetch(API + path, {
      method, headers, credentials: "same-origin", cache,
      keepalive: method !== "GET", // what was decided leaves even if the page is closed
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(limit),
    });
    server.version = response.headers.get("Tgd-Version") ?? server.version;
    answer = response.status === 204 ? null : await response.json();
  } catch {
    throw new Refusal(0, "network", "");
  }
  if (!response.ok) throw new Refusal(response.status, answer.code, answer.detail);
  return answer;
}

function mine(found) {
  [csrf, name, readAt] = [found.csrf, found.username, null];
  return found;
}

export async function session() {
  [csrf, name] = [null, null];
  return mine(await ask("GET", "session", undefined, READ_MS));
}

export async function logIn(fields) {
  [csrf, name] = [null, null];
  return mine(await ask("POST", "session", fields, ACT_MS));
}

export async function logOut() {
  const ended = await call("DELETE", "session", undefined, ACT_MS);
  [csrf, name] = [null, null];
  return ended;
}

export const send = (path, body) => keyed(path, body, async (key) => {
  const headers = readAt === null ? key : { ...key, "Tgd-Read-At": readAt };
  const answer = await call("POST", path, body, ACT_MS, { headers });
  acted += 1;
  return answer;
});
export const act = (id, what, body) => send(`alerts/${id}/${what}`, body);
export const read = (path) => call("GET", path, undefined, READ_MS);
// What never changes under its address.
export const kept = (path) => call("GET", path, undefined, ACT_MS, { cache: "default" });
export const one = (id) => call("GET", `alerts/${id}`, undefined, READ_MS);

// Does a reading whenever it is told to: one at a time, and once more if it was told meanwhile.
class Repeated {
  constructor(task) {
    this.task = task;
    this.running = false;
    this.again = false;
  }

  async run() {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    try {
      do {
        this.again = false;
        await this.task();
      } while (this.again);
    } finally {
      this.running = false;
    }
  }
}

// Re-reads the open alerts at every hint and every two seconds; where the phone of the one looked at
// is when that alert has changed and every ten; who is there every four. None waits for another:
// addresses may take a moment.
export class Reader {
  constructor({ read, located, present, ended }) {
    this.onRead = read;
    this.onLocated = located;
    this.onPresent = present;
    this.onEnded = ended;
    this.ok(); // nothing read yet: as old as this page's login
    this.patience = READ_MS;
    this.id = null;
    this.locatedAt = -Infinity;
    this.open = new Map(); // the open alerts, as of the reading `since`
    this.since = "";
    this.alerts = new Repeated(() => this.guarded(() => this.readAlerts()));
    this.where = new Repeated(() => this.guarded(() => this.readWhere()));
    this.who = new Repeated(() => this.guarded(() => this.readPresence()));
    this.stopped = false;
    this.timers = [
      setInterval(() => this.read(), EVERY_MS),
      setInterval(() => this.who.run(), PRESENT_MS),
    ];
    this.listen();
    this.read();
    this.who.run();
  }

  stop() {
    this.stopped = true;
    this.timers.forEach(clearInterval);
    this.stream.close();
  }

  listen() {
    this.stream = new EventSource(API + "stream");
    this.stream.addEventListener("alerts", () => this.alerts.run());
    this.stream.addEventListener("open", () => this.who.run());
    // Asked whether this page is still there. Timers of a hidden page run once a minute: not this.
    this.stream.addEventListener("here", () => {
      this.who.run();
      if (this.age() > EVERY_MS) this.read();
    });
    this.stream.addEventListener("error", () => {
      // An answer that is no stream (the server restarts, the session ended) is not retried
      // by the browser: this is.
      if (this.stream.readyState === EventSource.CLOSED && !this.stopped) {
        setTimeout(() => this.stopped || this.listen(), 2000);
      }
      this.read();
    });
  }

  ok() {
    [this.lastOk, this.lastTick, this.doubted] = [Date.now(), performance.now(), false];
  }

  // How old what was read is: by the clock that may be set, or by the one that may sleep.
  age() {
    return Math.max(Date.now() - this.lastOk, performance.now() - this.lastTick);
  }

  // The machine slept, or its clock was set: nobody knows how old it is until it is read again.
  doubt() {
    this.doubted = true;
    this.read();
  }

  // Has the alert looked at; where its phone is is read from now on.
  look(id) {
    if (id === this.id) return;
    this.id = id;
    this.locate();
  }

  // Asks where the phone is, and again every two seconds until it is known.
  locate() {
    this.locatedAt = -Infinity;
    this.where.run();
  }

  read() {
    this.alerts.run();
    if (performance.now() - this.locatedAt > WHERE_MS) this.where.run();
  }

  async guarded(reading) {
    try {
      await reading();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (!this.stopped && (error.status === 401 || error.status === 403)) this.onEnded(error);
    }
  }

  // Only what has changed since the last reading is sent; `all` says that it is everything.
  async readAlerts() {
    const [asked, began, before] = [Date.now(), performance.now(), acted];
    let page;
    try {
      page = await call("GET", `alerts?status=open&since=${this.since}`, undefined, this.patience);
      this.patience = Math.max(READ_MS, Math.min(2 * (performance.now() - began), PATIENCE_MS));
    } catch (refusal) {
      this.patience = Math.min(2 * this.patience, PATIENCE_MS);
      throw refusal;
    }
    if (this.stopped) return;
    if (acted !== before) { // it may tell of what was before the act: asked for again
      this.alerts.again = true;
      return;
    }
    known(began);
    readAt = page.now;
    this.ok();
    this.since = page.since;
    if (page.all) this.open.clear();
    for (const id of page.gone) this.open.delete(id);
    for (const one of page.items) this.open.set(one.id, { ...one, read_at: page.now });
    if (page.items.some((one) => one.id === this.id)) this.locate();
    this.onRead([...this.open.values()], Date.parse(page.now) - (asked + this.lastOk) / 2);
  }

  async readPresence() {
    const found = await call("GET", "presence", undefined, READ_MS);
    if (!this.stopped) this.onPresent(found.items);
  }

  async readWhere() {
    const id = this.id;
    if (id === null) return;
    const found = await call("GET", `alerts/${id}/whereabouts`, undefined, READ_MS);
    if (this.stopped || id !== this.id) return;
    this.locatedAt = performance.now();
    this.onLocated(id, found);
  }
}
