// The page of the simulated control room: reads /salle/rooms every second, shows what the
// envelopes say as text, and sends what the buttons say. It never builds markup out of a message.
"use strict";

const STATES = {
  new: "Nouvelle", ERREUR: "Refusée", RECU: "Reçue", INTEGRE: "Intégrée", CONSULTE: "Consultée",
  engaged: "Patrouille engagée", on_scene: "Patrouille sur place", closed: "Close",
};
const ACTS = [
  ["ERREUR", "Refuser"], ["RECU", "Recevoir"], ["INTEGRE", "Intégrer"], ["CONSULTE", "Consulter"],
  ["engaged", "Engager"], ["on_scene", "Sur place"], ["closed", "Clore"],
];
const rooms = document.getElementById("rooms");
const link = document.getElementById("link");
let shown = "";

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

async function send(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  await read();
}

function act(label, path, body, key) {
  const button = element("button", label);
  button.type = "button";
  button.dataset.key = key;
  button.addEventListener("click", () => send(path, body).catch(broken));
  return button;
}

function list(lines) {
  const items = element("ul");
  for (const line of lines) items.append(element("li", line));
  return items;
}

function affair(told) {
  const box = element("article", "", told.state + (told.exercise ? " exercise" : ""));
  box.append(element("h3", `${told.exercise ? "EXERCICE · " : ""}Affaire ${told.case_id}`));
  const many = told.messages > 1 ? ` · ${told.messages} messages` : "";
  box.append(element("p", `${STATES[told.state] || told.state}${many} · ${told.nature}`, "state"));
  box.append(list(told.lines));
  box.append(element("p", `${told.caller} · ${told.contact}`));
  box.append(element("p", told.warning, "warning"));
  const coord = told.coord ? ` (${told.coord.lat}, ${told.coord.lon})` : "";
  box.append(element("p", `${told.location}${coord}`));
  box.append(list(told.notes));
  const waiting = told.answers.filter((answer) => !answer.delivered).length;
  if (waiting) box.append(element("p", `${waiting} réponse(s) pas encore reçue(s) par la plateforme`, "warning"));
  const acts = element("div", "", "acts");
  acts.setAttribute("role", "group");
  acts.setAttribute("aria-label", `Répondre à l'affaire ${told.case_id}`);
  for (const [step, label] of ACTS) {
    const body = { room: told.room, case: told.case_id, step };
    acts.append(act(label, "/salle/acts", body, `${told.room} ${told.case_id} ${step}`));
  }
  box.append(acts);
  return box;
}

function room(told) {
  const box = element("section");
  box.append(element("h2", told.address));
  const orders = element("div", "", "orders");
  const label = element("label");
  const automatic = element("input");
  automatic.type = "checkbox";
  automatic.checked = told.behaviour.automatic;
  automatic.dataset.key = `${told.address} automatic`;
  automatic.addEventListener("change", () => send("/salle/orders", {
    room: told.address, behaviour: { automatic: automatic.checked },
  }).catch(broken));
  label.append(automatic, " répondre automatiquement");
  const figures = told.figures;
  orders.append(label, element("span",
    `${figures.cases} affaire(s), ${figures.messages} message(s), ${figures.duplicates} répétition(s)`, "quiet"));
  box.append(orders);
  if (told.behaviour.silent) box.append(element("p", "Salle réglée pour ne rien répondre.", "warning"));
  if (!told.cases.length) box.append(element("p", "Aucune affaire.", "quiet"));
  for (const one of told.cases) box.append(affair(one));
  return box;
}

function broken() {
  link.textContent = "La salle ne répond plus : l'affichage est peut-être ancien.";
  link.className = "broken";
}

async function read() {
  const answer = await fetch("/salle/rooms", { cache: "no-store" });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const text = await answer.text();
  link.textContent = "À jour.";
  link.className = "";
  if (text === shown) return; // nothing new: what has the focus keeps it
  shown = text;
  const key = document.activeElement && document.activeElement.dataset.key;
  const told = JSON.parse(text).rooms;
  rooms.replaceChildren(...(told.length ? told.map(room) : [element("p", "Aucun message reçu.", "quiet")]));
  if (key) {
    const again = [...rooms.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
    if (again) again.focus();
  }
}

function loop() {
  read().catch(broken).finally(() => setTimeout(loop, 1000));
}

loop();
