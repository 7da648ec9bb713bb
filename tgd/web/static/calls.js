// Many dispatches for one room are one call: its number, what to say, its cases by urgency, and one act
// that records the hand-off of each. Which they are is the server's to say; it is asked only while
// one room has more than three alerts here.

import * as api from "./api.js";
import { $, make, rewrite, say } from "./dom.js";
import { complain } from "./refusals.js";
import { state } from "./state.js";
import { clock, t } from "./texts.js";

const EVERY_MS = 2000;
const APART = 3; // so many dispatches to one room are calls of their own

let calls = [];
let shown = ""; // for which cases the form was made: what is typed in it stays
let changed = () => {};

export function prepare(draw, choose) {
  changed = draw;
  setInterval(read, EVERY_MS);
  $("one-call-list").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) choose(button.dataset.id);
  });
  $("one-call-form").addEventListener("submit", (event) => {
    event.preventDefault();
    handOff(event.target);
  });
}

function crowded() {
  const of = new Map();
  for (const alert of state.alerts) {
    for (const one of alert.dispatches) of.set(one.room, (of.get(one.room) ?? 0) + 1);
  }
  return [...of.values()].some((n) => n > APART);
}

async function read() {
  const { me } = state;
  if (me === null || (!crowded() && calls.length === 0)) return;
  try {
    const found = crowded() ? (await api.read("calls")).items : [];
    if (state.me === me) take(found);
  } catch (refusal) {
    if (!(refusal instanceof api.Refusal)) throw refusal; // that nothing is read is said elsewhere
  }
}

function take(found) {
  calls = found;
  changed();
}

// The room with the most to say first; the next one's turn comes when this one is done.
export const first = () => [...calls].sort((a, b) => b.cases.length - a.cases.length)[0] ?? null;

// The head of a call, on either screen; null: there is none.
export function head(call, me) {
  $("one-call").hidden = call === null;
  if (call === null) return;
  $("one-call").className = call.red ? "red" : "";
  say($("one-call-title"), t("one_call", { n: call.cases.length, room: call.name }));
  const number = $("one-call-number");
  number.hidden = !call.number;
  say(number, call.number ?? "");
  number.href = `tel:${call.number}`;
  say($("one-call-say"), t("one_call_say", { n: call.cases.length, me: me.username }));
}

export function draw() {
  const call = first();
  head(call, state.me);
  if (call === null) {
    shown = "";
    return;
  }
  const now = JSON.stringify([call.room, document.documentElement.lang, call.cases]);
  if (now === shown) return;
  const typed = new Map([...$("one-call-list").querySelectorAll("input")].map((one) => [one.name, one.value]));
  const focused = document.activeElement?.name;
  shown = now;
  $("one-call-form").dataset.room = call.room;
  rewrite($("one-call-list"), ...call.cases.map((one, n) => item(one, n + 1, typed.get(one.alert))));
  if (typed.has(focused)) $("one-call-list").querySelector(`[name="${focused}"]`)?.focus();
}

// One case of a call, in its place.
export function line(one, n) {
  const found = make("li", undefined, one.red ? "red" : "");
  const button = make("button", `${n}. ${one.beneficiary ?? one.device}`, "plain");
  button.type = "button";
  button.dataset.id = one.alert;
  const why = [t("case", { case: one.case_id }), t("verdict", one.verdict), clock(one.pressed_at)];
  found.append(button, " ", make("small", why.join(" · ")));
  for (const code of ["danger", "heard"]) if (one[code]) found.append(" ", make("span", t("one_call_why", code), "tag"));
  return found;
}

function item(one, n, value = "") {
  const made = line(one, n);
  const label = make("label");
  const field = make("input");
  Object.assign(field, { name: one.alert, value, required: true, maxLength: 200, autocomplete: "off" });
  label.append(make("span", t("one_call_reference", { n })), field);
  made.append(" ", label);
  return made;
}

async function handOff(form) {
  const given = new FormData(form);
  const cases = [...$("one-call-list").querySelectorAll("input")].map((one) =>
    ({ alert: one.name, reference: one.value }));
  try {
    const path = `calls/${encodeURIComponent(form.dataset.room)}/handoff`;
    const found = await api.send(path, { call_taker: given.get("call_taker"), cases });
    form.elements.namedItem("call_taker").value = "";
    take(found.items);
    state.reader?.read();
  } catch (refusal) {
    complain(refusal);
  }
}
