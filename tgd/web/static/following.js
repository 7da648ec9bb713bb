// What an association sees of those whom it follows: their phones, and what must be mended by calling.

import { $, rewrite } from "./dom.js";
import { minute } from "./dates.js";
import { holder, link, phoneHead, phoneRow, redCards, table } from "./glance.js";
import { t } from "./texts.js";

export function draw({ people, now }) {
  const at = minute(now);
  const items = people.map((one) => ({ ...one, id: one.device }));
  $("people-none").hidden = items.length > 0;
  rewrite($("people-red"), ...redCards(items, at, false));
  const [, ...head] = phoneHead();
  const rows = items.map((one) => {
    const { cells: [, state, , ...more], className } = phoneRow(one, at, one.label);
    const person = link(`#file/${one.holder.id}`, holder(one.holder));
    return { className, cells: [{ node: person }, one.label, state, ...more] };
  });
  const [state, person, ...rest] = head;
  $("people-list").hidden = items.length === 0;
  rewrite($("people-list"), table(t("people"), [person, t("head", "phone"), state, ...rest], rows));
}
