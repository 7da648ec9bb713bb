// Who is there: one's own state, everybody's, who holds what, and the alarm when nobody is there to
// be rung.

import { $, make, rewrite, say } from "./dom.js";
import { span, t } from "./texts.js";

let people = [];

export function heard(items) {
  people = items;
}

export const self = (me) => people.find((one) => one.name === me.username) ?? null;
const isThere = (one) => one.state !== "away";
const others = (me) => people.filter((one) => one.name !== me.username && isThere(one));

export const accompanied = (me) => others(me).length > 0;

// Shows the desk. `named(id)` is an alert's name, null for one that is not open; `choose(id)` opens it.
export function station(me, now, named, choose) {
  const own = self(me);
  alarm(own);
  $("state").hidden = own === null;
  if (own) {
    if (!$("state").classList.contains("armed")) { // it asks whether to leave
      say($("state"), t("state_own", { state: t("state", own.state) }));
      $("state").className = own.state;
    }
    $("state").setAttribute("aria-pressed", String(own.state === "away"));
    $("state").title = t(own.state === "away" ? "state_back" : "state_leave");
  }
  rewrite($("desk-people"), ...people.map((one) => person(one, me, now, named)));
  $("desk-people").onclick = (event) => {
    const button = event.target.closest("button");
    if (button) choose(button.dataset.id);
  };
  offers(me);
}

// Supervisors are rung once everyone is: they do not count among those who are there to answer.
function alarm(own) {
  const free = (group) => people.some((one) =>
    one.state === "available" && one.role !== "supervisor" && one.group === group);
  const nobody = own !== null && !free("first");
  $("alarm").hidden = !nobody;
  if (!nobody) return;
  const busy = people.some((one) => one.state === "busy" && one.role !== "supervisor");
  $("alarm").classList.toggle("busy", busy);
  say($("alarm"), t(free("second") ? "nobody_first" : busy ? "nobody_free" : "nobody"));
}

function person(one, me, now, named) {
  const item = make("li", undefined, one.state);
  item.append(make("b", one.name === me.username ? t("you", { who: one.name }) : one.name));
  const where = [t("role", one.role), t("group", one.group), one.site].filter(Boolean);
  item.append(make("span", t("state", one.state), "badge"));
  item.append(make("small", `${where.join(" · ")} · ${t("since", {
    age: span((now - Date.parse(one.since)) / 1000) })}`));
  for (const id of one.holds.filter(named)) {
    const button = make("button", named(id), "plain");
    button.type = "button";
    button.dataset.id = id;
    item.append(button);
  }
  return item;
}

function offers(me) {
  const there = others(me);
  const wanted = there.map((one) =>
    [one.name, t("person_to", { who: one.name, state: t("state", one.state), site: one.site ?? "" })]);
  for (const list of document.querySelectorAll("select.people")) {
    const now = [...list.options].map((one) => [one.value, one.text]);
    if (JSON.stringify(now) === JSON.stringify(wanted)) continue;
    const chosen = list.value;
    list.replaceChildren(...wanted.map(([value, text]) => new Option(text, value)));
    if (there.some((one) => one.name === chosen)) list.value = chosen;
  }
  const holds = (self(me)?.holds ?? []).length;
  $("handover-do").disabled = there.length === 0 || holds === 0;
  $("offer-do").disabled ||= there.length === 0;
}
