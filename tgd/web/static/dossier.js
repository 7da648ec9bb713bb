// A person's file: read once when it is opened, as every reading is on record, and mended part by part.
// An association sees of it what it is told, and mends nothing.

import { $, make, rewrite, say } from "./dom.js";
import { read, send } from "./after.js";
import { brief, moment } from "./dates.js";
import { acting, area, choice, group, input, remade, tick } from "./fields.js";
import { holder, link } from "./glance.js";
import { family, t } from "./texts.js";

const OF_HER = ["name", "born", "description", "languages", "health", "contact", "contact_hours"];
const LONG = ["description", "health", "contact", "contact_hours", "evaluation", "approach", "note"];
const OF_HIM = ["name", "relation", "description", "vehicle"];
const OF_CHILD = ["name", "born", "note"];
const OF_PLACE = ["label", "address", "position", "radius_m", "approach"];
const ACCESS = ["floor", "codes", "interphone", "building", "entrance", "door"];
const COORDINATES = /^\s*(-?\d+(?:\.\d+)?)\s*[,; ]\s*(-?\d+(?:\.\d+)?)\s*$/;

let kept = null; // {id, file} as it was read; nobody reads it again for drawing it again
let shown = "";

export function forget() {
  [kept, shown] = [null, ""];
  for (const id of ["file-title", "file-facts", "file-acts"]) $(id).replaceChildren();
}

const danger = () => family("danger").map(([code]) => code);

export async function draw(page, found, id) {
  if (kept?.id !== id) {
    const began = { id };
    kept = began;
    const file = await read(`beneficiaries/${encodeURIComponent(id)}/file`).catch((error) => {
      if (kept === began) kept = null;
      throw error;
    });
    if (kept !== began) return; // another was opened meanwhile
    kept = { id, file };
  }
  if (!kept.file) return;
  const wanted = JSON.stringify([kept.file, document.documentElement.lang]);
  if (wanted === shown) return;
  shown = wanted;
  const { file } = kept;
  say($("file-title"), t("file_of", { who: file.file?.name ?? file.label }));
  say($("file-unknown"), file.unknown ? t("file_unknown", file.unknown) : "");
  say($("file-open"), file.open_until ? t("file_open_until", { at: moment(file.open_until) }) : "");
  $("file-back").href = page.role === "association" || file.open_until || !file.assignment ? "#" : `#phone/${file.assignment.device}`;
  rewrite($("file-facts"), ...facts(file).flatMap(([label, value]) => [make("dt", label), make("dd", value)]));
  const mended = page.role !== "association" && !file.open_until; // another tribunal's is read only
  $("file-mending").hidden = !mended;
  if (mended) mending(page, found, file);
}

// Made anew in another language or with what was saved: what else was typed stays, unfolded or not.
function mending(page, found, file) {
  const unfolded = [...$("file-acts").querySelectorAll("details[open]")].map((one) => one.id);
  remade($("file-acts"), () => $("file-acts").replaceChildren(...forms(page, found, file)));
  for (const id of unfolded) $(id).open = true;
}

// ── What is read ──────────────────────────────────────────────────────────────────────

const inside = (access, name) => (name === "codes" ? access?.codes?.join(", ") : access?.[name]);
const ways = ({ access }) => ACCESS.filter((name) => inside(access, name)).map((name) => `${t("titled", { what: t("field", name) })} ${inside(access, name)}`);

const day = (born) => (/^\d{4}-\d\d-\d\d$/.test(born ?? "") ? brief(born) : born);

function facts({ file, ...one }) {
  const said = (name) => [t("field", name), name === "born" ? day(file?.born) : file?.[name]];
  const child = (other) => [t("child"), OF_CHILD.map((name) => other[name]).filter(Boolean).join(", ")];
  const him = OF_HIM.map((name) => file?.aggressor?.[name]).filter(Boolean).join(", ");
  const place = (other) => [t("place_kind", other.kind), [other.label, other.address, other.approach, ...ways(other)].filter(Boolean).join(" — ")];
  const consents = Object.entries(one.consents).map(([kind, given]) =>
    `${t("titled", { what: t("consent", kind) })} ${t("answer", given === null ? "unsaid" : given ? "yes" : "no")}`);
  const pairs = [
    [t("fact", "label"), one.label], ...OF_HER.map((name) => (name === "languages" ? [t("field", name), file?.languages?.join(", ")] : said(name))),
    ...(file?.children ?? []).map(child), [t("him"), him],
    ...danger().map((name) => [t("danger", name), file?.dangers?.[name]]),
    ...(one.places ?? []).map(place), said("evaluation"),
    [t("fact", "word"), one.word_agreed === undefined ? null : t("answer", one.word_agreed ? "yes" : "no")],
    [t("fact", "listen"), one.listen && t("listen", one.listen)],
    [t("fact", "consents"), consents.join(" · ")],
    [t("fact", "term"), one.assignment && t("file_until", { device: one.assignment.device, end: brief(one.assignment.ends_at) })],
    [t("field", "linked"), one.linked.map((other) => other.label).join(" · ")],
    [t("fact", "conflicts"), (one.conflicts ?? []).map((lock) => `${t("conflict", lock.kind)} ${lock.value}`).join(" · ")],
    ...(one.releases ?? []).map((other) => [t("release", other.kind),
      [moment(other.happens_at), other.outcome ? t("outcome", other.outcome) : t("not_evaluated")].join(" — ")]),
  ];
  return pairs.filter(([, value]) => value);
}

// ── What is mended ────────────────────────────────────────────────────────────────────

function forms(page, found, one) {
  const file = one.file ?? {};
  const part = (name, parts, saying) => {
    const unfolded = make("details");
    unfolded.id = `file-${name}`;
    unfolded.append(make("summary", t("file_part", name)), acting(page, parts, t("act", "save"), async (given) => {
      const said = saying(given);
      kept = { id: one.id, file: await send(`beneficiaries/${one.id}/file`, { ...said, seen: one.changed_at }) };
      unfolded.open = false;
      unfolded.querySelector("form").replaceChildren(); // what was saved is not to be put back into it
      await page.done("save");
    }, "main"));
    return unfolded;
  };
  const each = (names, of, called = (name) => t("field", name)) => names.map((name) => written(name, called(name), of?.[name]));
  const all = (names, given) => Object.fromEntries(names.map((name) => [name, given[name] ?? null]));
  const her = OF_HER.map((name) => written(name, t("field", name), name === "languages" ? file.languages?.join(", ") : file[name]));
  her[0].querySelector("input").required = true;
  return [
    part("her", her, (given) => ({ file: { ...all(OF_HER, given), languages: listed(given.languages) } })),
    part("children", rows(file.children ?? [], (child, n) => group(t("child_n", { n: n + 1 }), ...numbered(n, each(OF_CHILD, child, (name) => t("of_child", name))))),
      (given) => ({ file: { children: collected(given, OF_CHILD).filter((child) => child.name) } })),
    part("him", each(OF_HIM, file.aggressor), (given) => ({ file: { aggressor: given.name ? all(OF_HIM, given) : null } })),
    part("dangers", each(danger(), file.dangers, (name) => t("danger", name)), (given) => ({ file: { dangers: all(danger(), given) } })),
    part("places", rows(one.places ?? [], placeRow), (given) => ({ places: collected(given, ["kind", ...OF_PLACE, ...ACCESS]).filter((place) => place.label).map(asPlace) })),
    part("word", [make("p", t("word_why")), input("word", t("field", "all_clear_word"), { maxLength: 200, autocomplete: "off" }), tick("no_word", t("field", "no_word"))],
      ({ word, no_word: none }) => ({ all_clear_word: none === "on" ? null : word ?? "" })),
    part("listen", [choice("listen", t("fact", "listen"), family("listen"), { value: one.listen })], (given) => given),
    part("linked", linked(found, one), (given) => ({ linked: Object.keys(given) })),
    part("evaluation", each(["evaluation"], file), (given) => ({ file: { evaluation: given.evaluation ?? null } })),
  ];
}

function written(name, label, value, maxLength = 300) {
  const more = { value: value ?? "", autocomplete: "off" };
  return LONG.includes(name) ? area(name, label, more) : input(name, label, { ...more, maxLength });
}

const listed = (text) => (text ?? "").split(/[,;]/).map((one) => one.trim()).filter(Boolean);

// Those that there are, and room for one more.
const rows = (known, making) => [make("p", t("row_why"), "remark"), ...[...known, {}].map(making)];

function numbered(n, parts) {
  for (const one of parts) {
    const field = one.querySelector("[name]");
    field.name = `${field.name}-${n}`;
  }
  return parts;
}

function collected(given, names) {
  const found = [];
  for (const [key, value] of Object.entries(given)) {
    const [, name, n] = key.match(/^(\w+)-(\d+)$/) ?? [];
    if (names.includes(name)) (found[n] ??= {})[name] = value;
  }
  return found.filter(Boolean);
}

function placeRow(place, n) {
  const at = place.lat === undefined ? "" : `${place.lat}, ${place.lon}`;
  const values = { ...place, position: at, radius_m: place.radius_m ?? "" };
  return group(t("place_n", { n: n + 1 }), ...numbered(n, [
    choice("kind", t("field", "place"), family("place_kind"), { value: place.kind ?? "home" }),
    ...OF_PLACE.map((name) => written(name, t("field", name), values[name])),
    ...ACCESS.map((name) => written(name, t("field", name), inside(place.access, name), 80)),
  ]));
}

function asPlace({ position, radius_m: radius, ...told }) {
  const [, lat, lon] = (position ?? "").match(COORDINATES) ?? [];
  const access = Object.fromEntries(ACCESS.filter((name) => told[name]).map((name) => [name, name === "codes" ? listed(told.codes) : told[name]]));
  const place = Object.fromEntries(Object.entries(told).filter(([name]) => !ACCESS.includes(name)));
  if (Object.keys(access).length) place.access = access;
  return { ...place, lat: Number(lat ?? NaN), lon: Number(lon ?? NaN), radius_m: radius ? Number(radius) : undefined };
}

function linked({ phones }, one) {
  const known = new Map(one.linked.map((other) => [other.id, other.label]));
  for (const { holder: other } of phones) if (other && other.id !== one.id) known.set(other.id, holder(other));
  return [make("p", t("linked_why")), ...[...known].map(([id, label]) => tick(id, label, one.linked.some((other) => other.id === id)))];
}

export const opening = (who) => link(`#file/${who.id}`, t("file_open"), "button");
