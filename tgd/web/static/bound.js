// Associations: conventions, who of their staff is cleared, and whom each of them follows. Nothing is
// renewed by itself: a new term is a new convention.

import { $, make } from "./dom.js";
import { read, send } from "./after.js";
import { brief, moment } from "./dates.js";
import { acting, choice, input, remade } from "./fields.js";
import { holder } from "./glance.js";
import { t } from "./texts.js";

let shown = "";
let listed = ""; // which conventions there are: what was typed stays with its own

export const forget = () => { shown = ""; };

export async function draw(page, found) {
  const { items } = await read("conventions");
  const now = JSON.stringify(items);
  const wanted = now + document.documentElement.lang;
  if (wanted === shown) return;
  const unfolded = [...$("bound").querySelectorAll("details[open]")].map((one) => one.id);
  const making = () => {
    $("bound-list").replaceChildren(...items.map((one) => convention(page, found, one)));
    $("bound-new").replaceChildren(...page.role === "prosecutor" ? [agreeing(page)] : []);
  };
  if (now === listed) remade($("bound"), making);
  else making();
  for (const id of unfolded) if ($(id)) $(id).open = true;
  $("bound-none").hidden = items.length > 0;
  [shown, listed] = [wanted, now];
}

// An act with what it asks for, folded until somebody wants it.
function folded(page, id, name, parts, doing, className = "main") {
  const part = make("details");
  part.id = `${name}-${id}`;
  part.append(make("summary", t("act", name)), acting(page, [make("p", t("act_why", name)), ...parts], t("act", name), async (given) => {
    await doing(given);
    if ($(part.id)) $(part.id).open = false; // it may have been drawn anew meanwhile
    await page.done(name);
  }, className));
  return part;
}

const agreeing = (page) => folded(page, "new", "agree", [
  input("association", t("field", "association"), { required: true, maxLength: 200, autocomplete: "off" }),
  input("ends_at", t("field", "until"), { type: "date", required: true }),
], (given) => send("conventions", given));

function convention(page, found, one) {
  const over = one.ended_at !== null || Date.parse(one.ends_at) <= found.now;
  const item = make("li", undefined, over ? "amber" : "");
  const until = one.ended_at ? t("ended_on", { at: brief(one.ended_at) }) : t("bound_until", { from: brief(one.starts_at), to: brief(one.ends_at) });
  item.append(make("h2", one.association), make("p", until), ...one.clearances.map((member) => cleared(page, found, member, over)));
  if (!one.clearances.length) item.append(make("p", t("cleared_none"), "remark"));
  if (over || page.role !== "prosecutor") return item;
  item.append(
    folded(page, one.id, "clear", [input("username", t("field", "username"), { required: true, maxLength: 64, autocomplete: "off" })],
      (given) => send(`conventions/${one.id}/clear`, given)),
    folded(page, one.id, "unbind", [], () => send(`conventions/${one.id}/end`, {}), "grave"));
  return item;
}

function cleared(page, found, member, over) {
  const shownMember = make("div", undefined, "member");
  const people = member.people ?? [];
  shownMember.append(make("h3", member.username), make("p", t("cleared_by", { who: member.cleared_by, at: moment(member.cleared_at) }), "remark"),
    make("p", people.length ? t("follows", { who: people.map((one) => one.label).join(" · ") }) : t("follows_none")));
  if (over || page.role !== "prosecutor") return shownMember;
  const free = found.phones.map((phone) => phone.holder).filter((one) => one && !people.some((other) => other.id === one.id));
  const whom = (name, options) => [choice("beneficiary", t("field", name), options, { empty: t("choose"), required: true })];
  const path = `clearances/${member.id}`;
  if (free.length) {
    shownMember.append(folded(page, member.id, "entrust", whom("beneficiary", free.map((one) => [one.id, holder(one)])),
      (given) => send(`${path}/entrust`, given)));
  }
  if (people.length) {
    shownMember.append(folded(page, member.id, "take_back", whom("beneficiary", people.map((one) => [one.id, one.label])),
      (given) => send(`${path}/entrust`, { ...given, ended: true })));
  }
  shownMember.append(folded(page, member.id, "unclear", [], () => send(`${path}/end`, {}), "grave"));
  return shownMember;
}
