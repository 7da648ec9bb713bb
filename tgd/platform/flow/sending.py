"""Arrow 3, dispatch → control room: committed messages are claimed, sent and recorded.

Promises: a message is sent at least once, under one distributionID and with the same content
until it expires; whatever ends this process, the lease runs out and another sends it again; a
room that cannot be reached is tried for ever, and what the ladder's deadlines do meanwhile is the
watch's. Claiming and recording are batches in transactions of their own; nothing is sent inside
one. A delivery (any 2xx) says nothing about anyone having read it.
"""

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tgd.clock import Clock
from tgd.errors import Invalid, Rejected, Temporary
from tgd.metrics import Metrics
from tgd.platform.channels import Channel, script
from tgd.platform.whereabouts import Whereabouts
from tgd.seal import DataKey, SealBroken, Sealer
from tgd.store import outbox
from tgd.store.db import OUTAGE, Connection, Database

ABOUT = "envelope"
"""What sent envelopes are sealed as."""
LEASE = timedelta(seconds=3)
"""Beside the time-out of the room's lines: what a server that died was sending goes again then."""
BATCH = 200
SWEEP = timedelta(seconds=0.25)
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
        channel: Channel,
        sender: script.Sender,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer
        self._whereabouts = Whereabouts(sealer)
        self._metrics = metrics
        self._channel = channel
        self._sender = sender
        self._under_way: set[asyncio.Task[None]] = set()
        self._done: list[outbox.Sent] = []
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
        async with self._database.transaction() as transaction:
            claimed = await outbox.claim(transaction, now, LEASE, BATCH)
            bodies = await self._write(transaction, claimed, now) if claimed else []
        for row, body in zip(claimed, bodies, strict=True):
            if body is None:
                self._tried(row, "not written", REJECTED_RETRY_S, "rejected")
                continue
            task = asyncio.create_task(self._send(row, body), name="send")
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return len(claimed)

    async def record(self) -> None:
        """Write down everything that has been sent and not been recorded."""
        batch = self._done[:]
        if not batch:
            return
        async with self._database.transaction() as transaction:
            first_s = await outbox.record(transaction, batch)
        del self._done[: len(batch)]
        for seconds in first_s:
            self._metrics.decision_to_sent.observe(seconds)
        async with self._database.connection() as connection:
            self._metrics.outbox_waiting.set(await outbox.waiting(connection))

    async def close(self) -> None:
        """Break off what is under way; the leases bring it back."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _write(
        self, transaction: Connection, claimed: Sequence[Mapping[str, Any]], now: datetime
    ) -> list[bytes | None]:
        """Return each message's bytes: those sent before, or new ones, which are kept.

        None stands for one that cannot be written; it is tried again and holds up no other.
        """
        bodies: list[bytes | None] = []
        kept: list[tuple[UUID, bytes]] = []
        for row in claimed:
            try:
                key = self._key(row)
                body = self._kept(row, key)
                if body is None:
                    best = self._whereabouts.estimate(row["positions"] or [], now)
                    body = script.write(row, best, self._sender, now)
                    if key is not None:
                        kept.append((row["envelope_id"], key.seal(body, ABOUT)))
                bodies.append(body)
            except Exception as failure:  # noqa: BLE001  one bad row must not keep the others from theirs
                if row["attempts"] <= 1:
                    _log.exception("a message cannot be written: %s", type(failure).__name__)
                bodies.append(None)
        if kept:
            await outbox.keep_contents(transaction, kept)
        return bodies

    def _key(self, row: Mapping[str, Any]) -> DataKey | None:
        """Return the alert's key; without it (erased, or away) a message is written anew each time.

        Never a reason not to send: a repetition may then differ, under the same distributionID.
        """
        wrapped = row["held"]["key"]
        try:
            return None if wrapped is None else self._sealer.unwrap(wrapped)
        except SealBroken:
            _log.error("an alert's key is not there: its messages cannot be kept")
            return None

    def _kept(self, row: Mapping[str, Any], key: DataKey | None) -> bytes | None:
        """Return what was sent before under this id; None where it is new, or does not open."""
        if key is None or row["content"] is None:
            return None
        try:
            return key.open(row["content"], ABOUT)
        except SealBroken:
            _log.error("what was sent before does not open: it is written anew")
            return None

    async def _send(self, row: Mapping[str, Any], body: bytes) -> None:
        """Send one message; whatever comes of it is handed to the record."""
        room, line = row["room"]["id"], row["room_line"]
        retry_s: float | None = None
        error, outcome = None, "sent"
        try:
            await self._post(room, line, body)
        except Temporary as failure:
            retry_s = _pause(row["attempts"], failure.delay_s)
            error, outcome = str(failure), "failed"
        except (Rejected, Invalid, SealBroken) as failure:
            retry_s, error, outcome = REJECTED_RETRY_S, str(failure), "rejected"
        except Exception as failure:  # noqa: BLE001  a fault of ours must not leave it to its lease
            _log.exception("sending to room %s failed in a way of its own", room)
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
        self._any_done.set()

    async def _post(self, room: str, line: Mapping[str, Any] | None, body: bytes) -> None:
        if line is None:
            raise Rejected("the room has no electronic line")
        about = f"line:{room}:{line['line']}"
        token = self._sealer.open(line["token"], about).decode() if line["token"] else None
        await self._channel.send(line["url"], token, body, line["timeout_s"])


def _pause(attempts: int, asked_s: float | None) -> float:
    """Return how long to wait before the next try; a room's wish counts up to two seconds."""
    wait: float = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(attempts - 1, 10))
    if asked_s is not None:
        wait = max(wait, min(asked_s, 2 * LONGEST_RETRY_S))
    return wait * random.uniform(0.8, 1.0)  # noqa: S311  jitter, no secret
