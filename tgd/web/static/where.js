// Where the phone is, in words for a person in a hurry: how sure, how old, from what, moving or not,
// what is doubtful, beside what, and who is competent there. Nothing here asks the server.

import { $, make, rewrite, say, tags } from "./dom.js";
import { plan } from "./plan.js";
import { atMost, clock, degrees, length, share, span, t } from "./texts.js";

const OLD_S = 60;
const WIDE_M = 2000;
const AT_REST_KMH = 3;
const WINDS = ["n", "ne", "e", "se", "s", "sw", "w", "nw"];
const ARROWS = "↑↗→↘↓↙←↖";
const UNREAD_MS = 4500; // shown as stale before five seconds are over

// `seen` is what was read of this alert's whereabouts and when; null as long as nothing was.
// Of its position and the alert's own (`read_at`, by the server's clock) the newer is shown.
export function where(alert, seen, now) {
  const found = seen?.found ?? null;
  const newest = found !== null && found.now >= alert.read_at ? found : alert;
  const position = newest.position;
  unread(seen);
  $("w-verify").hidden = !found?.withdrawal_to_verify;
  if (position) statement(position, found, now);
  else rewrite($("a-position"), ...unknown(alert, found, now));
  const age = position ? (now - Date.parse(position.fixed_at)) / 1000 : 0;
  $("where").classList.toggle("old", age > OLD_S);
  $("where").classList.toggle("wide", (position?.r95_m ?? 0) > WIDE_M);
  tags($("w-doubts"), position?.doubts ?? [], (code) => t("doubt_said", code));
  drawing(position, found);
  places(position, found);
  rooms(alert, found);
  trail(found);
}

// To be called often: it is time alone that makes it stale.
export function unread(seen) {
  const stale = seen !== null && Date.now() - seen.at > UNREAD_MS;
  $("where").classList.toggle("unread", stale);
  $("w-unread").hidden = !stale;
  if (stale) say($("w-unread"), t("unread", { age: span((Date.now() - seen.at) / 1000) }));
}

function statement(position, found, now) {
  const age = (now - Date.parse(position.fixed_at)) / 1000;
  const place = make("p", undefined, "degrees");
  place.append(make("b", `${degrees(position.lat)} ; ${degrees(position.lon)}`));
  rewrite($("a-position"),
    make("p", t("within", { n: atMost(position.r95_m) }), "within"),
    address(found), // before what may have to be scrolled to
    make("p", t("position_age", { age: span(age), time: clock(position.fixed_at),
      what: t("method", position.method) }), "age"),
    travel(position, age),
    place);
}

// A direction as a word and an arrow.
function towards(from_north) {
  if (from_north === null) return {};
  const eighth = Math.round(from_north / 45) % 8;
  return { towards: t("wind", WINDS[eighth]), arrow: ARROWS[eighth] };
}

function travel({ speed_kmh: speed, heading_deg: course }, age) {
  if (speed === null) return make("p", t("travel_unknown"));
  if (speed < AT_REST_KMH) return make("p", t("travel_none"));
  const given = { n: Math.round(speed), ...towards(course) };
  const then = age > OLD_S ? "travel_then" : "travel";
  return make("p", t(course === null ? "travel_anywhere" : then, given), "travel");
}

function address(found) {
  const near = found?.address;
  if (!near) return null;
  if (near.unknown) return make("p", t("address_unknown", near.unknown));
  const given = { what: near.label, n: length(near.distance_m) };
  return make("p", t(near.near ? "address_near" : "address_at", given), "address");
}

function unknown(alert, found, now) {
  return [make("p", t("unknown_position"), "within"),
    make("p", t("unknown_why", reason(alert, found, now)))];
}

// Why there is no position; the first that holds.
function reason(alert, found, now) {
  const doubts = new Set(alert.presses.flatMap((press) => press.doubts));
  const first = alert.presses.at(-1);
  if (alert.rescued) return "rescued";
  if (alert.consent === "refused") {
    return first && !first.doubts.includes("location_refused") ? "withdrawn" : "refused";
  }
  if (alert.status === "closed") return "closed";
  if (alert.contact_lost_at) return "lost";
  if (doubts.has("location_invalid")) return "invalid";
  if (doubts.has("press_unreadable")) return "unreadable";
  return found?.live_until && Date.parse(found.live_until) > now ? "asked" : "none";
}

const near = (found) => (found?.places ?? []).filter((place) => place.touched)
  .sort((a, b) => a.distance_m - b.distance_m);

function drawing(position, found) {
  $("w-plan").hidden = !position;
  if (!position) return;
  const touched = near(found);
  plan($("plan"), position, found?.trail ?? [], touched);
  const said = [t("plan", { n: atMost(position.r95_m) }), ...touched.map(named)];
  $("plan").setAttribute("aria-label", said.join(" ; "));
}

const named = (place) =>
  `${t("place", place.kind)} ${t("apart", { n: length(place.distance_m) })}`;

// Without a position every declared place counts; with one, those that its disc does not touch
// are folded away.
function places(position, found) {
  const known = found?.places ?? [];
  const touched = near(found);
  const shown = position ? touched : known;
  const others = position ? known.filter((place) => !place.touched) : [];
  say($("w-places-title"), t(position ? "places_near" : "places_declared"));
  $("w-places").hidden = shown.length === 0 && !(found && !position);
  const items = shown.map(place);
  rewrite($("w-places-list"), ...(items.length ? items : [make("li", t("places_none"))]));
  $("w-others").hidden = others.length === 0;
  say($("w-others").firstElementChild, t("places_others", { n: others.length }));
  rewrite($("w-others").lastElementChild, ...others.map(place));
}

function place(one) {
  const item = make("li", undefined, one.kind === "aggressor" ? "his" : "");
  if (one.touched) {
    item.append(make("span", t("apart", { n: length(one.distance_m) }), "big"));
  }
  item.append(make("b", t("place", one.kind)));
  item.append(` ${[one.label, one.address].filter(Boolean).join(", ")}`);
  if (one.approach) item.append(make("div", t("approach", { what: one.approach }), "approach"));
  return item;
}

function rooms(alert, found) {
  $("w-rooms").hidden = !found?.rooms.length || alert.status === "closed";
  rewrite($("w-rooms-list"), ...(found?.rooms ?? []).map((room) => {
    const item = make("li");
    if (room.share) item.append(make("span", share(room.share), "big"));
    item.append(make("b", room.name), ` — ${t("why", room.why)}`);
    return item;
  }));
}

function trail(found) {
  const fixes = found?.trail ?? [];
  $("w-trail").hidden = fixes.length === 0;
  say($("w-trail").firstElementChild, t("trail", { n: fixes.length }));
  if (!$("w-trail").open) return; // two hundred lines a second that nobody sees
  rewrite($("w-trail").lastElementChild, ...fixes.map((fix) => {
    const said = [clock(fix.fixed_at), t("method", fix.method),
      t("within_now", { n: atMost(fix.r95_m) }), `${degrees(fix.lat)} ; ${degrees(fix.lon)}`];
    const item = make("li", said.join(" · "));
    for (const code of fix.doubts) item.append(" ", make("span", t("doubt", code), "tag"));
    return item;
  }));
}
