// Whether the ring is heard. A page can know that its sound is blocked, and not that the loudspeaker
// is off or the tab is muted: so the operator is asked, and told what to do.

import { $, say } from "./dom.js";
import * as sound from "./ring.js";
import { t } from "./texts.js";

export function prepare() {
  $("blocked").addEventListener("click", sound.allow);
  for (const gesture of ["pointerdown", "keydown"]) addEventListener(gesture, () => sound.allow());
  $("sound-test").addEventListener("click", ask);
  $("hear-yes").addEventListener("click", () => answered(true));
  $("hear-no").addEventListener("click", () => answered(false));
  $("hear").addEventListener("keydown", (event) => {
    if (event.key === "Escape") answered(true);
  });
}

async function ask() {
  await sound.allow();
  sound.once();
  say($("hear-not"), "");
  $("hear").hidden = false;
  $("hear-yes").focus();
}

function answered(heard) {
  say($("hear-not"), heard ? "" : t("sound_do"));
  $("hear").hidden = heard;
  if (heard) $("sound-test").focus();
  else sound.once();
}

// To be called often: what is blocked shows within moments.
export function watch() {
  const why = sound.silent();
  $("blocked").hidden = why === null;
  if (why) say($("blocked"), t(why));
}
