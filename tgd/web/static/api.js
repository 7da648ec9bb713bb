// The server as the console sees it: the session, what is read, what is done, and the hints.
// The stream only hints; whatever is shown was read from /alerts, and its age is known.

const API = "/api/v1/";
const READ_MS = 3000;
const ACT_MS = 8000;
const EVERY_MS = 2000;
const PRESENT_MS = 4000;

export class Refusal extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

let csrf = null;

async function call(method, path, body, limit, cache = "no-store") {
  const headers = {};
  if (csrf && method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response, answer;
  try {
    response = await fetch(API + path, {
      method, headers, credentials: "same-origin", cache,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(limit),
    });
    answer = response.status === 204 ? null : await response.json();
  } catch {
    throw new Refusal(0, "network", "");
  }
  if (!response.ok) throw new Refusal(response.status, answer.code, answer.detail);
  return answer;
}

export async function session() {
  const found = await call("GET", "session", undefined, READ_MS);
  csrf = found.csrf;
  return found;
}

export async function logIn(fields) {
  const found = await call("POST", "session", fields, ACT_MS);
  csrf = found.csrf;
  return found;
}

export async function logOut() {
  await call("DELETE", "session", undefined, ACT_MS);
  csrf = null;
}

export const act = (id, what, body) => call("POST", `alerts/${id}/${what}`, body, ACT_MS);
export const send = (path, body) => call("POST", path, body, ACT_MS);
export const read = (path) => call("GET", path, undefined, READ_MS);
// What never changes under its address.
export const kept = (path) => call("GET", path, undefined, ACT_MS, "default");
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

// Re-reads the open alerts, who is there, and where the phone of the one looked at is, at every hint and every
// two seconds. None waits for another: addresses may take a moment.
export class Reader {
  constructor({ read, located, present, ended }) {
    this.onRead = read;
    this.onLocated = located;
    this.onPresent = present;
    this.onEnded = ended;
    this.lastOk = Date.now(); // nothing read yet: as old as this page's login
    this.id = null;
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
    this.stream.addEventListener("alerts", () => this.read());
    this.stream.addEventListener("open", () => this.who.run());
    this.stream.addEventListener("error", () => {
      // An answer that is no stream (the server restarts, the session ended) is not retried
      // by the browser: this is.
      if (this.stream.readyState === EventSource.CLOSED && !this.stopped) {
        setTimeout(() => this.stopped || this.listen(), 2000);
      }
      this.read();
    });
  }

  // Has the alert looked at; where its phone is is read from now on.
  look(id) {
    if (id === this.id) return;
    this.id = id;
    this.where.run();
  }

  read() {
    this.alerts.run();
    this.where.run();
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
    const asked = Date.now();
    const path = `alerts?status=open&since=${this.since}`;
    const page = await call("GET", path, undefined, READ_MS);
    if (this.stopped) return;
    this.lastOk = Date.now();
    this.since = page.since;
    if (page.all) this.open.clear();
    for (const id of page.gone) this.open.delete(id);
    for (const one of page.items) this.open.set(one.id, { ...one, read_at: page.now });
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
    if (!this.stopped && id === this.id) this.onLocated(id, found);
  }
}
