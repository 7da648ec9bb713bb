// What is read out on the telephone to a control room, in the order in which it is needed.

import { $, make, rewrite } from "./dom.js";
import { children, dangers } from "./person.js";
import { atMost, clock, degrees, span, t } from "./texts.js";

export function script(alert, me, found, file, now) {
  const needed = alert.tasks.length > 0 || alert.status === "police"; // rooms call back, too
  $("script").hidden = !needed;
  if (!needed) return;
  const said = {
    who: t("script_who", { me: me.username }),
    case: t("script_case", { case: alert.case_id, phone: alert.device,
      name: file?.name ?? alert.beneficiary ?? t("unknown_holder") }),
    place: place(alert, found, now),
    danger: danger(alert, now),
    officers: dangers(file).join(" ; ") || t(file ? "script_none_known" : "script_not_known"),
    children: children(file).join(" ; ") || t(file ? "script_none_known" : "script_not_known"),
    back: me.call ?? t("script_no_number"),
  };
  rewrite($("script-lines"), ...Object.entries(said).flatMap(([kind, text]) =>
    [make("dt", t("script_line", kind)), make("dd", text)]));
}

function place(alert, found, now) {
  const position = found?.position ?? alert.position;
  if (!position) return t("script_nowhere");
  const near = found?.address?.label ? `${found.address.label}. ` : "";
  return near + t("script_place", {
    n: atMost(position.r95_m), age: span((now - Date.parse(position.fixed_at)) / 1000),
    lat: degrees(position.lat), lon: degrees(position.lon),
  });
}

function danger(alert, now) {
  const why = alert.reason ? t("reason", alert.reason) : t("script_police");
  const heard = alert.voice ? t("script_heard", { what: t("voice", alert.voice) }) : t("script_unheard");
  const pressed = t("script_pressed", { time: clock(alert.last_press_at),
    age: span((now - Date.parse(alert.last_press_at)) / 1000), n: alert.presses.length });
  return `${pressed} ${t("script_why", { why })} ${heard}`;
}
