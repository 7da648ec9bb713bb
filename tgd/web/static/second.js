// The window on the second monitor, as the first one serves it: whatever is read and chosen here is
// told to it, and it asks for nothing but another choice. One reading and one file opened, two screens.

import * as calls from "./calls.js";
import { choose, turn } from "./choice.js";
import { $ } from "./dom.js";
import * as rooms from "./rooms.js";
import { current, state } from "./state.js";

export const CHANNEL = "tgd-console";
const ASKED_MS = 5000; // nobody has asked for so long: nobody is told
const from = `${Date.now()} ${Math.random()}`; // this window among those of one browser

let channel = null;
let asked = -Infinity;

export function prepare() {
  channel = new BroadcastChannel(CHANNEL);
  channel.addEventListener("message", ({ data }) => heard(data));
  $("second").addEventListener("click", open);
  addEventListener("pagehide", () => gone("closed"));
}

const open = () => window.open("/console/screen", "tgd-second", "popup,width=1280,height=720");

function heard(said) {
  if (said.from) return; // another first window's
  const first = Date.now() - asked > ASKED_MS;
  asked = Date.now();
  if (first) tell();
  if (said.to !== from || state.me === null) return;
  if (said.choose) choose(said.choose);
  if (said.turn) turn(said.turn);
}

// To be called whenever something was drawn.
export function tell() {
  if (state.me === null || Date.now() - asked > ASKED_MS) return;
  const { me, alerts, chosen, seen, ahead, news, files, reader } = state;
  channel.postMessage({
    from, alerts, chosen, seen, ahead, alert: current(),
    me: { username: me.username, role: me.role, call: me.call },
    fresh: [...news.fresh.keys()], rooms: rooms.all(), call: calls.first(), read: files.get(chosen) ?? null, lastOk: reader.lastOk,
  });
}

// The session has ended, or the window goes: `why` says which.
export const gone = (why) => channel.postMessage({ from, gone: why });
