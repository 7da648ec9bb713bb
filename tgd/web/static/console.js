// The operators' console, put together. Read in this order: state.js (what the page knows), session.js
// (who is there), reading.js (what comes in), choice.js (which alert), draw.js (what is shown, each
// part by the module of its name), acts.js (what is done), time.js (time).

import * as acts from "./acts.js";
import { disarm } from "./arming.js";
import { turn } from "./choice.js";
import { $ } from "./dom.js";
import { draw } from "./draw.js";
import * as folded from "./folded.js";
import * as guide from "./guide.js";
import * as hearing from "./hearing.js";
import * as keys from "./keys.js";
import * as locating from "./locating.js";
import * as map from "./map.js";
import * as time from "./time.js";
import * as second from "./second.js";
import * as session from "./session.js";
import { on } from "./state.js";
import { load, otherLanguage, translate } from "./texts.js";

async function speak(language) {
  await load(language);
  localStorage.setItem("language", language);
  translate(document.documentElement);
  $("language").textContent = otherLanguage();
  $("language").lang = language === "fr" ? "en" : "fr";
  disarm();
  draw();
}

on.changed = draw;
$("language").addEventListener("click", () => speak($("language").lang));
await speak(localStorage.getItem("language") === "en" ? "en" : "fr");

second.prepare();
session.prepare();
acts.prepare();
folded.prepare();
hearing.prepare();
guide.prepare(draw);
map.prepare(draw);
locating.prepare(acts.locate);
keys.prepare(turn);
time.prepare();
await session.resume();
