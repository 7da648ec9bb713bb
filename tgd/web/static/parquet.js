// The prosecutor's page. It reads the register again every few seconds and says when it is old; a
// view is named by the address, so that going back works. Acts say what they did, or what refused them.

import { $, say } from "./dom.js";
import { Refusal } from "./api.js";
import { Page, read } from "./after.js";
import * as asking from "./asking.js";
import * as bound from "./bound.js";
import { hour } from "./dates.js";
import * as dossier from "./dossier.js";
import * as enrolling from "./enrolling.js";
import * as finding from "./finding.js";
import * as following from "./following.js";
import * as glance from "./glance.js";
import * as holding from "./holding.js";
import * as steering from "./steering.js";
import * as stocking from "./stocking.js";
import { known } from "./keyed.js";
import { t } from "./texts.js";

const TICK_MS = 2000;
const EVERY_MS = 6000;
const STALE_MS = 20000;
const VIEWS = ["glance", "phone", "file", "request", "stock", "bound", "find", "figures", "people"];
const OF_ASSOCIATIONS = ["people", "file"];
const OF_OFFICE = VIEWS.filter((one) => one !== "people");
const OF_REQUESTS = ["request", "release"];

class Office extends Page {
  constructor() {
    super("parquet", () => this.shown());
    this.found = null;
    this.readAt = null;
    this.reading = false;
    this.line = Promise.resolve();
    addEventListener("hashchange", () => this.turned());
    $("print").addEventListener("click", () => window.print());
    $("office").addEventListener("click", (event) => event.target.closest("a") && this.quiet());
    setInterval(() => this.tick(), TICK_MS);
  }

  // Reads everything the views rest on; the page is as old as the start of its last good reading.
  async read() {
    const began = Date.now();
    const asked = performance.now();
    const found = this.role === "association" ? await this.people() : await this.register();
    found.now = Date.parse(found.now) + (Date.now() - began) / 2;
    [this.found, this.readAt] = [found, began];
    known(asked);
  }

  async people() {
    const { items, now } = await read("people");
    return { people: items, now };
  }

  async register() {
    const [phones, requests, releases, tribunals] = await Promise.all(
      ["devices?limit=500", "requests?limit=500", "releases", "tribunals"].map(read));
    return { phones: phones.items, requests: requests.items, releases: releases.items, tribunals: tribunals.items, now: phones.now };
  }

  async shown() {
    this.forget();
    await this.refresh();
    this.arrived();
  }

  // In another language: drawn at once out of what was read, so that no form is made anew later, under
  // somebody's click.
  async turn() {
    if (this.found === null) {
      await super.turn();
      return;
    }
    this.language = $("language").lang;
    await this.speak();
    this.tell(null);
    this.forget();
    await this.guarded(() => this.draw());
  }

  // One after the other: what is drawn last is what was read last.
  refresh() {
    const doing = async () => {
      await this.read();
      await this.draw();
    };
    this.line = this.line.then(doing, doing);
    return this.line;
  }

  forget() {
    for (const one of [asking, bound, holding, steering, stocking]) one.forget();
  }

  async draw() {
    const [view, id, act] = location.hash.slice(1).split("/").map(decodeURIComponent);
    const office = this.role !== "association";
    const [allowed, first] = office ? [OF_OFFICE, "glance"] : [OF_ASSOCIATIONS, "people"];
    const name = OF_REQUESTS.includes(view) && office ? "request" : allowed.includes(view) ? view : first;
    if (name === "people") following.draw(this.found);
    else if (name === "file") await dossier.draw(this, this.found, id);
    else if (name === "bound") await bound.draw(this, this.found);
    else if (name === "find") await finding.draw(this);
    else if (name === "stock") stocking.draw(this, this.found);
    else if (name === "phone") await holding.draw(this, this.found, id, act);
    else if (view === "release") asking.drawRelease(this, this.found, id);
    else if (name === "request") await asking.draw(this, this.found, id);
    else if (name === "figures") await steering.draw();
    else glance.draw(this, this.found);
    for (const one of VIEWS) $(one).hidden = one !== name;
    $("ways").hidden = !office;
    $("ways").querySelector("[href='#find']").hidden = this.role !== "prosecutor";
    for (const one of $("ways").querySelectorAll("a")) {
      if (one.getAttribute("href") === (location.hash || "#")) one.setAttribute("aria-current", "page");
      else one.removeAttribute("aria-current");
    }
    $("office").hidden = $("print").hidden = false;
    const [court] = office && this.found.tribunals.length === 1 ? this.found.tribunals : [null];
    say($("place"), court ? court.name : t("title"));
    const heading = name === "file" ? t("file_view") : $(`${name}-title`).textContent; // no name in the browser's history
    document.title = `${heading} — ${t("title")}`;
    this.age();
  }

  arrived() {
    const shown = VIEWS.find((one) => !$(one).hidden);
    // An act that was asked for has the focus, where it is one that unfolds.
    const acting = location.hash.split("/")[2] && $(shown).contains(document.activeElement);
    if (!acting) $(`${shown}-title`).focus();
  }

  // Another view: drawn at once out of what was read, then read anew.
  async turned() {
    if (this.found === null) return;
    this.tell(null);
    this.forget();
    dossier.forget();
    finding.forget();
    enrolling.hide();
    await this.guarded(() => this.draw());
    this.arrived();
    scrollTo(0, 0);
    await this.guarded(() => this.refresh());
  }

  async guarded(doing) {
    try {
      await doing();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.status === 401) this.outside(error);
      else if (error.status) this.tell(error);
    }
    this.age();
  }

  async tick() {
    if (this.found === null || !$("login").hidden) return;
    this.age();
    const due = Date.now() - this.readAt >= EVERY_MS || holding.watching();
    if (!due || this.reading || document.hidden) return;
    this.reading = true;
    await this.guarded(() => this.refresh());
    this.reading = false;
  }

  age() {
    if (this.readAt === null) return;
    const stale = Date.now() - this.readAt > STALE_MS;
    document.body.classList.toggle("stale", stale);
    $("lost").hidden = !stale;
    if (stale) say($("lost"), t("lost", { at: hour(this.readAt) }));
    say($("fresh"), t("read_at", { at: hour(this.readAt) }));
  }

  // An act is done: said, and shown as it is now. `where` leads on.
  async done(what, where = null) {
    if (where !== null && where !== location.hash) {
      this.forget();
      await this.read();
      location.hash = where;
    } else {
      await this.refresh();
    }
    $("said").hidden = false;
    say($("said"), t("done", what));
    if (document.activeElement === document.body) $("said").focus(); // the act's own button is gone
  }

  quiet() {
    $("said").hidden = true;
    say($("said"), "");
  }

  outside(error) {
    this.found = null;
    this.quiet();
    this.forget();
    dossier.forget();
    finding.forget();
    enrolling.hide();
    for (const id of ["request-body", "acts", "cases", "steps-part", "stock-body", "bound-list", "bound-new"]) $(id).replaceChildren(); // nobody else finds what was typed
    super.outside(error);
  }

  tell(error) {
    super.tell(error);
    const more = error?.more ?? {};
    if (more.code === "invalid") say($("wrong"), t("invalid_field", { field: t("field", more.field.split(".").pop()) }));
    if (more.missing) say($("wrong"), t("lacks", { what: more.missing.map((one) => t("missing", one)).join(", ") }));
    if (more.request) say($("wrong"), t("waits_now", { n: more.request.place, why: t("waits_short", more.code) }));
    if (error) this.quiet();
  }
}

const page = new Office();
steering.prepare(page);
enrolling.prepare();
page.start();
