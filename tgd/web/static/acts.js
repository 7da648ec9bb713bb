// What the buttons and forms do. Each act is one request; what is answered is shown at once, what
// is refused is said, and everything is read again afterwards either way.

import * as api from "./api.js";
import { confirmed } from "./arming.js";
import { choose, noted } from "./choice.js";
import { $, say } from "./dom.js";
import { nameOf } from "./duty.js";
import { located, present } from "./reading.js";
import { openFile } from "./records.js";
import { complain } from "./refusals.js";
import { roomId, roomName, roomPhone } from "./rooms.js";
import { current, on, state } from "./state.js";
import { self } from "./station.js";
import * as sure from "./sure.js";
import { family, t } from "./texts.js";

// Does an act and takes what is answered; true if it was done.
async function does(doing, take) {
  $("refused").hidden = true;
  try {
    take(await doing());
    return true;
  } catch (refusal) {
    await complain(refusal, true);
    return false;
  } finally {
    state.reader?.read();
    state.reader?.locate();
    state.reader?.who.run();
  }
}

function act(what, body) {
  const id = state.chosen;
  return does(() => api.act(id, what, body), (alert) => taken(id, alert));
}

function taken(id, alert) {
  state.alerts = state.alerts.filter((one) => one.id !== alert.id);
  if (alert.status === "closed") state.kept = alert;
  else state.alerts.push(alert);
  state.news.own(alert);
  if (state.chosen === id && alert.id !== id) choose(alert.id); // a new one where the old was closed
  on.changed();
}

// A case that a room has by mistake, or twice, is taken back from it: a supervisor's act.
function cancel({ dataset: { value: room } }) {
  const alert = current();
  sure.ask({
    what: "cancel", named: { room: roomName(room), who: nameOf(alert) }, phone: roomPhone(room),
    reasons: family("cancel_why"),
    doing: async (why) => taken(alert.id, await api.act(alert.id, "cancel-dispatch", { room, why })),
  });
}

// An act upon the locating is answered by where the phone is now.
export function locate(what, body) {
  const id = state.chosen;
  return does(() => api.act(id, what, body), (found) => located(id, found));
}

async function verdict(button, event) {
  if (event.detail > 1) return; // a double click is one slip, not two decisions
  const shown = current().last_press; // what is on the screen as the button is pressed
  if (!confirmed(button, `${state.chosen} ${shown}`)) return;
  const body = { verdict: button.dataset.value, seen: shown };
  const word = $("word").value.trim();
  if (word) body.all_clear_word = word;
  if (await act("decision", body)) $("word").value = "";
}

// To be heard where she is may give her away: a second click. To be silent again takes one.
function listen(button, event) {
  if (event.detail > 1) return;
  const mode = current().listen === "duplex" ? "mic_only" : "duplex";
  if (mode === "mic_only" || confirmed(button)) act("listening", { mode });
}

// The room's page is dead from then on, whoever has it open.
function revoke({ dataset: { value: dispatch } }) {
  const alert = current();
  const { room } = alert.dispatches.find((one) => one.id === dispatch);
  sure.ask({
    what: "revoke", named: { room: roomName(room), who: nameOf(alert) }, phone: null, reasons: [],
    doing: async () => {
      await api.act(alert.id, `dispatches/${dispatch}/sheet/revoke`);
      state.reader?.read();
    },
  });
}

const ACTS = {
  answer: (button) =>
    (button.dataset.over === "true" ? act("offer", { to: state.me.username }) : act("answer")),
  police: () => act("decision", { verdict: "police", seen: current().last_press }),
  // A double click is one slip of the hand: no second silence, no second minute.
  extend: (button, event) => event.detail > 1 || act("extend", { reason: t("extend_reason") }),
  voice: (button, event) => event.detail > 1 || act("voice", { with: button.dataset.value }),
  listen,
  verdict,
  cancel,
  revoke,
};

export function prepare() {
  $("alert").addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button && !button.disabled && current()) ACTS[button.dataset.act](button, event);
    const other = event.target.closest("[data-linked]");
    if (other) choose(other.dataset.linked);
  });
  // A key that is held presses a button again and again.
  document.addEventListener("keydown", (event) => {
    if (event.repeat && event.target.closest?.("button")) event.preventDefault();
  });
  forms();
  $("handover-form").addEventListener("submit", handOver);
  $("state").addEventListener("click", comeOrGo);
  $("person-open").addEventListener("click", () => openFile(state.chosen));
  $("fresh-seen").addEventListener("click", () => {
    state.news.seen(state.chosen);
    on.changed();
    $("a-who").focus();
  });
}

function forms() {
  const passed = () => {
    $("passing").open = false;
    $("a-who").focus();
  };
  onSubmit("note-form", "notes", (id) => {
    noted(id);
    say($("news"), t("noted"));
  });
  onSubmit("handoff-form", "voice-handoff", () => {}, (fields) =>
    ({ ...fields, room: roomId(fields.room, current().dispatches.map((one) => one.room)) }));
  onSubmit("close-form", "close");
  onSubmit("offer-form", "offer", passed);
  onSubmit("release-form", "release", passed);
}

function onSubmit(id, what, after = () => {}, told = (fields) => fields) {
  $(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const about = state.chosen;
    if (!(await act(what, told(Object.fromEntries(new FormData(form)))))) return;
    if (state.chosen === about) form.reset(); // else another's is being filled in
    after(about);
  });
}

async function handOver(event) {
  event.preventDefault();
  const form = event.target;
  const fields = Object.fromEntries(new FormData(form));
  const done = await does(() => api.send("handover", fields), ({ offered, to }) => {
    say($("news"), t("handed_over", { n: offered.length, to }));
  });
  if (!done) return;
  form.reset();
  $("handover").open = false;
  $("handover").firstElementChild.focus();
}

// One key by mistake must not make an operator absent; to be back takes one.
function comeOrGo(event) {
  if (event.detail > 1) return;
  const wanted = self(state.me)?.state === "away" ? "available" : "away";
  if (wanted === "away" && !confirmed($("state"), wanted, t("state_leave"))) return;
  does(() => api.send("presence", { state: wanted }), ({ items }) => present(items));
}
