// One key for each act, for hands that stay where they are. Single letters can be switched off, and
// are never taken from somebody who types: Escape leads out of a field, and keeps what is in it.

import { $, make } from "./dom.js";
import { keep, recall } from "./memory.js";
import { t } from "./texts.js";

const STORED = "keys";
const press = (id) => () => $(id).click();
const open = (id, field) => () => {
  $(id).open = true;
  const inside = $(id).querySelector(field);
  (inside && !inside.disabled ? inside : $(id).querySelector("summary")).focus();
};
const focus = (selector) => () => document.querySelector(selector)?.focus();

const KEYS = [
  ["A", press("answer"), "answer"],
  ["⇧P", press("police"), "police"],
  ["+", press("extend"), "extend"],
  ...["holder", "child", "other", "nobody"].map((who, n) =>
    [String(n + 1), () => document.querySelector(`[data-act=voice][data-value=${who}]`).click(),
      `heard_${who}`]),
  ...[["D", "no_danger"], ["E", "test"], ["C", "accidental"]].map(([key, what]) =>
    [key, () => document.querySelector(`[data-act=verdict][data-value=${what}]`).click(), what]),
  ["L", press("speak"), "speak"],
  ["W", focus("#word"), "word"],
  ["V", press("fresh-seen"), "fresh_seen"],
  ["N", focus("#note"), "note"],
  ["T", focus("#call-taker"), "handoff"],
  ["F", focus("#outcome"), "close"],
  ["I", open("script", "summary"), "script"],
  ["R", press("person-open"), "person_open"],
  ["O", open("passing", "select"), "passing"],
  ["H", open("handover", "select"), "handover"],
  ["S", press("state"), "state_key"],
  ["G", press("guide-language"), "guide_language"],
  ["M", press("map-show"), "map_show"],
  ["B", press("sound-test"), "sound_test"],
  ["X", press("second"), "second"],
  ["U", focus("#one-call-list input"), "one_call_key"],
  ["J", (turn) => turn(1), "key_next"],
  ["K", (turn) => turn(-1), "key_before"],
  ["Esc", () => leave(), "key_leave"],
  ["?", () => show(), "help"],
];

export const isOn = () => recall(STORED) !== "off";
const typing = (element) => element.matches?.("input, select, textarea, [contenteditable]") ?? false;

function leave() {
  if ($("alert").hidden) document.activeElement.blur();
  else $("a-who").focus();
}

// The digits of a French keyboard stand behind the shift key: there the key's place counts.
function pressed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return null;
  const digit = /^(?:Digit|Numpad)([1-4])$/.exec(event.code);
  if (digit) return digit[1];
  if (event.key === "Escape") return "Esc";
  if (event.key === "+" || event.key === "=") return "+";
  const key = event.key.toUpperCase(); // caps lock turns the shift key round
  if (key === "P") return event.shiftKey ? "⇧P" : null; // the police: never by one slip
  return key.length === 1 ? key : null;
}

// `turn(by)` chooses the next alert of the queue, or the one before.
export function prepare(turn) {
  document.addEventListener("keydown", (event) => {
    if (!isOn() || event.repeat || $("console").hidden || document.querySelector("dialog[open]")) return;
    const given = pressed(event);
    const found = KEYS.find(([key]) => key === given);
    if (!found || event.defaultPrevented || typing(event.target) !== (given === "Esc")) return;
    event.preventDefault();
    found[1](turn);
  });
  $("help").addEventListener("click", show);
  $("keys-shut").addEventListener("click", () => $("keys").close());
  $("keys-on").addEventListener("change", () => {
    keep(STORED, $("keys-on").checked ? "on" : "off");
    mark();
  });
  mark();
}

const mark = () => document.body.classList.toggle("no-keys", !isOn());

function show() {
  $("keys-on").checked = isOn();
  $("keys-list").replaceChildren(...KEYS.flatMap(([key, , what]) =>
    [make("dt", key), make("dd", t(what))]));
  $("keys").showModal();
}
