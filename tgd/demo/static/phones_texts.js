// What people read on this page: one catalogue per language, and how times are said.

const KEPT = "tgd-phones-language";

let words = {};

export const language = () => words.language;

export async function speak(wanted) {
  const answer = await fetch(new URL(`./phones.${wanted}.json`, import.meta.url));
  words = await answer.json();
  localStorage.setItem(KEPT, wanted);
  document.title = t("title");
  document.documentElement.lang = wanted;
  for (const one of document.querySelectorAll("[data-t]")) one.textContent = t(one.dataset.t);
  for (const one of document.querySelectorAll("[data-t-label]")) {
    one.setAttribute("aria-label", t(one.dataset.tLabel));
  }
}

export const preferred = () => (localStorage.getItem(KEPT) === "en" ? "en" : "fr");

// t("state", "answered") is a word of a list; t("kept", {attempt: 2}) fills in a sentence.
export function t(key, given) {
  const found = words[key];
  if (typeof given === "string") return found?.[given] ?? given;
  return (found ?? key).replace(/\{(\w+)\}/g, (_, name) => given?.[name] ?? "");
}

export const clock = (at) => new Date(at * 1000).toLocaleTimeString(words.locale);

export const number = (value, digits = 0) =>
  value.toLocaleString(words.locale, { maximumFractionDigits: digits });

export function metres(value) {
  if (value < 1000) return t("metres", { n: number(value) });
  return t("kilometres", { n: number(value / 1000, 1) });
}

export function lasting(seconds) {
  if (seconds < 1) return t("milliseconds", { n: number(seconds * 1000) });
  return t("seconds", { n: number(seconds, 1) });
}
