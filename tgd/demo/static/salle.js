// The page of the simulated control room: reads /salle/rooms every second, shows what the
// envelopes say as text, and sends what the buttons say. It never builds markup out of a message.
import { preferred, speak, t } from "./texts.js";

const STEPS = ["ERREUR", "RECU", "INTEGRE", "CONSULTE", "engaged", "on_scene", "closed"];
const rooms = document.getElementById("rooms");
const link = document.getElementById("link");
const language = document.getElementById("language");
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
  const what = t("case", { case: told.case_id });
  box.append(element("h3", told.exercise ? t("exercise", { what }) : what));
  const many = told.messages > 1 ? t("messages", { n: told.messages }) : null;
  const state = [t("state", told.state), many, told.nature].filter(Boolean);
  box.append(element("p", state.join(" · "), "state"));
  box.append(list(told.lines));
  box.append(element("p", `${told.caller} · ${told.contact}`));
  box.append(element("p", told.warning, "warning"));
  const coord = told.coord ? ` (${told.coord.lat}, ${told.coord.lon})` : "";
  box.append(element("p", `${told.location}${coord}`));
  box.append(list(told.notes));
  const waiting = told.answers.filter((answer) => !answer.delivered).length;
  if (waiting) box.append(element("p", t("waiting", { n: waiting }), "warning"));
  const acts = element("div", "", "acts");
  acts.setAttribute("role", "group");
  acts.setAttribute("aria-label", t("answer_case", { case: told.case_id }));
  for (const step of STEPS) {
    const body = { room: told.room, case: told.case_id, step };
    acts.append(act(t("act", step), "/salle/acts", body, `${told.room} ${told.case_id} ${step}`));
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
  label.append(automatic, ` ${t("automatic")}`);
  const { cases, messages, duplicates } = told.figures;
  const figures = [t("cases", { n: cases }), t("messages", { n: messages }), t("duplicates", { n: duplicates })];
  orders.append(label, element("span", figures.join(", "), "quiet"));
  box.append(orders);
  if (told.behaviour.silent) box.append(element("p", t("silent"), "warning"));
  if (!told.cases.length) box.append(element("p", t("no_case"), "quiet"));
  for (const one of told.cases) box.append(affair(one));
  return box;
}

// How it stands, also for the next change of language.
function say(key) {
  link.dataset.t = key;
  link.className = key === "broken" ? "broken" : "";
  const text = t(key);
  if (link.textContent !== text) link.textContent = text;
}

function broken() {
  say("broken");
}

async function read() {
  const answer = await fetch("/salle/rooms", { cache: "no-store" });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const text = await answer.text();
  say("up_to_date");
  if (text === shown) return; // nothing new: what has the focus keeps it
  shown = text;
  const key = document.activeElement && document.activeElement.dataset.key;
  const told = JSON.parse(text).rooms;
  rooms.replaceChildren(...(told.length ? told.map(room) : [element("p", t("no_message"), "quiet")]));
  if (key) {
    const again = [...rooms.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
    if (again) again.focus();
  }
}

function loop() {
  read().catch(broken).finally(() => setTimeout(loop, 1000));
}

async function inLanguage(wanted) {
  await speak("salle", wanted, language);
  shown = "";
}

language.addEventListener("click", () => inLanguage(language.lang).then(read).catch(broken));
inLanguage(preferred()).then(loop);
