"""Presses into rows: the odd, the doubled and the simultaneous, one by one and in one batch."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

import asyncpg
import msgspec
import pytest
from malformed import ODD, Odd, furnish

from tgd.clock import Clock
from tgd.config import Deadlines
from tgd.devices import wire
from tgd.devices.ingest import Outcome
from tgd.devices.messages import Press
from tgd.errors import Temporary
from tgd.metrics import Metrics
from tgd.platform.domain.deadlines import plan
from tgd.platform.flow.intake import Intake
from tgd.seal import Sealer
from tgd.store.db import Database

NOW = datetime(2030, 1, 15, 9, 0, tzinfo=UTC)
PLAN = plan(Deadlines(), forward_unverified=True)


class Taker:
    """An intake on the test's database; presses are read by the wire as they come."""

    def __init__(self, url: str) -> None:
        self.database = Database(url, size=6)
        self.now = NOW
        clock = Clock(lambda: int(self.now.timestamp() * 1e9), lambda: 0)
        clock.now = lambda: self.now  # type: ignore[method-assign]
        self.clock = clock
        self.intake = self.another()

    def another(self) -> Intake:
        """One more server's intake on the same database."""
        return Intake(
            *(self.database, self.clock, Sealer("5e" * 32), Metrics()),
            lambda *_: PLAN,
            group_from=20,
        )

    def press(self, device: str = "good-01", raw: bytes | None = None, **fields: object) -> Press:
        more = {name: fields.pop(name) for name in ("retained", "path") if name in fields}
        return wire.press(
            device, message(self.now, **fields) if raw is None else raw,
            received_at=self.now, **more,
        )  # fmt: skip

    async def take(self, *presses: Press) -> list[Outcome]:
        return await self.intake.take(presses)

    async def value(self, statement: str, *values: object) -> object:
        async with self.database.connection() as connection:
            return await connection.fetchval(statement, *values)


def message(now: datetime, **fields: object) -> bytes:
    at = now.timestamp()
    press = {"_type": "press", "id": str(uuid4()), "seq": 1, "tst": at, "created_at": at}
    return msgspec.json.encode(press | {"loc": None, "batt": 80} | fields)


@pytest.fixture
async def taker(database: str) -> AsyncIterator[Taker]:
    await furnish(database, NOW)
    made = Taker(database)
    await made.database.open()
    yield made
    await made.database.close()


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.what)
async def test_whatever_comes_is_a_press_with_an_alert_marked(taker: Taker, odd: Odd) -> None:
    press = taker.press(odd.device, odd.raw(NOW), retained=odd.retained)
    (outcome,) = await taker.take(press)
    assert outcome.fresh
    assert outcome.opened
    doubts = await taker.value("SELECT doubts FROM press")
    assert set(odd.doubts) <= set(doubts), doubts
    assert await taker.value("SELECT count(*) FROM deadline") == 3


async def test_all_of_them_in_one_batch_with_as_many_good_ones(taker: Taker) -> None:
    odd = [taker.press(o.device, o.raw(NOW), retained=o.retained) for o in ODD]
    good = [taker.press(f"good-{n:02}") for n in range(1, len(ODD) + 1)]
    mixed = [press for pair in zip(odd, good, strict=True) for press in pair]
    outcomes = await taker.take(*mixed)
    assert all(outcome.fresh and outcome.opened for outcome in outcomes)
    assert len({outcome.alert_id for outcome in outcomes}) == 2 * len(ODD)
    async with taker.database.connection() as connection:
        rows = await connection.fetch("SELECT device, doubts FROM press")
    doubts = {row["device"]: set(row["doubts"]) for row in rows}
    for o in ODD:
        assert set(o.doubts) <= doubts[wire.device_key(o.device)], o.what
    for n in range(1, len(ODD) + 1):
        assert doubts[f"good-{n:02}"] == {"location_absent"}


@pytest.mark.parametrize("together", [True, False])
async def test_the_same_press_by_every_path_is_one(taker: Taker, together: bool) -> None:
    raw = message(NOW)
    copies = [
        taker.press(raw=raw),
        taker.press(raw=raw, path="https"),
        taker.press(raw=raw.replace(b'"seq":1', b'"attempt":2,"seq":1')),
        taker.press(raw=raw.replace(b'"seq":1,', b"")),
        taker.press(raw=raw, retained=True),
    ]
    if together:
        outcomes = await taker.take(*copies)
    else:
        outcomes = [(await taker.take(copy))[0] for copy in copies]
    assert [o.fresh for o in outcomes] == [True, False, False, False, False]
    assert len({o.alert_id for o in outcomes}) == 1
    assert None not in {o.alert_id for o in outcomes}
    assert await taker.value("SELECT count(*) FROM press") == 1


@pytest.mark.parametrize("together", [True, False])
async def test_another_seq_is_another_press_and_its_repetition_is_not(
    taker: Taker, together: bool
) -> None:
    raw = message(NOW)
    other = raw.replace(b'"seq":1', b'"seq":2')
    third = raw.replace(b'"seq":1', b'"seq":3')
    copies = [taker.press(raw=one) for one in (raw, other, raw, other, third, third)]
    if together:
        outcomes = await taker.take(*copies)
    else:
        outcomes = [(await taker.take(copy))[0] for copy in copies]
    assert [o.fresh for o in outcomes] == [True, True, False, False, True, False]
    assert len({o.alert_id for o in outcomes}) == 1
    assert await taker.value("SELECT count(*) FROM press WHERE 'id_reused' = ANY (doubts)") == 2


async def test_the_same_id_of_two_phones_are_two_presses(taker: Taker) -> None:
    raw = message(NOW)
    outcomes = await taker.take(taker.press("good-01", raw), taker.press("good-02", raw))
    assert [o.fresh for o in outcomes] == [True, True]
    assert len({o.alert_id for o in outcomes}) == 2


async def test_idless_presses_less_than_fifteen_seconds_apart_are_one(taker: Taker) -> None:
    fresh = []
    for seconds in (0, 10, 24, 38, 54):  # each 15 s from the one before, but the last
        taker.now = NOW + timedelta(seconds=seconds)
        (outcome,) = await taker.take(taker.press(raw=b"\xff" * (1 + seconds)))
        fresh.append(outcome.fresh)
    assert fresh == [True, False, False, False, True]
    assert await taker.value("SELECT count(*) FROM press") == 2
    # Of another phone they are another's.
    assert (await taker.take(taker.press("good-02", b"\xff")))[0].fresh


async def test_a_retained_press_counts_once_however_late_it_comes_again(taker: Taker) -> None:
    raw = b"{not json"
    assert (await taker.take(taker.press(raw=raw, retained=True)))[0].fresh
    for later in (60, 3600, 86400):
        taker.now = NOW + timedelta(seconds=later)
        (again,) = await taker.take(taker.press(raw=raw, retained=True))
        assert not again.fresh
        assert again.alert_id
    assert await taker.value("SELECT count(*) FROM press") == 1


async def test_two_servers_take_the_same_presses_at_once(taker: Taker) -> None:
    luck = random.Random(7)
    ids = count(1)
    raws = [(f"good-{n % 8 + 1:02}", message(NOW, id=f"p-{next(ids)}")) for n in range(160)]

    async def server(intake: Intake, order: list[tuple[str, bytes]]) -> list[tuple[str, Outcome]]:
        outcomes = []
        while order:
            size = luck.choice([1, 1, 3, 20])
            batch, order = order[:size], order[size:]
            presses = [taker.press(device, raw) for device, raw in batch]
            taken = await patiently(intake, presses)
            outcomes += [(str(p.sent_id), o) for p, o in zip(presses, taken, strict=True)]
            await asyncio.sleep(0)
        return outcomes

    intakes = [taker.another() for _ in range(3)]
    told = await asyncio.gather(*(server(i, luck.sample(raws, len(raws))) for i in intakes))
    fresh = [press for outcomes in told for press, outcome in outcomes if outcome.fresh]
    assert len(fresh) == len(set(fresh)) == 160
    assert all(outcome.alert_id for outcomes in told for _, outcome in outcomes)
    assert await taker.value("SELECT count(*) FROM press") == 160
    assert await taker.value("SELECT count(*) FROM alert") == 8
    assert await taker.value("SELECT sum(presses) FROM alert") == 160


async def patiently(intake: Intake, presses: list[Press]) -> list[Outcome]:
    """Take them as the queue does: what the database could not do now is tried again."""
    while True:
        try:
            return await intake.take(presses)
        except Temporary:
            await asyncio.sleep(0.01)


@pytest.mark.expects_errors
async def test_a_fault_in_one_alert_leaves_the_others_theirs(
    taker: Taker, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    owner = await asyncpg.connect(database)
    await owner.execute(REFUSE_ALERTS)
    await owner.close()
    outcomes = await taker.take(*(taker.press(f"good-{n:02}") for n in range(1, 6)))
    assert [o.alert_id is None for o in outcomes] == [False, False, True, False, False]
    assert all(o.fresh for o in outcomes)
    (alone,) = await taker.take(taker.press("good-03"))
    assert alone.fresh
    assert alone.alert_id is None
    assert await taker.value("SELECT count(*) FROM press") == 6
    assert "not opened" in caplog.text


REFUSE_ALERTS = """
CREATE FUNCTION break_alert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'a fault in the alert logic'; END $$;
CREATE TRIGGER break_alert BEFORE INSERT ON alert FOR EACH ROW
WHEN (NEW.device = 'good-03' AND NOT NEW.rescued) EXECUTE FUNCTION break_alert();
"""


async def test_a_retained_press_that_came_live_before_is_the_same(taker: Taker) -> None:
    raw = b"cannot be read, and has no id"
    (live,) = await taker.take(taker.press(raw=raw))
    taker.now += timedelta(hours=1)
    (again,) = await taker.take(taker.press(raw=raw, retained=True))
    assert (live.fresh, again.fresh) == (True, False)
    assert again.alert_id == live.alert_id
