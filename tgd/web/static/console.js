// The operators' console: who is logged in, which alert is chosen, what the buttons do.

import * as api from "./api.js";
import { $, say } from "./dom.js";
import * as duty from "./duty.js";
import * as guide from "./guide.js";
import * as hearing from "./hearing.js";
import * as keys from "./keys.js";
import { locating, prepare as prepareLocating, reset as resetLocating } from "./locating.js";
import * as map from "./map.js";
import { News } from "./news.js";
import { notes, passing } from "./passing.js";
import { person } from "./person.js";
import * as sound from "./ring.js";
import { script } from "./script.js";
import { heard as heardOf, self, station } from "./station.js";
import { clock, load, otherLanguage, span, t, translate } from "./texts.js";
import * as timeline from "./timeline.js";
import { deadlines, detail, fresh, linked, nameOf, queue } from "./view.js";
import { unread, where } from "./where.js";

const STALE_MS = 4500; // shown as stale before five seconds are over
const TICK_MS = 250;
const ARMED_MS = 5000;
const PRESSING_MS = 10000; // an own deadline that is this near is heard
const PIP_MS = 2000;

let me = null;
let reader = null;
let alerts = [];
let kept = null; // the chosen alert when it is no longer among the open ones
let chosen = null;
let readAt = ""; // when the alerts were read, by the server's clock
let seen = null; // what was read of where the chosen alert's phone is, and when by this machine's
let ahead = 0; // how far the server's clock is ahead of this machine's
let news = new News();
let files = new Map(); // by alert: the person's file as it was answered; in memory only
let written = new Map(); // by alert: its notes
let armed = null;
let pipped = 0;
let usable = false;

const now = () => Date.now() + ahead;
const current = () => alerts.find((one) => one.id === chosen) ?? (kept?.id === chosen ? kept : null);
const named = (id) => {
  const found = alerts.find((one) => one.id === id);
  return found ? nameOf(found) : null;
};

// ── Logging in and out ──

function showLogin(message) {
  reader?.stop();
  [me, reader, alerts, kept, chosen, seen] = [null, null, [], null, null, null];
  [news, files, written] = [new News(), new Map(), new Map()];
  sound.ring(false);
  disarm();
  for (const id of ["console", "logout", "lost", "blocked", "refused", "alert", "alarm", "state",
    "sound-test", "help", "hear"]) $(id).hidden = true;
  document.body.classList.remove("stale");
  $("login").hidden = false;
  $("login-error").textContent = message ?? "";
  for (const id of ["who", "summary", "link"]) $(id).textContent = "";
  title(false);
  document.querySelector("#login-form [name=username]").focus();
}

function showConsole(session) {
  me = session;
  heardOf([]);
  $("login").hidden = true;
  $("login-form").reset();
  $("totp").hidden = true;
  for (const id of ["console", "logout", "nothing", "sound-test", "help"]) $(id).hidden = false;
  $("who").textContent = me.username;
  $("figures").hidden = me.role !== "supervisor";
  const ended = (refusal) => showLogin(reason(refusal));
  reader = new api.Reader({ read: taken, located, present, ended });
}

const reason = (refusal) => {
  const said = t("error", refusal.code);
  return said === refusal.code ? refusal.detail : said;
};

$("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  sound.allow();
  const fields = Object.fromEntries([...new FormData(event.target)].filter(([, value]) => value));
  try {
    showConsole(await api.logIn(fields));
  } catch (refusal) {
    if (refusal.code === "totp_needed") $("totp").hidden = false;
    $("login-error").textContent = reason(refusal);
  }
});

$("logout").addEventListener("click", async () => {
  try {
    await api.logOut();
    showLogin();
  } catch (refusal) {
    complain(refusal);
  }
});

// ── What was read ──

async function taken(items, at, serverAhead) {
  [alerts, readAt, ahead] = [items, at, serverAhead];
  const fresh = hearNews(items);
  if (chosen === null && items.length) select(firstOf(items));
  reader.look(chosen);
  draw();
  shown(fresh);
  if (!usable) marked("usable");
  usable = true;
  if (chosen && !items.some((one) => one.id === chosen)) await follow(chosen);
}

function located(id, found) {
  if (id !== chosen || found.now < seen?.found.now) return; // it was overtaken on the way
  seen = { found, at: Date.now() };
  draw();
}

function present(items) {
  heardOf(items);
  draw();
}

const firstOf = (items) => duty.sorted(items, me, news.fresh)[0].id;

// The chosen alert was closed: it stays on the screen, as it is now, until another is chosen.
async function follow(id) {
  try {
    kept = await api.one(id);
  } catch (refusal) {
    complain(refusal);
  }
  draw();
}

// Whoever has an alert is told of whatever is new about it, and so is whoever looks at it; a further
// press rings everybody once.
function hearNews(items) {
  const concerns = (alert, closing) => duty.mine(alert, me)
    || (closing ? me.role === "supervisor" : alert.id === chosen);
  const found = news.read(items, concerns);
  for (const alert of found.alerts) say($("news"), t("news_alert", { who: nameOf(alert) }));
  for (const { alert, press } of found.facts) {
    say($("news"), t(press ? "news_press" : "news_fact", { who: nameOf(alert) }));
    sound.once();
  }
  return found.alerts;
}

// Marks the moment at which new alerts stand on the screen, for whoever measures it.
function shown(fresh) {
  for (const { id } of fresh) {
    marked("alert shown", id);
  }
}
const marked = (name, detail) =>
  requestAnimationFrame(() => setTimeout(() => performance.mark(name, { detail })));

// ── Which alert is looked at ──

function select(id) {
  if (id !== chosen) seen = null;
  chosen = id;
  reader.look(id);
}

function choose(id) {
  select(id);
  disarm();
  resetLocating();
  guide.reset();
  map.reset();
  for (const form of document.querySelectorAll("#alert form")) form.reset();
  for (const one of ["passing", "timeline", "notes", "script"]) $(one).open = false;
  $("word").value = "";
  $("refused").hidden = true;
  draw();
  $("a-who").focus();
  if (current() === null) follow(id);
}

function turn(by) {
  const order = duty.sorted(alerts, me, news.fresh).map((one) => one.id);
  if (order.length === 0) return;
  const at = order.indexOf(chosen);
  choose(order[(at + by + order.length) % order.length]);
}

// ── What is shown ──

function draw() {
  if (me === null) return;
  queue(alerts, chosen, me, news.fresh, now(), choose);
  const alert = current();
  $("alert").hidden = alert === null;
  $("nothing").hidden = alert !== null;
  say($("nothing-said"), t(alerts.length ? "nothing_chosen" : quiet()));
  if (alert) drawAlert(alert);
  station(me, now(), named, choose);
  const waiting = ringing();
  sound.ring(waiting.length > 0, speaking() ? sound.SOFT : sound.LOUD);
  say($("summary"), t("summary", { ringing: waiting.length, open: alerts.length }));
}

function drawAlert(alert) {
  const read = files.get(alert.id) ?? null;
  const found = seen?.found ?? null;
  $("alert").className = alert.status;
  detail(alert, me, now());
  fresh(alert, news.fresh);
  linked(alert, named);
  where(alert, seen, now(), readAt);
  map.draw(alert.id, found);
  locating(alert, found, duty.mayAct(alert, me), now());
  guide.guide(alert, duty.mine(alert, me), read?.file ?? null);
  person(alert, read, duty.mayAct(alert, me));
  script(alert, me, found, read?.file ?? null, now());
  passing(alert, me, lastWord(alert));
  notes(written.get(alert.id));
  suggestRooms(alert);
  $("a-report").hidden = alert.status !== "closed";
  $("a-report-link").href = `/console/report/${alert.id}`;
  lookUp(alert, read);
}

// That it will ring is said only where it will.
const quiet = () =>
  (sound.silent() || self(me)?.state === "away" ? "queue_empty" : "all_quiet");

const ringing = () => alerts.filter((alert) => duty.rings(alert, me, self(me)));
// A voice that must be heard is not drowned by the others' ring.
const speaking = () => alerts.some((one) => duty.mine(one, me) && one.status === "answered");

function suggestRooms(alert) {
  const rooms = alert.dispatches.map((one) => one.room).filter(Boolean);
  const there = [...$("rooms").options].map((one) => one.value);
  if (JSON.stringify(rooms) !== JSON.stringify(there)) {
    $("rooms").replaceChildren(...rooms.map((room) => new Option(room, room)));
  }
  const field = document.querySelector("#handoff-form [name=room]");
  if (!field.value && document.activeElement !== field) field.value = rooms[0] ?? "";
}

// ── What is read once for an alert: her file, and its notes ──

// The file is read by whoever has the alert, once: each reading is on the record.
function lookUp(alert, read) {
  if (read === null && duty.mine(alert, me)) openFile(alert.id);
  const key = `${alert.offered_to} ${alert.answered_by}`;
  if (written.get(alert.id)?.key !== key) readNotes(alert.id, key);
}

async function openFile(id) {
  files.set(id, { file: null, unknown: "reading" });
  try {
    files.set(id, await api.read(`alerts/${id}/person`));
  } catch (refusal) {
    files.set(id, { failed: true });
    complain(refusal);
  }
  draw();
}

async function readNotes(id, key) {
  written.set(id, Object.assign(written.get(id) ?? [], { key }));
  try {
    const { items } = await api.read(`alerts/${id}/notes`);
    const said = items.map((note) => ({ ...note, time: clock(note.at) })).reverse();
    written.set(id, Object.assign(said, { key }));
  } catch (refusal) {
    written.delete(id); // asked again with the next reading
    if (refusal.status === 401 || !(refusal instanceof api.Refusal)) complain(refusal);
    return;
  }
  draw();
}

// Why it is offered: what whoever offers it has written last.
const lastWord = (alert) =>
  written.get(alert.id)?.find((note) => note.by === alert.answered_by)?.text ?? null;

// ── Time passing: countdowns, staleness, the title ──

setInterval(() => {
  if (me === null) return;
  const age = Date.now() - reader.lastOk;
  const stale = age > STALE_MS;
  document.body.classList.toggle("stale", stale);
  $("lost").hidden = !stale;
  if (stale) {
    const said = { number: me.call, age: span(age / 1000) };
    say($("lost"), t(me.call ? "lost_call" : "lost", said));
  }
  say($("link"), t(stale ? "link_lost" : "link_ok"));
  $("link").className = stale ? "bad" : "";
  hearing.watch();
  const alert = current();
  if (alert) {
    deadlines(alert, now());
    unread(seen);
  }
  const soon = pressing();
  if (soon !== null && Date.now() - pipped > PIP_MS) {
    pipped = Date.now();
    sound.pip();
  }
  title(stale, soon);
}, TICK_MS);
setInterval(draw, 1000);

// The milliseconds left of the nearest deadline that asks something of this operator, if it is near.
function pressing() {
  const asks = ["voice", "doubt", "closing"];
  const due = alerts.filter((alert) => duty.mine(alert, me))
    .flatMap((alert) => alert.deadlines.filter((one) => asks.includes(one.name)))
    .map((one) => Date.parse(one.due_at) - now());
  const least = Math.min(...due);
  return least < PRESSING_MS ? Math.max(0, least) : null;
}

function title(stale, soon = null) {
  const waiting = me === null ? 0 : ringing().length;
  const blink = Math.floor(Date.now() / 1000) % 2 === 0;
  let said = t("title");
  if (stale) said = t("title_lost");
  else if (waiting && blink) said = `● ${t("title_ringing", { n: waiting })}`;
  else if (waiting) said = t("title_ringing", { n: waiting });
  else if (soon !== null) said = t("title_soon", { left: span(soon / 1000) });
  else if (me !== null && news.fresh.size) said = t("title_news", { n: news.fresh.size });
  if (document.title !== said) document.title = said;
  const icon = stale || waiting ? "icon-ring.svg" : "icon.svg";
  const address = new URL(`./${icon}`, import.meta.url).href;
  if ($("icon").href !== address) $("icon").href = address;
}

// ── What the buttons do ──

// Does an act and takes what is answered; true if it was done.
async function does(doing, take) {
  $("refused").hidden = true;
  try {
    take(await doing());
    return true;
  } catch (refusal) {
    await complain(refusal);
    return false;
  } finally {
    reader?.read();
    reader?.who.run();
  }
}

function act(what, body) {
  const id = chosen;
  return does(() => api.act(id, what, body), (alert) => {
    alerts = alerts.filter((one) => one.id !== alert.id);
    if (alert.status === "closed") kept = alert;
    else alerts.push(alert);
    news.own(alert);
    if (chosen === id && alert.id !== id) choose(alert.id); // a new one where the old was closed
    written.delete(alert.id);
    draw();
  });
}

// An act upon the locating is answered by where the phone is now.
function locate(what, body) {
  const id = chosen;
  return does(() => api.act(id, what, body), (found) => located(id, found));
}
prepareLocating(locate);

async function complain(refusal) {
  if (!(refusal instanceof api.Refusal)) throw refusal;
  if (refusal.status === 401) {
    showLogin(reason(refusal));
    return;
  }
  const why = (await whoHas(refusal)) ?? reason(refusal);
  $("refused").textContent = t("refused", { why });
  $("refused").hidden = false;
}

// The second who answers is told who was first.
async function whoHas(refusal) {
  if (refusal.code !== "answered_by_another" || chosen === null) return null;
  try {
    const { answered_by: who } = await api.one(chosen);
    return who ? t("taken_by", { who }) : null;
  } catch {
    return null; // the refusal itself is said, then
  }
}

function disarm() {
  if (armed === null) return;
  clearTimeout(armed.timer);
  armed.button.classList.remove("armed");
  armed.button.textContent = t(armed.button.dataset.t);
  armed.button.removeAttribute("aria-label");
  armed = null;
}

// Closing without the police takes a second click within five seconds.
function confirmed(button) {
  const again = armed?.button === button;
  disarm();
  if (again) return true;
  button.classList.add("armed");
  button.textContent = t("confirm_short"); // as wide as before: nothing moves under the pointer
  button.setAttribute("aria-label", t("confirm", { what: t(button.dataset.t) }));
  armed = { button, timer: setTimeout(disarm, ARMED_MS) };
  return false;
}

async function verdict(button, event) {
  if (event.detail > 1) return; // a double click is one slip, not two decisions
  const shown = current().last_press; // what is on the screen as the button is pressed
  if (!confirmed(button)) return;
  const body = { verdict: button.dataset.value, seen: shown };
  const word = $("word").value.trim();
  if (word) body.all_clear_word = word;
  if (await act("decision", body)) $("word").value = "";
}

const ACTS = {
  answer: (button) => (button.dataset.over === "true" ? act("offer", { to: me.username }) : act("answer")),
  police: () => act("decision", { verdict: "police", seen: current().last_press }),
  extend: () => act("extend", { reason: t("extend_reason") }),
  voice: (button) => act("voice", { with: button.dataset.value }),
  verdict,
};

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

function onSubmit(id, what, after) {
  $(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    if (await act(what, Object.fromEntries(new FormData(form)))) {
      form.reset();
      after?.();
    }
  });
}
const passed = () => {
  $("passing").open = false;
  $("a-who").focus();
};
onSubmit("note-form", "notes", () => say($("news"), t("noted")));
onSubmit("handoff-form", "voice-handoff");
onSubmit("close-form", "close");
onSubmit("offer-form", "offer", passed);
onSubmit("release-form", "release", passed);

$("handover-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const fields = Object.fromEntries(new FormData(form));
  const done = await does(() => api.send("handover", fields), ({ offered, to }) => {
    say($("news"), t("handed_over", { n: offered.length, to }));
    for (const id of offered) written.delete(id);
  });
  if (!done) return;
  form.reset();
  $("handover").open = false;
  $("handover").firstElementChild.focus();
});

$("state").addEventListener("click", () => {
  const state = self(me)?.state === "away" ? "available" : "away";
  does(() => api.send("presence", { state }), ({ items }) => present(items));
});
$("fresh-seen").addEventListener("click", () => {
  news.seen(chosen);
  draw();
  $("a-who").focus();
});
$("person-open").addEventListener("click", () => openFile(chosen));

// What lies folded is read when it is unfolded, and again while it stays open.
const FOLDED = {
  timeline: () => timeline.timeline(chosen),
  closed: () => timeline.closed(choose),
};
async function unfold(id) {
  if (me === null || !$(id).open || (id === "timeline" && chosen === null)) return;
  try {
    await FOLDED[id]();
  } catch (refusal) {
    complain(refusal);
  }
}
for (const id of Object.keys(FOLDED)) $(id).addEventListener("toggle", () => unfold(id));
setInterval(() => unfold("timeline"), 5000);

hearing.prepare();
guide.prepare(draw);
map.prepare(draw);
keys.prepare(turn);

// ── Language, and the start ──

async function speak(language) {
  await load(language);
  localStorage.setItem("language", language);
  translate(document.documentElement);
  $("language").textContent = otherLanguage();
  $("language").lang = language === "fr" ? "en" : "fr";
  disarm();
  draw();
}

$("language").addEventListener("click", () => speak($("language").lang));

await speak(localStorage.getItem("language") === "en" ? "en" : "fr");
try {
  showConsole(await api.session());
} catch (refusal) {
  showLogin(refusal.status === 401 ? "" : reason(refusal));
}
