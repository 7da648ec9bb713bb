// From a request to a phone in somebody's hands, in one flow: who asks, what is decided, the
// hand-over and its test. Where no phone can be given, the request keeps its place and says why.

import { $, make, say } from "./dom.js";
import { Refusal } from "./api.js";
import { read, send } from "./after.js";
import { brief, isoDay, moment, sixMonthsAfter } from "./dates.js";
import { opening } from "./dossier.js";
import { acting, area, choice, group, input, remade, tick } from "./fields.js";
import { holder, link } from "./glance.js";
import { consentParts, consentsOf, orderOf, orderParts } from "./holding_acts.js";
import { family, t } from "./texts.js";

const FREE = ["in_stock", "wiped", "reserve", "returned", "on_loan", "reserved"];
const STEPS = ["asked", "decided", "tested", "active"];

let shown = "";
let of = null; // whose forms they are: what was typed into them stays

export const forget = () => { shown = ""; };

function way(now) {
  $("way").replaceChildren(...STEPS.map((step) => {
    const item = make("li", t("flow", step));
    if (step === now) item.setAttribute("aria-current", "step");
    return item;
  }));
}

const known = (name) => family(name).filter(([code]) => code !== "unsaid");

function newRequest(page, found) {
  way("asked");
  say($("request-title"), t("way_request"));
  const several = found.tribunals.length > 1
    ? [choice("tribunal", t("field", "tribunal"), found.tribunals.map((one) => [one.id, one.name]), { empty: t("choose"), required: true })] : [];
  const her = group(t("her"),
    input("name", t("field", "name"), { required: true, maxLength: 200, autocomplete: "off" }),
    input("born", t("field", "born"), { type: "date" }),
    input("languages", t("field", "languages"), { maxLength: 200 }),
    area("contact", t("field", "contact")));
  const him = group(t("him"),
    input("aggressor", t("field", "aggressor"), { maxLength: 200, autocomplete: "off" }),
    input("relation", t("field", "relation"), { maxLength: 200 }));
  const asked = group(t("who_asks"),
    choice("source", t("field", "source"), known("source"), { empty: t("choose") }),
    choice("means", t("field", "means"), known("means"), { empty: t("choose") }),
    input("asked_at", t("field", "asked_at"), { type: "date", value: isoDay(found.now), max: isoDay(found.now) }),
    choice("legal_basis", t("field", "legal_basis"), family("basis"), { empty: t("choose") }));
  const form = acting(page, [make("p", t("sealed_note"), "remark"), ...several, her, asked, him], t("act", "ask"), async (given) => {
    const made = await send("requests", requested(given, isoDay(found.now)));
    await page.done("ask", `#request/${made.id}`);
  }, "main");
  form.autocomplete = "off";
  $("request-body").replaceChildren(form);
}

function requested(given, today) {
  const { name, born, contact, languages, aggressor, relation, asked_at: at, ...rest } = given;
  const person = { name, born, contact, languages: languages?.split(/[,;]/).map((one) => one.trim()).filter(Boolean) };
  if (aggressor) person.aggressor = { name: aggressor, relation };
  return { ...rest, asked_at: at === today ? undefined : at, beneficiary: person };
}

function facts(one) {
  const list = make("dl");
  const pairs = [
    ["holder", holder(one.beneficiary)],
    ["asked", brief(one.asked_at)],
    ["source", one.source === "unsaid" ? t("unknown") : t("source", one.source)],
    ["status", t("request_status", one.status)],
    ["why", t("waits", one.reason, { at: moment(one.reason_at) })],
  ];
  if (one.place) pairs.push(["place", t("place_said", { n: one.place })]);
  list.append(...pairs.flatMap(([key, value]) => [make("dt", t("fact", key)), make("dd", value)]));
  return list;
}

function decision(page, found, one) {
  const theirs = found.phones.filter((phone) => (phone.lent_to ?? phone.tribunal) === one.tribunal);
  const free = theirs.filter((phone) => !phone.holder && !phone.compromised_at && FREE.includes(phone.state));
  const phones = free.map((phone) => [phone.id, `${phone.label} — ${t("state", phone.state)}`]);
  const most = sixMonthsAfter(found.now);
  const parts = [
    make("p", free.length ? t("free_phones", { n: free.length }) : t("free_none"), free.length ? "fine" : "caution"),
    choice("legal_basis", t("field", "legal_basis"), family("basis"), { empty: t("choose"), value: one.legal_basis ?? "", required: true }),
    group(t("order"), ...orderParts()),
    group(t("consents"), make("p", t("consents_why"), "remark"), ...consentParts()),
    group(t("the_phone"),
      choice("device", t("field", "device"), phones, { empty: t("any_phone") }),
      tick("use_reserve", t("field", "use_reserve")),
      input("ends_at", t("field", "until"), { type: "date", required: true, value: most, max: most })),
  ];
  return acting(page, parts, t("act", "grant"), async (given) => {
    const { ends_at: end, use_reserve: reserve, device, legal_basis: ground } = given;
    const body = { legal_basis: ground, device, use_reserve: reserve === "on", handed_over: false };
    body.ends_at = end === most ? undefined : end;
    body.order = orderOf(given);
    body.consents = consentsOf(given);
    try {
      const made = await send(`requests/${one.id}/grant`, body);
      await page.done("grant", `#phone/${made.device}`);
    } catch (error) {
      if (!(error instanceof Refusal) || !error.more?.request) throw error;
      forget();
      await page.refresh(); // it waits now, and says why
      throw error;
    }
  }, "main");
}

function others(page, one) {
  const no = (name, parts, doing) => {
    const shown = make("details");
    shown.append(make("summary", t("act", name)), acting(page, parts, t("act", name), async (given) => {
      await doing(given);
      await page.done(name, "#");
    }, "grave"));
    return shown;
  };
  const reasons = family("refusal");
  return [
    no("refuse", [choice("reason", t("field", "refusal"), reasons, { empty: t("choose"), required: true })], (given) => send(`requests/${one.id}/refuse`, given)),
    no("withdraw", [make("p", t("act_why", "withdraw"))], () => send(`requests/${one.id}/withdraw`, {})),
  ];
}

export async function draw(page, found, id) {
  const lang = document.documentElement.lang;
  if (id === "new") {
    if (shown !== `new ${lang}`) again(id, () => newRequest(page, found));
    shown = `new ${lang}`;
    return;
  }
  const one = found.requests.find((request) => request.id === id)
    ?? (await read("requests?status=all&limit=500")).items.find((request) => request.id === id);
  const wanted = JSON.stringify([one, lang]);
  if (wanted === shown) return;
  shown = wanted;
  if (!one) {
    say($("request-title"), t("no_request"));
    $("request-body").replaceChildren();
    return;
  }
  way(one.status === "granted" ? "tested" : "decided");
  say($("request-title"), t("request_of", { who: holder(one.beneficiary) }));
  const open = ["open", "waiting"].includes(one.status);
  const phone = found.phones.find((other) => other.assignment && other.assignment === one.assignment);
  const parts = open ? [make("h2", t("the_decision")), decision(page, found, one), ...others(page, one)]
    : phone ? [link(`#phone/${phone.id}`, t("to_phone"), "button")] : [];
  const file = page.role === "prosecutor" ? [opening(one.beneficiary)] : [];
  again(id, () => $("request-body").replaceChildren(facts(one), ...file, ...parts));
}

function again(id, making) {
  if (of === id) remade($("request-body"), making);
  else making();
  of = id;
}

// What the new evaluation of a release has found.
export function drawRelease(page, found, id) {
  of = null;
  const one = found.releases.find((release) => release.id === id);
  const wanted = JSON.stringify([id, one, document.documentElement.lang]);
  if (wanted === shown) return;
  shown = wanted;
  $("way").replaceChildren();
  if (!one) {
    say($("request-title"), t("no_release"));
    $("request-body").replaceChildren();
    return;
  }
  say($("request-title"), t("release_title", { who: one.beneficiary.label }));
  const what = make("p", `${t("release", one.kind)} — ${moment(one.happens_at)}`);
  const form = acting(page, [
    make("p", t("act_why", "evaluate")),
    choice("outcome", t("field", "outcome"), family("outcome"), { empty: t("choose"), required: true }),
  ], t("act", "evaluate"), async (given) => {
    await send(`releases/${one.id}/evaluated`, given);
    await page.done("evaluate", "#");
  }, "main");
  $("request-body").replaceChildren(what, form);
}
