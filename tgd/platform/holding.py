"""Holding alerts: read under a lock, changed by the rules, saved whole, in one transaction.

Serves arrows 2 and 3, between the domain (which knows no rows) and the store (which knows no
rules). The promise: nobody else changes an alert while it is held, everything the rules changed
is committed together or not at all, each committed fact is measured once, and an act that carries
a key is done once under it: browsers send a request again by themselves when its answer is lost.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tgd.config import Deadlines
from tgd.log import fault
from tgd.metrics import Metrics
from tgd.platform.domain.alert import Alert, Deadline, Dispatch, Envelope, Fact, Plan, Task
from tgd.platform.domain.deadlines import plan
from tgd.store import alerts
from tgd.store.db import Connection, Database

_LISTS = ("deadlines", "dispatches", "envelopes", "tasks", "facts", "phone_messages")
_OWN = tuple(f.name for f in fields(Alert) if f.name not in (*_LISTS, "plan"))
_DEADLINE = ("name", "due_at", "dispatch_id", "late")
_DISPATCH = tuple(f.name for f in fields(Dispatch))
_ENVELOPE = tuple(f.name for f in fields(Envelope) if f.name != "content")  # written, never read
_TASK = tuple(f.name for f in fields(Task))
_USUAL = plan(Deadlines(), forward_unverified=True)
"""For an alert whose own plan cannot be read: its deadlines run on, and forward it."""

_Rows = list[dict[str, Any]]
_Snapshot = dict[str, Any]
_log = logging.getLogger(__name__)


class Repeated(Exception):
    """The act was done before, under the same key, on ``alert_id``."""

    def __init__(self, alert_id: UUID) -> None:
        super().__init__("the act was done before")
        self.alert_id = alert_id


@asynccontextmanager
async def holding(
    database: Database, ids: Sequence[UUID], metrics: Metrics, once: str | None = None
) -> AsyncIterator[tuple[Connection, list[Alert]]]:
    """Hold these alerts for the block; save and commit at its end, nothing if it raises.

    ``once`` is the key of the act; ``Repeated`` if it was done under it before.
    """
    async with database.transaction() as transaction, held_in(transaction, ids, once) as held:
        yield transaction, held
    measure(held, metrics)


@asynccontextmanager
async def held_in(
    transaction: Connection, ids: Sequence[UUID], once: str | None = None
) -> AsyncIterator[list[Alert]]:
    """Hold these alerts inside a transaction of the caller's, who commits and then measures."""
    held = [_alert(row) for row in await alerts.hold(transaction, ids)]
    await not_done(transaction, ids, once)
    before = [_snapshot(alert) for alert in held]
    yield held
    if once is not None:
        for fact in (fact for alert in held for fact in alert.facts):
            fact.details["act"] = once
    changes = _changes(held, before)
    if any(changes.values()):
        await alerts.save(transaction, changes)


async def not_done(transaction: Connection, ids: Sequence[UUID], once: str | None) -> None:
    """Raise ``Repeated`` if the act with this key was done on one of these alerts before."""
    if once is not None and (done := await alerts.done(transaction, ids, once)) is not None:
        raise Repeated(done)


def measure(held: Sequence[Alert], metrics: Metrics) -> None:
    """Observe the legs that these alerts' committed facts have ended."""
    for alert in held:
        for fact in alert.facts:
            _measure(alert, fact, metrics)


def _alert(row: dict[str, Any]) -> Alert:
    own = row["held"]
    return Alert(
        **{name: own[name] for name in _OWN},
        plan=_plan(own["plan"]),
        deadlines=[Deadline(*(d[name] for name in _DEADLINE)) for d in row["running"]],
        dispatches=[Dispatch(**{name: d[name] for name in _DISPATCH}) for d in row["told"]],
        envelopes=[Envelope(**{name: e[name] for name in _ENVELOPE}) for e in row["sent"]],
        tasks=[Task(**{name: t[name] for name in _TASK}) for t in row["calls"]],
    )


def _plan(kept: object) -> Plan:
    try:
        return msgspec.convert(kept, Plan)
    except msgspec.ValidationError as error:
        fault(_log, "reading an alert's plan", error)
    told = kept.get("forward") if isinstance(kept, dict) else None
    return replace(_USUAL, forward=told is not False)


def frozen(plan: Plan) -> dict[str, Any]:
    """Write a plan for the alert's row; ``opening`` are the deadlines that begin at once."""
    return {**msgspec.to_builtins(plan), "opening": plan.opening()}


def as_text(plan: Plan) -> str:
    """Write a frozen plan as the JSON that statements take."""
    return msgspec.json.encode(frozen(plan)).decode()


def _snapshot(alert: Alert) -> _Snapshot:
    return {
        "own": _own(alert),
        "deadlines": {(d.name, d.dispatch_id): (d.due_at, d.late) for d in alert.deadlines},
        "dispatches": {d.id: msgspec.to_builtins(d) for d in alert.dispatches},
        "envelopes": {e.id: msgspec.to_builtins(e) for e in alert.envelopes},
        "tasks": {t.id: msgspec.to_builtins(t) for t in alert.tasks},
    }


def _own(alert: Alert) -> dict[str, Any]:
    return {name: getattr(alert, name) for name in _OWN}


def _changes(held: list[Alert], before: list[_Snapshot]) -> dict[str, _Rows]:
    """Compare with what was read; only what differs is written."""
    changes: dict[str, _Rows] = {
        "alerts": [],
        "stopped": [],
        "running": [],
        "dispatches": [],
        "envelopes": [],
        "tasks": [],
        "facts": [],
        "phone": [],
    }
    for alert, old in zip(held, before, strict=True):
        if (own := _own(alert)) != old["own"]:
            changes["alerts"].append(own)
        _deadlines(alert, old["deadlines"], changes)
        for name in ("dispatches", "envelopes", "tasks"):
            for thing in getattr(alert, name):
                row = msgspec.to_builtins(thing)
                if row != old[name].get(thing.id):
                    changes[name].append({**row, "alert_id": alert.id})
        changes["facts"] += [{**msgspec.to_builtins(f), "alert_id": alert.id} for f in alert.facts]
        changes["phone"] += [
            {"reply_to": alert.reply_to, "message": message, "at": alert.facts[-1].at}
            for message in alert.phone_messages
        ]
    return changes


def _deadlines(
    alert: Alert,
    old: dict[tuple[str, UUID | None], tuple[datetime, bool]],
    changes: dict[str, _Rows],
) -> None:
    now = {(d.name, d.dispatch_id): (d.due_at, d.late) for d in alert.deadlines}
    for name, dispatch_id in old.keys() - now.keys():
        changes["stopped"].append({"alert_id": alert.id, "dispatch_id": dispatch_id, "name": name})
    for (name, dispatch_id), (due_at, late) in now.items():
        if old.get((name, dispatch_id)) != (due_at, late):
            changes["running"].append(
                {
                    "alert_id": alert.id,
                    "dispatch_id": dispatch_id,
                    "name": name,
                    "due_at": due_at,
                    "late": late,
                }
            )


def _measure(alert: Alert, fact: Fact, metrics: Metrics) -> None:
    if fact.kind == "answered":
        metrics.alert_to_answer.observe((fact.at - alert.opened_at).total_seconds())
    # What was given under coercion is a decision as well: a figure that left it out would tell.
    elif fact.kind in ("verdict", "coercion") and alert.answered_at is not None:
        metrics.answer_to_decision.observe((fact.at - alert.answered_at).total_seconds())
    elif fact.kind == "deadline":
        metrics.deadline_passed[str(fact.details["name"])].inc()
    elif fact.kind == "acknowledged":
        since_sent, since_press = fact.details["since_sent_s"], fact.details["since_press_s"]
        if isinstance(since_sent, float):
            metrics.sent_to_acknowledged.observe(since_sent)
        if isinstance(since_press, float):
            metrics.press_to_acknowledged.observe(since_press)
