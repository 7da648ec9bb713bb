// One's own account: a new password, which ends every other session, and the browsers that are logged
// in. What was typed is kept by nothing but its field, and gone with the answer.

import { $, make, say } from "./dom.js";
import { Page, end, read, send } from "./after.js";
import { Refusal } from "./api.js";
import { locale, t } from "./texts.js";

const moment = (at) =>
  new Date(at).toLocaleString(locale(), { timeZone: "Europe/Paris", dateStyle: "short", timeStyle: "short" });

function line(session) {
  const shown = make("li");
  const said = { since: moment(session.created_at), used: moment(session.seen_at) };
  shown.append(make("span", t(session.current ? "session_here" : "session_there", said)));
  if (session.current) return shown;
  const button = make("button", t("end"));
  button.type = "button";
  button.addEventListener("click", () => page.act(button, async () => {
    await end(`sessions/${session.id}`);
    say($("said"), t("ended", { n: 1 }));
    await draw();
  }));
  shown.append(button);
  return shown;
}

async function draw() {
  const { items } = await read("sessions");
  const own = items.filter((one) => one.username === page.username);
  $("sessions").replaceChildren(...own.map(line));
}

class Account extends Page {
  inside(who) {
    this.username = who.username;
    $("change").hidden = who.vouched;
    $("elsewhere").hidden = !who.vouched;
    super.inside(who);
  }
}

const page = new Account("account", async () => {
  document.title = t("title");
  await draw();
  $("account").hidden = false;
});

$("change").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = $("change");
  const { password, new: wanted, again } = Object.fromEntries(new FormData(form));
  page.act(form.querySelector("button"), async () => {
    if (wanted !== again) throw new Refusal(422, "not_the_same", "");
    const { sessions_ended: n } = await send("session/password", { password, new: wanted });
    form.reset();
    say($("said"), `${t("changed")} ${t("ended", { n })}`);
    await draw();
  });
});

page.start();
