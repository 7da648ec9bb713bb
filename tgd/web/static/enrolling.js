// The code that a phone photographs when it is prepared. It is shown once, for as long as it takes:
// it goes with the button, after five minutes, and with the view; it is never printed.

import { $, make, say } from "./dom.js";
import { brief } from "./dates.js";
import { t } from "./texts.js";

const SHOWN_MS = 5 * 60_000;
const MARGIN = 4; // ISO/IEC 18004: so many light modules around it

let timer = null;

export function hide() {
  clearTimeout(timer);
  $("code-picture").replaceChildren();
  $("code-facts").replaceChildren();
  if ($("code").open) $("code").close();
}

export function show(given) {
  const size = given.code.length + 2 * MARGIN;
  $("code-picture").setAttribute("viewBox", `0 0 ${size} ${size}`);
  $("code-picture").replaceChildren(path(given.code));
  say($("code-title"), t("code_title", { device: given.device }));
  const pairs = [
    [t("code_fact", "brokers"), given.brokers.join(" · ")],
    [t("code_fact", "trust"), given.trust.slice(0, 16).replace(/(....)(?=.)/g, "$1 ")],
    [t("code_fact", "until"), brief(given.until)],
  ];
  $("code-facts").replaceChildren(...pairs.flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
  $("code").showModal();
  timer = setTimeout(hide, SHOWN_MS);
}

// Its modules, as squares of one.
function path(rows) {
  const drawn = document.createElementNS($("code-picture").namespaceURI, "path");
  drawn.setAttribute("d", rows.flatMap((row, y) =>
    [...row].map((dark, x) => (dark === "1" ? `M${x + MARGIN} ${y + MARGIN}h1v1h-1z` : ""))).join(""));
  return drawn;
}

export function prepare() {
  $("code-done").addEventListener("click", hide);
  $("code").addEventListener("close", hide);
  addEventListener("pagehide", hide);
}
