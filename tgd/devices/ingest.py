"""Arrow 1's first half: presses in order, committed together, acknowledged last.

Group commit: while one transaction commits, the presses that arrive are collected and go together
in the next. Promises: a press is acknowledged to the broker and receipted to the phone only after
its commit; the order of arrival is kept; while the database is away nothing is acknowledged and
everything is tried again; a press that cannot be stored as it was read is stored as bytes, and one
that cannot be stored at all gets no receipt and stops nobody else. How a batch is committed, and
what becomes of it, is the ``take`` that the composition root hands in.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from tgd.clock import Clock
from tgd.devices import wire
from tgd.devices.messages import Press
from tgd.devices.mqtt import Arrived
from tgd.errors import Rejected, Temporary
from tgd.metrics import Metrics

RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Pauses while the database is away; the last one is repeated."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a press: ``fresh`` or a duplicate, its alert (None yet: the rescue's).

    ``located``: may the phone be asked where it is, during this alert?
    """

    fresh: bool
    alert_id: UUID | None
    opened: bool
    listen: str
    located: bool = False


Take = Callable[[Sequence[Press]], Awaitable[list[Outcome]]]
"""Commit presses; raises ``Temporary`` (try again) or ``Rejected`` (these bytes never fit)."""


@dataclass(slots=True)
class _Waiting:
    press: Press
    token: int
    done: asyncio.Future[Outcome] | None


class Ingest:
    """The one queue of presses, from whatever path they came."""

    def __init__(
        self,
        take: Take,
        clock: Clock,
        metrics: Metrics,
        *,
        batch_max: int,
        settled: Callable[[Press, Outcome], None],
        acknowledge: Callable[[int], None],
        flush: Callable[[], None] = lambda: None,
        afterwards: Callable[[Press, Outcome], None] = lambda _press, _outcome: None,
    ) -> None:
        self._take = take
        self._clock = clock
        self._metrics = metrics
        self._batch_max = batch_max
        self._settled = settled
        self._acknowledge = acknowledge
        self._flush = flush
        self._afterwards = afterwards
        self._queue: list[_Waiting] = []
        self._arrived = asyncio.Event()

    def arrived(self, messages: Sequence[Arrived]) -> None:
        """Take note of messages of the press topic; their tokens are acknowledged later."""
        now = self._clock.now()
        for message in messages:
            device = message.topic.split("/")[2]
            press = wire.press(device, message.payload, received_at=now, retained=message.retain)
            self._add(press, message.token, None)

    async def submit(self, press: Press) -> Outcome:
        """Queue a press that came by another path and wait until it is committed."""
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._add(press, 0, done)
        return await done

    async def run(self) -> None:
        """Commit what has arrived, for ever.

        While the database works on one batch, the one before is receipted. Presses leave the
        queue only then: a failure leaves them to the task's next life, where they are duplicates.
        """
        committed: list[_Waiting] = []
        outcomes: list[Outcome | None] = []
        while True:
            if not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            batch = self._queue[len(committed) : len(committed) + self._batch_max]
            if not committed:
                outcomes = await self._commit(batch)
            else:
                async with asyncio.TaskGroup() as group:
                    committing = group.create_task(self._commit(batch))
                    await asyncio.sleep(0)  # until it waits for the database
                    self._finish(committed, outcomes)
                    del self._queue[: len(committed)]
                outcomes = committing.result()
            committed = batch
            if len(self._queue) == len(committed):
                self._finish(committed, outcomes)
                self._queue.clear()
                committed = []

    def _add(self, press: Press, token: int, done: asyncio.Future[Outcome] | None) -> None:
        if "wire_fault" in press.doubts:
            self._metrics.intake_faults["decode"].inc()
        self._queue.append(_Waiting(press, token, done))
        self._arrived.set()

    async def _commit(self, batch: list[_Waiting]) -> list[Outcome | None]:
        """Commit a batch; where the data breaks it, one by one, and alone as bytes.

        None stands for a press that the database refuses in every form.
        """
        if not batch:
            return []
        try:
            return list(await self._patiently([waiting.press for waiting in batch]))
        except Rejected:
            self._metrics.intake_faults["batch"].inc()
            _log.exception("a batch of %d presses was refused: one by one", len(batch))
        return [await self._alone(waiting.press) for waiting in batch]

    async def _alone(self, press: Press) -> Outcome | None:
        """Commit one press, as it was read or as bytes; None if the database refuses both."""
        try:
            return (await self._patiently([press]))[0]
        except Rejected:
            self._metrics.intake_faults["single"].inc()
            _log.exception("a press was refused as it was read: kept as bytes")
        try:
            return (await self._patiently([_bare(press)]))[0]
        except Rejected:
            self._metrics.intake_faults["single"].inc()
            _log.critical("a press cannot be kept in any form: it gets no receipt", exc_info=True)
        return None

    def _give_up(self, waiting: _Waiting) -> None:
        """Let the ones behind it go on. Without a receipt the phone repeats, and dials 112."""
        if waiting.token:
            self._acknowledge(waiting.token)
        if waiting.done is not None and not waiting.done.done():
            waiting.done.set_exception(Temporary("the press cannot be kept"))

    async def _patiently(self, presses: list[Press]) -> list[Outcome]:
        """Try until the database has answered; the broker keeps what we do not acknowledge."""
        tries = 0
        while True:
            try:
                outcomes = await self._take(presses)
            except Temporary as error:
                if tries == 0:
                    _log.warning("presses wait for the database: %s", error)
                await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
                tries += 1
            except Rejected:
                raise
            except Exception as error:
                # A fault of ours in one press must not stand in the way of the others.
                raise Rejected(type(error).__name__) from error
            else:
                return outcomes

    def _finish(self, batch: list[_Waiting], outcomes: list[Outcome | None]) -> None:
        """Tell phones and broker, in order; the commit is behind us. Then what can wait."""
        committed_at = self._clock.now()
        settled = [
            (waiting, outcome)
            for waiting, outcome in zip(batch, outcomes, strict=True)
            if outcome is not None
        ]
        for waiting, outcome in settled:
            self._settled(waiting.press, outcome)
            if waiting.done is not None and not waiting.done.done():
                waiting.done.set_result(outcome)
        for waiting, made in zip(batch, outcomes, strict=True):
            if made is None:
                self._give_up(waiting)
            elif waiting.token:
                self._acknowledge(waiting.token)
        self._flush()
        receipted_at = self._clock.now()
        self._metrics.intake_batch_size.observe(len(batch))
        for waiting, outcome in settled:
            self._measure(waiting.press, outcome, committed_at, receipted_at)
            self._afterwards(waiting.press, outcome)

    def _measure(
        self, press: Press, outcome: Outcome, committed_at: datetime, receipted_at: datetime
    ) -> None:
        metrics, came = self._metrics, press.received_at
        metrics.press_to_commit.observe((committed_at - came).total_seconds())
        metrics.press_to_receipt.observe((receipted_at - came).total_seconds())
        metrics.presses[press.path, "new" if outcome.fresh else "duplicate"].inc()


def _bare(press: Press) -> Press:
    """Return the press with nothing that was read out of its bytes, but for its id."""
    return replace(
        press,
        seq=None,
        attempt=None,
        tst=None,
        created_at=None,
        trigger="button",
        fix=None,
        batt=None,
        pressed_at=press.received_at,
        age_s=0.0,
        doubts=("press_unreadable", *(d for d in press.doubts if d != "press_unreadable")),
    )
