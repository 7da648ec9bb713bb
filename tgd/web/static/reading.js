// What was read, as it comes in: the open alerts, who is there, where the phone is that is looked
// at. What is new is said, and heard by whoever it concerns.

import * as api from "./api.js";
import { follow, settle } from "./choice.js";
import { $, say } from "./dom.js";
import { mine, nameOf } from "./duty.js";
import * as sound from "./ring.js";
import { on, state } from "./state.js";
import { heard } from "./station.js";
import { t } from "./texts.js";

export function begin() {
  state.reader = new api.Reader({ read: taken, located, present, ended: (refusal) => on.ended(refusal) });
}

let usable = false;

async function taken(items, ahead) {
  Object.assign(state, { alerts: items, ahead });
  const fresh = hearNews(items);
  settle();
  const id = state.chosen;
  on.changed();
  for (const one of fresh) mark("alert shown", one.id);
  if (!usable) mark("usable");
  usable = true;
  if (id && !items.some((one) => one.id === id)) await follow(id);
}

export function located(id, found) {
  if (id !== state.chosen || found.now < state.seen?.found.now) return; // overtaken on the way
  state.seen = { found, at: Date.now() };
  on.changed();
}

export function present(items) {
  heard(items);
  on.changed();
}

// Whoever has an alert is told of whatever is new about it, and so is whoever looks at it; a further
// press rings everybody once.
function hearNews(items) {
  const concerns = (alert, closing) => mine(alert, state.me)
    || (closing ? state.me.role === "supervisor" : alert.id === state.chosen);
  const found = state.news.read(items, concerns);
  for (const alert of found.alerts) say($("news"), t("news_alert", { who: nameOf(alert) }));
  for (const { alert, press } of found.facts) {
    say($("news"), t(press ? "news_press" : "news_fact", { who: nameOf(alert) }));
    sound.once();
  }
  return found.alerts;
}

// Marks the moment at which what was just drawn stands on the screen, for whoever measures it.
function mark(name, detail) {
  requestAnimationFrame(() => setTimeout(() => performance.mark(name, { detail })));
}
