// What happened to an alert, as it stands in the journal, and what was lately closed. Read
// when it is unfolded, and again while it stays open.

import * as api from "./api.js";
import { $, make, rewrite } from "./dom.js";
import { clock, span, t } from "./texts.js";

const DETAILS = ["heard", "verdict", "reason", "why", "to", "holder", "room", "name"];

export async function timeline(id) {
  const { items } = await api.read(`alerts/${id}/journal`);
  rewrite($("timeline-list"), ...[...items].reverse().map((entry) => {
    const item = make("li");
    const said = DETAILS.map((name) => entry.details?.[name]).filter(Boolean).map(word);
    item.append(`${clock(entry.at)} · ${entry.actor ?? "—"} · `, make("b", t("kind", entry.kind)));
    if (said.length) item.append(` (${said.join(", ")})`);
    return item;
  }));
}

// A detail is one of several codes, or a name.
function word(value) {
  const text = String(value);
  for (const list of ["voice", "verdict", "reason", "deadline", "why"]) {
    const said = t(list, text);
    if (said !== text) return said;
  }
  return text;
}

export async function closed(choose) {
  const { items, now } = await api.read("alerts?status=closed&limit=20");
  rewrite($("closed-list"), ...items.map((alert) => {
    const age = span((Date.parse(now) - Date.parse(alert.closed_at)) / 1000);
    const name = alert.beneficiary ?? t("unknown_holder");
    const item = make("li");
    const button = make("button", `${name} — ${t("verdict", alert.verdict ?? "police")}`, "plain");
    button.type = "button";
    button.dataset.id = alert.id;
    item.append(button, make("small", ` ${t("closed_ago", { age })}`));
    return item;
  }));
  if (items.length === 0) rewrite($("closed-list"), make("li", t("closed_none")));
  $("closed-list").onclick = (event) => {
    const button = event.target.closest("button");
    if (button) choose(button.dataset.id);
  };
}
