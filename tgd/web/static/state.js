// What this page knows, and nothing else: who works here, what was read and when, which alert is
// looked at. Everything else of the page is drawn from it; whoever changes it says `on.changed()`.
// It lives in memory only and goes with the session.

import { nameOf } from "./duty.js";
import { News } from "./news.js";

const fresh = () => ({
  me: null, // the session: username, role, the number to call
  reader: null, // what re-reads
  alerts: [], // the open ones, as they were last read
  kept: null, // the chosen alert when it is no longer among the open ones
  chosen: null, // the id of the alert that is looked at
  seen: null, // what was read of where the chosen alert's phone is, and when by this machine's
  news: new News(),
  files: new Map(), // by alert: the person's file as it was answered
  written: new Map(), // by alert: its notes
});

export const state = { ...fresh(), ahead: 0 }; // how far the server's clock is ahead of this machine's

export const forget = () => Object.assign(state, fresh());

// What is done when something has changed, and when the session has ended; set where it is done.
export const on = { changed: () => {}, ended: () => {} };

export const now = () => Date.now() + state.ahead;

export function current() {
  const { alerts, chosen, kept } = state;
  return alerts.find((one) => one.id === chosen) ?? (kept?.id === chosen ? kept : null);
}

// The name of an open alert; null of one that is not open.
export function named(id) {
  const found = state.alerts.find((one) => one.id === id);
  return found ? nameOf(found) : null;
}
