// The operators' console, put together. Read in this order: state.js (what the page knows), session.js
// (who is there), reading.js (what comes in), choice.js (which alert), draw.js (what is shown, each
// part by the module of its name), acts.js (what is done), time.js (time).

import * as acts from "./acts.js";
import { disarm } from "./arming.js";
import * as calls from "./calls.js";
import { choose, turn } from "./choice.js";
import { $ } from "./dom.js";
import { draw } from "./draw.js";
import * as folded from "./folded.js";
import * as guide from "./guide.js";
import * as hearing from "./hearing.js";
import * as keys from "./keys.js";
import * as lines from "./lines.js";
import * as locating from "./locating.js";
import * as map from "./map.js";
import * as script from "./script.js";
import * as second from "./second.js";
import * as session from "./session.js";
import { on } from "./state.js";
import * as sure from "./sure.js";
import * as texts from "./texts.js";
import * as time from "./time.js";

async function speak(language) {
  await texts.speak("console", language, $("language"));
  disarm();
  draw();
}

on.changed = draw;
$("language").addEventListener("click", () => speak($("language").lang));
await Promise.all([speak(texts.preferred()), script.prepare()]);

second.prepare();
session.prepare();
acts.prepare();
folded.prepare();
hearing.prepare();
guide.prepare(draw);
map.prepare(draw);
locating.prepare(acts.locate);
keys.prepare(turn);
sure.prepare();
time.prepare();
lines.prepare();
calls.prepare(draw, choose);
await session.resume();
