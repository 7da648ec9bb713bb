// An alert passes from one operator to another: given back, offered, taken over.

import { $, make, rewrite, say } from "./dom.js";
import { holder, mine, needsAnswer, offered } from "./duty.js";
import { t } from "./texts.js";

// `note` is what the one who offers it has written last, null if that is not known.
export function passing(alert, me, note) {
  const open = alert.status !== "closed";
  const own = mine(alert, me);
  const chief = open && me.role === "supervisor";
  $("passing").hidden = !open;
  $("offer-do").disabled = !(own || chief);
  $("release-do").disabled = !(own || (chief && holder(alert) !== null));
  const why = !own && !chief ? t("passing_not") : "";
  say($("passing-not"), alert.offered_to ? t("offered_to", { who: alert.offered_to }) : why);
  const to_me = offered(alert, me);
  $("offered").hidden = !to_me;
  if (to_me) {
    const given = { who: alert.answered_by ?? "", why: note ?? "" };
    say($("offered-said"), t(note ? "offered_why" : "offered", given));
  }
  answerButton(alert, me, to_me);
}

// What taking it means just now; the button is there for that alone.
function answerButton(alert, me, to_me) {
  const who = holder(alert);
  const over = who !== null && !mine(alert, me) && !to_me && me.role === "supervisor";
  $("answer").disabled = !(needsAnswer(alert) || to_me || (over && alert.status !== "closed"));
  $("answer").dataset.t = over || to_me || (alert.released_at && alert.answered_by)
    ? "take_over" : "answer";
  say($("answer"), t($("answer").dataset.t));
  $("answer").dataset.over = String(over);
}

// The notes on an alert, newest first.
export function notes(found) {
  rewrite($("notes-list"), ...(found ?? []).map((note) => {
    const item = make("li");
    item.append(make("b", `${t("note_by", { who: note.by, time: note.time })} `));
    item.append(note.text ?? t("note_shut"));
    return item;
  }));
  $("notes").hidden = !found?.length;
  say($("notes").firstElementChild, t("notes_n", { n: found?.length ?? 0 }));
}
