// How times, numbers and lengths are said on this page.

import { locale, t } from "./texts.js";

export const clock = (at) => new Date(at * 1000).toLocaleTimeString(locale(), { timeZone: "Europe/Paris" });

export const number = (value, digits = 0) =>
  value.toLocaleString(locale(), { maximumFractionDigits: digits });

export function metres(value) {
  if (value < 1000) return t("metres", { n: number(value) });
  return t("kilometres", { n: number(value / 1000, 1) });
}

export function lasting(seconds) {
  if (seconds < 1) return t("milliseconds", { n: number(seconds * 1000) });
  return t("seconds", { n: number(seconds, 1) });
}
