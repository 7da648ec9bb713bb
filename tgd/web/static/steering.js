// The figures for the steering committee. What is about fewer than five comes hidden from the server.

import { $, make } from "./dom.js";
import { read } from "./after.js";
import { table } from "./glance.js";
import { locale, t } from "./texts.js";

let asked = "";
let shown = "";

const figure = (n, least) => (n === null ? t("few", { n: least }) : n.toLocaleString(locale()));

function part(title, counts, family, least) {
  const rows = Object.entries(counts).map(([code, n]) => ({ cells: [t(family, code), figure(n, least)] }));
  if (!rows.length) return [];
  return [make("h2", title), table(title, [t("head", "what"), t("head", "count")], rows)];
}

export const forget = () => { shown = ""; };

const current = () => `${asked} ${document.documentElement.lang}`;

export async function draw() {
  const wanted = current();
  if (wanted === shown) return;
  const found = await read(`steering${asked}`);
  if (wanted !== current()) return; // something else was asked for meanwhile
  const { least } = found;
  const days = (n) => (n === null ? t("few_days", { n: least }) : t("in_days", { n }));
  const rows = [
    ["allocation", figure(found.allocation, least)], ["held", figure(found.held, least)],
    ["requests", figure(found.requests, least)], ["wait", days(found.wait_days)],
    ["assignments", figure(found.assignments, least)], ["renewals", figure(found.renewals, least)],
    ["ends", figure(found.ends, least)], ["held_days", days(found.held_days)],
    ["alerts", figure(found.alerts, least)],
  ].map(([key, said]) => ({ cells: [t("figure", key), said] }));
  $("figures-body").replaceChildren(
    table(t("figures"), [t("head", "what"), t("head", "count")], rows),
    ...part(t("by_status"), found.requests_by_status, "request_status", least),
    ...part(t("by_source"), found.requests_by_source, "source", least),
    ...part(t("by_basis"), found.assignments_by_basis, "basis_short", least),
    ...part(t("by_end"), found.ends_by_reason, "end_reason", least),
    ...part(t("by_verdict"), found.alerts_by_verdict, "verdict", least),
    make("p", t("few_why", { n: least }), "remark"));
  const fields = $("period").elements;
  if (!$("period").contains(document.activeElement)) [fields.from.value, fields.to.value] = [found.from, found.to];
  shown = wanted;
}

export function prepare(page) {
  $("period").addEventListener("submit", (event) => {
    event.preventDefault();
    asked = `?${new URLSearchParams(new FormData($("period")))}`;
    page.again();
  });
}
