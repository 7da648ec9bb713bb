// One phone: what is known of it and of who holds it, and every act that fits its state. What an act
// does stands beside it, before it is done. The acts are made anew only when they would be others.

import { $, make, rewrite, say } from "./dom.js";
import { read, send } from "./after.js";
import { ago, brief, minute, moment } from "./dates.js";
import { drawCases } from "./cases.js";
import { opening } from "./dossier.js";
import { remade } from "./fields.js";
import { Handing } from "./handing.js";
import { phoneActs } from "./holding_acts.js";
import { holder, left, name, plainly, sentence, state, tested, tone } from "./glance.js";
import { t } from "./texts.js";

const UNTESTED = ["preparing", "handed_over"];
const OPTIONAL = ["lent_to", "compromised", "muted"]; // said where there is something to say
const FLEETING = ["battery", "last_contact_at", "last_press_at", "last_test_at", "days_left", "red_list", "red", "firmware"];

let shown = ""; // what the acts were made for
let of = null; // whose acts they are: what was unfolded stays so
let handing = null;

function facts(phone, one, now) {
  const found = [
    ["state", state(phone)], ["label", phone.label], ["imei", phone.imei],
    ["sim", [phone.sim.iccid, phone.sim.msisdn].filter(Boolean).join(" · ") || null],
    ["generation", phone.generation], ["firmware", phone.firmware],
    ["battery", phone.battery === null ? null : t("percent", { n: phone.battery })],
    ["contact", phone.last_contact_at ? ago(phone.last_contact_at, now) : t("ago_never")],
    ["credential", phone.credential && t("credential", phone.credential.state, { since: brief(phone.credential.since), until: brief(phone.credential.until) })],
    ["lent_to", phone.lent_to],
    ["compromised", phone.compromised_at && t("said_by", { who: phone.compromised_by, at: moment(phone.compromised_at) })],
    ["muted", phone.muted_at && t("said_by", { who: phone.muted_by, at: moment(phone.muted_at) })],
  ].filter(([key, value]) => value || !OPTIONAL.includes(key));
  return one ? [...found, ...assigned(phone, one, now)] : found;
}

function assigned(phone, one, now) {
  const order = one.order && [one.order.reference, one.order.issued_at, one.order.expires_at].filter(Boolean).join(" · ");
  const consents = Object.entries(one.consents).map(([kind, given]) =>
    `${t("titled", { what: t("consent", kind) })} ${t("answer", given === null ? "unsaid" : given ? "yes" : "no")}`);
  const term = t("term", { from: brief(one.term_at), to: brief(one.ends_at), left: left(phone).text, n: one.renewals });
  return [
    ...(one.ending?.seen_at ? [["ending", t("said_by", { who: one.ending.seen_by, at: moment(one.ending.seen_at) })]] : []),
    ["holder", holder(one.beneficiary)], ["basis", one.legal_basis && t("basis", one.legal_basis)], ["order", order],
    ["term", term], ["given", one.handed_over_at && moment(one.handed_over_at)],
    ["tested", one.tested_at && t("said_by", { who: one.tested_by, at: moment(one.tested_at) })],
    ["test", tested(phone, now).text], ["consents", consents.join(" · ")],
    ["listen", t("listen", one.listen)], ["word", t("answer", one.word_agreed ? "yes" : "no")],
    ...(one.conflicts.length ? [["conflicts", one.conflicts.map(conflict).join(" · ")]] : []),
    ...(one.ended_at ? [["ended", `${brief(one.ended_at)} — ${t("end_reason", one.end_reason)}`]] : []),
    ...one.notes.map((note) => ["note", `${t("said_by", { who: note.by, at: brief(note.at) })} — ${note.text}`]),
  ];
}

function conflict(said) {
  const [kind, ...value] = said.split(":");
  return `${t("conflict", kind)} ${value.join(":")}`;
}

function title(phone) {
  return phone.holder ? `${name(phone)} — ${holder(phone.holder)}` : name(phone);
}

// Everything but what changes by itself all the time.
function kept(phone, one) {
  const steady = Object.entries(phone).filter(([name]) => !FLEETING.includes(name));
  return JSON.stringify([steady, one, document.documentElement.lang]);
}

export function forget() {
  [shown, handing] = ["", null];
}

export const watching = () => handing !== null;

export async function draw(page, found, id, act) {
  const phone = found.phones.find((one) => one.id === id);
  if (!phone) {
    say($("phone-title"), t("no_phone"));
    return;
  }
  const one = phone.assignment ? await read(`assignments/${phone.assignment}`) : null;
  const at = minute(found.now);
  say($("phone-title"), title(phone));
  rewrite($("phone-file"), page.role === "prosecutor" && phone.holder ? opening(phone.holder) : null);
  rewrite($("phone-red"), ...plainly(phone.red_list).map((reason) => make("li", sentence(phone, reason, at), tone(reason))));
  const pairs = facts(phone, one, at).flatMap(([key, value]) => [make("dt", t("fact", key)), make("dd", value || t("unknown"))]);
  rewrite($("facts"), ...pairs);
  const wanted = kept(phone, one);
  if (wanted !== shown) await makeActs(page, found, phone, one, act, wanted);
  if (handing) handing.draw(await read(`assignments/${one.id}/handover-test`));
}

async function makeActs(page, found, phone, one, act, wanted) {
  const done = async (what) => {
    forget();
    of = null;
    await page.done(what);
  };
  handing = one && UNTESTED.includes(one.status) ? new Handing(page, send, done) : null;
  $("steps-part").replaceChildren(...(handing ? [handing.build(phone, one)] : []));
  const ours = found.tribunals.some((tribunal) => tribunal.id === phone.tribunal); // not one that was lent to us
  const neighbours = phone.holder || !ours ? [] : (await read(`tribunals/${phone.tribunal}/neighbours`)).items;
  const mine = one !== null && page.role === "prosecutor";
  if (mine) await drawCases(page, one);
  const making = () => $("acts").replaceChildren(...phoneActs({ page, found, phone, one, ours, neighbours, done }));
  const unfolded = [...$("acts").querySelectorAll("details[open]")].map((other) => other.id);
  if (of === phone.id) remade($("acts"), making);
  else making();
  $("cases-part").hidden = !mine;
  if (of === phone.id) for (const id of unfolded) if ($(id)) $(id).open = true;
  of = phone.id;
  $("history").hidden = one === null;
  $("history").open = false;
  $("history").ontoggle = async () => {
    if (!$("history").open || !one) return;
    const entries = await read(`assignments/${one.id}/journal`);
    rewrite($("entries"), ...entries.items.map((entry) =>
      make("li", `${moment(entry.at)} — ${t("history_kind", entry.kind.replace("device_", ""))} (${entry.actor ?? t("unknown")})`)));
  };
  shown = wanted;
  open(act);
}

// Leads to the act that somebody asked for.
export function open(act) {
  const wanted = act && $(`act-${act}`);
  if (!wanted) return;
  wanted.open = true;
  wanted.querySelector("summary").focus();
}
