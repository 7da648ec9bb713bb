// The file of the person whose alert it is, as far as it goes; what endangers those who go there
// stands out. Each reading is on the record: it is opened by whoever has the alert, or on request.

import { $, make, rewrite, say } from "./dom.js";
import { t } from "./texts.js";

const OF_HER = ["name", "born", "description", "health", "contact", "contact_hours"];
const DAY_MS = 86_400_000;
const DUE_DAYS = 15;
const OVERDUE_DAYS = 21;
const DANGERS = ["weapons", "dog", "access", "other"];
const OF_HIM = ["name", "relation", "description", "vehicle"];

// When she last tested her phone; one that was never tested is as good as one that is long overdue.
export function tested(alert, now) {
  $("tested").hidden = alert.beneficiary === null; // in nobody's hands
  const last = alert.last_test && (now - Date.parse(alert.last_test.at)) / DAY_MS;
  let kind = "fresh";
  if (last === null) kind = "never";
  else if (last > OVERDUE_DAYS) kind = "overdue";
  else if (last > DUE_DAYS) kind = "due";
  const n = Math.max(0, Math.floor(last ?? 0));
  const said = { n, when: n === 0 ? t("tested_today") : t("tested_days", { n }) };
  say($("tested"), t(`tested_${kind}`, said));
  $("tested").className = `tested ${kind}`;
}

// `read` is null (not read), or {file, unknown} as answered, or {failed: true}.
export function person(alert, read, may) {
  const file = read?.file ?? null;
  const closed = alert.status === "closed";
  $("person-open").hidden = read !== null && !read.failed || !alert.known || closed || !may;
  say($("person-not"), file ? "" : t("person_unknown", why(alert, read)));
  rewrite($("person-file"), ...(file ? lines(file) : []));
  const dangers = DANGERS.filter((kind) => file?.dangers?.[kind]);
  $("dangers").hidden = dangers.length === 0;
  rewrite($("dangers-list"), ...dangers.map((kind) => {
    const item = make("li");
    item.append(make("b", t("titled", { what: t("danger", kind) })), " ", file.dangers[kind]);
    return item;
  }));
}

function why(alert, read) {
  if (read?.failed) return "failed";
  if (read) return read.unknown;
  if (alert.status === "closed") return "alert_closed";
  return alert.known ? "not_read" : "no_holder";
}

function lines(file) {
  const found = OF_HER.filter((kind) => file[kind]).map((kind) => [t("file", kind), file[kind]]);
  if (file.languages.length) found.push([t("file", "languages"), file.languages.join(", ")]);
  for (const child of file.children) {
    found.push([t("file", "child"), [child.name, child.born, child.note].filter(Boolean).join(", ")]);
  }
  const him = OF_HIM.map((kind) => file.aggressor?.[kind]).filter(Boolean);
  if (him.length) found.push([t("file", "aggressor"), him.join(", ")]);
  return found.flatMap(([kind, text]) => [make("dt", kind), make("dd", text)]);
}

// Each danger with its heading, in words of their own: they are read out to those who go there.
export const dangers = (file, words) =>
  DANGERS.filter((kind) => file?.dangers?.[kind])
    .map((kind) => `${words.t("titled", { what: words.t("danger", kind) })} ${file.dangers[kind]}`);

export const children = (file) =>
  (file?.children ?? []).map((child) => [child.name, child.note].filter(Boolean).join(", "));
