// What is on the screen, out of the alerts as they were read. Nothing here asks the server.

import { Aim } from "./aim.js";
import { $, make, rewrite, say, tags, unbroken } from "./dom.js";
import { callsFor, holder, isOpen, mayAct, mine, nameOf, needsAnswer, offered, sorted, speaks, unconfirmed }
  from "./duty.js";
import { roomName } from "./rooms.js";
import { accompanied } from "./station.js";
import { clock, span, t } from "./texts.js";

const LADDER = ["pending", "sending", "delivered", "received", "integrated", "seen", "engaged",
  "on_scene", "closed"];
const OPERATORS = ["answer", "voice", "doubt"];
const LATE_S = 5;
const NEWS = 3; // so many are shown, the latest first
const BEAT_MS = 500; // what rings blinks
const ABREAST = 2; // so many rooms' countdowns of one kind stand by themselves; of more the nearest does
const NEAR_MS = 10_000; // an operator's deadline that is this near stands out

function next(alert) {
  const due = alert.deadlines.filter((one) => one.name !== "contact");
  return due.sort((a, b) => a.due_at.localeCompare(b.due_at))[0] ?? null;
}

const left = (due, now) => (due < now ? `+${span((now - due) / 1000)}` : span((due - now) / 1000));

// What comes once that has passed; nothing is said of what has.
function then(alert, one, now) {
  if (one === null || Date.parse(one.due_at) < now) return null;
  const asks = OPERATORS.includes(one.name);
  const what = one.name === "overflow" || (asks && !alert.forwards) ? "everyone" : asks ? "police" : one.name;
  return make("span", `→ ${t("then", what)}`, "then");
}

let aim = null; // which line of the queue a click is meant for

export const beat = () =>
  $("queue").classList.toggle("beat", Math.floor(Date.now() / BEAT_MS) % 2 === 0);

export function queue(alerts, chosen, me, fresh, now, choose) {
  const list = $("queue");
  aim ??= new Aim(list, choose);
  aim.before();
  const old = new Map([...list.querySelectorAll("button")].map((b) => [b.dataset.id, b]));
  const items = sorted(alerts, me, fresh).map((alert) => {
    const button = old.get(alert.id) ?? make("button");
    if (!button.dataset.id) {
      button.type = "button";
      button.dataset.id = alert.id;
    }
    fillItem(button, alert, me, fresh, now);
    button.setAttribute("aria-current", String(alert.id === chosen));
    if (button.parentElement?.tagName === "LI") return button.parentElement;
    const item = make("li");
    item.append(button);
    return item;
  });
  order(list, items);
  aim.written();
  $("queue-empty").hidden = alerts.length > 0;
}

// Only what moves is moved: the line that is being pressed, or has the focus, is let be.
function order(list, items) {
  const focused = document.activeElement;
  const wanted = new Set(items);
  for (const line of [...list.children]) if (!wanted.has(line)) line.remove();
  for (const [n, item] of items.entries()) {
    if (list.children[n] !== item) list.insertBefore(item, list.children[n] ?? null);
  }
  if (list.contains(focused) && focused !== document.activeElement) focused.focus();
}

function fillItem(button, alert, me, fresh, now) {
  const free = alert.status === "answered" && needsAnswer(alert);
  const kind = alert.status === "ringing" && !alert.known ? "unknown" : stage(alert);
  button.className = offered(alert, me) || free ? "ringing" : kind;
  const age = span((now - Date.parse(alert.opened_at)) / 1000);
  const facts = [t("status", alert.status), alert.device, t("opened", { age })];
  if (holder(alert)) facts.push(t("answered_by", { who: holder(alert) }));
  const due = next(alert);
  const line = unbroken("small", facts.join(" · "));
  // Beside the facts: beside the name it would break it.
  line.prepend(...[then(alert, due, now)].filter(Boolean));
  rewrite(button,
    unbroken("b", nameOf(alert)), make("span", due ? left(Date.parse(due.due_at), now) : "", "soon"),
    line, mark(alert, me, free, fresh));
}

function mark(alert, me, free, fresh) {
  if (offered(alert, me)) return make("strong", t("mark_offered", { who: alert.answered_by }));
  if (free) return make("strong", t("mark_free"));
  if (callsFor(alert, me)) {
    const [{ room }] = alert.tasks;
    return make("strong", room ? t("mark_call", { room: roomName(room) }) : t("no_room"));
  }
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
  dispatches(alert, me);
  calls(alert, me);
}

// Told is not yet taken: green only once somebody at every room has it.
const stage = (alert) =>
  (alert.status === "police" && unconfirmed(alert).length ? "told" : alert.status);

function status(alert) {
  const said = [t("status", alert.status)];
  if (alert.verdict) said.push(t("verdict", alert.verdict));
  if (alert.reason) said.push(t("reason", alert.reason));
  say($("a-status"), said.join(" — "));
  $("a-status").className = stage(alert);
  const of = alert.dispatches.filter((one) => !one.withdrawn_at).length;
  const n = of - unconfirmed(alert).length;
  say($("a-rooms"), alert.status === "police" ? t("rooms_confirmed", { n, of }) : "");
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
  for (const one of ["police-acts", "close-form"]) $(one).hidden = alert.status !== "police";
}

// Whether she hears the operator, and what would change it.
function line(alert, may) {
  const spoken = alert.listen === "duplex";
  $("line").classList.toggle("open", spoken && isOpen(alert));
  $("line").classList.toggle("shut", !isOpen(alert)); // it keeps its place
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

function dispatches(alert, me) {
  const items = alert.dispatches.map((one) => {
    const withdrawn = Boolean(one.withdrawn_at);
    const done = one.acknowledged_at !== null || withdrawn;
    const item = make("li", undefined, done ? "done" : "");
    const said = [one.lead ? t("lead") : null, t("attempts", { n: one.attempts }),
      withdrawn ? t("withdrawn", { time: clock(one.withdrawn_at) }) : done
      ? t("acknowledged_by", { who: roomName(one.acknowledged_by), time: clock(one.acknowledged_at) })
      : t("not_acknowledged"), one.reference && `${t("titled", { what: t("reference") })} ${one.reference}`];
    item.append(make("b", one.room ? roomName(one.room) : t("no_room")));
    item.append(" — ", said.filter(Boolean).join(" · "));
    if (one.live === false) item.append(" ", make("span", t("line_unproved"), "tag"));
    item.append(ladder(one.state));
    if (one.room && alert.status === "police") item.append(sheet(alert, one, me));
    if (!withdrawn && one.room && isOpen(alert) && me.role === "supervisor") item.append(cancelling(one));
    return item;
  });
  rewrite($("a-dispatches"), ...(items.length ? items : [make("li", t("no_dispatches"))]));
}

// A case that went to the wrong room, or twice. The rights are the server's; nobody else is shown it.
function cancelling(one) {
  const button = make("button", t("cancel"), "plain");
  Object.assign(button, { type: "button", ariaLabel: t("cancel_of", { room: roomName(one.room) }) });
  Object.assign(button.dataset, { act: "cancel", value: one.room });
  return button;
}

// The very sheet that the room sees, whether somebody has opened it, and a supervisor's way to end that.
function sheet(alert, one, me) {
  const line = make("p", undefined, "sheet");
  const link = make("a", t("sheet"));
  link.href = `/api/v1/alerts/${alert.id}/dispatches/${one.id}/sheet`;
  link.target = "_blank";
  link.rel = "noopener";
  link.setAttribute("aria-label", t("sheet_of", { room: roomName(one.room) }));
  line.append(link);
  if (one.sheet_opened_at) line.append(` · ${t("sheet_opened", { time: clock(one.sheet_opened_at) })}`);
  if (one.sheet_revoked_at) {
    line.append(` · ${t("sheet_revoked", { time: clock(one.sheet_revoked_at) })}`);
  } else if (me.role === "supervisor") {
    const button = make("button", t("sheet_revoke"), "plain");
    button.type = "button";
    button.dataset.act = "revoke";
    button.dataset.value = one.id;
    button.ariaLabel = t("sheet_revoke_of", { room: roomName(one.room) });
    line.append(" ", button);
  }
  return line;
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

// A line by which nobody was ever seen to read: what was sent by it is no reason to wait.
function calls(alert, me) {
  const unproved = new Set(alert.dispatches.filter((one) => one.live === false).map((one) => one.room));
  const items = alert.tasks.map((task) => {
    const item = make("li", undefined, task.red ? "red" : "");
    const [about] = task.about.split(":");
    item.append(t("about", about), task.room ? ` (${roomName(task.room)}) ` : " ");
    if (task.number) {
      const number = make("a", task.number);
      number.href = `tel:${task.number}`;
      item.append(number);
    }
    if (unproved.has(task.room)) item.append(" ", make("b", t("unproved_call")));
    return item;
  });
  if (items.length && alert.police_at !== null && speaks(alert)) {
    const whose = mine(alert, me) ? (accompanied(me) ? "calls_asked" : "calls_alone") : "calls_for";
    items.push(make("li", t(whose, { who: holder(alert) }), "hint"));
  }
  rewrite($("a-tasks"), ...(items.length ? items : [make("li", t("no_calls"))]));
}

// What runs, the nearest first; each with how many more of its kind run at other rooms.
function running(alert) {
  const kinds = new Map();
  for (const one of [...alert.deadlines].sort((a, b) => a.due_at.localeCompare(b.due_at))) {
    const kind = one.dispatch ? one.name : one;
    kinds.set(kind, [...(kinds.get(kind) ?? []), one]);
  }
  return [...kinds.values()]
    .flatMap((all) => (all.length > ABREAST ? [[all[0], all.length - 1]] : all.map((one) => [one, 0])))
    .sort(([a], [b]) => a.due_at.localeCompare(b.due_at));
}

export function deadlines(alert, now) {
  const room = new Map(alert.dispatches.map((one) => [one.id, one.room]));
  const items = running(alert).map(([one, more]) => {
    const at = Date.parse(one.due_at);
    const over = at < now;
    const asks = OPERATORS.includes(one.name);
    const item = make("li", undefined, over ? "over" : asks && at - now < NEAR_MS ? "near" : asks ? "asks" : "");
    const where = one.dispatch && room.get(one.dispatch);
    const said = over ? t("overdue", { age: span((now - at) / 1000) }) : left(at, now);
    // What no deadline forwards, a phone's that the register does not know, waits for a person.
    const asked = asks && !alert.forwards ? "deadline_person" : "deadline";
    item.append(make("span", said, "big"), t(asked, one.name));
    if (where) item.append(` (${more ? t("and_rooms", { room: roomName(where), n: more }) : roomName(where)})`);
    if (one.late) item.append(` — ${t("late_mark")}`);
    return item;
  });
  rewrite($("a-deadlines"), ...(items.length ? items : [make("li", t("no_deadlines"))]));
}
