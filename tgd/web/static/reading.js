// What was read, as it comes in: the open alerts, who is there, where the phone is that is looked
// at. What is new is said, and heard by whoever it concerns.

import * as api from "./api.js";
import { follow, settle } from "./choice.js";
import { $, say } from "./dom.js";
import { callsFor, holder, mine, nameOf } from "./duty.js";
import * as sound from "./ring.js";
import * as lines from "./lines.js";
import { on, state } from "./state.js";
import { heard } from "./station.js";
import { t } from "./texts.js";

export function begin() {
  state.reader = new api.Reader({ read: taken, located, present, ended: (refusal) => on.ended(refusal) });
  lines.read();
}

let usable = false;

async function taken(items, ahead) {
  Object.assign(state, { alerts: items, ahead });
  const fresh = hearNews(items);
  hearCalls(items);
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
// press rings everybody once. From whom it was taken, and who had not offered it, hears by whom.
function hearNews(items) {
  const { me, chosen } = state;
  const concerns = (alert, key, before) => {
    if (key.startsWith("held ")) {
      return before?.holder === me.username && before.offered !== holder(alert) && !mine(alert, me);
    }
    if (key.startsWith("note ") && alert.last_note.by === me.username) return false;
    return mine(alert, me)
      || (key.startsWith("closing ") ? me.role === "supervisor" : alert.id === chosen);
  };
  const found = state.news.read(items, concerns);
  for (const alert of found.alerts) say($("news"), t("news_alert", { who: nameOf(alert) }));
  for (const { alert, press } of found.facts) {
    say($("news"), t(press ? "news_press" : "news_fact", { who: nameOf(alert) }));
    sound.once();
  }
  return found.alerts;
}

let asked = new Set(); // the calls that were heard of: each, and once more as it turns red

// A call to a room is everybody else's to make while whoever has the alert has her on the line.
function hearCalls(items) {
  const before = asked;
  asked = new Set();
  for (const alert of items.filter((one) => callsFor(one, state.me))) {
    for (const task of alert.tasks) {
      const key = `${task.id} ${task.red}`;
      asked.add(key);
      if (before.has(key)) continue;
      say($("news"), t("news_call", { who: alert.answered_by }));
      sound.once();
    }
  }
}

// Marks the moment at which what was just drawn stands on the screen, for whoever measures it.
function mark(name, detail) {
  requestAnimationFrame(() => setTimeout(() => performance.mark(name, { detail })));
}
