// What happened to an alert, as it stands in the journal, and what was lately closed. Read
// when it is unfolded, and again while it stays open.

import * as api from "./api.js";
import { $, make, rewrite } from "./dom.js";
import { roomName } from "./rooms.js";
import { clock, span, t } from "./texts.js";

// What is shown of an entry, by its kind: the detail, and the family of its words; of "room" and
// "name" the room's name, and the name itself. A test holds this against what the server records.
const SHOWN = {
  "voice": { "heard": "voice" },
  "listening": { "mode": "listen" },
  "verdict": { "verdict": "verdict" },
  "coercion": { "verdict": "verdict" },
  "forwarded": { "reason": "reason" },
  "closed": { "verdict": "verdict" },
  "offered": { "to": "name" },
  "taken_over": { "holder": "name" },
  "released": { "holder": "name" },
  "holder_gone": { "holder": "name" },
  "passed_on": { "holder": "name" },
  "undecided": { "holder": "name" },
  "deadline": { "name": "deadline" },
  "rang_everyone": { "why": "rang_why" },
  "dispatched": { "room": "room", "why": "why" },
  "room_said": { "step": "step" },
  "patrol": { "state": "ladder" },
  "voice_handoff": { "room": "room" },
  "dispatch_cancelled": { "why": "cancel_why" },
  "sheet_opened": { "room": "room" },
  "sheet_revoked": { "room": "room" },
};
const WORDED = { room: roomName, name: String };

export async function timeline(id) {
  const { items } = await api.read(`alerts/${id}/journal`);
  rewrite($("timeline-list"), ...[...items].reverse().map((entry) => {
    const item = make("li");
    const said = Object.entries(SHOWN[entry.kind] ?? {})
      .filter(([name]) => entry.details?.[name])
      .map(([name, family]) => word(family, entry.details[name]));
    item.append(`${clock(entry.at)} · ${actor(entry.actor ?? "—")} · `, make("b", t("kind", kind(entry))));
    if (said.length) item.append(` (${said.join(", ")})`);
    return item;
  }));
}

// Who acted: a person or a room by name, a part of the platform in words.
const actor = (who) => roomName(t("actor", who));

const kind = ({ kind: one, details }) => (one === "press" && details?.opened === false ? "press_again" : one);

const word = (family, value) => WORDED[family]?.(value) ?? t(family, String(value));

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
