// What is new about an alert since its holder last said "seen": a further press, a word from a room,
// a call that turned red, a note, a lost phone. It raises the alert again until it is seen.

import { holder } from "./duty.js";
import { roomName } from "./rooms.js";
import { clock, t } from "./texts.js";

// Every fact of an alert that would be news, under a key that is the fact's own.
function facts(alert) {
  const found = new Map([[`press ${alert.last_press}`, () =>
    t("fact_press", { time: clock(alert.last_press_at) })]]);
  if (alert.verdict === "forwarded") {
    found.set(`forwarded ${alert.reason}`, () =>
      t("fact_forwarded", { why: t("reason", alert.reason) }));
  }
  const who = holder(alert);
  if (who !== null) found.set(`held ${who}`, () => t("fact_taken", { who }));
  if (alert.contact_lost_at) found.set(`lost ${alert.contact_lost_at}`, () => t("fact_lost"));
  if (alert.released_at) {
    found.set(`free ${alert.released_at}`, () => t("fact_released", { who: alert.answered_by }));
  }
  for (const task of alert.tasks.filter((one) => one.red)) {
    found.set(`task ${task.id}`, () =>
      t("fact_call", { what: t("about", task.about.split(":")[0]), room: roomName(task.room ?? "") }));
  }
  for (const one of alert.dispatches) {
    if (one.acknowledged_at) {
      found.set(`acknowledged ${one.id} ${one.acknowledged_at}`, () =>
        t("fact_acknowledged", { room: roomName(one.room ?? ""), who: roomName(one.acknowledged_by) }));
    }
    if (one.state === "engaged" || one.state === "on_scene") {
      found.set(`${one.state} ${one.id}`, () =>
        t("fact_patrol", { room: roomName(one.room ?? ""), what: t("ladder", one.state) }));
    }
  }
  const closing = alert.deadlines.find((one) => one.name === "closing");
  if (closing) {
    found.set(`closing ${closing.due_at}`, () => t("fact_closing", { time: clock(closing.due_at) }));
  }
  if (alert.last_note) {
    const { at, by } = alert.last_note;
    found.set(`note ${at} ${by}`, () => t("fact_note", { who: by, time: clock(at) }));
  }
  for (const id of alert.linked) found.set(`linked ${id}`, () => t("fact_linked"));
  return found;
}

const has = (alert) => ({ holder: holder(alert), offered: alert.offered_to });

export class News {
  constructor() {
    this.known = null; // by alert: the keys of what was known
    this.held = new Map(); // by alert: who had it, and to whom it was offered
    this.fresh = new Map(); // by alert: what is to be seen, as functions that say it
  }

  // Returns the alerts that are new, and those about which something is that concerns whoever looks:
  // concerns(alert, key, before) says so of a fact; `before`: who had the alert until then.
  read(alerts, concerns) {
    const before = this.known;
    this.known = new Map(alerts.map((one) => [one.id, facts(one)]));
    const held = this.held;
    this.held = new Map(alerts.map((one) => [one.id, has(one)]));
    const found = { alerts: [], facts: [] };
    for (const one of before === null ? [] : alerts) {
      const old = before.get(one.id);
      const news = [...this.known.get(one.id)]
        .filter(([key]) => !old?.has(key) && concerns(one, key, held.get(one.id)));
      if (!old) found.alerts.push(one);
      else if (news.length) {
        found.facts.push({ alert: one, press: news.some(([key]) => key.startsWith("press ")) });
        const said = news.map(([, say]) => say);
        this.fresh.set(one.id, [...(this.fresh.get(one.id) ?? []), ...said]);
      }
    }
    for (const id of this.fresh.keys()) if (!this.known.has(id)) this.fresh.delete(id);
    return found;
  }

  // What one's own act has brought about is no news to oneself; what came meanwhile is.
  own(alert) {
    this.held.set(alert.id, has(alert));
    const known = this.known?.get(alert.id);
    for (const [key, say] of known ? facts(alert) : []) {
      if (!/^(press|lost|linked|note) /.test(key)) known.set(key, say);
    }
  }

  seen(id) {
    this.fresh.delete(id);
  }
}
