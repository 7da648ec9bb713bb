// Breaking the glass: a supervisor reads the file of whose alert it was, with a reason, for a while.
// What is shown is gone with the page, or when its time is over.

import { $, make, rewrite, say } from "./dom.js";
import { read, send } from "./after.js";
import { clock, t } from "./texts.js";

const OF_HER = ["name", "born", "description", "health", "contact", "contact_hours"];
const OF_HIM = ["name", "relation", "description", "vehicle"];

function line(kind, ...said) {
  const text = said.filter(Boolean).join(", ");
  return text ? [make("dt", t("file", kind)), make("dd", text)] : [];
}

function lines(file) {
  return [
    ...OF_HER.flatMap((kind) => line(kind, file[kind])),
    ...line("languages", ...(file.languages ?? [])),
    ...(file.children ?? []).flatMap((one) => line("child", one.name, one.born, one.note)),
    ...line("aggressor", ...OF_HIM.map((kind) => file.aggressor?.[kind])),
    ...line("dangers", ...Object.values(file.dangers ?? {})),
  ];
}

function clear() {
  rewrite($("glass-file"));
  say($("glass-said"), "");
}

// `at` is the alert's address, `page` the page that acts.
export function glass(at, page) {
  const form = $("glass");
  let over = null;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    page.act(form.querySelector("button"), async () => {
      const { until } = await send(`${at}/break-glass`, { reason: form.elements.reason.value });
      const { file } = await read(`${at}/person`);
      rewrite($("glass-file"), ...(file ? lines(file) : []));
      say($("glass-said"), file ? t("glass_until", { time: clock(until) }) : t("glass_none"));
      form.reset();
      clearTimeout(over);
      over = setTimeout(clear, Date.parse(until) - Date.now());
    });
  });
}
