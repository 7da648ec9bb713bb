// Whose alert it is: its holder's name, who has it in charge, who may take it, whom it rings. Pure; the server decides.

import { t } from "./texts.js";

export const nameOf = (alert) => alert.beneficiary ?? t("unknown_holder");

export const isOpen = (alert) => alert.status !== "closed";

// Whoever has it in charge; nobody, once it was given back or its holder's screen has gone.
export const holder = (alert) => (alert.released_at === null ? alert.answered_by : null);

export const needsAnswer = (alert) => isOpen(alert) && holder(alert) === null;

export const offered = (alert, me) => isOpen(alert) && alert.offered_to === me.username;

export const mine = (alert, me) => isOpen(alert) && holder(alert) === me.username;

// Free for all, offered to whoever looks at it, or hers already; a supervisor always may.
const isFree = (alert, me) =>
  holder(alert) === null || offered(alert, me) || mine(alert, me) || me.role === "supervisor";

export const mayAct = (alert, me) => isOpen(alert) && isFree(alert, me);

// Rung are: whoever it is offered to; everybody once everyone is; before that the first group as far
// as it is there. Who has said to be away is rung with everyone, for then nobody else has answered.
export function rings(alert, me, self) {
  if (offered(alert, me)) return true;
  if (!needsAnswer(alert)) return false;
  if (alert.rings === "everyone") return true;
  return me.role !== "supervisor" && self?.group !== "second" && self?.state !== "away";
}

// The rooms told that have not acknowledged it.
export const unconfirmed = (alert) =>
  alert.dispatches.filter((one) => !one.acknowledged_at && !one.withdrawn_at);

const SPOKEN = ["holder", "child", "other"];

// Whether whoever has it in charge has somebody's voice on the line: she cannot call a room as well.
export const speaks = (alert) =>
  isOpen(alert) && holder(alert) !== null && SPOKEN.includes(alert.voice);

// Whether its calls to rooms are for whoever looks at it, though another has it in charge.
export const callsFor = (alert, me) =>
  !mine(alert, me) && speaks(alert) && alert.police_at !== null && alert.tasks.length > 0;

// Ringing known phones, what is offered or given back, then unknown phones, answered, with the
// police (first what nobody has answered or acknowledged); what has news before what has none.
export function urgency(alert, me, fresh) {
  if (offered(alert, me) || (alert.status !== "police" && alert.released_at)) return 0;
  if (alert.status === "ringing") return alert.known ? 0 : 2;
  if (fresh.has(alert.id) || callsFor(alert, me)) return 1;
  if (alert.status === "answered") return 3;
  const settled = !needsAnswer(alert) && !unconfirmed(alert).length;
  return settled ? 5 : 4;
}

export function sorted(alerts, me, fresh) {
  const by = (a, b) => urgency(a, me, fresh) - urgency(b, me, fresh)
    || a.opened_at.localeCompare(b.opened_at);
  return [...alerts].sort(by);
}
