// Logging in and out. With the session goes everything that was read. A session that ends by itself
// may end in the middle of an act: whoever logs in again finds the alert and what was typed; nobody
// else does.

import { away, refused } from "./agency.js";
import * as api from "./api.js";
import { disarm } from "./arming.js";
import { forgetNotes } from "./choice.js";
import { $ } from "./dom.js";
import { own } from "./own.js";
import { begin } from "./reading.js";
import { complain, reason } from "./refusals.js";
import * as sound from "./ring.js";
import { gone } from "./second.js";
import { forget, on, state } from "./state.js";
import { heard } from "./station.js";
import { t } from "./texts.js";
import { title } from "./time.js";

const OF_THE_SESSION = ["console", "logout", "lost", "blocked", "refused", "alert", "alarm", "lines-alarm", "one-call", "state",
  "sound-test", "help", "hear", "second"];
const SHOWN = ["console", "logout", "nothing", "sound-test", "help", "second"];

let left = null; // who worked here until the session ended, and on which alert

function showLogin(message) {
  gone("session");
  if (state.me) left = { who: state.me.username, id: state.chosen };
  state.reader?.stop();
  forget();
  sound.ring(false);
  disarm();
  for (const id of OF_THE_SESSION) $(id).hidden = true;
  for (const one of document.querySelectorAll("dialog[open]")) one.close();
  document.body.classList.remove("stale");
  $("login").hidden = false;
  $("login-error").textContent = message ?? "";
  for (const id of ["who", "summary", "link"]) $(id).textContent = "";
  own($("who"), false);
  title(false);
  document.querySelector("#login-form [name=username]").focus();
}

function showConsole(session) {
  state.me = session;
  if (left?.who === session.username) state.chosen = left.id;
  else emptied();
  heard([]);
  $("login").hidden = true;
  $("login-form").reset();
  for (const id of SHOWN) $(id).hidden = false;
  $("who").textContent = session.username;
  own($("who"));
  $("figures").hidden = session.role !== "supervisor";
  begin();
}

function emptied() {
  left = null;
  forgetNotes();
  for (const form of document.querySelectorAll("#console form")) form.reset();
  $("word").value = "";
}

async function logIn(event) {
  event.preventDefault();
  sound.allow();
  const fields = Object.fromEntries([...new FormData(event.target)].filter(([, value]) => value));
  try {
    showConsole(await api.logIn(fields));
  } catch (refusal) {
    $("login-error").textContent = reason(refusal);
  }
}

async function logOut() {
  try {
    const ended = await api.logOut();
    showLogin();
    away(ended);
    emptied();
  } catch (refusal) {
    complain(refusal);
  }
}

export function prepare() {
  $("login-form").addEventListener("submit", logIn);
  $("logout").addEventListener("click", logOut);
  on.ended = (refusal, acting) =>
    showLogin(acting ? `${reason(refusal)} ${t("not_recorded")}` : reason(refusal));
  // A page that the browser has kept and brings back has slept: it begins anew.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

// Goes on with the session that the browser still has, or asks for one.
export async function resume() {
  try {
    showConsole(await api.session());
  } catch (refusal) {
    const code = refused();
    showLogin(code ? t("error", code) : refusal.status === 401 ? "" : reason(refusal));
  }
}
