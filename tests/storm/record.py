"""What the database's own record says of a storm: each alert in time, or forwarded by its deadline.

The deadlines are reckoned here anew, from the facts of the journal and the plan that was frozen
into the alert; nothing of the platform's own rules is asked.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

SLACK = timedelta(seconds=0.25)
"""The watch looks every quarter of a second."""
GONE = timedelta(seconds=11.5)
"""Away after ten seconds without a screen, seen within one more; a step of the hand clock."""
NEVER = datetime.max.replace(tzinfo=UTC)
CLOSING = {"no_danger", "test", "accidental"}
FREED = {"released", "holder_gone"}

ALERTS = "SELECT a.*, a.plan AS plan FROM alert a ORDER BY opened_at, id"
FACTS = (
    "SELECT alert_id, at, actor, kind, details FROM journal WHERE alert_id IS NOT NULL ORDER BY no"
)
PRESSES = """
SELECT p.device, p.sent_id, k.alert_id FROM press p LEFT JOIN alert_press k ON k.press_no = p.no
"""
WAITING = """
SELECT d.alert_id, count(*) AS n FROM dispatch d WHERE d.acknowledged_at IS NULL GROUP BY d.alert_id
"""


@dataclass(frozen=True)
class Record:
    """All that is asked of the database, once the storm is over."""

    alerts: list[Mapping[str, Any]]
    facts: Mapping[Any, list[Mapping[str, Any]]]
    presses: list[Mapping[str, Any]]
    waiting: Mapping[Any, int]

    @classmethod
    async def read(cls, world: Any) -> "Record":
        facts: dict[Any, list[Any]] = {}
        for row in await world.rows(FACTS):
            facts.setdefault(row["alert_id"], []).append(row)
        alerts, presses = await world.rows(ALERTS), await world.rows(PRESSES)
        waiting = {row["alert_id"]: row["n"] for row in await world.rows(WAITING)}
        return cls(alerts, facts, presses, waiting)

    def wrong(self, receipts: Mapping[str, Mapping[str, Any]], cases: Counter[str]) -> list[str]:
        """Every sentence that does not hold; empty when all do.

        ``receipts`` are what the phones were told, by press (None: nothing); ``cases`` how many
        the room has, by the alert's case number.
        """
        found = [*self._presses(receipts), *self._phones()]
        for alert in self.alerts:
            of = Story(alert, self.facts.get(alert["id"], []))
            told = [*of.late(), *of.unwidened(), *of.hands(), *of.ended_by_nobody()]
            due = 1 if alert["police_at"] else 0
            if cases[alert["case_id"]] != due:
                told.append(f"{cases[alert['case_id']]} cases at the room, not {due}")
            if self.waiting.get(alert["id"]):
                told.append("the room has not acknowledged it")
            found += [f"{alert['device']} ({alert['status']}): {what}" for what in told]
        return found

    def _presses(self, receipts: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
        kept = Counter(row["sent_id"] for row in self.presses)
        opened = {row["sent_id"]: row["alert_id"] for row in self.presses}
        for press, receipt in receipts.items():
            if not receipt:
                yield f"press {press}: no receipt"
            elif kept[press] != 1 or str(opened[press]) != receipt["alert"]:
                yield f"press {press}: receipted, {kept[press]} times kept, alert {opened[press]}"
        yield from (f"press {p}: nobody pressed" for p in kept.keys() - receipts.keys())

    def _phones(self) -> Iterable[str]:
        """No phone has two open alerts at the same moment, nor had."""
        by_phone: dict[str, list[Mapping[str, Any]]] = {}
        for alert in self.alerts:
            by_phone.setdefault(alert["device"], []).append(alert)
        for phone, alerts in by_phone.items():
            for one, then in pairwise(alerts):
                if one["closed_at"] is None or one["closed_at"] > then["opened_at"]:
                    yield f"{phone}: two alerts at once"


class Story:
    """One alert, told from its journal."""

    def __init__(self, alert: Mapping[str, Any], facts: list[Mapping[str, Any]]) -> None:
        self.alert, self.facts = alert, facts
        self.plan = alert["plan"]
        self.opened: datetime = alert["opened_at"]
        self.answered = _at(alert["answered_at"])
        self.ended = min(_at(alert["police_at"]), _at(alert["closed_at"]))
        """When nobody's decision was waited for any more."""

    def late(self) -> Iterable[str]:
        """In time, or forwarded by its deadline: each of the three deadlines of the operators."""
        if min(self.answered, self.ended) > self._due(self.opened, "answer"):
            yield "not answered by its deadline, and not forwarded"
        if self.answered >= self.ended:
            return
        voices = [f["at"] for f in self._of("voice") if f["details"]["heard"] != "nobody"]
        if min([*voices, self.ended]) > self._due(self.answered, "voice"):
            yield "no voice by its deadline, and not forwarded"
        due = self._due(self.answered, "doubt")
        for fact in self._of("extended"):
            due += timedelta(seconds=60) if fact["at"] <= due else timedelta()
        if self.ended > due:
            yield "no verdict by its deadline, and not forwarded"

    def unwidened(self) -> Iterable[str]:
        """Unanswered at its overflow, it rang the second group and the supervisors."""
        due = self._due(self.opened, "overflow")
        wide = [f["at"] for f in self._of("rang_everyone")]
        if min(self.answered, self.ended) > due and not any(at <= due for at in wide):
            yield "not answered at its overflow, and only the first group rang"

    def hands(self) -> Iterable[str]:
        """It is answered once; whoever has it next was offered it, or found it given back."""
        holder, free, offered = None, True, None
        for fact in self.facts:
            kind, who = fact["kind"], fact["actor"]
            if kind in {"answered", "taken_over"}:
                if not free and who not in {holder, offered, "superviseur-1"}:
                    yield f"taken by {who} while {holder} had it"
                if (kind == "answered") != (holder is None):
                    yield f"{kind} by {who} after {holder}"
                holder, free, offered = who, False, None
            elif kind == "offered":
                offered = fact["details"]["to"]
            elif kind in FREED:
                free, offered = True, None
        if holder != self.alert["answered_by"]:
            yield f"the journal says {holder}, the alert {self.alert['answered_by']}"

    def ended_by_nobody(self) -> Iterable[str]:
        """It is closed by a person's verdict or act, never by silence."""
        if self.alert["status"] == "closed" and self.alert["closed_by"] in {None, "deadline"}:
            yield "closed by nobody"
        if self.alert["verdict"] in CLOSING and not self._of("voice"):
            yield "closed without a voice"

    def held_in_absence(self, names: Iterable[str], since: datetime) -> bool:
        """Whether one of those people, gone since then, still had it when she was long away."""
        facts = [f for f in self.facts if f["at"] <= since]
        holder, free = None, True
        for fact in facts:
            if fact["kind"] in {"answered", "taken_over"}:
                holder, free = fact["actor"], False
            elif fact["kind"] in FREED:
                free = True
        if free or holder not in set(names) or _at(self.alert["closed_at"]) <= since + GONE:
            return False
        return not any(f["kind"] in FREED and since < f["at"] <= since + GONE for f in self.facts)

    def _of(self, kind: str) -> list[Mapping[str, Any]]:
        return [fact for fact in self.facts if fact["kind"] == kind]

    def _due(self, since: datetime, name: str) -> datetime:
        return since + timedelta(seconds=self.plan[name]) + SLACK


def _at(moment: datetime | None) -> datetime:
    return moment if moment is not None else NEVER
