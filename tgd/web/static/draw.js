// The whole screen, out of what the page knows: each part is drawn by the module of its name. It is
// called at every change and once a second, and writes only what differs.

import * as calls from "./calls.js";
import { choose } from "./choice.js";
import { $, say } from "./dom.js";
import * as duty from "./duty.js";
import { guide } from "./guide.js";
import * as lines from "./lines.js";
import { locating } from "./locating.js";
import * as map from "./map.js";
import { notes, passing } from "./passing.js";
import { person, tested } from "./person.js";
import { lastWord, lookUp } from "./records.js";
import * as sound from "./ring.js";
import { roomName } from "./rooms.js";
import { script } from "./script.js";
import { tell } from "./second.js";
import { current, named, now, state } from "./state.js";
import { self, station } from "./station.js";
import { t } from "./texts.js";
import { detail, fresh, linked, queue } from "./view.js";
import { where } from "./where.js";

export const ringing = () => {
  const own = self(state.me);
  return state.alerts.filter((alert) => duty.rings(alert, state.me, own));
};

export function draw() {
  const { me, alerts } = state;
  if (me === null) return;
  queue(alerts, state.chosen, me, state.news.fresh, now(), choose);
  const alert = current();
  $("alert").hidden = alert === null;
  $("nothing").hidden = alert !== null;
  say($("nothing-said"), t(alerts.length ? "nothing_chosen" : quiet()));
  if (alert) drawAlert(alert);
  station(me, now(), named, choose);
  lines.draw();
  calls.draw();
  const waiting = ringing();
  sound.ring(waiting.length > 0, speaking() ? sound.SOFT : sound.LOUD);
  tell();
  say($("summary"), t("summary", { ringing: waiting.length, open: alerts.length }));
}

function drawAlert(alert) {
  const { me, seen } = state;
  const read = state.files.get(alert.id) ?? null;
  const found = seen?.found ?? null;
  $("alert").className = alert.status;
  detail(alert, me, now());
  fresh(alert, state.news.fresh);
  linked(alert, named);
  where(alert, seen, now());
  map.draw(alert.id, found);
  locating(alert, found, duty.mayAct(alert, me), now());
  guide(alert, duty.mine(alert, me), read?.file ?? null);
  person(alert, read, duty.mayAct(alert, me));
  tested(alert, now());
  script(alert, me, found, read?.file ?? null, now());
  passing(alert, me, lastWord(alert));
  notes(state.written.get(alert.id));
  suggestRooms(alert);
  $("a-report").hidden = alert.status !== "closed";
  $("a-report-link").href = `/console/report/${alert.id}`;
  lookUp(alert);
}

// That it will ring is said only where it will.
const quiet = () =>
  (sound.silent() || self(state.me)?.state === "away" ? "queue_empty" : "all_quiet");

// A voice that must be heard is not drowned by the others' ring.
const speaking = () =>
  state.alerts.some((one) => duty.mine(one, state.me) && one.status === "answered");

function suggestRooms(alert) {
  const rooms = alert.dispatches.filter((one) => one.room).map((one) => roomName(one.room));
  const there = [...$("rooms").options].map((one) => one.value);
  if (JSON.stringify(rooms) !== JSON.stringify(there)) {
    $("rooms").replaceChildren(...rooms.map((room) => new Option(room, room)));
  }
  const field = document.querySelector("#handoff-form [name=room]");
  const known = alert.dispatches.some((one) => one.room === field.value); // before its name was read
  if ((!field.value || known) && document.activeElement !== field) field.value = rooms[0] ?? "";
}
