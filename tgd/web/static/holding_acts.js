// The acts on a phone and its assignment, each with when it fits, what it does, and its fields.

import { make } from "./dom.js";
import { send } from "./after.js";
import { isoDay, sixMonthsAfter } from "./dates.js";
import { show } from "./enrolling.js";
import { acting, answered, area, choice, input, said, tick } from "./fields.js";
import { holder, link } from "./glance.js";
import { phoneParts } from "./stocking.js";
import { family, t } from "./texts.js";

const NOT_AT_HAND = ["lost", "stolen"];
const HELD = ["handed_over", "active", "preparing"];
const GIVEABLE = ["in_stock", "wiped", "reserve", "returned", "on_loan"];
const BACK = ["ended"];
const LOANABLE = ["in_stock", "reserve", "wiped"];
const EMPTIABLE = ["returned", "in_stock", "reserve"];
// What may be said of a phone in each of its states.
const MOVES = {
  in_stock: ["lost", "stolen", "broken", "reserve"], reserve: ["lost", "stolen", "broken", "in_stock"],
  wiped: ["lost", "stolen", "broken", "in_stock", "reserve"], reserved: ["lost", "stolen", "broken"],
  handed_over: ["lost", "stolen", "broken"], on_loan: ["lost", "stolen", "broken"],
  returned: ["lost", "stolen", "broken"], lost: ["found", "stolen"], stolen: ["found", "lost"], broken: ["repaired", "lost", "stolen"],
};

export const orderParts = (order = {}) => [
  input("reference", t("field", "reference"), { maxLength: 200, value: order?.reference ?? "" }),
  input("issued_at", t("field", "issued_at"), { type: "date", value: order?.issued_at ?? "" }),
  input("expires_at", t("field", "expires_at"), { type: "date", value: order?.expires_at ?? "" }),
];

export const orderOf = ({ reference, issued_at, expires_at }) =>
  (reference || issued_at || expires_at ? { reference, issued_at, expires_at } : undefined);

export const consentParts = (consents = {}) =>
  family("consent").map(([kind, label]) => answered(kind, label, consents[kind] ?? null));

export const consentsOf = (given) => Object.fromEntries(
  family("consent").map(([kind]) => [kind, said(given[kind])]).filter(([, value]) => value !== undefined));

const basis = (value) => choice("legal_basis", t("field", "legal_basis"), family("basis"), { empty: t("choose"), value: value ?? "", required: true });

export function phoneActs(of) {
  const { one, phone } = of;
  const found = [];
  const act = (name, parts, doing, className) => found.push(folded(of, name, parts, doing, className));
  if (!one && GIVEABLE.includes(phone.state) && !(phone.lent_to && of.ours)) found.push(toGive(of));
  if (one && HELD.includes(one.status)) {
    found.push(reminder());
    ofTerm(act, one);
    ofFile(act, one);
    ofEnd(act, one);
  }
  if (one && BACK.includes(one.status)) ofReturn(act, one);
  ofStock(act, of);
  return found;
}

// Folded until somebody wants it; its name, what it does, its fields, one button.
function folded({ page, done }, name, parts, doing, className = "main") {
  const shown = make("details");
  shown.id = `act-${name}`;
  shown.append(make("summary", t("act", name)), acting(page, [make("p", t("act_why", name)), ...parts], t("act", name), async (given) => {
    const made = await doing(given);
    await done(made?.said ?? name);
    if (made?.code) show(made);
  }, className));
  return shown;
}

function told(name, ...parts) {
  const shown = make("details");
  shown.id = `act-${name}`;
  shown.append(make("summary", t("act", name)), make("p", t("act_why", name)), ...parts);
  return shown;
}

const reminder = () => told("remind");

function toGive({ found }) {
  const list = make("ul", undefined, "plain");
  list.append(...found.requests.map((request) => {
    const item = make("li");
    item.append(link(`#request/${request.id}`, t("give_to", { who: holder(request.beneficiary), n: request.place })));
    return item;
  }));
  const shown = told("give", list, link("#request/new", t("way_request"), "button"));
  shown.open = true;
  return shown;
}

function ofTerm(act, one) {
  const start = Math.max(Date.parse(one.ends_at), Date.now());
  const most = sixMonthsAfter(start);
  const until = (max) => input("ends_at", t("field", "until"), { type: "date", required: true, value: max, max });
  act("renew", [until(most), area("reason", t("field", "why"))], (given) =>
    send(`assignments/${one.id}/renew`, given.ends_at === most ? { reason: given.reason } : given));
  const end = input("ends_at", t("field", "until"), { type: "date", required: true, max: isoDay(one.ends_at) });
  act("shorten", [end, area("reason", t("field", "why"), { required: true })], (given) => send(`assignments/${one.id}/shorten`, given), "grave");
}

function ofFile(act, one) {
  act("basis", [basis(one.legal_basis), ...orderParts(one.order)], (given) =>
    send(`assignments/${one.id}/basis`, { legal_basis: given.legal_basis, order: orderOf(given) }));
  act("consents", consentParts(one.consents), (given) => send(`assignments/${one.id}/consents`, { consents: consentsOf(given) }));
  const release = [
    choice("kind", t("field", "kind"), family("release"), { empty: t("choose"), required: true }),
    input("at", t("field", "happens_at"), { type: "datetime-local", required: true }),
  ];
  act("announce", release, ({ kind, at }) =>
    send("releases", { beneficiary: one.beneficiary.id, kind, at: new Date(at).toISOString() }));
  const lock = [
    choice("kind", t("field", "reader"), family("conflict"), { empty: t("choose"), required: true }),
    input("value", t("field", "reader_value"), { required: true, maxLength: 200 }),
    tick("lifted", t("field", "lifted")),
  ];
  // A name that nobody has here locks nobody out: it is kept, as the account may come, and said.
  act("lock", lock, async ({ kind, value, lifted }) => {
    const { items } = await send(`beneficiaries/${one.beneficiary.id}/conflicts`, { kind, value, lifted: lifted === "on" });
    const wanted = items.find((other) => other.kind === kind && other.value.toLowerCase() === value.toLowerCase());
    return wanted && !wanted.known ? { said: "lock_unknown" } : null;
  });
  act("replace", [tick("use_reserve", t("field", "use_reserve"))], ({ use_reserve: reserve }) =>
    send("assignments", { replaces: one.id, use_reserve: reserve === "on", handed_over: false }));
}

function ofEnd(act, one) {
  const reasons = family("end_reason").filter(([code]) => code !== "replaced");
  const parts = [
    choice("reason", t("field", "end_reason"), reasons, { empty: t("choose"), required: true }),
    area("note", t("field", "why")),
  ];
  act("revoke", parts, (given) => send(`assignments/${one.id}/revoke`, given), "grave");
}

function ofReturn(act, one) {
  const parts = [input("attested_by", t("field", "attested_by"), { maxLength: 200 }), tick("wiped", t("field", "wiped"))];
  act("give_back", parts, (given) =>
    send(`assignments/${one.id}/return`, { attested_by: given.attested_by, wiped: given.wiped === "on" }));
}

// The code is shown after the act, and only then: it is in its answer and nowhere else.
function ofCredential(act, phone) {
  if (phone.muted_at) return;
  const renew = phone.credential?.state === "active";
  const leaflet = link("/api/v1/leaflet.pdf", t("leaflet"), "button");
  leaflet.target = "_blank";
  if (!renew) {
    act("enrol", [leaflet], () => send(`devices/${phone.id}/enrol`, {}));
    return;
  }
  if (NOT_AT_HAND.includes(phone.state)) return;
  const here = tick("at_hand", t("field", "at_hand"));
  here.querySelector("input").required = true;
  act("rotate", [leaflet, here], () => send(`devices/${phone.id}/enrol`, { renew, at_hand: true }), "grave");
}

function ofStock(act, { phone, one, ours, neighbours }) {
  const path = `devices/${phone.id}`;
  const moves = MOVES[phone.state].map((code) => [code, t("move", code)]);
  act("state", [choice("state", t("field", "state"), moves, { empty: t("choose"), required: true })], (given) => send(`${path}/state`, given));
  if (!one && EMPTIABLE.includes(phone.state)) act("wipe", [], () => send(`${path}/wipe`, {}));
  if (phone.lent_to && ours) act("loan_back", [], () => send(`${path}/loan`, { to: null }));
  else if (!phone.lent_to && !one && LOANABLE.includes(phone.state) && neighbours.length) {
    const to = choice("to", t("field", "to"), neighbours.map((other) => [other.id, other.name]), { empty: t("choose"), required: true });
    act("loan", [to], (given) => send(`${path}/loan`, given));
  }
  if (!phone.compromised_at) act("compromise", [], () => send(`${path}/compromised`, {}), "grave");
  else if (!phone.muted_at) act("mute", [], () => send(`${path}/compromised/confirm`, {}), "grave");
  ofCredential(act, phone);
  act("amend", phoneParts(t("unchanged")), (given) => send("devices", { id: phone.id, ...given }));
}
