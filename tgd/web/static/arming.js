// Closing without the police, and leaving, take a second click within five seconds. One button at a time waits
// for it; whatever else happens meanwhile, it no longer does: another alert, a newer press, a machine
// that slept in between.

import { t } from "./texts.js";

const ARMED_MS = 5000;

let armed = null;

export function disarm() {
  if (armed === null) return;
  clearTimeout(armed.timer);
  armed.button.classList.remove("armed");
  armed.button.textContent = armed.button.dataset.t ? t(armed.button.dataset.t) : armed.said;
  armed.button.removeAttribute("aria-label");
  armed = null;
}

const moments = () => [Date.now(), performance.now()];

// By either of the machine's clocks: one may be set, the other may sleep with it.
const inTime = () => moments().every((moment, n) =>
  moment >= armed.at[n] && moment - armed.at[n] <= ARMED_MS);

// Says whether this was the second click about the same; the first one arms the button.
export function confirmed(button, about, what) {
  const again = armed?.button === button && armed.about === about && inTime();
  disarm();
  if (again) return true;
  const said = button.textContent;
  button.classList.add("armed");
  button.textContent = t("confirm_short"); // as wide as before: nothing moves under the pointer
  button.setAttribute("aria-label", t("confirm", { what: what ?? t(button.dataset.t) }));
  armed = { button, about, said, at: moments(), timer: setTimeout(disarm, ARMED_MS) };
  return false;
}
