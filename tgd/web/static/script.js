// What is read out on the telephone to a control room, in the order in which it is needed: in the
// language of the rooms, whatever the page's is, beside headings in the page's own.

import { $, make, rewrite } from "./dom.js";
import { children, dangers } from "./person.js";
import { official, read, t } from "./texts.js";

let said = null; // the words of what is read out

export async function prepare() {
  said = await read("console", official);
}

export function script(alert, me, found, file, now) {
  const needed = alert.tasks.length > 0 || alert.status === "police"; // rooms call back, too
  $("script").hidden = !needed;
  if (!needed) return;
  const lines = {
    who: said.t("script_who", { me: me.username }),
    case: said.t("script_case", { case: alert.case_id, phone: alert.device,
      name: file?.name ?? alert.beneficiary ?? said.t("unknown_holder") }),
    place: place(alert, found, now),
    danger: danger(alert, now),
    officers: dangers(file, said).join(" ; ") || said.t(file ? "script_none_known" : "script_not_known"),
    children: children(file).join(" ; ") || said.t(file ? "script_none_known" : "script_not_known"),
    back: me.call ?? said.t("script_no_number"),
  };
  rewrite($("script-lines"), ...Object.entries(lines).flatMap(([kind, text]) =>
    [make("dt", t("script_line", kind)), aloud(text)]));
}

function aloud(text) {
  const line = make("dd", text);
  line.lang = said.language;
  return line;
}

function place(alert, found, now) {
  const position = found?.position ?? alert.position;
  if (!position) return said.t("script_nowhere");
  const near = found?.address?.label ? `${found.address.label}. ` : "";
  return near + said.t("script_place", {
    n: said.atMost(position.r95_m), age: said.span((now - Date.parse(position.fixed_at)) / 1000),
    lat: said.degrees(position.lat), lon: said.degrees(position.lon),
  });
}

function danger(alert, now) {
  const why = alert.reason ? said.t("reason", alert.reason) : said.t("script_police");
  const heard = alert.voice ? said.t("script_heard", { what: said.t("voice", alert.voice) }) : said.t("script_unheard");
  const pressed = said.t("script_pressed", { time: said.clock(alert.last_press_at),
    age: said.span((now - Date.parse(alert.last_press_at)) / 1000), n: alert.presses.length });
  return `${pressed} ${said.t("script_why", { why })} ${heard}`;
}
