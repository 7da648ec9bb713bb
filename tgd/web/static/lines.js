// The way to the police as probes have found it: a room that no line reaches is said before an alert
// needs it, to everybody; what else is wrong with a line, to supervisors. Nothing rings for it.

import * as api from "./api.js";
import { $, make, say } from "./dom.js";
import { complain } from "./refusals.js";
import { heard } from "./rooms.js";
import { state } from "./state.js";
import { clock, t } from "./texts.js";

const EVERY_MS = 15000;
const SOON_MS = 2000; // an exercise that was asked for has been sent by then

let rooms = [];
let drawn = ""; // what the list of lines was made for: what is typed in it stays

export function prepare() {
  setInterval(read, EVERY_MS);
}

export async function read() {
  const { me } = state;
  if (me === null) return;
  try {
    const found = await api.read("rooms");
    if (state.me !== me) return;
    rooms = found.items;
    heard(rooms);
    draw();
  } catch (refusal) {
    if (!(refusal instanceof api.Refusal)) throw refusal; // that nothing is read is said elsewhere
  }
}

export function draw() {
  const said = [...rooms.filter((room) => room.alarm).map(unreached)];
  if (state.me.role === "supervisor") said.push(...rooms.flatMap(wrong));
  $("lines-alarm").hidden = said.length === 0;
  say($("lines-alarm"), said.join(" "));
  drawLines();
}

const unreached = (room) => t(room.phone ? "room_unreached_call" : "room_unreached",
  { room: room.name, number: room.phone });

const wrong = (room) => room.lines.flatMap((line) => line.alarms.map((alarm) =>
  t("line_alarm", alarm.code, { room: room.name, line: line.line + 1,
    why: line.refusal, date: new Date(alarm.at).toLocaleDateString(document.documentElement.lang) })));

// What each line is worth, and the exercise that proves it: asked for by supervisors, confirmed by
// whoever has the room's person on the telephone.
const OVER = ["acknowledged", "refused", "expired"];
const ON_ITS_WAY = ["waiting", "sending"];
const TELEPHONE = "voice";

function drawLines() {
  const told = rooms.filter((room) => room.lines.some((line) => line.adapter !== TELEPHONE));
  $("lines").hidden = told.length === 0;
  const now = JSON.stringify([told.map((room) => [room.name, room.simulated, room.lines.map(worth)]),
    document.documentElement.lang]);
  if (now === drawn) return;
  drawn = now;
  $("lines-list").replaceChildren(...told.flatMap((room) =>
    room.lines.filter((line) => line.adapter !== TELEPHONE).map((line) => item(room, line))));
}

const worth = (line) => [line.line, line.adapter, line.live_since, line.up, line.exercise];

function item(room, line) {
  const found = make("li");
  const live = room.simulated ? "simulated" : line.live_since ? "live" : "never";
  found.append(make("b", t("line_named", { room: room.name, line: line.line + 1 })),
    make("small", [t("line_worth", live), t("line_up", line.up === null ? "unknown" : line.up ? "up" : "down")].join(" · ")));
  const tried = line.exercise;
  if (tried && !OVER.includes(tried.state)) {
    found.append(make("small", t("exercise_waits", { case: tried.case_id, until: clock(tried.expires_at) })));
    if (!ON_ITS_WAY.includes(tried.state)) found.append(confirming(tried));
  } else {
    if (tried && tried.state !== "acknowledged") found.append(make("small", t("exercise_over", tried.state, { case: tried.case_id })));
    if (state.me.role === "supervisor") found.append(asking(room, line));
  }
  return found;
}

function asking(room, line) {
  const button = make("button", t("exercise_ask"), "plain");
  button.type = "button";
  button.addEventListener("click", () =>
    act(`rooms/${encodeURIComponent(room.id)}/exercise`, { line: line.line }));
  return button;
}

function confirming(tried) {
  const form = make("form");
  const label = make("label");
  const field = make("input");
  Object.assign(field, { name: "call_taker", required: true, maxLength: 200, autocomplete: "off" });
  label.append(make("span", t("exercise_taker")), field);
  const button = make("button", t("exercise_confirm"));
  form.append(label, button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(`exercises/${tried.id}/acknowledged`, { call_taker: field.value });
  });
  return form;
}

async function act(path, body) {
  try {
    rooms = (await api.send(path, body)).items;
    draw();
    setTimeout(read, SOON_MS);
  } catch (refusal) {
    complain(refusal);
  }
}
