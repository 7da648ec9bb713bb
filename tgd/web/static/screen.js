// The second monitor: large map, file, what is read out, and the whole queue, of the alert that is
// chosen in the first window. It follows that window and reads nothing by itself, rings nothing and
// decides nothing; when the first window is gone, it says so before anything else.

import * as calls from "./calls.js";
import { $, rewrite, say } from "./dom.js";
import * as keys from "./keys.js";
import * as map from "./map.js";
import { person } from "./person.js";
import * as rooms from "./rooms.js";
import * as script from "./script.js";
import { CHANNEL } from "./second.js";
import * as texts from "./texts.js";
import { clock, span, t } from "./texts.js";
import { beat, deadlines, headline, queue } from "./view.js";
import { unread, where } from "./where.js";

const ASK_MS = 1000;
const TICK_MS = 250;
const STALE_MS = 4500; // as in the first window: before five seconds are over

const channel = new BroadcastChannel(CHANNEL);
let told = null; // what the first window said last
let at = 0; // when, by this machine's clock
let ended = null; // why the first window said goodbye

const now = () => Date.now() + told.ahead;
const ask = (more = {}) => channel.postMessage({ to: told?.from, ...more });

function heard(said) {
  if (!said.from) return; // another second window's
  const another = told !== null && said.from !== told.from;
  if (another && ended === null && Date.now() - at < STALE_MS) return; // of two, the first is followed
  if (said.gone) {
    if (!another) leave(said.gone);
    return;
  }
  [told, at, ended] = [said, Date.now(), null];
  rooms.heard(said.rooms);
  draw();
  tick();
}

// With the session goes what it let be read; a window that was merely closed leaves its last word.
function leave(why) {
  ended = why;
  if (why === "session") told = null;
  draw();
  tick();
}

function draw() {
  const alert = told?.alert ?? null;
  $("console").hidden = told === null;
  drawCall(told?.call ?? null);
  $("alert").hidden = alert === null;
  $("nothing").hidden = alert !== null;
  if (told === null) return;
  queue(told.alerts, told.chosen, told.me, new Set(told.fresh), now(), (id) => ask({ choose: id }));
  say($("nothing-said"), t(told.alerts.length ? "nothing_chosen" : "queue_empty"));
  say($("summary"), t("open_n", { n: told.alerts.length }));
  say($("who"), told.me.username);
  if (alert) drawAlert(alert);
}

// Only to be read here: who has the room on the telephone records it in the first window.
function drawCall(call) {
  calls.head(call, told?.me);
  rewrite($("one-call-list"), ...(call?.cases ?? []).map((one, n) => calls.line(one, n + 1)));
}

function drawAlert(alert) {
  const { seen, read, me } = told;
  const found = seen?.found ?? null;
  $("alert").className = alert.status;
  headline(alert, now());
  where(alert, seen, now());
  map.draw(alert.id, found);
  person(alert, read, false);
  script.script(alert, me, found, read?.file ?? null, now());
}

function tick() {
  beat();
  const silent = Date.now() - at;
  const stale = told !== null && Date.now() - told.lastOk > STALE_MS;
  const lost = told === null || ended !== null || silent > STALE_MS;
  $("lost").hidden = !lost && !stale;
  document.body.classList.toggle("stale", lost || stale);
  if (lost) say($("lost"), absent());
  else if (stale) {
    const said = { number: told.me.call, age: span((Date.now() - told.lastOk) / 1000) };
    say($("lost"), t(told.me.call ? "lost_call" : "lost", said));
  }
  say($("link"), t(lost ? "second_alone" : "second_follows"));
  $("link").className = lost ? "bad" : "";
  const name = t(lost || stale ? "title_lost" : "second_title");
  if (document.title !== name) document.title = name;
  if (!told?.alert) return;
  deadlines(told.alert, now());
  unread(told.seen);
}

function absent() {
  if (ended === "session") return t("second_session");
  return told === null ? t("second_none") : t("second_gone", { time: clock(at) });
}

async function speak(language) {
  await texts.speak("console", language, $("language"));
  draw();
  tick();
}

function key(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || !keys.isOn()) return;
  const by = { j: 1, k: -1 }[event.key.toLowerCase()];
  if (by) ask({ turn: by });
}

$("language").addEventListener("click", () => speak($("language").lang));
await Promise.all([speak(texts.preferred()), script.prepare()]);
map.prepare(draw, { always: true });
channel.addEventListener("message", ({ data }) => heard(data));
$("one-call-list").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) ask({ choose: button.dataset.id });
});
document.addEventListener("keydown", key);
setInterval(() => ask(), ASK_MS);
setInterval(draw, ASK_MS);
setInterval(tick, TICK_MS);
ask();
