// The statistics of a period: asked for by the form or by the address, drawn by figures.js, and
// beside every plot the same as a table.

import { $, make, say } from "./dom.js";
import { Page, read } from "./after.js";
import { PERCENTILES, WIDE, bars, columns, percentiles } from "./figures.js";
import { locale, t } from "./texts.js";

const day = (text) =>
  new Date(`${text}T00:00:00Z`).toLocaleDateString(locale(), { timeZone: "UTC", day: "2-digit", month: "2-digit" });
const date = (text) => new Date(`${text}T00:00:00Z`).toLocaleDateString(locale(), { timeZone: "UTC" });
const figure = (value, digits) =>
  value.toLocaleString(locale(), { maximumFractionDigits: digits });

function duration(seconds) {
  if (seconds < 1) return t("ms", { n: figure(seconds * 1000, seconds < 0.01 ? 1 : 0) });
  if (seconds < 120) return t("s", { n: figure(seconds, seconds < 10 ? 1 : 0) });
  if (seconds < 7200) return t("min", { n: figure(seconds / 60, 1) });
  return t("h", { n: figure(seconds / 3600, 1) });
}

const named = (what, value) => `${t("titled", { what })} ${value}`;

function table(head, rows) {
  const shown = make("table");
  const line = make("tr");
  for (const one of head) {
    const cell = make("th", one);
    cell.scope = "col";
    line.append(cell);
  }
  const top = make("thead");
  top.append(line);
  const body = make("tbody");
  for (const cells of rows) {
    const row = make("tr");
    cells.forEach((cell, place) => {
      const made = make(place ? "td" : "th");
      if (!place) made.scope = "row";
      made.append(cell);
      row.append(made);
    });
    body.append(row);
  }
  shown.append(top, body);
  return shown;
}

function totals(counts) {
  const shown = [["alerts", counts.alerts], ["tests", counts.tests], ["open", counts.open]];
  $("totals").replaceChildren(...shown.map(([name, n]) => {
    const item = make("li");
    const said = make("span");
    if (name !== "open") said.append(make("span", undefined, `key ${name}`));
    said.append(t(name));
    item.append(make("b", figure(n, 0)), said);
    return item;
  }));
}

function counted(element, counts, family, label) {
  const rows = Object.entries(counts).map(([code, n]) => ({ name: t(family, code), n }));
  const whole = rows.reduce((most, one) => Math.max(most, one.n), 0);
  element.replaceChildren(rows.length ? bars({ rows, whole, label: described(label, rows) }) : make("p", t("none_of_it"), "remark"));
}

const described = (label, rows) => `${label} — ${rows.map((one) => named(one.name, one.said ?? one.n)).join(", ")}`;

function cadence(phones) {
  const part = (n) => (phones.assigned ? n / phones.assigned : 0);
  const share = (n) => t("percent", { n: figure(Math.floor(part(n) * 100), 0) });
  const row = (name, goal) => {
    const n = phones[name];
    const met = part(n) >= goal;
    const said = `${n} / ${phones.assigned} · ${share(n)} (${t("of_target", { n: goal * 100 })})`;
    return { name: t(name), n, said, goal, tone: met ? "good" : "bad" };
  };
  const rows = [row("within_15", 0.95), row("within_21", 1), {
    name: t("never"), n: phones.never, said: `${phones.never} / ${phones.assigned}`,
    tone: phones.never ? "bad" : "good",
  }];
  rows.push({ name: t("rehearsed"), n: phones.rehearsed, said: `${phones.rehearsed} / ${phones.assigned}` });
  const label = described(named(t("assigned"), phones.assigned), rows);
  $("cadence").replaceChildren(bars({ rows, whole: phones.assigned, label, wide: WIDE * 2, left: 0.26 }));
  worst(phones.worst);
}

// By its id, which is not hers; what is late is said, not only coloured.
function worst(phones) {
  const rows = phones.map(({ device, days }) => {
    const late = days === null || days >= 15;
    const said = days === null ? t("untested") : t(late ? "days_late" : "days_ago", { n: days });
    return [device, make("b", said, late ? "bad" : "good")];
  });
  $("worst").hidden = rows.length === 0;
  const title = make("summary", t("worst"));
  $("worst").replaceChildren(title, table([t("device"), t("tested")], rows));
}

function met(one) {
  const said = make("span");
  Object.entries(one.targets).forEach(([name, goal], place) => {
    if (place) said.append(" · ");
    said.append(`${t("at_most", { p: name, n: duration(goal) })} `);
    const whole = one.alerts.whole;
    if (!whole || whole[name] === undefined) return;
    const good = whole[name] <= goal;
    said.append(make("b", t(good ? "met_yes" : "met_no"), good ? "good" : "bad"));
  });
  return said;
}

function summary(legs) {
  const head = [t("leg_head"), t("n_head"), ...PERCENTILES, t("target_head")];
  const rows = legs.map((one) => {
    const whole = one.alerts.whole;
    const figures = PERCENTILES.map((name) => (whole ? duration(whole[name]) : "—"));
    return [t("leg", one.name), String(whole?.n ?? 0), ...figures, met(one)];
  });
  $("table").replaceChildren(table(head, rows));
}

function plot(one, kind, period) {
  const shown = make("figure");
  const series = one[kind];
  const caption = make("figcaption");
  caption.append(make("span", undefined, `key ${kind}`), t(kind));
  shown.append(caption);
  if (!series.whole) {
    shown.append(make("p", t("not_measured"), "remark"));
    return shown;
  }
  const whole = Object.fromEntries(PERCENTILES.map((name) => [name, duration(series.whole[name])]));
  const said = t("plot_said", { ...whole, n: series.whole.n });
  caption.append(` · ${said}`);
  const label = t("plot", { leg: t("leg", one.name), kind: t(kind), said });
  shown.append(percentiles({ ...period, steps: series.steps, targets: one.targets, label, duration, day }));
  const more = make("details");
  const rows = series.steps.map((step) =>
    [date(step.begins), String(step.n), ...PERCENTILES.map((name) => duration(step[name]))]);
  more.append(make("summary", t("figures")), table([t("begins"), t("n_head"), ...PERCENTILES], rows));
  shown.append(more);
  return shown;
}

function plots(legs, period) {
  $("plots").replaceChildren(...legs.map((one) => {
    const shown = make("section");
    shown.id = one.name;
    const pair = make("div", undefined, "pair");
    pair.append(plot(one, "alerts", period), plot(one, "tests", period));
    shown.append(make("h3", t("leg", one.name)), pair);
    return shown;
  }));
}

function show(found) {
  const period = { since: found.from, until: found.to };
  const scope = t(found.tribunal === null ? "scope_all" : "scope_own");
  document.title = t("title");
  say($("intro"), t("intro", { from: date(found.from), to: date(found.to), scope }));
  totals(found.counts);
  const said = (kind, n) => named(t(kind), n);
  const both = ["alerts", "tests"].map((kind) => said(kind, found.counts[kind]));
  const label = `${t("numbers")} — ${both.join(", ")}`;
  $("columns").replaceChildren(columns({ ...period, steps: found.counts.steps, step: found.step, label, day, said }));
  counted($("verdicts"), found.counts.by_verdict, "verdict", t("by_verdict"));
  counted($("reasons"), found.counts.by_reason, "reason", t("by_reason"));
  cadence(found.phones);
  summary(found.legs);
  plots(found.legs, period);
  const fields = $("period").elements;
  if (!typing) [fields.from.value, fields.to.value] = [found.from, found.to];
  $("statistics").hidden = $("print").hidden = false;
}

const page = new Page("statistics", async (_language, latest) => {
  const found = await read(`statistics${location.search}`);
  if (latest()) show(found);
});

// What is being entered is not put back by an answer that was asked for before.
let typing = false;
$("period").addEventListener("input", () => { typing = true; });
$("period").addEventListener("submit", (event) => {
  event.preventDefault();
  typing = false;
  const asked = new URLSearchParams(new FormData($("period")));
  if (!asked.get("step")) asked.delete("step");
  history.replaceState(null, "", `?${asked}`);
  page.again();
});
$("print").addEventListener("click", () => window.print());
page.start();
