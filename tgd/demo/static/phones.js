// The demo's phones: eight cards, the plan, and what can be done with the chosen one.

import { Card, shortName } from "./phones_card.js";
import { listen, onRefusal, order, settle } from "./phones_link.js";
import { apart, Plan } from "./phones_plan.js";
import { clock, lasting, metres, number } from "./phones_texts.js";
import { preferred, speak, t } from "./texts.js";

const FACTS = 60;
const $ = (id) => document.getElementById(id);

let phones = [];
let facts = [];
let chosen = null;
let plan = null;
const cards = new Map();

const current = () => phones.find((one) => one.phone === chosen);

function choose(phone) {
  if (phone === chosen) return;
  chosen = phone;
  show();
  tellFacts();
}

function show() {
  if (!phones.length) return;
  chosen ??= phones[0].phone;
  for (const seen of phones) {
    const stirred = card(seen.phone).show(seen, seen.phone === chosen);
    if (stirred) $("news").textContent = t("stirred", { phone: shortName(seen.phone) });
  }
  plan.show(phones, chosen);
  controls(current());
}

function card(phone) {
  if (!cards.has(phone)) {
    const made = new Card(phone, choose);
    cards.set(phone, made);
    $("phones").append(made.root);
  }
  return cards.get(phone);
}

// What somebody is just changing is left alone.
const set = (input, name, value) => {
  if (document.activeElement !== input || !input.dataset.busy) input[name] = value;
};

function controls(seen) {
  $("chosen").textContent = t("chosen", { phone: shortName(seen.phone) });
  $("where").textContent = [whereabouts(seen), reported(seen)].filter(Boolean).join(" · ");
  $("stop").disabled = seen.towards === null;
  set($("reception"), "value", seen.reception);
  $("mock").checked = seen.mock;
  set($("level"), "value", seen.battery ?? 0);
  levelSaid(seen.battery);
  $("plugged").checked = seen.plugged;
}

function levelSaid(level) {
  $("level-said").textContent = t("battery", { n: level ?? "—" });
  $("level").setAttribute("aria-valuetext", level === null ? "—" : t("percent", { n: level }));
}

function whereabouts(seen) {
  const place = plan.service(seen) ?? t("off_territory");
  if (seen.towards === null) return t("stands", { place });
  const left = apart(seen, { lat: seen.towards[0], lon: seen.towards[1] });
  return t(seen.speed_kmh > 10 ? "drives" : "walks", { place, left: metres(left) });
}

function reported(seen) {
  if (!seen.said) return "";
  const { method, acc_m, at } = seen.said;
  return t("reported", { by: t("method", method), within: metres(acc_m), at: clock(at) });
}

const SENTENCES = {
  pressed: ({ seq }) => t("fact_pressed", { seq }),
  sent: ({ attempt }) => t("fact_sent", { attempt }),
  unsent: ({ attempt }) => t("fact_unsent", { attempt }),
  receipt: ({ attempt, code, latency_s }) =>
    t(code === "duplicate" ? "fact_receipt_known" : "fact_receipt", { attempt, after: lasting(latency_s) }),
  dial_112: ({ after_s }) => t("fact_dial_112", { n: number(after_s) }),
  state: () => t("fact_state"),
  network: ({ on }) => t(on ? "fact_network_on" : "fact_network_off"),
  connected: () => t("fact_connected"),
  battery: ({ level }) => t("fact_battery", { n: level }),
  crashed: () => t("fact_crashed"),
  rebooted: () => t("fact_rebooted"),
};

function line(fact) {
  const item = document.createElement("li");
  const at = document.createElement("time");
  at.textContent = clock(fact.at);
  item.className = fact.kind;
  item.append(at, ` ${SENTENCES[fact.kind]?.(fact) ?? fact.kind}`);
  return item;
}

function tellFacts() {
  const mine = facts.filter((fact) => fact.phone === chosen).slice(-FACTS).reverse();
  $("facts").replaceChildren(...mine.map(line));
}

async function inLanguage(wanted) {
  await speak("phones", wanted, $("language"));
  show();
  if (chosen) tellFacts();
}

function found() {
  $("lost").hidden = true;
  document.body.classList.remove("stale");
}

function lost() {
  $("lost").textContent = t("lost");
  $("lost").hidden = false;
  document.body.classList.add("stale");
}

onRefusal((status) => {
  $("refused").hidden = status === null;
  if (status !== null) $("refused").textContent = t("refused", { status: status || "—" });
});

function wire() {
  $("stop").addEventListener("click", () => order(chosen, "stop"));
  const receiver = () =>
    order(chosen, "receiver", { reception: $("reception").value, mock: $("mock").checked });
  $("reception").addEventListener("change", receiver);
  $("mock").addEventListener("change", receiver);
  const battery = () =>
    settle(chosen, "battery", { level: Number($("level").value), plugged: $("plugged").checked });
  $("level").addEventListener("input", () => {
    $("level").dataset.busy = "yes";
    levelSaid(Number($("level").value));
  });
  $("level").addEventListener("change", async () => {
    await battery();
    delete $("level").dataset.busy;
  });
  $("plugged").addEventListener("change", battery);
}

async function begin() {
  $("language").addEventListener("click", () => inLanguage($("language").lang));
  await speak("phones", preferred(), $("language"));
  const ground = await (await fetch("/phones/ground")).json();
  for (const page of ["console", "salle"]) {
    $(`to-${page}`).hidden = !ground.links[page];
    if (ground.links[page]) $(`to-${page}`).href = ground.links[page];
  }
  plan = new Plan(ground, {
    choose,
    way: () => document.querySelector("[name=way]:checked").value,
  });
  wire();
  listen({
    all: (told) => {
      found();
      ({ phones, facts } = told);
      show();
      tellFacts();
    },
    phones: (told) => {
      phones = told;
      show();
    },
    fact: (fact) => {
      facts = [...facts, fact].slice(-FACTS * cards.size);
      if (fact.phone === chosen) tellFacts();
    },
    glanced: ({ phone, state }) => cards.get(phone)?.glanced(state),
    lost,
  });
}

begin().catch(lost);
