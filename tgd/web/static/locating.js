// Acts upon the locating of an alert: to follow the phone for longer, and the holder's own
// withdrawal of her consent, which takes two steps and erases.

import { $, say } from "./dom.js";
import { clock, t } from "./texts.js";

// `send(what, fields)` does the act and says whether it was done.
export function prepare(send) {
  $("withdraw").addEventListener("click", () => ($("withdraw-form").hidden ? ask() : shut()));
  $("w-verify-do").addEventListener("click", ask);
  $("withdraw-no").addEventListener("click", shut);
  $("withdraw-form").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    shut();
  });
  onSubmit("follow-form", "follow", send, () => say($("news"), t("followed")));
  onSubmit("withdraw-form", "withdraw-location", send, () => {
    shut();
    $("where").focus(); // what had the focus has gone with what it was for
  });
}

function onSubmit(id, what, send, after) {
  $(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!(await send(what, Object.fromEntries(new FormData(event.target))))) return;
    event.target.reset();
    after();
  });
}

function ask() {
  $("w-live").open = true;
  $("withdraw-form").hidden = false;
  $("withdraw").setAttribute("aria-expanded", "true");
  $("withdraw-reason").focus();
}

function shut() {
  const inside = $("withdraw-form").contains(document.activeElement);
  $("withdraw-form").hidden = true;
  $("withdraw").setAttribute("aria-expanded", "false");
  if (inside) $("withdraw").focus();
}

// Another alert was chosen: nothing half done about the former one stays.
export function reset() {
  shut();
  for (const one of document.querySelectorAll("#where details")) one.open = false;
}

export function locating(alert, found, may, now) {
  const until = found?.live_until ?? null;
  $("w-live").hidden = until === null;
  if (until === null) {
    shut();
    return;
  }
  const over = Date.parse(until) <= now;
  say($("w-live").firstElementChild, t(over ? "live_over" : "live_until", { time: clock(until) }));
  const coerced = alert.reason === "coercion"; // the server refuses it: nobody can verify the wish
  $("follow-do").disabled = !may;
  $("withdraw").disabled = !may;
  $("w-verify-do").disabled = !may;
  $("withdraw-do").disabled = !may || coerced || !alert.holder_heard;
  const why = coerced ? t("error", "coerced") : t("why_not_heard");
  say($("withdraw-not"), coerced || !alert.holder_heard ? why : "");
}
