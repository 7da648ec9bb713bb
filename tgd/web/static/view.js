// What is on the screen, out of the alerts as they were read. Nothing here asks the server.

import { $, make, rewrite, say, tags } from "./dom.js";
import { holder, isOpen, mayAct, nameOf, needsAnswer, offered, sorted } from "./duty.js";
import { clock, span, t } from "./texts.js";

const LADDER = ["pending", "sending", "delivered", "received", "integrated", "seen", "engaged",
  "on_scene", "closed"];
const OPERATORS = ["answer", "voice", "doubt"];
const LATE_S = 5;
const NEWS = 3; // so many are shown, the latest first
const NEAR_MS = 10_000; // an operator's deadline that is this near stands out

function next(alert) {
  const due = alert.deadlines.filter((d) => d.name !== "contact").map((d) => Date.parse(d.due_at));
  return due.length ? Math.min(...due) : null;
}

const left = (due, now) => (due < now ? `+${span((now - due) / 1000)}` : span((due - now) / 1000));

export function queue(alerts, chosen, me, fresh, now, choose) {
  const list = $("queue");
  const old = new Map([...list.querySelectorAll("button")].map((b) => [b.dataset.id, b]));
  const items = sorted(alerts, me, fresh).map((alert) => {
    const button = old.get(alert.id) ?? make("button");
    if (!button.dataset.id) {
      button.type = "button";
      button.dataset.id = alert.id;
      button.addEventListener("click", () => choose(alert.id));
    }
    fillItem(button, alert, me, fresh, now);
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

function fillItem(button, alert, me, fresh, now) {
  const free = alert.status === "answered" && needsAnswer(alert);
  const kind = alert.status === "ringing" && !alert.known ? "unknown" : alert.status;
  button.className = offered(alert, me) || free ? "ringing" : kind;
  const due = next(alert);
  const age = span((now - Date.parse(alert.opened_at)) / 1000);
  const facts = [t("status", alert.status), alert.device, t("opened", { age })];
  if (holder(alert)) facts.push(t("answered_by", { who: holder(alert) }));
  rewrite(button,
    make("b", nameOf(alert)), make("span", due === null ? "" : left(due, now), "soon"),
    make("small", facts.join(" · ")), mark(alert, me, free, fresh));
}

function mark(alert, me, free, fresh) {
  if (offered(alert, me)) return make("strong", t("mark_offered", { who: alert.answered_by }));
  if (free) return make("strong", t("mark_free"));
  return fresh.has(alert.id) ? make("strong", t("mark_fresh")) : null;
}

// Alerts of persons who belong together name each other; a verdict on one touches no other.
export function linked(alert, named) {
  $("a-linked").hidden = alert.linked.length === 0;
  rewrite($("a-linked"), ...alert.linked.flatMap((id) => {
    const button = make("button", named(id) ?? t("linked_alert"), "plain");
    button.type = "button";
    button.dataset.linked = id;
    return [document.createTextNode(`${t("linked")} `), button];
  }));
}

export function fresh(alert, news) {
  const said = news.get(alert.id) ?? [];
  $("fresh").hidden = said.length === 0;
  const last = said.slice(-NEWS).reverse().map((say) => make("li", say()));
  if (said.length > NEWS) last.push(make("li", t("fresh_more", { n: said.length - NEWS })));
  rewrite($("fresh-list"), ...last);
}

// Who, how it stands, how long: what both screens show first.
export function headline(alert, now) {
  say($("a-who"), nameOf(alert));
  const facts = [alert.device, t("case", { case: alert.case_id }), t("listen", alert.listen)];
  if (holder(alert)) facts.push(t("answered_by", { who: holder(alert) }));
  else if (alert.released_at) facts.push(t("released_by", { who: alert.answered_by }));
  if (alert.holder_heard) facts.push(t("holder_heard"));
  if (alert.voice && alert.voice !== "holder") {
    facts.push(`${t("titled", { what: t("heard") })} ${t("voice", alert.voice)}`);
  }
  if (alert.rings === "everyone" && needsAnswer(alert)) facts.push(t("everyone"));
  if (alert.follows) facts.push(t("follows"));
  if (alert.rescued) facts.push(t("rescued"));
  say($("a-facts"), facts.join(" · "));
  status(alert);
  // Those of the position stand beside it, in whole sentences.
  const own = alert.doubts.filter((code) => !alert.position?.doubts.includes(code));
  tags($("a-doubts"), own, (code) => t("doubt", code));
  deadlines(alert, now);
}

export function detail(alert, me, now) {
  headline(alert, now);
  acts(alert, me);
  presses(alert, now);
  dispatches(alert);
  calls(alert);
}

function status(alert) {
  const said = [t("status", alert.status)];
  if (alert.verdict) said.push(t("verdict", alert.verdict));
  if (alert.reason) said.push(t("reason", alert.reason));
  say($("a-status"), said.join(" — "));
  $("a-status").className = alert.status;
}

function acts(alert, me) {
  const open = isOpen(alert);
  const may = mayAct(alert, me);
  $("police").disabled = alert.verdict === "police" && open;
  $("extend").disabled = !(may && alert.deadlines.some((d) => d.name === "doubt"));
  for (const one of document.querySelectorAll("[data-act=voice]")) {
    one.disabled = !may;
    one.classList.toggle("now", alert.voice === one.dataset.value);
    one.setAttribute("aria-pressed", String(alert.voice === one.dataset.value));
  }
  line(alert, may);
  const closing = open && (may || alert.police_at !== null) && alert.holder_heard;
  for (const one of document.querySelectorAll("[data-act=verdict]")) one.disabled = !closing;
  $("word").disabled = !closing;
  let why = "";
  if (open && !may && alert.police_at === null) why = t("why_not_taken", { who: holder(alert) });
  else if (open && !alert.holder_heard) why = t("why_not_heard");
  else if (closing) why = t("word_why");
  say($("why-not"), why);
  $("police-acts").hidden = alert.status !== "police";
}

// Whether she hears the operator, and what would change it.
function line(alert, may) {
  const spoken = alert.listen === "duplex";
  $("line").classList.toggle("open", spoken && isOpen(alert));
  $("line").hidden = !isOpen(alert);
  say($("line-said"), t("line", alert.listen));
  const wanted = spoken ? "silence" : "speak";
  if ($("speak").dataset.t !== wanted) say($("speak"), t($("speak").dataset.t = wanted));
  $("speak").disabled = !may || alert.listen === "none" || alert.reason === "coercion";
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
  rewrite($("a-presses"), ...(items.length ? items : [make("li", t("no_press"))]));
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
  rewrite($("a-dispatches"), ...(items.length ? items : [make("li", t("no_dispatches"))]));
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
  rewrite($("a-tasks"), ...(items.length ? items : [make("li", t("no_calls"))]));
}

export function deadlines(alert, now) {
  const room = new Map(alert.dispatches.map((one) => [one.id, one.room]));
  const due = [...alert.deadlines].sort((a, b) => a.due_at.localeCompare(b.due_at));
  const items = due.map((one) => {
    const at = Date.parse(one.due_at);
    const over = at < now;
    const asks = OPERATORS.includes(one.name);
    const item = make("li", undefined, over ? "over" : asks && at - now < NEAR_MS ? "near" : asks ? "asks" : "");
    const where = one.dispatch && room.get(one.dispatch);
    const said = over ? t("overdue", { age: span((now - at) / 1000) }) : left(at, now);
    // What no deadline forwards, a phone's that the register does not know, waits for a person.
    const asked = asks && !alert.forwards ? "deadline_person" : "deadline";
    item.append(make("span", said, "big"), t(asked, one.name));
    if (where) item.append(` (${where})`);
    if (one.late) item.append(` — ${t("late_mark")}`);
    return item;
  });
  rewrite($("a-deadlines"), ...(items.length ? items : [make("li", t("no_deadlines"))]));
}
