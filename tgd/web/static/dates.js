// Days and moments as the office says them, in France's time whatever the machine's.

import { locale, t } from "./texts.js";

const DAY_MS = 86400000;
const ZONE = { timeZone: "Europe/Paris" };

export const day = (at) => new Date(at).toLocaleDateString(locale(), { ...ZONE, dateStyle: "long" });
export const brief = (at) => new Date(at).toLocaleDateString(locale(), { ...ZONE, dateStyle: "short" });
export const moment = (at) =>
  new Date(at).toLocaleString(locale(), { ...ZONE, dateStyle: "short", timeStyle: "short" });
export const hour = (at) => new Date(at).toLocaleTimeString(locale(), ZONE);

// Whole days between two moments, never fewer than none.
export const daysBetween = (from, to) => Math.max(0, Math.floor((to - Date.parse(from)) / DAY_MS));

// To the minute: what is drawn again and again changes no more often.
export const minute = (now) => Math.ceil(now / 60000) * 60000;

// How long ago, coarse enough to be read at a glance.
export function ago(at, now) {
  const minutes = Math.max(0, Math.floor((now - Date.parse(at)) / 60000));
  if (minutes < 2) return t("ago_now");
  if (minutes < 60) return t("ago_minutes", { n: minutes });
  if (minutes < 48 * 60) return t("ago_hours", { n: Math.floor(minutes / 60) });
  return t("ago_days", { n: Math.floor(minutes / 1440) });
}

// For a date field: the day in France.
export const isoDay = (at) => new Intl.DateTimeFormat("sv-SE", ZONE).format(new Date(at));

// The same day six months later, or the last of that month: no term is longer.
export function sixMonthsAfter(at) {
  const [year, month, date] = isoDay(at).split("-").map(Number);
  const last = new Date(Date.UTC(year, month + 6, 0)).getUTCDate();
  return new Date(Date.UTC(year, month + 5, Math.min(date, last))).toISOString().slice(0, 10);
}
