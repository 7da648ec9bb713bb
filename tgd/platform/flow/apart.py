"""Beside arrows 2 and 3: whoever may not know of an alert has no part in it, and others have.

Promises: within a second of a lock, or of the alert, nobody whom it locks out has the alert in
charge or is offered it; where of the first to be rung all who are there are locked out, everyone
else is rung and a superior service is to be called, with an alarm; a room that may not know is
told nothing more, and the next best one is told instead, or a person calls. The alert's deadlines
run on in every case. What was done is on the record, and not why. Without a lock that concerns an
open alert a look is one small statement.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from tgd.clock import Clock
from tgd.conflict import Locks
from tgd.metrics import Metrics
from tgd.platform.competence import Competence
from tgd.platform.domain import apart
from tgd.platform.domain.routing import barred
from tgd.platform.holding import holding
from tgd.store import conflicts
from tgd.store.conflicts import AtStake, Operator
from tgd.store.db import OUTAGE, Database, again
from tgd.store.presence import GONE_AFTER

EVERY = timedelta(seconds=1)
_log = logging.getLogger(__name__)


class Asked(NamedTuple):
    """What has to be done with one alert: from whom it goes, and what it is kept from."""

    holder: str | None
    offered_to: str | None
    passed_over: bool
    rooms: frozenset[str]

    @property
    def anything(self) -> bool:
        """Say whether anything has to be done."""
        return any(self)


class Apart:
    """Looks every second, for ever; ``heard`` shortens the wait. ``superior``: whom to call."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        metrics: Metrics,
        competence: Competence,
        superior: str | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._competence = competence
        self._superior = superior
        self._told: set[UUID] = set()
        self.heard = asyncio.Event()

    async def run(self) -> None:
        """Look every second, and whenever the register has changed."""
        while True:
            await self._clock.wait(self.heard, self._clock.now() + EVERY)
            self.heard.clear()
            try:
                await self.look()
            except OUTAGE as error:
                _log.warning(
                    "conflicts of interest wait for the database: %s", type(error).__name__
                )
                await asyncio.sleep(1)

    async def look(self) -> None:
        """Take alerts from whoever may not know of them."""
        now = self._clock.now()
        readers: Sequence[Operator] = ()
        async with self._database.connection() as connection:
            locks = await conflicts.standing(connection)
            found = await conflicts.at_stake(connection, locks.persons) if locks.persons else []
            if found:
                readers = await conflicts.readers(connection, now - GONE_AFTER)
        known = {one.name: one for one in readers}
        passed_over = 0
        for one in found:
            nobody = one.waits and _nobody_may(one.person, locks, readers)
            passed_over += nobody
            asked = Asked(
                _if_hidden(one.holder, one.person, locks, known),
                _if_hidden(one.offered_to, one.person, locks, known),
                nobody and not one.passed_over,
                frozenset(room for room, of in one.rooms if barred(locks.of(one.person), room, of)),
            )
            if asked.anything:
                await self._one(one, asked)
        self._metrics.alerts_passed_over.set(passed_over)

    async def _one(self, one: AtStake, asked: Asked) -> None:
        try:
            await self._act(one.id, asked)
        except OUTAGE:
            raise
        except Exception:  # noqa: BLE001  one alert that breaks keeps no other with whom it is
            if one.id not in self._told:
                self._told.add(one.id)
                self._metrics.loop_errors["apart"].inc()
                _log.exception("alert %s cannot be taken from who may not know of it", one.id)

    @again
    async def _act(self, alert_id: UUID, asked: Asked) -> None:
        async with holding(self._database, [alert_id], self._metrics) as (transaction, held):
            now: datetime = self._clock.now()
            for alert in held:
                if asked.holder is not None:
                    apart.pass_on(alert, asked.holder, now)
                if asked.offered_to is not None:
                    apart.take_back_offer(alert, asked.offered_to, now)
                if asked.passed_over:
                    apart.pass_over(alert, self._superior, now)
                if asked.rooms and alert.is_open:
                    rooms = await self._competence.rooms_for(transaction, [alert_id], now)
                    apart.withdraw(alert, asked.rooms, rooms[alert_id], now)


def _if_hidden(
    name: str | None, person: UUID, locks: Locks, known: Mapping[str, Operator]
) -> str | None:
    """Return the name of somebody who may not know of the person; None of anybody else."""
    if name is None:
        return None
    role = known[name].role if name in known else ""
    return name if person in locks.hidden_from(name, role) else None


def _nobody_may(person: UUID, locks: Locks, readers: Sequence[Operator]) -> bool:
    """Say whether of those to be rung first, or of all who are there, none may know of her."""
    there = [one for one in readers if one.there]
    may = [one for one in there if person not in locks.hidden_from(one.name, one.role)]
    return bool(there) and (not may or (any(map(_first, there)) and not any(map(_first, may))))


def _first(one: Operator) -> bool:
    return bool(one.first) and one.role != "supervisor"
