"""Arrow 3, dispatch → control room: committed messages are claimed, sent and recorded.

Promises: a message is sent at least once, under one distributionID and with the same content
until it expires; whatever ends this process, the lease runs out and another sends it again; a
room that cannot be reached is tried for ever, and what the ladder's deadlines do meanwhile is the
watch's. Claiming and recording are batches, each committed by itself; nothing is sent inside
one. The first messages of a decision are leased by its own commit, and sent at once (``go``): no
loop has to hear of them. A delivery (any 2xx) says nothing about anyone having read it.
"""

import asyncio
import logging
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from tgd.clock import Clock
from tgd.errors import Invalid, Rejected, Temporary
from tgd.log import fault
from tgd.metrics import Metrics
from tgd.platform.channels.adapters import Adapters
from tgd.platform.channels.breaker import ALONE, ONLY, Breaker
from tgd.platform.domain import insisting
from tgd.platform.holding import holding
from tgd.platform.writing import LEASE, Writing, Written
from tgd.seal import SealBroken, Sealer
from tgd.store import outbox
from tgd.store.db import OUTAGE, Database

BATCH = 200
SWEEP = timedelta(seconds=0.25)
_TURNS = 4
"""So many turns of the loop an adapter needs from its call to its first byte on an open line."""
FIRST_RETRY_S, LONGEST_RETRY_S, REJECTED_RETRY_S = 0.25, 1.0, 5.0
_log = logging.getLogger(__name__)


class Sending:
    """Two loops: ``run`` claims and sends, ``run_record`` writes down what became of it."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sealer: Sealer,
        metrics: Metrics,
        adapters: Adapters,
        writing: Writing,
        breaker: Breaker | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer
        self._metrics = metrics
        self._adapters = adapters
        self._writing = writing
        self._breaker = breaker or Breaker()
        self._under_way: set[asyncio.Task[None]] = set()
        self._done: list[outbox.Sent] = []
        self._turned_away: list[tuple[UUID, UUID]] = []  # alerts, and messages for their next line
        self._any_done = asyncio.Event()
        self.heard = asyncio.Event()

    async def run(self) -> None:
        """Claim what is to be sent and send it, for ever."""
        while True:
            try:
                claimed = await self.claim_and_send()
            except OUTAGE as error:
                _log.warning("dispatches wait for the database: %s", type(error).__name__)
                await asyncio.sleep(0.2)
                continue
            if claimed < BATCH:
                await self._clock.wait(self.heard, self._clock.now() + SWEEP)
                self.heard.clear()

    async def run_record(self) -> None:
        """Record what was sent, in batches, for ever."""
        while True:
            await self._any_done.wait()
            self._any_done.clear()
            try:
                await self.record()
            except OUTAGE as error:
                _log.warning("sendings wait to be recorded: %s", type(error).__name__)
                self._any_done.set()
                await asyncio.sleep(0.2)

    async def claim_and_send(self) -> int:
        """Claim one batch and start sending it; return its size."""
        now = self._clock.now()
        # What it is to be told is kept before it is sent; where this ends in between, nothing was
        # sent, and the lease brings it back: that needs no transaction around both.
        async with self._database.connection() as connection:
            claimed = await outbox.claim(connection, now, LEASE, BATCH)
            bodies = await self._writing.claimed(connection, claimed, now) if claimed else []
        self._go(zip(claimed, bodies, strict=True))
        return len(claimed)

    async def go(self, written: Sequence[Written]) -> None:
        """Send what was written with a decision that has been committed since.

        Gives way so that it is on its lines before whoever decided goes on; waits for no room.
        """
        self._go((one.row, one.body) for one in written)
        for _ in range(_TURNS if written else 0):
            await asyncio.sleep(0)

    def _go(self, messages: Iterable[tuple[Mapping[str, Any], bytes | None]]) -> None:
        for row, body in messages:
            if body is None:
                self._tried(row, "not written", REJECTED_RETRY_S, "rejected")
                continue
            task = asyncio.create_task(self._send(row, body), name="send")
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def record(self) -> None:
        """Write down everything that has been sent and not been recorded."""
        batch = self._done[:]
        try:
            await self._record(batch)
        except OUTAGE:
            raise
        except Exception as failure:  # noqa: BLE001  whichever it was, the others have been sent
            fault(_log, "recording what was sent", failure)
            await self._record_one_by_one(batch)
        await self._by_next_lines()
        async with self._database.connection() as connection:
            self._metrics.outbox_waiting.set(await outbox.waiting(connection))

    async def _record(self, batch: Sequence[outbox.Sent]) -> None:
        """Write down what stands first among what was sent."""
        if not batch:
            return
        async with self._database.transaction() as transaction:
            first_s = await outbox.record(transaction, batch)
        del self._done[: len(batch)]
        for seconds in first_s:
            self._metrics.decision_to_sent.observe(seconds)

    async def _record_one_by_one(self, batch: Sequence[outbox.Sent]) -> None:
        """Write down the same but for what breaks it: its lease brings that back."""
        for one in batch:
            try:
                await self._record([one])
            except OUTAGE:
                raise
            except Exception:  # noqa: BLE001  what it was has been said for all of them
                _log.warning("message %s was sent: that cannot be recorded", one.envelope_id)
                del self._done[0]

    async def _by_next_lines(self) -> None:
        """Have what a line has not taken go by the room's next one. Else ``received`` does it."""
        while self._turned_away:
            alert_id, envelope_id = self._turned_away[0]
            try:
                async with holding(self._database, [alert_id], self._metrics) as (_, held):
                    for alert in held:
                        insisting.not_sent(alert, envelope_id, self._clock.now())
            except OUTAGE:
                raise
            except Exception as failure:  # noqa: BLE001  one alert that breaks keeps no other back
                fault(_log, "going on by the next line", failure)
            del self._turned_away[0]

    async def close(self) -> None:
        """Break off what is under way; the leases bring it back."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _send(self, row: Mapping[str, Any], body: bytes) -> None:
        """Send one message; whatever comes of it is handed to the record."""
        room, line = row["room"]["id"], row["room_line"]
        retry_s: float | None = None
        error, outcome = None, "sent"
        try:
            await self._by_line(row, line, body)
        except Temporary as failure:
            retry_s = _pause(row["attempts"], failure.delay_s)
            error, outcome = str(failure), "failed"
        except (Rejected, Invalid, SealBroken) as failure:
            retry_s, error, outcome = REJECTED_RETRY_S, str(failure), "rejected"
        except Exception as failure:  # noqa: BLE001  a fault of ours must not leave it to its lease
            fault(_log, f"sending to room {room}", failure)
            retry_s, error, outcome = REJECTED_RETRY_S, type(failure).__name__, "failed"
        self._tried(row, error, retry_s, outcome)

    def _tried(
        self, row: Mapping[str, Any], error: str | None, retry_s: float | None, outcome: str
    ) -> None:
        """Hand what became of one message to the record; ``retry_s`` None: delivered."""
        room, line = row["room"]["id"], row["room_line"]
        self._metrics.dispatch_attempts[room, line["adapter"] if line else "none", outcome].inc()
        now = self._clock.now()
        retry_at = None if retry_s is None else now + timedelta(seconds=retry_s)
        if error is not None:
            _log.warning("room %s: %s; tried again in %.1f s", room, error, retry_s)
        self._done.append(outbox.Sent(row["envelope_id"], now, retry_at, error and error[:500]))
        if error is not None and row["attempts"] == 1 and _others(row):
            self._turned_away.append((row["held"]["id"], row["envelope_id"]))
        self._any_done.set()

    async def _by_line(
        self, row: Mapping[str, Any], line: Mapping[str, Any] | None, body: bytes
    ) -> None:
        """Send it by a line, unless that is held to be dead."""
        room = row["room"]["id"]
        if line is None:
            raise Rejected("the room has no electronic line")
        which, others = (room, line["line"]), _others(row)
        pause, first = ALONE if others else ONLY, others and row["attempts"] == 1
        if not self._breaker.lets(which, self._clock.now(), first=first, pause=pause):
            if others:
                raise Temporary("the line has just failed")
            # In the words of that failure: the journal notes each way of being away once.
            raise Temporary(self._breaker.why(which), LONGEST_RETRY_S)
        try:
            await self._post(room, line, body)
        except Temporary as failure:
            self._breaker.failed(which, self._clock.now(), str(failure), pause)
            raise
        except (Rejected, Invalid, SealBroken) as failure:
            self._breaker.refused(which, row["held"]["id"], self._clock.now(), str(failure))
            raise
        self._breaker.worked(which, self._clock.now())

    async def _post(self, room: str, line: Mapping[str, Any], body: bytes) -> None:
        about = f"line:{room}:{line['line']}"
        token = self._sealer.open(line["token"], about).decode() if line["token"] else None
        channel = self._adapters.of(line["adapter"]).channel
        await channel.send(line["url"], token, body, line["timeout_s"])


def _others(row: Mapping[str, Any]) -> bool:
    """Say whether the room has other lines by which the message can go."""
    return len(row["told"]["lines"]) > 1


def _pause(attempts: int, asked_s: float | None) -> float:
    """Return how long to wait before the next try; a room's wish counts up to two seconds."""
    wait: float = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(attempts - 1, 10))
    if asked_s is not None:
        wait = max(wait, min(asked_s, 2 * LONGEST_RETRY_S))
    return wait * random.uniform(0.8, 1.0)  # noqa: S311  jitter, no secret
