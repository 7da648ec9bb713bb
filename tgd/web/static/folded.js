// What lies folded is read when it is unfolded; the timeline again while it stays open.

import { choose } from "./choice.js";
import { $ } from "./dom.js";
import { complain } from "./refusals.js";
import { state } from "./state.js";
import * as timeline from "./timeline.js";

const AGAIN_MS = 5000;
const READ = {
  timeline: () => timeline.timeline(state.chosen),
  closed: () => timeline.closed(choose),
};

async function unfold(id) {
  if (state.me === null || !$(id).open || (id === "timeline" && state.chosen === null)) return;
  try {
    await READ[id]();
  } catch (refusal) {
    complain(refusal);
  }
}

export function prepare() {
  for (const id of Object.keys(READ)) $(id).addEventListener("toggle", () => unfold(id));
  setInterval(() => unfold("timeline"), AGAIN_MS);
}
