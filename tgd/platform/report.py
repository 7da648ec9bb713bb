"""What an alert was, told afterwards: who, when, each leg's time, each act, from journal and rows.

Serves the prosecutor and the association, after the arrows. Promises: a report holds no coordinate,
whatever is still kept and whoever reads it: of positions it says how many, how sure and how odd
they were, and when they are or were erased; notes are opened while they are kept; what is not known
is None, never guessed. How it is worded is left to the web, and who may read it too, but for two
rules that need the rows: an operator reads what he has acted in, a prosecutor his own tribunal's.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any
from uuid import UUID

from tgd.clock import Clock
from tgd.errors import NotFound
from tgd.geo.locate import Observed
from tgd.geo.words import without_coordinates
from tgd.ledger import REDACTED
from tgd.platform import legs, typed
from tgd.platform.report_parts import (
    Call,
    Dispatch,
    Entry,
    Erasure,
    Leg,
    Note,
    Positions,
    Press,
    Radii,
    Recontact,
    Report,
    Step,
    Voice,
)
from tgd.platform.whereabouts import Whereabouts
from tgd.seal import DataKey, SealBroken, Sealer
from tgd.store import report as store
from tgd.store.db import Database

_Row = Mapping[str, Any]
_TELLING = frozenset({"report", "press"})
"""What a room is to acknowledge."""


class Reporting:
    """Makes reports of alerts."""

    def __init__(
        self, database: Database, clock: Clock, sealer: Sealer, whereabouts: Whereabouts
    ) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer
        self._whereabouts = whereabouts

    async def of(
        self,
        alert_id: UUID,
        reader: str,
        role: str,
        *,
        form: str,
        own_only: bool = False,
        tribunal: str | None = None,
        hidden: Collection[UUID] = (),
    ) -> Report:
        """Return the report, having entered into the journal that it was read.

        ``own_only``: only of an alert in which the reader has acted; ``tribunal``: only of a phone
        of that one. Raises ``NotFound`` otherwise. It names no alert of the ``hidden`` persons.
        """
        async with self._database.transaction() as transaction:
            row = await store.one(transaction, alert_id, reader, hidden)
            if row is None or (own_only and not row["acted"]):
                raise NotFound("alert")
            if tribunal is not None and row["tribunal_id"] != tribunal:
                raise NotFound("alert")
            now = self._clock.now()
            await store.was_read(transaction, alert_id, now, reader, form=form, role=role)
        # Opening an hour of positions takes a while: no press is to wait for it.
        return await asyncio.to_thread(self._made, row, reader, now)

    def _made(self, row: dict[str, Any], reader: str, now: datetime) -> Report:
        alert: _Row = row["alert"]
        journal = [_entry(entry) for entry in row["journal"]]
        presses = [Press(*press) for press in row["presses"]]
        sent = _sent(row["messages"], journal)
        key = typed.unlock(self._sealer, alert["key"])
        return Report(
            alert=alert["id"],
            follows_case=row["follows_case"],
            beneficiary=row["beneficiary"],
            tribunal=row["tribunal"],
            made_at=now,
            made_for=reader,
            provisional=alert["status"] != "closed",
            legs=_legs(alert, presses, min(sent.values(), default=None), journal),
            presses=presses,
            voices=[
                Voice(e.at, e.actor, str(e.details.get("heard")))
                for e in journal
                if e.kind == "voice" and e.actor != REDACTED
            ],
            notes=_notes_of(row["notes"], alert, journal, key),
            positions=self._positions(row, alert, journal, key),
            dispatches=_dispatches(row, sent, journal, key),
            calls=[Call(*call) for call in row["calls"]],
            recontacts=[
                Recontact(
                    *(one[name] for name in ("hours", "owner", "due_at", "done_at", "done_by"))
                )
                for one in row["recontacts"]
            ],
            journal=journal,
            outcome=alert["outcome"]
            and (typed.read(key, alert["outcome"], alert["id"]) or "in_words"),
            **{name: alert[name] for name in _AS_IT_IS},
        )

    def _positions(
        self, row: _Row, alert: _Row, journal: Sequence[Entry], key: DataKey | None
    ) -> Positions:
        observed = self._whereabouts.observed(row["positions"])
        radii = [one.fix.acc for one in observed if one.fix.acc is not None]
        return Positions(
            kept=len(row["positions"]),
            readable=len(observed),
            radii_m=Radii(min(radii), median(radii), max(radii)) if radii else None,
            methods=_counted(one.fix.method or "unknown" for one in observed),
            doubts=_counted(doubt for one in observed for doubt in _doubts(one)),
            erased=[
                Erasure(entry.at, int(entry.details["positions"]))
                for entry in journal
                if entry.kind == "erased" and entry.details.get("positions")
            ],
            due_at=alert["forget_at"] if row["positions"] else None,
            held=row["held"],
            held_for=typed.read(key, row["held_for"], alert["id"]),
            eight_days_by=typed.read(key, row["eight_days_by"], alert["id"]),
        )


def _notes_of(
    rows: Iterable[_Row], alert: _Row, journal: Sequence[Entry], key: DataKey | None
) -> list[Note]:
    erasures = [entry for entry in journal if entry.kind == "erased" and entry.details.get("notes")]
    notes = []
    for row in rows:
        gone = None
        if row["text"] is None:
            gone = next((entry.at for entry in erasures if entry.at >= row["at"]), None)
        notes.append(Note(row["at"], row["author"], _opened(row, key, alert["id"]), gone))
    return notes


_AS_IT_IS = (
    *("case_id", "device", "known", "status", "consent", "rescued", "opened_at", "answered_at"),
    *("answered_by", "verdict", "verdict_by", "verdict_at", "reason", "police_at"),
    *("closed_at", "closed_by"),
)


def _opened(row: _Row, key: DataKey | None, alert_id: UUID) -> str | None:
    """Return a note's words: of a place only those that are no coordinates."""
    if row["text"] is None or key is None:
        return None
    try:
        return without_coordinates(key.open(row["text"], f"note {alert_id}").decode())
    except SealBroken:
        return None


def _doubts(one: Observed) -> tuple[str, ...]:
    return (*one.doubts, *(("fix_mocked",) if one.fix.mocked else ()))


def _counted(words: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts


def _entry(row: _Row) -> Entry:
    details = {
        name: without_coordinates(value) if isinstance(value, str) else value
        for name, value in (row["details"] or {}).items()
    }
    return Entry(row["no"], row["at"], row["actor"] or REDACTED, row["kind"], details)


def _sent(messages: Iterable[Sequence[Any]], journal: Sequence[Entry]) -> dict[UUID, datetime]:
    """Return when each dispatch's first message was delivered."""
    of_message = {str(id_): told for id_, told, purpose in messages if purpose in _TELLING}
    first: dict[UUID, datetime] = {}
    for entry in journal:
        told = of_message.get(str(entry.details.get("message")))
        if entry.kind == "sent" and told is not None:
            first[told] = min(first.get(told, entry.at), entry.at)
    return first


def _legs(
    alert: _Row, presses: Sequence[Press], sent_at: datetime | None, journal: Sequence[Entry]
) -> list[Leg]:
    """Return every leg in its order; each from the first fact to the first fact.

    A verdict may change and an acknowledgement be voided: the way to the police is measured once.
    """
    received = min((press.received_at for press in presses), default=None)
    decided = alert["police_at"] or alert["verdict_at"]
    acknowledged = min((e.at for e in journal if e.kind == "acknowledged"), default=None)
    if sent_at is not None and acknowledged is not None:
        sent_at = min(sent_at, acknowledged)  # a room may answer before it has taken its leave
    ends = {
        "press_to_alert": (received, alert["opened_at"]),
        "alert_to_answer": (alert["opened_at"], alert["answered_at"]),
        "answer_to_decision": (alert["answered_at"], decided),
        "decision_to_sent": (alert["police_at"], sent_at),
        "sent_to_acknowledged": (sent_at, acknowledged),
        "press_to_acknowledged": (alert["pressed_at"], acknowledged),
    }
    return [_leg(name, *ends[name]) for name in legs.LEGS]


def _leg(name: str, start: datetime | None, end: datetime | None) -> Leg:
    target = legs.target(name)
    if start is None or end is None or end < start:  # forwarded before it was answered, say
        return Leg(name, start, end, None, target, None)
    seconds = round((end - start).total_seconds(), 3)
    return Leg(name, start, end, seconds, target, seconds <= target)


def _dispatches(
    row: _Row, sent: Mapping[UUID, datetime], journal: Sequence[Entry], key: DataKey | None
) -> list[Dispatch]:
    of_message = {str(message[0]): message[1] for message in row["messages"]}
    found = []
    for id_, address, *told in row["dispatches"]:
        room, name, lead, state, rounds, attempts, at, by_at, *said = told
        by, reference = (typed.read(key, text, row["alert"]["id"]) for text in said)
        if by_at is not None and by is None:
            by = "telephone"
        steps = [
            Step(entry.at, entry.actor, entry.kind, entry.details)
            for entry in journal
            if _concerns(entry, id_, address, of_message)
        ]
        found.append(
            Dispatch(
                *(room, name, address, lead, state, rounds, attempts, at, sent.get(id_)),
                *(by_at, by, reference, steps),
            )
        )
    return found


def _concerns(
    entry: Entry, dispatch: UUID, address: str | None, of_message: Mapping[str, UUID]
) -> bool:
    """Say whether an entry is a step of this dispatch."""
    told = entry.details
    if "dispatch" in told:
        return bool(told["dispatch"] == str(dispatch))
    if "message" in told:
        return of_message.get(str(told["message"])) == dispatch
    return entry.kind == "patrol" and entry.actor == address
