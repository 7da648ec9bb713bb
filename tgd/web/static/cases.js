// The cases of an assignment: each with its report, and as a signed archive for whoever must have it.

import { $, make } from "./dom.js";
import { fetched, read } from "./after.js";
import { moment } from "./dates.js";
import { acting, choice, input, remade } from "./fields.js";
import { link } from "./glance.js";
import { family, t } from "./texts.js";

let listed = ""; // which cases there are: what was typed stays with its own

export async function drawCases(page, one) {
  const { items } = await read(`assignments/${one.id}/cases`);
  const box = $("cases");
  const unfolded = [...box.querySelectorAll("details[open]")].map((other) => other.id);
  const making = () => box.replaceChildren(
    ...items.length ? items.map((found) => caseItem(page, found)) : [make("li", t("cases_none"), "remark")]);
  const wanted = JSON.stringify(items);
  if (wanted === listed) remade(box, making);
  else making();
  listed = wanted;
  for (const id of unfolded) if ($(id)) $(id).open = true;
}

function caseItem(page, found) {
  const item = make("li");
  const what = found.verdict ? t("verdict", found.verdict) : t("case_open");
  const report = link(`/console/report/${found.alert}`, t("case_report"), "button");
  report.target = "_blank";
  item.append(make("b", found.case_id), ` — ${moment(found.opened_at)} — ${what} `, report);
  if (found.status === "closed") item.append(exporting(page, found));
  return item;
}

function exporting(page, found) {
  const shown = make("details");
  shown.id = `case-${found.alert}`;
  const ground = choice("ground", t("field", "ground"), family("ground"), { empty: t("choose"), required: true });
  const reference = input("reference", t("field", "procedure"), { maxLength: 200, autocomplete: "off" });
  const parts = [make("p", t("act_why", "export")), ground, reference];
  ground.addEventListener("change", (event) => {
    reference.querySelector("input").required = event.target.value === "procedure";
  });
  shown.append(make("summary", t("act", "export")), acting(page, parts, t("act", "export"), async (given) => {
    save(await fetched(`alerts/${found.alert}/export`, given), `dossier-${found.case_id}.zip`);
    await page.done("export");
  }, "main"));
  return shown;
}

function save(file, name) {
  const address = URL.createObjectURL(file);
  const way = link(address, name);
  way.download = name;
  way.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser may still be asking where to
}
