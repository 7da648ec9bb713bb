// The office at a glance: what may fail first, then who waits, then every phone. What a phone's
// reasons are is the server's to say; here they get their words and the act that would mend them.

import { $, make, rewrite, say } from "./dom.js";
import { send } from "./after.js";
import { ago, brief, daysBetween, minute, moment } from "./dates.js";
import { family, t } from "./texts.js";

let endings = ""; // what their cards were made for
const DUE = 15; // days since the last test: due, and late
const LATE = 21;
const MILD = ["test_due", "expiring_60", "expiring_30", "battery_low", "radio_2g", "evaluation_due", "not_wiped"];
// What mends a reason: the act's name on the phone's own view.
export const NEXT = {
  compromised: "compromise", stolen: "state", lost: "state", broken: "state", handover_untested: "handover",
  never_pressed: "handover", test_overdue: "remind", test_due: "remind", silent: "remind", battery_low: "remind",
  radio_2g: "replace", expired: "renew", expiring_7: "renew", expiring_30: "renew", expiring_60: "renew",
  ended_not_returned: "give_back", not_wiped: "wipe", consent_missing: "consents", legal_basis_missing: "basis",
  evaluation_due: "evaluate",
};

export const holder = (one) => (one ? one.initials ?? one.label : t("nobody"));
// Of a phone on loan its own tribunal is told who has borrowed it, and not who has it.
const has = (phone) => (phone.lent_to && !phone.holder ? `${t("fact", "lent_to")} ${phone.lent_to}` : holder(phone.holder));
export const tone = (reason) => (MILD.includes(reason) ? "amber" : "red");

// A reason as a whole sentence with its figures.
export function sentence(phone, reason, now) {
  const since = { never_pressed: phone.handed_over_at, lost: phone.lost_at, silent: phone.last_contact_at,
    test_overdue: phone.last_test_at, test_due: phone.last_test_at };
  const at = since[reason] ?? null;
  return t("red", reason, {
    d: at ? ago(at, now) : t("ago_never"),
    end: phone.ends_at ? brief(phone.ends_at) : "",
    n: phone.days_left ?? 0, battery: phone.battery ?? "",
  });
}

export const name = (phone) => (phone.label === phone.id ? phone.id : `${phone.label} (${phone.id})`);

function worst(phone, order) {
  return phone.red_list.length ? order.indexOf(phone.red_list[0]) : Infinity;
}

// A phone that was never tried has no finished hand-over either: said once, by what is worse to know.
export const plainly = (reasons) =>
  (reasons.includes("never_pressed") ? reasons.filter((one) => one !== "handover_untested") : reasons);

// One card for each phone: the worst reason in full, the others briefly, one way on.
export function redCards(phones, now, linked = true) {
  const order = family("red").map(([code]) => code);
  const red = phones.filter((one) => one.red_list.length);
  red.sort((a, b) => worst(a, order) - worst(b, order) || (a.id ?? a.device).localeCompare(b.id ?? b.device));
  return red.map((phone) => {
    const [first, ...others] = plainly(phone.red_list);
    const card = make("li", undefined, tone(first));
    card.append(make("h3", `${phone.label} — ${holder(phone.holder)}`), make("p", sentence(phone, first, now)));
    if (others.length) {
      const also = others.map((one) => t("red_short", one)).join(" · ");
      card.append(make("p", t("also", { what: also }), "remark"));
    }
    if (linked) card.append(link(`#phone/${phone.id}/${NEXT[first]}`, t("next", NEXT[first]), "button"));
    return card;
  });
}

export function link(href, text, className) {
  const made = make("a", text, className);
  made.href = href;
  return made;
}

export function table(caption, head, rows) {
  const shown = make("table");
  const top = make("thead");
  const line = make("tr");
  for (const one of head) {
    const cell = make("th", one);
    cell.scope = "col";
    line.append(cell);
  }
  top.append(line);
  const body = make("tbody");
  body.append(...rows.map(({ cells, className }) => {
    const row = make("tr", undefined, className);
    cells.forEach((cell, place) => {
      const made = make(place ? "td" : "th", undefined, cell.className);
      if (!place) made.scope = "row";
      made.append(cell.node ?? cell.text ?? cell);
      row.append(made);
    });
    return row;
  }));
  shown.append(make("caption", caption, "unseen"), top, body);
  return shown;
}

// The last test: amber from 15 days on, red from 21 and where there was none.
export function tested(phone, now) {
  if (!phone.holder) return { text: "—" };
  if (!phone.last_test_at) return { text: t("test_never"), className: "red" };
  const days = daysBetween(phone.last_test_at, now);
  const className = days >= LATE ? "red" : days >= DUE ? "amber" : "";
  return { text: days ? t("test_ago", { n: days }) : t("test_today"), className };
}

export function left(phone) {
  if (!phone.holder) return { text: "—" };
  if (phone.days_left === null) return { text: t("ended"), className: "red" };
  const className = phone.days_left <= 7 ? "red" : phone.days_left <= 60 ? "amber" : "";
  return { text: t("days_left", { n: phone.days_left }), className };
}

export const state = (phone) =>
  (phone.holder && phone.state === "handed_over" ? t("assignment", phone.assignment_status) : t("state", phone.state));

export function phoneRow(phone, now, first) {
  const battery = phone.battery === null ? t("unknown") : t("percent", { n: phone.battery });
  return {
    className: phone.red_list.length ? tone(phone.red_list[0]) : "",
    cells: [
      first, state(phone), has(phone), left(phone), tested(phone, now),
      { text: battery, className: phone.battery !== null && phone.battery < 20 ? "red" : "" },
      phone.last_contact_at ? ago(phone.last_contact_at, now) : t("ago_never"),
    ],
  };
}

export const phoneHead = () => ["phone", "state", "holder", "left", "test", "battery", "contact"].map((one) => t("head", one));

function requestRow(request) {
  const why = t("waits", request.reason, { at: moment(request.reason_at) });
  const source = request.source === "unsaid" ? t("unknown") : t("source", request.source);
  return {
    cells: [
      { text: t("place", { n: request.place }) }, holder(request.beneficiary), brief(request.asked_at), source,
      `${t("request_status", request.status)} — ${why}`,
      { node: link(`#request/${request.id}`, t("decide"), "button") },
    ],
  };
}

function releaseCard(release) {
  const card = make("li", undefined, "amber");
  const who = release.beneficiary.label;
  card.append(make("h3", `${t("release", release.kind)} — ${moment(release.happens_at)}`));
  card.append(make("p", t(release.device ? "release_reserved" : "release_of", { who, device: release.device ?? "" })));
  card.append(link(`#release/${release.id}`, t("next", "evaluate"), "button"));
  return card;
}

// A term that ends: somebody says to have seen it, and that stays on record.
function endingCard(page, phone) {
  const { days } = phone.ending;
  const card = make("li", undefined, days > 7 ? "amber" : "red");
  const seen = make("button", t("ending_seen"));
  seen.addEventListener("click", () => page.act(seen, async () => {
    await send(`assignments/${phone.assignment}/ending`, { days });
    await page.done("ending");
  }));
  card.append(make("h3", `${phone.label} — ${holder(phone.holder)}`),
    make("p", t("ending", String(days), { end: brief(phone.ends_at), n: phone.days_left })),
    link(`#phone/${phone.id}/renew`, t("next", "renew"), "button"), seen);
  return card;
}

export function draw(page, { phones, requests, releases, tribunals, now }) {
  const at = minute(now);
  const [one] = tribunals.length === 1 ? tribunals : [null];
  if (one) {
    say($("summary"), t("summary", {
      allocation: one.allocation, out: one.out, free: Math.max(0, one.allocation - one.out), waiting: one.waiting,
    }));
  }
  const ending = phones.filter((phone) => phone.ending && !phone.ending.seen_at);
  ending.sort((a, b) => Date.parse(a.ends_at) - Date.parse(b.ends_at));
  const wanted = JSON.stringify([ending.map((one) => [one.id, one.label, one.holder, one.ends_at, one.ending, one.days_left]), document.documentElement.lang]);
  $("endings-part").hidden = ending.length === 0;
  if (wanted !== endings) $("endings").replaceChildren(...ending.map((phone) => endingCard(page, phone)));
  endings = wanted;
  rewrite($("red"), ...redCards(phones, at));
  $("red-none").hidden = phones.some((phone) => phone.red_list.length);
  rewrite($("phones"), table(t("phones"), phoneHead(), phones.map((phone) =>
    phoneRow(phone, at, { node: link(`#phone/${phone.id}`, name(phone)) }))));
  const head = ["place", "person", "asked", "source", "status", "decision"].map((what) => t("head", what));
  $("requests").hidden = requests.length === 0;
  rewrite($("requests"), table(t("requests"), head, requests.map(requestRow)));
  $("requests-none").hidden = requests.length > 0;
  $("releases-part").hidden = releases.length === 0;
  rewrite($("releases"), ...releases.map(releaseCard));
}
