// The operators' console: who is logged in, which alert is chosen, what the buttons do.

import * as api from "./api.js";
import { $, say } from "./dom.js";
import { locating, prepare, reset } from "./locating.js";
import * as sound from "./ring.js";
import { load, otherLanguage, span, t, translate } from "./texts.js";
import { deadlines, detail, mayAct, nameOf, needsAnswer, queue } from "./view.js";
import { unread, where } from "./where.js";

const STALE_MS = 4500; // shown as stale before five seconds are over
const TICK_MS = 250;
const ARMED_MS = 5000;

let me = null;
let reader = null;
let alerts = [];
let kept = null; // the chosen alert when it is no longer among the open ones
let chosen = null;
let readAt = ""; // when the alerts were read, by the server's clock
let seen = null; // what was read of where the chosen alert's phone is, and when by this machine's
let ahead = 0; // how far the server's clock is ahead of this machine's
let known = null; // the latest press of each alert, to hear of new ones
let armed = null;

const now = () => Date.now() + ahead;
const current = () => alerts.find((one) => one.id === chosen) ?? (kept?.id === chosen ? kept : null);

// ── Logging in and out ──

function showLogin(message) {
  reader?.stop();
  [me, reader, alerts, kept, chosen, known, seen] = [null, null, [], null, null, null, null];
  sound.ring(false);
  for (const id of ["console", "logout", "lost", "blocked", "refused", "alert"]) $(id).hidden = true;
  document.body.classList.remove("stale");
  $("login").hidden = false;
  $("login-error").textContent = message ?? "";
  for (const id of ["who", "summary", "link"]) $(id).textContent = "";
  document.title = t("title");
  document.querySelector("#login-form [name=username]").focus();
}

function showConsole(session) {
  me = session;
  $("login").hidden = true;
  $("login-form").reset();
  $("totp").hidden = true;
  for (const id of ["console", "logout", "nothing"]) $(id).hidden = false;
  $("who").textContent = me.username;
  const ended = (refusal) => showLogin(reason(refusal));
  reader = new api.Reader({ read: taken, located, ended });
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
  hearNews(items);
  chosen ??= items.length ? firstOf(items) : null;
  reader.look(chosen);
  draw();
  if (chosen && !items.some((one) => one.id === chosen)) await follow(chosen);
}

function located(id, found) {
  if (id !== chosen || found.now < seen?.found.now) return; // it was overtaken on the way
  seen = { found, at: Date.now() };
  draw();
}

const firstOf = (items) => (items.find(needsAnswer) ?? items.at(-1)).id;

// The chosen alert was closed: it stays on the screen, as it is now, until another is chosen.
async function follow(id) {
  try {
    kept = await api.one(id);
  } catch (refusal) {
    complain(refusal);
  }
  draw();
}

function hearNews(items) {
  const before = known;
  known = new Map(items.map((one) => [one.id, one.last_press]));
  if (before === null) return;
  for (const one of items) {
    const press = before.get(one.id);
    if (press === one.last_press) continue;
    $("news").textContent = t(press ? "news_press" : "news_alert", { who: nameOf(one) });
    if (press) sound.once(); // a further press rings again, whoever has the alert
  }
}

function choose(id) {
  if (id !== chosen) seen = null;
  chosen = id;
  reader.look(id);
  disarm();
  reset();
  for (const form of document.querySelectorAll("#alert form")) form.reset();
  $("word").value = "";
  $("refused").hidden = true;
  draw();
  $("a-who").focus();
}

function draw() {
  if (me === null) return;
  queue(alerts, chosen, now(), choose);
  const alert = current();
  $("alert").hidden = alert === null;
  $("nothing").hidden = alert !== null;
  if (alert) {
    detail(alert, me, now());
    where(alert, seen, now(), readAt);
    locating(alert, seen?.found, mayAct(alert, me), now());
    suggestRooms(alert);
  }
  const waiting = alerts.filter(rings);
  sound.ring(waiting.length > 0);
  $("summary").textContent = t("summary", { ringing: waiting.length, open: alerts.length });
}

// Supervisors are rung only once everyone is.
const rings = (alert) => needsAnswer(alert) && (me.role !== "supervisor" || alert.rings === "everyone");

function suggestRooms(alert) {
  const rooms = alert.dispatches.map((one) => one.room).filter(Boolean);
  $("rooms").replaceChildren(...rooms.map((room) => new Option(room, room)));
  const field = document.querySelector("#handoff-form [name=room]");
  if (!field.value && document.activeElement !== field) field.value = rooms[0] ?? "";
}

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
  $("blocked").hidden = !sound.blocked();
  const alert = current();
  if (alert) {
    deadlines(alert, now());
    unread(seen);
  }
  title(stale);
}, TICK_MS);
setInterval(draw, 1000);

function title(stale) {
  const waiting = alerts.filter(rings).length;
  const blink = Math.floor(Date.now() / 1000) % 2 === 0;
  let said = t("title");
  if (stale) said = t("title_lost");
  else if (waiting && blink) said = `● ${t("title_ringing", { n: waiting })}`;
  else if (waiting) said = t("title_ringing", { n: waiting });
  if (document.title !== said) document.title = said;
}

// ── What the buttons do ──

async function act(what, body) {
  const id = chosen;
  $("refused").hidden = true;
  try {
    const alert = await api.act(id, what, body);
    alerts = alerts.filter((one) => one.id !== alert.id);
    if (alert.status === "closed") kept = alert;
    else alerts.push(alert);
    known?.set(alert.id, alert.last_press);
    if (chosen === id && alert.id !== id) choose(alert.id); // a new one where the old was closed
    draw();
    return true;
  } catch (refusal) {
    complain(refusal);
    return false;
  } finally {
    reader?.read();
  }
}

// An act upon the locating is answered by where the phone is now.
async function locate(what, body) {
  const id = chosen;
  $("refused").hidden = true;
  try {
    located(id, await api.act(id, what, body));
    return true;
  } catch (refusal) {
    complain(refusal);
    return false;
  } finally {
    reader?.read();
  }
}
prepare(locate);

function complain(refusal) {
  if (!(refusal instanceof api.Refusal)) throw refusal;
  if (refusal.status === 401) {
    showLogin(reason(refusal));
    return;
  }
  $("refused").textContent = t("refused", { why: reason(refusal) });
  $("refused").hidden = false;
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

async function verdict(button) {
  const seen = current().last_press; // what is on the screen as the button is pressed
  if (!confirmed(button)) return;
  const body = { verdict: button.dataset.value, seen };
  const word = $("word").value.trim();
  if (word) body.all_clear_word = word;
  if (await act("decision", body)) $("word").value = "";
}

const ACTS = {
  answer: () => act("answer"),
  police: () => act("decision", { verdict: "police", seen: current().last_press }),
  extend: () => act("extend", { reason: t("extend_reason") }),
  voice: (button) => act("voice", { with: button.dataset.value }),
  verdict,
};

$("alert").addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (button && !button.disabled && current()) ACTS[button.dataset.act](button);
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
onSubmit("note-form", "notes", () => say($("news"), t("noted")));
onSubmit("handoff-form", "voice-handoff");
onSubmit("close-form", "close");

$("blocked").addEventListener("click", sound.allow);
for (const gesture of ["pointerdown", "keydown"]) addEventListener(gesture, () => sound.allow());

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
