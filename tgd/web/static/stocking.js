// A phone that has come: entered into the stock, before anybody is given it.

import { $, make } from "./dom.js";
import { send } from "./after.js";
import { acting, choice, input, remade } from "./fields.js";
import { t } from "./texts.js";

let shown = "";

export const forget = () => { shown = ""; };

export function draw(page, { tribunals }) {
  const wanted = `${document.documentElement.lang} ${tribunals.length}`;
  if (wanted === shown) return;
  shown = wanted;
  const several = tribunals.length > 1
    ? [choice("tribunal", t("field", "tribunal"), tribunals.map((one) => [one.id, one.name]), { empty: t("choose"), required: true })] : [];
  const parts = [
    make("p", t("act_why", "stock")), ...several,
    input("id", t("field", "id"), { required: true, maxLength: 64, pattern: "[A-Za-z0-9_\\-]{1,64}", autocomplete: "off" }),
    ...phoneParts(),
    choice("state", t("field", "kept_as"), ["in_stock", "reserve"].map((code) => [code, t("state", code)])),
  ];
  remade($("stock-body"), () => $("stock-body").replaceChildren(acting(page, parts, t("act", "stock"), async (given) => {
    const { tribunal, state, ...phone } = given;
    await send("devices", { ...phone, tribunal, state, new: true });
    $("stock-body").querySelector("form").reset();
    await page.done("stock", `#phone/${phone.id}`);
  }, "main")));
}

// What stands on a phone and its card.
export function phoneParts(unchanged) {
  const generations = ["2G", "3G", "4G", "5G"].map((code) => [code, code]);
  return [
    input("label", t("field", "label"), { maxLength: 200 }),
    input("imei", t("field", "imei"), { inputMode: "numeric", maxLength: 20 }),
    input("iccid", t("field", "iccid"), { inputMode: "numeric", maxLength: 24 }),
    input("msisdn", t("field", "msisdn"), { type: "tel", maxLength: 24 }),
    choice("generation", t("field", "generation"), generations, { empty: unchanged ?? t("choose") }),
  ];
}
