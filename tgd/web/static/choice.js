// Which alert is looked at: chosen by hand, by a key, or the most urgent one when none is yet.

import * as api from "./api.js";
import { disarm } from "./arming.js";
import { $ } from "./dom.js";
import { sorted } from "./duty.js";
import * as guide from "./guide.js";
import * as locating from "./locating.js";
import * as map from "./map.js";
import { complain } from "./refusals.js";
import { current, on, state } from "./state.js";

const SCROLLED = "#alert, #alert .head, #alert .column, #alert .rest, #aside";
const FOLDED = ["passing", "timeline", "notes", "script"];

function select(id) {
  if (id !== state.chosen) state.seen = null;
  state.chosen = id;
  state.reader.look(id);
}

const drafts = new Map(); // by alert: the note that is being written

export const noted = (id) => drafts.delete(id);

// Whoever works here from now on finds nothing that another has begun.
export const forgetNotes = () => drafts.clear();

// Nothing half done about the former one stays in sight; a note begun is found again with its alert.
export function choose(id) {
  if (id !== state.chosen) leave(id);
  disarm();
  $("refused").hidden = true;
  on.changed();
  $("a-who").focus();
  if (current() === null) follow(id);
}

function leave(id) {
  drafts.set(state.chosen, $("note").value);
  select(id);
  locating.reset();
  guide.reset();
  map.reset();
  for (const form of document.querySelectorAll("#alert form")) form.reset();
  for (const one of FOLDED) $(one).open = false;
  for (const one of document.querySelectorAll(SCROLLED)) one.scrollTop = 0;
  $("word").value = "";
  $("note").value = drafts.get(id) ?? "";
}

// The next alert of the queue, or the one before.
export function turn(by) {
  const order = sorted(state.alerts, state.me, state.news.fresh).map((one) => one.id);
  if (order.length === 0) return;
  const at = order.indexOf(state.chosen);
  choose(order[(at + by + order.length) % order.length]);
}

// Looks at the most urgent one where nothing is looked at; never takes the eyes off another.
export function settle() {
  const { alerts, chosen, me, news } = state;
  if (chosen === null && alerts.length) select(sorted(alerts, me, news.fresh)[0].id);
}

// The chosen alert was closed: it stays on the screen, as it is now, until another is chosen.
export async function follow(id) {
  try {
    state.kept = await api.one(id);
  } catch (refusal) {
    complain(refusal);
  }
  on.changed();
}
