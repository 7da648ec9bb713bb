// Time passing: what was read grows old, deadlines come near, and the tab says so by its title and
// its icon to whoever looks at another page.

import { server } from "./api.js";
import { $, say } from "./dom.js";
import { draw, ringing } from "./draw.js";
import { mine } from "./duty.js";
import * as hearing from "./hearing.js";
import * as sound from "./ring.js";
import { current, now, state } from "./state.js";
import { span, t } from "./texts.js";
import { beat, deadlines } from "./view.js";
import { unread } from "./where.js";

const STALE_MS = 4500; // shown as stale before five seconds are over
const TICK_MS = 250;
const DRAW_MS = 1000;
const PRESSING_MS = 10000; // an own deadline that is this near is heard
const PIP_MS = 2000;
const ASKS = ["voice", "doubt", "closing"]; // the deadlines that ask something of whoever holds it

const JUMP_MS = 1000;
const OWN = new URL(import.meta.url).pathname.split("/")[2]; // the version that this page is of

let pipped = 0;
let ticked = null;

export function prepare() {
  setInterval(tick, TICK_MS);
  setInterval(draw, DRAW_MS);
}

function tick() {
  const jump = jumped();
  if (state.me === null) return;
  if (jump) state.reader.doubt();
  beat();
  const stale = age();
  $("outdated").hidden = server.version === null || server.version === OWN;
  hearing.watch();
  const alert = current();
  if (alert) {
    deadlines(alert, now());
    unread(state.seen);
  }
  const soon = pressing();
  if (soon !== null && performance.now() - pipped > PIP_MS) {
    pipped = performance.now();
    sound.pip();
  }
  title(stale, soon);
}

// Whether the machine slept or its clock was set: one of its two clocks went on without the other.
function jumped() {
  const apart = Date.now() - performance.now();
  const jump = ticked !== null && Math.abs(apart - ticked) > JUMP_MS;
  ticked = apart;
  return jump;
}

// Says how old what is shown is once it is too old, and what to do then.
function age() {
  const old = state.reader.age();
  const stale = old > STALE_MS || state.reader.doubted;
  document.body.classList.toggle("stale", stale);
  $("lost").hidden = !stale;
  if (stale) {
    const said = { number: state.me.call, age: span(old / 1000) };
    say($("lost"), t(state.me.call ? "lost_call" : "lost", said));
  }
  say($("link"), t(stale ? "link_lost" : "link_ok"));
  $("link").className = stale ? "bad" : "";
  return stale;
}

// The milliseconds left of the nearest deadline that asks something of this operator, if it is near.
function pressing() {
  const due = state.alerts.filter((alert) => mine(alert, state.me))
    .flatMap((alert) => alert.deadlines.filter((one) => ASKS.includes(one.name)))
    .map((one) => Date.parse(one.due_at) - now());
  const least = Math.min(...due);
  return least < PRESSING_MS ? Math.max(0, least) : null;
}

export function title(stale, soon = null) {
  const waiting = state.me === null ? 0 : ringing().length;
  const said = words(stale, soon, waiting);
  if (document.title !== said) document.title = said;
  const icon = stale || waiting ? "icon-ring.svg" : "icon.svg";
  const address = new URL(`./${icon}`, import.meta.url).href;
  if ($("icon").href !== address) $("icon").href = address;
}

function words(stale, soon, waiting) {
  const blink = Math.floor(Date.now() / 1000) % 2 === 0;
  if (stale) return t("title_lost");
  if (waiting) return `${blink ? "● " : ""}${t("title_ringing", { n: waiting })}`;
  if (soon !== null) return t("title_soon", { left: span(soon / 1000) });
  if (state.me !== null && state.news.fresh.size) return t("title_news", { n: state.news.fresh.size });
  return t("title");
}
