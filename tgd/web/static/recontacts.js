// The calls back that are owed after alerts, and those that were made. A note that is being typed is
// never lost to a re-reading: the list is read when it is asked for and after an act, not by itself.

import { $, make, say } from "./dom.js";
import { Page, read, send } from "./after.js";
import { locale, t } from "./texts.js";

let status = "open";

const moment = (at) =>
  new Date(at).toLocaleString(locale(), { timeZone: "Europe/Paris", dateStyle: "short", timeStyle: "short" });

function facts(call) {
  const due = make("p", undefined, call.overdue ? "late" : "");
  if (call.overdue) due.append(make("b", t("overdue")), " — ");
  due.append(`${t("due", { at: moment(call.due_at) })}, ${t("owner", call.owner)}`);
  const closed = t("closed", { at: moment(call.closed_at), verdict: t("verdict", call.verdict) });
  return [due, make("p", `${closed} · ${t("case", { case: call.case_id, device: call.device })}`, "remark")];
}

function form(call) {
  const shown = make("form");
  const label = make("label");
  const note = make("textarea");
  note.name = "note";
  note.maxLength = 4000;
  note.rows = 2;
  label.append(make("span", t("note")), note);
  const button = make("button", t("do"));
  button.type = "submit";
  shown.append(label, button);
  shown.addEventListener("submit", (event) => {
    event.preventDefault();
    page.act(button, async () => {
      show(await send(`recontacts/${call.id}/done`, note.value.trim() ? { note: note.value } : {}));
    });
  });
  return shown;
}

function card(call) {
  const shown = make("li", undefined, call.done_at ? "done" : call.overdue ? "late" : "");
  const who = call.beneficiary ?? t("unknown_holder");
  shown.append(make("h2", `${who} — ${t("hours", { hours: call.hours })}`), ...facts(call));
  if (call.caution && !call.done_at) shown.append(make("p", t("caution"), "caution"));
  if (page.role !== "association") {
    const link = make("a", t("report"));
    link.href = `/console/report/${call.alert}`;
    shown.append(link);
  }
  if (call.done_at) shown.append(make("p", t("done", { at: moment(call.done_at), who: call.done_by })));
  else shown.append(form(call));
  return shown;
}

function show(found) {
  document.title = t("title");
  $("calls").replaceChildren(...found.items.map(card));
  $("nothing").hidden = found.items.length > 0;
  say($("nothing"), t(status === "open" ? "nothing_owed" : "nothing_made"));
  $("owed").setAttribute("aria-pressed", String(status === "open"));
  $("made").setAttribute("aria-pressed", String(status === "done"));
  $("recontacts").hidden = false;
}

const page = new Page("recontacts", async () => {
  show(await read(`recontacts?status=${status}`));
});

for (const [id, wanted] of [["owed", "open"], ["made", "done"]]) {
  $(id).addEventListener("click", () => {
    status = wanted;
    page.again();
  });
}
page.start();
