// Asks before something that cannot be taken back: what it does and to whom, why where a reason is
// wanted, then once more with the name. What is refused is said here, where the eyes are.

import { Refusal } from "./api.js";
import { $, make, say } from "./dom.js";
import { complain, reason } from "./refusals.js";
import { t } from "./texts.js";

let asked = null;

// `about`: `what` is the family of its texts; `named` fills them; `reasons`: [code, words], one of
// which must be chosen, or none; `phone`: whom to call where it is refused; doing(code) does it.
export function ask(about) {
  asked = { ...about, sure: about.reasons.length === 0 };
  say($("sure-title"), t("sure_title", about.what, about.named));
  say($("sure-not"), "");
  $("sure-why").replaceChildren(make("legend", t("sure_why")), ...about.reasons.map(choice));
  draw();
  $("sure").showModal();
  (asked.sure ? $("sure-no") : $("sure-why").querySelector("input")).focus();
}

function choice([code, said]) {
  const label = make("label", undefined, "beside");
  const radio = make("input");
  Object.assign(radio, { type: "radio", name: "why", value: code, required: true });
  label.append(radio, make("span", said));
  return label;
}

function draw() {
  $("sure-why").hidden = asked.sure;
  say($("sure-said"), t(asked.sure ? "sure_last" : "sure_said", asked.what, asked.named));
  say($("sure-do"), asked.sure ? t("sure_do", asked.what, asked.named) : t("sure_go_on"));
  $("sure-do").classList.toggle("grave", asked.sure);
  $("sure-do").hidden = false;
  say($("sure-no"), t("sure_no"));
}

export const shut = () => $("sure").close();

export function prepare() {
  $("sure-no").addEventListener("click", shut);
  $("sure-form").addEventListener("submit", go);
  // A double click is one slip of the hand: it goes one step, not two.
  $("sure-do").addEventListener("click", (event) => {
    if (event.detail > 1) event.preventDefault();
  });
}

async function go(event) {
  event.preventDefault();
  if (!asked.sure) {
    asked.sure = true;
    asked.why = new FormData(event.target).get("why");
    draw();
    $("sure-no").focus(); // what is graver than staying is not under the finger
    return;
  }
  $("sure-do").disabled = true;
  try {
    await asked.doing(asked.why);
    shut();
  } catch (refusal) {
    await refused(refusal);
  } finally {
    $("sure-do").disabled = false;
  }
}

async function refused(refusal) {
  if (!(refusal instanceof Refusal) || refusal.status === 401) {
    shut();
    await complain(refusal, true);
    return;
  }
  const said = [t("refused", { why: reason(refusal) })];
  if (asked.phone) said.push(t("sure_call", { ...asked.named, number: asked.phone }));
  say($("sure-not"), said.join(" "));
  $("sure-do").hidden = refusal.status > 0 && refusal.status < 500; // that will not change by itself
  say($("sure-no"), t("sure_shut"));
  $("sure-no").focus();
}
