"""The queue of presses: whatever becomes of one, the others are committed, in order."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from tgd.clock import Clock
from tgd.devices.ingest import Ingest, Outcome
from tgd.devices.messages import Press
from tgd.devices.mqtt import Arrived
from tgd.errors import Rejected, Temporary
from tgd.metrics import Metrics

ALERT = UUID(int=1)
GOOD = b'{"_type":"press","id":"0b9e6c1e-0000-4000-8000-00000000000%d","seq":1}'


class Book:
    """Stands for the database: commits presses, or fails as it is told."""

    def __init__(self) -> None:
        self.committed: list[Press] = []
        self.batches: list[int] = []
        self.fails: list[Exception] = []
        self.refuses = lambda _press: False

    async def take(self, batch: Sequence[Press]) -> list[Outcome]:
        self.batches.append(len(batch))
        if self.fails:
            raise self.fails.pop(0)
        if any(self.refuses(press) for press in batch):
            raise Rejected("data")
        self.committed += batch
        return [Outcome(fresh=True, alert_id=ALERT, opened=True, listen="none") for _ in batch]


class Desk:
    def __init__(self) -> None:
        self.book = Book()
        self.acknowledged: list[int] = []
        self.receipted: list[Press] = []
        self.metrics = Metrics()
        self.ingest = Ingest(
            self.book.take,
            Clock(),
            self.metrics,
            batch_max=3,
            settled=lambda press, _outcome: self.receipted.append(press),
            acknowledge=self.acknowledged.append,
        )

    def arrive(self, *payloads: bytes) -> None:
        self.ingest.arrived(
            [
                Arrived("tgd/v1/tgd-86-01/up/press", payload, retain=False, token=n)
                for n, payload in enumerate(payloads, 1)
            ]
        )

    async def until(self, count: int) -> None:
        task = asyncio.create_task(self.ingest.run())
        async with asyncio.timeout(120):
            while len(self.acknowledged) < count:
                await asyncio.sleep(0)
                if task.done():
                    task.result()
        task.cancel()


async def test_what_waits_is_committed_together_in_order() -> None:
    desk = Desk()
    desk.arrive(*(GOOD % n for n in range(5)))
    await desk.until(5)
    assert desk.book.batches == [3, 2]
    assert desk.acknowledged == [1, 2, 3, 4, 5]
    assert [press.raw for press in desk.receipted] == [GOOD % n for n in range(5)]


async def test_nothing_is_acknowledged_while_the_database_is_away() -> None:
    desk = Desk()
    desk.book.fails = [Temporary("away"), Temporary("away")]
    desk.arrive(GOOD % 1)
    await desk.until(1)
    assert desk.book.batches == [1, 1, 1]
    assert len(desk.receipted) == 1


@pytest.mark.expects_errors
async def test_a_batch_that_the_data_breaks_is_redone_press_by_press_and_one_alone_as_bytes() -> (
    None
):
    desk = Desk()
    desk.book.refuses = lambda press: press.seq == 1 and press.raw == GOOD % 2
    desk.arrive(GOOD % 1, GOOD % 2, GOOD % 3)
    await desk.until(3)
    assert desk.acknowledged == [1, 2, 3]
    bare = desk.book.committed[1]
    assert (bare.raw, bare.seq, bare.fix) == (GOOD % 2, None, None)
    assert bare.doubts[0] == "press_unreadable"
    assert bare.sent_id is not None


@pytest.mark.expects_errors
async def test_one_that_is_refused_in_every_form_stops_nobody_and_gets_no_receipt() -> None:
    desk = Desk()
    desk.book.refuses = lambda press: press.raw == GOOD % 2
    desk.arrive(GOOD % 1, GOOD % 2, GOOD % 3)
    await desk.until(3)
    assert [press.raw for press in desk.receipted] == [GOOD % 1, GOOD % 3]


@pytest.mark.expects_errors
async def test_an_unforeseen_fault_with_one_press_loses_none() -> None:
    desk = Desk()
    desk.book.fails = [RuntimeError("a bug of ours")]
    desk.arrive(GOOD % 1, GOOD % 2)
    await desk.until(2)
    assert len(desk.book.committed) == 2
