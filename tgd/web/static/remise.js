// The form that is signed at a hand-over: what the register has, and room for what is written by
// hand. Her name is written by hand: it is not in the form, in no printer's queue and in no browser's cache.

import { $, make } from "./dom.js";
import { Page, read } from "./after.js";
import { day } from "./dates.js";
import { t } from "./texts.js";

const CONSENTS = ["phone", "location", "audio"];
const COMPARED = ["label", "imei", "sim", "identity"];
const SIGNS = ["holder", "office", "association"];

const blank = () => make("span", undefined, "blank");

function facts(list, pairs) {
  list.replaceChildren(...pairs.flatMap(([key, value]) => {
    const said = make("dd");
    said.append(value || blank());
    return [make("dt", t("fact", key)), said];
  }));
}

function ticks(list, texts) {
  list.replaceChildren(...texts.map(([text, ...boxes]) => {
    const item = make("li");
    item.append(make("span", text, "what"));
    for (const [label, on] of boxes) item.append(make("span", on ? "☒" : "☐", "box"), label ? make("span", label) : "");
    return item;
  }));
}

function show(one, phone, tribunals) {
  const court = tribunals.find((other) => other.id === one.tribunal);
  document.title = t("form_title");
  $("f-place").textContent = court ? court.name : "";
  const order = one.order ? [one.order.reference, one.order.issued_at, one.order.expires_at].filter(Boolean).join(" · ") : "";
  facts($("f-who"), [
    ["name", ""], ["born", ""], ["initials", one.beneficiary.initials ?? one.beneficiary.label],
    ["basis", one.legal_basis ? t("basis", one.legal_basis) : ""], ["order", order],
    ["term", t("form_term", { from: day(one.term_at), to: day(one.ends_at) })],
  ]);
  facts($("f-phone"), [
    ["label", phone.label], ["imei", phone.imei], ["sim", phone.sim.iccid ?? phone.sim.msisdn], ["accessories", ""],
  ]);
  ticks($("f-consents"), CONSENTS.map((kind) => {
    const given = one.consents[kind];
    return [t("form_consent", kind), [t("answer", "yes"), given === true], [t("answer", "no"), given === false]];
  }));
  const done = one.tested_at !== null;
  ticks($("f-test"), [
    [t("form_pressed"), ["", done]],
    ...COMPARED.map((what) => [t("form_compare", what), ["", done]]),
  ]);
  $("f-told").replaceChildren(...t("form_told_lines").split("\n").map((line) => make("li", line)));
  $("f-signs").replaceChildren(...SIGNS.map((who) => {
    const box = make("div");
    box.append(make("b", t("form_sign", who)), make("span", t("form_sign_how"), "remark"));
    return box;
  }));
  $("form").hidden = $("print").hidden = false;
}

const page = new Page("parquet", async () => {
  const id = location.pathname.split("/").pop();
  const one = await read(`assignments/${id}`);
  const [phone, tribunals] = await Promise.all([read(`devices/${one.device}`), read("tribunals")]);
  $("back").href = `/parquet#phone/${encodeURIComponent(one.device)}`;
  show(one, phone, tribunals.items);
});
$("print").addEventListener("click", () => window.print());
page.start();
