// What people read: one catalogue per page and language, and how times and distances are said in it.

import { keep, recall } from "./memory.js";

const STORED = "language";
const TURN = 100; // see forms

// A catalogue as the server makes it out of the gettext files: each text has one form, or one for
// each of the language's numbers; `forms` says which, number by number up to twice TURN.
export class Words {
  constructor({ language, locale, next, forms, texts, codes }) {
    Object.assign(this, { language, locale, next, forms });
    this.texts = new Map(Object.entries(texts));
    this.codes = new Map(Object.entries(codes).map(([name, one]) => [name, new Map(Object.entries(one))]));
  }

  // t("status", "ringing") or t("answered_by", {who}); an unknown code is shown as it is. Where a
  // text has several forms, the number n chooses.
  t(key, given, more) {
    if (typeof given !== "string" && given !== null) return this.filled(this.texts.get(key), given) ?? key;
    return this.filled(this.codes.get(key)?.get(String(given)), more) ?? String(given);
  }

  // All the codes of a family with their words, in the catalogue's order.
  family(name) {
    return [...(this.codes.get(name) ?? [])].map(([code, forms]) => [code, this.filled(forms, {})]);
  }

  filled(forms, given) {
    if (!forms) return null;
    const found = forms.length > 1 ? forms[this.form(given?.n) ?? forms.length - 1] : forms[0];
    return found.replace(/\{(\w+)\}/g, (_, name) => given?.[name] ?? "");
  }

  form(n) {
    const whole = Math.trunc(Math.abs(Number(n)));
    return this.forms[whole < TURN ? whole : TURN + (whole % TURN)];
  }

  span(seconds) {
    const s = Math.max(0, Math.floor(seconds));
    if (s < 60) return this.t("seconds", { n: s });
    if (s < 3600) return this.t("minutes", { m: Math.floor(s / 60), s: s % 60 });
    if (s < 86400) return this.t("hours", { h: Math.floor(s / 3600), m: Math.floor(s / 60) % 60 });
    return this.t("days", { d: Math.floor(s / 86400), h: Math.floor(s / 3600) % 24 });
  }

  length(metres) {
    if (metres < 1000) return this.t("metres", { n: Math.round(metres) });
    const kilometres = (metres / 1000).toLocaleString(this.locale, { maximumFractionDigits: 1 });
    return this.t("kilometres", { n: kilometres });
  }

  // Two figures, rounded up: a radius in words claims no more than was measured.
  atMost(metres) {
    const step = 10 ** Math.max(0, Math.floor(Math.log10(metres)) - 1);
    return this.length(Math.ceil(metres / step) * step);
  }

  share(part) {
    const percent = part * 100;
    return this.t("percent", { n: percent < 1 ? "< 1" : Math.min(100, Math.round(percent)) });
  }

  clock(at) {
    return new Date(at).toLocaleTimeString(this.locale, { timeZone: "Europe/Paris" });
  }

  degrees(value) {
    return value.toLocaleString(this.locale, { minimumFractionDigits: 5, maximumFractionDigits: 5 });
  }
}

let words = new Words({ language: "", texts: {}, codes: {} }); // the page's own

export const t = (...given) => words.t(...given);
export const family = (name) => words.family(name);
export const span = (seconds) => words.span(seconds);
export const length = (metres) => words.length(metres);
export const atMost = (metres) => words.atMost(metres);
export const share = (part) => words.share(part);
export const clock = (at) => words.clock(at);
export const degrees = (value) => words.degrees(value);
export const locale = () => words.locale;

const languages = document.documentElement.dataset.languages.split(" ");

// The first language is the country's: what is said to control rooms is said in it.
export const [official] = languages;

// The language that was chosen on this machine, or the first.
export function preferred() {
  const kept = recall(STORED);
  return languages.includes(kept) ? kept : official;
}

export async function read(page, language) {
  const answer = await fetch(new URL(`./${page}.${language}.json`, import.meta.url));
  return new Words(await answer.json());
}

// Makes the page speak a language, keeps that for the next time, and lets `button` lead to another.
export async function speak(page, language, button) {
  words = await read(page, language);
  keep(STORED, language);
  document.documentElement.lang = language;
  for (const one of document.querySelectorAll("[data-t]")) one.textContent = t(one.dataset.t);
  for (const one of document.querySelectorAll("[data-t-label]")) {
    one.setAttribute("aria-label", t(one.dataset.tLabel));
  }
  button.textContent = words.next.name;
  button.lang = words.next.language;
}
