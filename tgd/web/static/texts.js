// What people read: one catalogue per language, and how times and distances are said.

let words = {};

export async function load(language) {
  const answer = await fetch(new URL(`./${language}.json`, import.meta.url));
  words = await answer.json();
}

// t("status", "ringing") or t("answered_by", {who}); an unknown code is shown as it is.
export function t(key, given) {
  const found = words[key];
  if (typeof given === "string" || given === null) return found?.[given] ?? String(given);
  return (found ?? key).replace(/\{(\w+)\}/g, (_, name) => given?.[name] ?? "");
}

export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return t("seconds", { n: s });
  if (s < 3600) return t("minutes", { m: Math.floor(s / 60), s: s % 60 });
  if (s < 86400) return t("hours", { h: Math.floor(s / 3600), m: Math.floor(s / 60) % 60 });
  return t("days", { d: Math.floor(s / 86400), h: Math.floor(s / 3600) % 24 });
}

export function length(metres) {
  if (metres < 1000) return t("metres", { n: Math.round(metres) });
  const kilometres = (metres / 1000).toLocaleString(words.locale, { maximumFractionDigits: 1 });
  return t("kilometres", { n: kilometres });
}

// Two figures, rounded up: a radius in words claims no more than was measured.
export function atMost(metres) {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(metres)) - 1);
  return length(Math.ceil(metres / step) * step);
}

export function share(part) {
  const percent = part * 100;
  return t("percent", { n: percent < 1 ? "< 1" : Math.min(100, Math.round(percent)) });
}

const WINDS = ["n", "ne", "e", "se", "s", "sw", "w", "nw"];
const ARROWS = "↑↗→↘↓↙←↖";

// A direction as a word and an arrow, for t("travel", …).
export function heading(from_north) {
  if (from_north === null) return {};
  const eighth = Math.round(from_north / 45) % 8;
  return { towards: t("wind", WINDS[eighth]), arrow: ARROWS[eighth] };
}

export const clock = (at) =>
  new Date(at).toLocaleTimeString(words.locale, { timeZone: "Europe/Paris" });

export const degrees = (value) =>
  value.toLocaleString(words.locale, { minimumFractionDigits: 5, maximumFractionDigits: 5 });

// Writes the catalogue into every element that names a text.
export function translate(root) {
  root.lang = words.language;
  for (const one of root.querySelectorAll("[data-t]")) one.textContent = t(one.dataset.t);
  for (const one of root.querySelectorAll("[data-t-label]")) {
    one.setAttribute("aria-label", t(one.dataset.tLabel));
  }
}

export const otherLanguage = () => t("other_language");
