// What is on the screen, out of the alerts as they were read. Nothing here asks the server.

import { $, make, tags } from "./dom.js";
import { clock, span, t } from "./texts.js";

const LADDER = ["pending", "sending", "delivered", "received", "integrated", "seen", "engaged",
  "on_scene", "closed"];
const OPERATORS = ["answer", "voice", "doubt"];
const LATE_S = 5;

export const nameOf = (alert) => alert.beneficiary ?? t("unknown_holder");

// Ringing known phones first, then unknown ones, answered, with the police (first what nobody has
// answered or acknowledged); the oldest first in each.
export function urgency(alert) {
  if (alert.status === "ringing") return alert.known ? 0 : 1;
  if (alert.status === "answered") return 2;
  const settled = !needsAnswer(alert) && alert.dispatches.every((one) => one.acknowledged_at);
  return settled ? 4 : 3;
}

export function sorted(alerts) {
  const by = (a, b) => urgency(a) - urgency(b) || a.opened_at.localeCompare(b.opened_at);
  return [...alerts].sort(by);
}

export const needsAnswer = (alert) => alert.status !== "closed" && alert.answered_by === null;

function next(alert) {
  const due = alert.deadlines.filter((d) => d.name !== "contact").map((d) => Date.parse(d.due_at));
  return due.length ? Math.min(...due) : null;
}

const left = (due, now) => (due < now ? `+${span((now - due) / 1000)}` : span((due - now) / 1000));

export function queue(alerts, chosen, now, choose) {
  const list = $("queue");
  const old = new Map([...list.querySelectorAll("button")].map((b) => [b.dataset.id, b]));
  const items = sorted(alerts).map((alert) => {
    const button = old.get(alert.id) ?? make("button");
    if (!button.dataset.id) {
      button.type = "button";
      button.dataset.id = alert.id;
      button.addEventListener("click", () => choose(alert.id));
    }
    fillItem(button, alert, now);
    button.setAttribute("aria-current", String(alert.id === chosen));
    if (button.parentElement?.tagName === "LI") return button.parentElement;
    const item = make("li");
    item.append(button);
    return item;
  });
  // Moving an element that has the focus would lose it: only a changed order is written.
  if (items.length !== list.children.length || items.some((one, n) => list.children[n] !== one)) {
    const focused = document.activeElement;
    list.replaceChildren(...items);
    if (list.contains(focused)) focused.focus();
  }
  $("queue-empty").hidden = alerts.length > 0;
}

function fillItem(button, alert, now) {
  const kind = alert.status === "ringing" && !alert.known ? "unknown" : alert.status;
  button.className = kind;
  const due = next(alert);
  const age = span((now - Date.parse(alert.opened_at)) / 1000);
  const facts = [t("status", alert.status), alert.device, t("opened", { age })];
  if (alert.answered_by) facts.push(t("answered_by", { who: alert.answered_by }));
  button.replaceChildren(
    make("b", nameOf(alert)), make("span", due === null ? "" : left(due, now), "soon"),
    make("small", facts.join(" · ")),
  );
}

export function detail(alert, me, now) {
  $("a-who").textContent = nameOf(alert);
  const facts = [alert.device, t("case", { case: alert.case_id }), t("listen", alert.listen)];
  if (alert.answered_by) facts.push(t("answered_by", { who: alert.answered_by }));
  if (alert.holder_heard) facts.push(t("holder_heard"));
  if (alert.voice && alert.voice !== "holder") {
    facts.push(`${t("heard")} : ${t("voice", alert.voice)}`);
  }
  if (alert.rings === "everyone" && needsAnswer(alert)) facts.push(t("everyone"));
  if (alert.follows) facts.push(t("follows"));
  if (alert.rescued) facts.push(t("rescued"));
  $("a-facts").textContent = facts.join(" · ");
  status(alert);
  // Those of the position stand beside it, in whole sentences.
  const own = alert.doubts.filter((code) => !alert.position?.doubts.includes(code));
  tags($("a-doubts"), own, (code) => t("doubt", code));
  acts(alert, me);
  presses(alert, now);
  dispatches(alert);
  calls(alert);
  deadlines(alert, now);
}

function status(alert) {
  const said = [t("status", alert.status)];
  if (alert.verdict) said.push(t("verdict", alert.verdict));
  if (alert.reason) said.push(t("reason", alert.reason));
  $("a-status").textContent = said.join(" — ");
  $("a-status").className = alert.status;
}

// Whoever has it in charge may act; a supervisor always may.
const isMine = (alert, me) =>
  alert.answered_by === null || alert.answered_by === me.username || me.role === "supervisor";

export const mayAct = (alert, me) => alert.status !== "closed" && isMine(alert, me);

function acts(alert, me) {
  const open = alert.status !== "closed";
  const mine = isMine(alert, me);
  const may = mayAct(alert, me);
  $("answer").disabled = !open || alert.answered_by !== null;
  $("police").disabled = alert.verdict === "police" && open;
  $("extend").disabled = !(may && alert.deadlines.some((d) => d.name === "doubt"));
  for (const one of document.querySelectorAll("[data-act=voice]")) {
    one.disabled = !may;
    one.classList.toggle("now", alert.voice === one.dataset.value);
    one.setAttribute("aria-pressed", String(alert.voice === one.dataset.value));
  }
  const police = alert.police_at !== null;
  const closing = open && (mine || police) && alert.holder_heard;
  for (const one of document.querySelectorAll("[data-act=verdict]")) one.disabled = !closing;
  $("word").disabled = !closing;
  let why = "";
  if (open && !mine && !police) why = t("why_not_taken", { who: alert.answered_by });
  else if (open && !alert.holder_heard) why = t("why_not_heard");
  $("why-not").textContent = why;
  $("police-acts").hidden = alert.status !== "police";
}

function presses(alert, now) {
  const items = alert.presses.map((press) => {
    const item = make("li");
    const age = span((now - Date.parse(press.pressed_at)) / 1000);
    const said = [t("press_line", { time: clock(press.pressed_at), age }), t("path", press.path)];
    if (press.batt !== null) said.push(t("battery", { n: press.batt }));
    if (press.age_s > LATE_S) said.push(t("press_late", { age: span(press.age_s) }));
    item.append(make("span", said.join(" · ")));
    for (const code of press.doubts) item.append(" ", make("span", t("doubt", code), "tag"));
    return item;
  });
  $("a-presses").replaceChildren(...(items.length ? items : [make("li", t("no_press"))]));
}

function dispatches(alert) {
  const items = alert.dispatches.map((one) => {
    const done = one.acknowledged_at !== null;
    const item = make("li", undefined, done ? "done" : "");
    const said = [one.lead ? t("lead") : null, t("attempts", { n: one.attempts }), done
      ? t("acknowledged_by", { who: one.acknowledged_by, time: clock(one.acknowledged_at) })
      : t("not_acknowledged"), one.reference];
    item.append(make("b", one.room ?? t("no_room")));
    item.append(" — ", said.filter(Boolean).join(" · "), ladder(one.state));
    return item;
  });
  $("a-dispatches").replaceChildren(...(items.length ? items : [make("li", t("no_dispatches"))]));
}

function ladder(state) {
  const steps = make("div", undefined, "ladder");
  const here = LADDER.indexOf(state);
  for (const [n, step] of LADDER.entries()) {
    const one = make("span", t("ladder", step), here > 0 && n <= here ? "reached" : "");
    if (n === here) {
      one.classList.add("here");
      one.setAttribute("aria-current", "step");
    }
    steps.append(one);
  }
  return steps;
}

function calls(alert) {
  const items = alert.tasks.map((task) => {
    const item = make("li", undefined, task.red ? "red" : "");
    const [about] = task.about.split(":");
    item.append(t("about", about), task.room ? ` (${task.room}) ` : " ");
    if (task.number) {
      const number = make("a", task.number);
      number.href = `tel:${task.number}`;
      item.append(number);
    }
    return item;
  });
  $("a-tasks").replaceChildren(...(items.length ? items : [make("li", t("no_calls"))]));
}

export function deadlines(alert, now) {
  const room = new Map(alert.dispatches.map((one) => [one.id, one.room]));
  const due = [...alert.deadlines].sort((a, b) => a.due_at.localeCompare(b.due_at));
  const items = due.map((one) => {
    const at = Date.parse(one.due_at);
    const over = at < now;
    const item = make("li", undefined, over ? "over" : "");
    const where = one.dispatch && room.get(one.dispatch);
    const said = over ? t("overdue", { age: span((now - at) / 1000) }) : left(at, now);
    // Only a person sends the police for a phone that the register does not know.
    const asked = !alert.known && OPERATORS.includes(one.name) ? "deadline_unknown" : "deadline";
    item.append(make("span", said, "big"), t(asked, one.name));
    if (where) item.append(` (${where})`);
    if (one.late) item.append(` — ${t("late_mark")}`);
    return item;
  });
  $("a-deadlines").replaceChildren(...(items.length ? items : [make("li", t("no_deadlines"))]));
}
