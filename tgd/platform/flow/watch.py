"""The watch: every deadline that passes does what it is for, and an auditor proves none is missing.

Serves all arrows. Promises: a passed deadline fires once, within a quarter of a second, several
hundred in one transaction, and one alert that breaks keeps no other waiting, nor one deadline of it
the others of its own; after an interruption
of ours operators' deadlines ring once more before they fire; every open alert has a future step,
and whatever has none is given one and reported; only then is the outside told that all is well.
Time comes from the process's clock: a step of the wall clock is an alarm, never a deadline.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from tgd.clock import STEP_S, Clock
from tgd.log import fault
from tgd.metrics import Metrics
from tgd.platform.competence import Competence
from tgd.platform.domain import deadlines
from tgd.platform.domain.alert import SYSTEM, Alert, Deadline
from tgd.platform.holding import held_in, holding, measure
from tgd.store import deadlines as rows
from tgd.store.alerts import open_by_status
from tgd.store.db import OUTAGE, Connection, Database

_Named: TypeAlias = tuple[str, UUID | None]
BATCH = 500
EVERY = timedelta(seconds=0.25)
INTERRUPTED_S = 3.0
"""A pause between two looks of more than this was an interruption of ours."""
AUDIT_EVERY = timedelta(seconds=2)
AWAKE_AFTER = timedelta(seconds=5)
_log = logging.getLogger(__name__)


class Watch:
    """Fires deadlines and audits, for ever; ``heard`` shortens the wait."""

    def __init__(
        self, database: Database, clock: Clock, metrics: Metrics, competence: Competence
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._competence = competence
        self._looked_at: datetime | None = None
        self._told: set[UUID] = set()
        self.heard = asyncio.Event()
        self.answering = False

    async def run(self) -> None:
        """Look at every quarter of a second, at the next deadline, and whenever told."""
        while True:
            try:
                next_due = await self.look()
                self._answers(up=True)
            except OUTAGE as error:
                self._answers(up=False)
                _log.warning("deadlines wait for the database: %s", type(error).__name__)
                await asyncio.sleep(0.5)
                continue
            until = self._clock.now() + EVERY
            # What was due at that look and still is, is held or broken: no hurry with it.
            if next_due is not None and self._looked_at is not None and next_due > self._looked_at:
                until = min(until, next_due)
            await self._clock.wait(self.heard, until)
            self.heard.clear()

    async def look(self) -> datetime | None:
        """Fire what has passed; return when the next deadline is due."""
        now = self._clock.now()
        await self._after_interruption(now)
        while await self._fire(now):
            now = self._clock.now()
        self._looked_at = now
        async with self._database.connection() as connection:
            return await rows.next_due(connection)

    def _answers(self, *, up: bool) -> None:
        self.answering = up
        self._metrics.database_up.set(up)

    async def _fire(self, now: datetime) -> bool:
        """Fire one batch; say whether there may be more. One that one alert breaks: one by one."""
        due: list[UUID] = []
        try:
            async with self._database.transaction() as transaction:
                due = await rows.due(transaction, now, BATCH)
                held = await self._act(transaction, due, now) if due else []
        except OUTAGE:
            raise
        except Exception as error:
            # Whichever alert broke the batch, the others must not miss their deadlines.
            if not due:
                raise
            _log.warning("%d alerts' deadlines, one by one: %s", len(due), type(error).__name__)
            await self._one_by_one(self._fire_for, due, now)
            return False
        measure(held, self._metrics)
        return len(due) == BATCH

    async def _act(
        self,
        transaction: Connection,
        due: list[UUID],
        now: datetime,
        tried: set[_Named] | None = None,
    ) -> list[Alert]:
        """Pass the deadlines of these alerts; with ``tried`` the first that is not among them."""
        async with held_in(transaction, due) as held:
            sends = [alert.id for alert in held if _may_send(alert, now)]
            told = await self._competence.rooms_for(transaction, sends, now, placed=tried is None)
            waiting = [alert.id for alert in held if _waits_for_a_room(alert, now)]
            neighbours = await self._competence.neighbours(transaction, waiting, now)
            for alert in held:
                passing = _passed(alert, now)
                if tried is not None:
                    passing = [one for one in passing if _name(one) not in tried][:1]
                    tried.update(map(_name, passing))
                for one in passing:
                    rooms = told.get(alert.id, []), neighbours.get(alert.id, {})
                    deadlines.passed(alert, one, now, *rooms)
        return held

    async def _fire_for(self, due: list[UUID], now: datetime) -> None:
        try:
            await self._fire_these(due, now)
        except OUTAGE:
            raise
        except Exception:  # whatever of the alert broke it, what does not need it is to pass
            await self._fire_apart(due, now)
            raise

    async def _fire_apart(self, due: list[UUID], now: datetime) -> None:
        """Fire an alert's deadlines one by one, without where she is; those that break, not."""
        tried: set[_Named] = set()
        before = -1
        while before < len(tried):
            before = len(tried)
            try:
                await self._fire_these(due, now, tried)
            except OUTAGE:
                raise
            except Exception as error:  # noqa: BLE001  one deadline must not keep the others from passing
                if not self._told.intersection(due):
                    fault(_log, "a deadline", error)

    async def _fire_these(
        self, due: list[UUID], now: datetime, tried: set[_Named] | None = None
    ) -> None:
        async with self._database.transaction() as transaction:
            held = await self._act(transaction, due, now, tried)
        measure(held, self._metrics)

    async def _one_by_one(
        self, act: Callable[[list[UUID], datetime], Awaitable[None]], ids: list[UUID], now: datetime
    ) -> None:
        """Do it for each alert alone. What fails is told once and stays overdue: the auditor's."""
        for alert_id in ids:
            try:
                await act([alert_id], now)
            except OUTAGE:
                raise
            except Exception:  # noqa: BLE001  one alert must not keep the others from their deadlines
                self._broken(alert_id)

    def _broken(self, alert_id: UUID) -> None:
        if alert_id not in self._told:
            self._told.add(alert_id)
            self._metrics.loop_errors["watch"].inc()
            _log.exception("the deadlines of alert %s cannot act", alert_id)

    async def _after_interruption(self, now: datetime) -> None:
        """Where we were away, let overdue operators' deadlines ring 20 s more, marked late."""
        before = self._looked_at
        if before is not None and (now - before).total_seconds() <= INTERRUPTED_S:
            return
        async with self._database.transaction() as transaction:
            late = await rows.grace(transaction, deadlines.OPERATORS, now, deadlines.GRACE_S)
        if not late:
            return
        _log.warning("%d deadlines were overdue after an interruption of ours", len(late))
        ids = sorted(set(late))
        try:
            await self._ring(ids, now)
        except OUTAGE:
            raise
        except Exception:  # noqa: BLE001  the one that broke it is told by name
            await self._one_by_one(self._ring, ids, now)

    async def _ring(self, ids: list[UUID], now: datetime) -> None:
        async with holding(self._database, ids, self._metrics) as (_, held):
            for alert in held:
                alert.rings = "everyone"
                alert.record(now, SYSTEM, "rang_after_interruption")


class Auditor:
    """Proves every few seconds that each open alert has a future step; ``ok_at`` is the latest."""

    def __init__(self, database: Database, clock: Clock, metrics: Metrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._reported: set[tuple[object, str]] = set()
        self._stepped = False
        self._awake_since: datetime | None = None
        self._audited_at: datetime | None = None
        self.ok_at: datetime | None = None

    async def run(self) -> None:
        """Audit every two seconds."""
        never = asyncio.Event()
        while True:
            try:
                await self.audit()
            except OUTAGE as error:
                _log.warning("the auditor waits for the database: %s", type(error).__name__)
            await self._clock.wait(never, self._clock.now() + AUDIT_EVERY)

    async def audit(self) -> int:
        """Look once; mend what has no deadline; return the number of findings."""
        now = self._clock.now()
        self._check_clock()
        async with self._database.transaction() as transaction:
            findings = await rows.audit(transaction, now)
            bare = [f["alert_id"] for f in findings if f["finding"] == "no_deadline"]
            if bare:
                await rows.mend(transaction, bare, now)
            counts = await open_by_status(transaction)
        for status in ("ringing", "answered", "police"):
            self._metrics.alerts_open[status].set(counts.get(status, 0))
        self._metrics.auditor_findings.set(len(findings))
        # What became overdue while we were away is the watch's first work, and no alarm yet.
        early = self._just_awake(now)
        seen = {
            (f["alert_id"], f["finding"])
            for f in findings
            if not early or f["finding"] == "no_deadline"
        }
        for alert_id, finding in seen - self._reported:
            _log.error("auditor: alert %s: %s", alert_id, finding)
        self._reported = seen
        if not findings:
            self.ok_at = now
            self._metrics.auditor_last_ok.set(now.timestamp())
        return len(findings)

    def _just_awake(self, now: datetime) -> bool:
        """Say whether we ourselves were interrupted less than five seconds ago."""
        before, self._audited_at = self._audited_at, now
        if before is None or now - before > AUDIT_EVERY + timedelta(seconds=INTERRUPTED_S):
            self._awake_since = now
        return self._awake_since is None or now - self._awake_since < AWAKE_AFTER

    def _check_clock(self) -> None:
        step = self._clock.step()
        self._metrics.clock_step.set(step)
        stepped = abs(step) > STEP_S
        if stepped and not self._stepped:
            _log.error("the wall clock has stepped by %.1f s: deadlines keep to ours", step)
        self._stepped = stepped


def _may_send(alert: Alert, now: datetime) -> bool:
    """Say whether a deadline that has passed may send the police, or ask a person to."""
    return not alert.with_police and any(
        deadline.due_at <= now and deadline.name in deadlines.OPERATORS
        for deadline in alert.deadlines
    )


def _waits_for_a_room(alert: Alert, now: datetime) -> bool:
    return any(one.name == "acknowledged" and one.due_at <= now for one in alert.deadlines)


def _passed(alert: Alert, now: datetime) -> list[Deadline]:
    return sorted((d for d in alert.deadlines if d.due_at <= now), key=lambda d: d.due_at)


def _name(deadline: Deadline) -> _Named:
    return deadline.name, deadline.dispatch_id
