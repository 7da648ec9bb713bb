"""Exercises, asked → sent → confirmed by a named person: what makes a control room's line live.

Beside arrow 3, by the same adapters and apart from the alerts' messages: nothing waits for an
exercise, and it has none of the ladder's deadlines. Promises: what was asked for is a committed row
and is sent by exactly that line, again and again with the same distributionID while its hour lasts;
one that nobody confirms expires, in the log and in a metric; a line is live only once somebody has
recorded the name of the person of that room who has read it, and the name is sealed. A message of
the room's machine alone proves no person: RC-REF has no field for one.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from tgd.clock import Clock
from tgd.errors import Invalid, NotFound, Refused, Rejected, Temporary
from tgd.metrics import Metrics
from tgd.platform.channels import script
from tgd.platform.channels.adapters import Adapters
from tgd.platform.channels.breaker import Breaker
from tgd.platform.channels.script import Sender
from tgd.seal import SealBroken, Sealer
from tgd.store import exercises, rooms
from tgd.store.db import OUTAGE, Connection, Database, again

BATCH = 20
LEASE = timedelta(seconds=3)
SWEEP = timedelta(seconds=2)
VALID = timedelta(hours=1)
"""So long it may be confirmed; then it is void, and another is asked for."""
RETRY = timedelta(seconds=5)
_ON_ITS_WAY = frozenset({"waiting", "sending"})
_log = logging.getLogger(__name__)


class Exercising:
    """One loop that sends and expires, and the two acts around it; ``heard`` shortens the wait."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sealer: Sealer,
        metrics: Metrics,
        adapters: Adapters,
        sender: Sender,
        breaker: Breaker | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer
        self._metrics = metrics
        self._adapters = adapters
        self._sender = sender
        self._breaker = breaker or Breaker()
        self.heard = asyncio.Event()

    async def run(self) -> None:
        """Send what was asked for and expire what was not confirmed, for ever."""
        while True:
            try:
                await self.look()
            except OUTAGE as error:
                _log.warning("exercises wait for the database: %s", type(error).__name__)
            await self._clock.wait(self.heard, self._clock.now() + SWEEP)
            self.heard.clear()

    async def look(self) -> None:
        """Do all that is due now."""
        now = self._clock.now()
        async with self._database.transaction() as transaction:
            expired = await exercises.expire(transaction, now)
            claimed = await exercises.claim(transaction, now, LEASE, BATCH)
        for room, line in expired:
            self._metrics.exercises["expired"].inc()
            _log.warning("room %s, line %d: nobody has confirmed the exercise", room, line)
        await asyncio.gather(*(self._send(row) for row in claimed))

    @again
    async def ask(self, room: str, line: int | None, by: str) -> list[exercises.Asked]:
        """Ask for an exercise by a room's electronic lines, or by one of them."""
        async with self._database.transaction() as transaction:
            return await asked(transaction, room, line, by, self._clock)

    @again
    async def acknowledge(self, exercise_id: UUID, call_taker: str, by: str) -> bool:
        """Record who at the room has it, as told on the telephone; say whether the line is live.

        Raises ``Refused`` for one that has not been delivered, was refused, or has expired. Again
        on one that is acknowledged changes nothing.
        """
        async with self._database.transaction() as transaction:
            held = await exercises.hold(transaction, exercise_id)
            if held is None:
                raise NotFound("exercise")
            if held["state"] == "acknowledged":
                return not held["simulated"]
            if held["state"] in _ON_ITS_WAY:
                raise Refused("not_delivered", "the line has not taken the exercise")
            if held["state"] in {"refused", "expired"}:
                raise Refused("exercise_over", "the exercise has ended: ask for another")
            key = self._sealer.new_key()
            name = key.seal(call_taker.encode(), f"call taker of {exercise_id}")
            now = self._clock.now()
            live = await exercises.acknowledge(transaction, exercise_id, now, by, name, key.wrapped)
        self._metrics.exercises["acknowledged"].inc()
        return live

    async def _send(self, row: Mapping[str, Any]) -> None:
        line = row["room_line"]
        error: str | None = None
        if line is not None:
            try:
                await self._by_line(row, line)
                which = (line["room_id"], line["line"])
                self._breaker.worked(which, self._clock.now())
            except (Temporary, Rejected, Invalid, SealBroken) as failure:
                error = str(failure)[:500]
            except Exception as failure:  # noqa: BLE001  one bad row must not keep the others from theirs
                _log.exception("an exercise cannot be sent: %s", type(failure).__name__)
                error = type(failure).__name__
        now = self._clock.now()
        async with self._database.connection() as connection:
            if line is None:
                await exercises.gone(connection, row["id"])
                return
            retry_at = None if error is None else now + RETRY
            await exercises.sent(connection, row["id"], now, retry_at, error)
        self._metrics.exercises["sent" if error is None else "failed"].inc()

    async def _by_line(self, row: Mapping[str, Any], line: Mapping[str, Any]) -> None:
        adapter = self._adapters.of(line["adapter"])
        message = script.exercise(
            *(row["room"]["address"], row["id"], row["case_id"], _said(line)),
            *(self._sender, row["asked_at"], row["expires_at"]),
        )
        body = adapter.written(message)
        about = rooms.token_purpose(row["room"]["id"], line["line"])
        token = self._sealer.open(line["token"], about).decode() if line["token"] else None
        await adapter.channel.send(line["url"], token, body, line["timeout_s"])


def _said(line: Mapping[str, Any]) -> str:
    """Name a line as people of the room count: from 1 on."""
    return f"{line['line'] + 1} ({line['adapter']})"


async def asked(
    transaction: Connection, room: str, line: int | None, by: str, clock: Clock
) -> list[exercises.Asked]:
    """Ask inside a transaction; raises where there is no such room, or no line to try."""
    if not await rooms.exists(transaction, room):
        raise NotFound("room")
    now = clock.now()
    made = await exercises.ask(transaction, room, line, by, now, now + VALID)
    if not made:
        which = "no electronic line" if line is None else f"no electronic line {line}"
        raise Refused("no_line", f"room {room} has {which}")
    return made
