// Whom a name or a number belongs to, exactly: what is asked stands in no address, and each look-up is
// on record. In every tribunal with a reason: what is found is opened by it, and who opened what is told
// to the prosecutor whose it is.

import { $, make, rewrite } from "./dom.js";
import { read, send } from "./after.js";
import { moment } from "./dates.js";
import { acting, area, input, remade } from "./fields.js";
import { opening } from "./dossier.js";
import { t } from "./texts.js";

let shown = "";
let items = null; // who was found; null: nobody was looked for
let where = "find_none"; // what is said of nobody

export function forget() {
  [shown, items] = ["", null];
  for (const id of ["find-form", "find-found", "opened"]) $(id).replaceChildren();
}

export async function draw(page) {
  const { items: openings } = await read("break-glass");
  rewrite($("opened"), ...openings.map(opened));
  $("opened-none").hidden = openings.length > 0;
  const wanted = document.documentElement.lang;
  if (wanted === shown) return;
  shown = wanted;
  const everywhere = make("details");
  everywhere.append(make("summary", t("find_everywhere")), make("p", t("everywhere_why"), "caution"),
    looking(page, "break-glass", "break", [area("reason", t("field", "reason"), { required: true, maxLength: 500 })]));
  remade($("find-form"), () => $("find-form").replaceChildren(looking(page, "beneficiaries/search", "find", []), everywhere));
  told();
}

const looking = (page, path, act, more) => acting(page, [
  input("name", t("field", "name"), { maxLength: 200, autocomplete: "off" }),
  input("number", t("field", "msisdn"), { type: "tel", maxLength: 24, autocomplete: "off" }), ...more,
], t("act", act), async (given) => {
  ({ items } = await send(path, given));
  where = act === "break" ? "nowhere" : "find_none";
  told();
}, act === "break" ? "grave" : "main");

function opened(one) {
  const item = make("li");
  const whose = t("opened_by", { by: one.by, who: one.beneficiary.label, at: moment(one.at), until: moment(one.until) });
  item.append(make("p", whose), make("p", one.reason ?? t("reason_gone"), "quoted"));
  return item;
}

function told() {
  $("find-found").replaceChildren(...items === null ? [] : items.length ? items.map(one) : [make("li", t(where))]);
}

function one(found) {
  const item = make("li");
  item.append(make("span", [found.label, found.initials, found.device].filter(Boolean).join(" — ")), " ", opening(found));
  return item;
}
