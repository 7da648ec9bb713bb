// What the server refused, said in words where the operator looks; an ended session leads back to
// the login.

import * as api from "./api.js";
import { $ } from "./dom.js";
import { on, state } from "./state.js";
import { t } from "./texts.js";

export function reason(refusal) {
  const said = t("error", refusal.code);
  return said === refusal.code ? refusal.detail : said;
}

// `acting`: it was an act that was refused, not a reading.
export async function complain(refusal, acting = false) {
  if (!(refusal instanceof api.Refusal)) throw refusal;
  if (refusal.status === 401) {
    on.ended(refusal, acting);
    return;
  }
  const why = (await whoHas(refusal)) ?? reason(refusal);
  $("refused").textContent = t("refused", { why });
  $("refused").hidden = false;
}

// The second who answers is told who was first.
async function whoHas(refusal) {
  if (refusal.code !== "answered_by_another" || state.chosen === null) return null;
  try {
    const { answered_by: who } = await api.one(state.chosen);
    return who ? t("taken_by", { who }) : null;
  } catch {
    return null; // the refusal itself is said, then
  }
}
