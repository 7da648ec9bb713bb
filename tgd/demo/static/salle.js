// The page of the simulated control room: reads /salle/rooms every second, shows the cases and, beside
// them, the sheet of the chosen one as it was sent, and sends what the buttons say. It never builds
// markup out of a message.
import { preferred, speak, t } from "./texts.js";

const FAULTS = ["silent", "hangs", "500", "429", "redirects", "refuses", "twice", "late",
  "wrong_reference", "wrong_sender", "invalid_json"];
const BECAUSE = {
  ERREUR: ["address", "event", "too_old", "elsewhere", "other"],
  closed: ["assisted", "arrested", "nobody_there", "unfounded", "cancelled"],
};
const $ = (id) => document.getElementById(id);
const rooms = $("rooms");
const link = $("link");
const language = $("language");
let shown = "";
let chosen = null; // the case whose sheet a person asked for; else the newest
let framed = "";

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
  if (answer.status === 409) shown = ""; // it moved meanwhile: read anew
  else if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  await read();
}

function button(label, key, act, kind) {
  const made = element("button", label, kind);
  made.type = "button";
  made.dataset.key = key;
  made.addEventListener("click", () => act().catch(broken));
  return made;
}

function list(lines) {
  const items = element("ul");
  for (const line of lines) items.append(element("li", line));
  return items;
}

function choices(label, key, family, codes, now) {
  const made = element("select");
  made.dataset.key = key;
  made.setAttribute("aria-label", label);
  for (const code of codes) {
    const one = element("option", t(family, code));
    one.value = code;
    one.selected = code === now;
    made.append(one);
  }
  return made;
}

// One button for each thing that may be done now; with its reason beside it where it needs one.
function act(told, step, main) {
  const key = `${told.room} ${told.case_id} ${step}`;
  const body = { room: told.room, case: told.case_id, step };
  if (!BECAUSE[step]) {
    return button(t("act", step), key, () => send("/salle/acts", body), main ? "main" : "");
  }
  const both = element("span", "", "because");
  const why = choices(t("why", step), `${key} why`, `because_${step}`, BECAUSE[step]);
  both.append(why, button(t("act", step), key,
    () => send("/salle/acts", { ...body, because: why.value })));
  return both;
}

function affair(told, isShown) {
  const kinds = [told.state, told.exercise ? "exercise" : "", isShown ? "chosen" : ""];
  const box = element("article", "", kinds.filter(Boolean).join(" "));
  const what = t("case", { case: told.case_id });
  box.append(element("h3", told.exercise ? t("exercise", { what }) : what));
  if (told.exercise) box.append(element("p", t("exercise_warning"), "tag"));
  const many = told.messages > 1 ? t("messages", { n: told.messages }) : null;
  const last = told.answers.at(-1)?.because;
  const because = last ? t(told.state === "closed" ? "because_closed" : "because_ERREUR", last) : null;
  const state = [t("state", told.state), because, many].filter(Boolean);
  box.append(element("p", state.join(" · "), "state"));
  box.append(list(told.lines.slice(0, 2)));
  box.append(element("p", told.location));
  if (!told.acts.includes("RECU") && told.acts.includes("CONSULTE") && told.messages > 1) {
    box.append(element("p", t("look_again"), "warning"));
  }
  const waiting = told.answers.filter((answer) => !answer.delivered).length;
  if (waiting) box.append(element("p", t("waiting", { n: waiting }), "warning"));
  const acts = element("div", "", "acts");
  acts.setAttribute("role", "group");
  acts.setAttribute("aria-label", t("answer_case", { case: told.case_id }));
  const main = ["CONSULTE", "engaged", "on_scene"].find((step) => told.acts.includes(step));
  for (const step of told.acts) acts.append(act(told, step, step === main));
  acts.append(button(t("show_sheet"), `${told.room} ${told.case_id} sheet`, async () => {
    chosen = `${told.room} ${told.case_id}`;
    shown = "";
    await read();
  }));
  box.append(acts);
  return box;
}

function orders(told) {
  const box = element("div", "", "orders");
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
  const fault = choices(t("fault_order"), `${told.address} fault`, "fault", ["off", ...FAULTS],
    told.fault ?? "off");
  fault.addEventListener("change", () => send("/salle/faults", {
    room: told.address, fault: fault.value,
  }).catch(broken));
  box.append(label, fault, element("span", figures.join(", "), "quiet"));
  return box;
}

function room(told, isShown) {
  const box = element("section");
  box.append(element("h2", told.address), orders(told));
  if (told.fault) box.append(element("p", t("fault_on", { what: t("fault", told.fault) }), "fault"));
  else if (told.behaviour.silent) box.append(element("p", t("silent"), "fault"));
  if (!told.cases.length) box.append(element("p", t("no_case"), "quiet"));
  for (const one of told.cases) box.append(affair(one, isShown(one)));
  return box;
}

// The sheet of the chosen case; the frame is loaded again only for another message.
function frame(told) {
  const cases = told.flatMap((one) => one.cases);
  const one = cases.find((each) => `${each.room} ${each.case_id}` === chosen) ?? cases[0];
  $("shown-none").hidden = Boolean(one);
  $("sheet").hidden = $("shown-file").hidden = !one;
  $("shown-link").hidden = !one?.sheet;
  if (!one) return null;
  const query = new URLSearchParams({ room: one.room, case: one.case_id, message: one.message });
  const address = `/salle/sheet?${query}`;
  if (framed !== address) $("sheet").src = framed = address;
  $("sheet").title = t("sheet_of", { case: one.case_id });
  $("shown-file").href = `/salle/sheet.pdf?${query}`;
  if (one.sheet) $("shown-link").href = one.sheet;
  return one;
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

function kept(key) {
  return [...rooms.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
}

async function read() {
  const answer = await fetch("/salle/rooms", { cache: "no-store" });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const text = await answer.text();
  say("up_to_date");
  if (text === shown) return; // nothing new: what has the focus keeps it
  shown = text;
  const key = document.activeElement?.dataset.key;
  const picked = new Map([...rooms.querySelectorAll(".because select")].map((one) => [one.dataset.key, one.value]));
  const told = JSON.parse(text).rooms;
  const one = frame(told);
  rooms.replaceChildren(...(told.length ? told.map((each) => room(each, (it) => it === one))
    : [element("p", t("no_message"), "quiet")]));
  for (const [name, value] of picked) {
    const again = kept(name);
    if (again) again.value = value;
  }
  if (key) kept(key)?.focus();
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
