// What to do and to say, by what was heard: short sentences, in place, while the voice is there.

import { $, make, rewrite, say } from "./dom.js";
import { family, t } from "./texts.js";

let foreign = false; // she and the operator share no language

export function prepare(redraw) {
  $("guide-language").addEventListener("click", () => {
    foreign = !foreign;
    redraw();
  });
}

export function reset() {
  foreign = false;
}

function situation(alert) {
  if (foreign) return "language";
  if (alert.voice === null) return alert.listen === "mic_only" ? "listening" : "opening";
  if (alert.voice === "nobody") return "nobody";
  if (alert.voice === "holder") return alert.holder_heard ? "holder" : "again";
  return alert.voice;
}

export function guide(alert, own, file) {
  const shown = own && alert.status !== "closed";
  $("guide").hidden = !shown;
  if (!shown) return;
  $("guide-language").setAttribute("aria-pressed", String(foreign));
  const kind = situation(alert);
  callBack(kind === "nobody" ? alert.number : null);
  const lines = (what, className) => t(what, kind).split("\n").map((text) => make("li", text, className));
  rewrite($("guide-do"), ...lines("guide_do"));
  rewrite($("guide-say"), ...(foreign ? phrases(file) : lines("guide_say")));
}

function callBack(number) {
  $("guide-call").hidden = !number;
  if (!number) return;
  say($("guide-call").lastElementChild, number);
  $("guide-call").lastElementChild.href = `tel:${number}`;
}

// The words that matter, in the languages most often met; first those that her file names.
function phrases(file) {
  const hers = (file?.languages ?? []).join(" ").toLowerCase();
  const all = family("phrase").map(([language, text]) =>
    ({ language, text, name: t("phrase_language", language) }));
  const speaks = (one) => Number(one.name.split(" / ").some((name) => hers.includes(name.toLowerCase())));
  all.sort((a, b) => speaks(b) - speaks(a));
  return all.map(({ language, name, text }) => {
    const item = make("li");
    const said = make("span", text);
    said.lang = language;
    item.append(make("b", t("titled", { what: name })), " ", said);
    return item;
  });
}
