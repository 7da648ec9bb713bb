"""The short way of an ordinary press leaves the same rows as the function that takes any batch."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest

from tgd.config import Deadlines
from tgd.platform.domain.deadlines import plan
from tgd.platform.holding import frozen
from tgd.store import presses, register
from tgd.store.db import INDEXES_ONLY, Database
from tgd.store.presses import PressRow

NOW = datetime(2030, 1, 15, 9, 0, tzinfo=UTC)
PLAN = msgspec.json.encode(frozen(plan(Deadlines(), forward_unverified=True))).decode()

LEFT = """
SELECT to_jsonb(p) - '{no,device,id,sent_id,reply_to}'::text[] AS press,
       to_jsonb(a) - '{id,case_id,device,reply_to,assignment_id,last_press_id}'::text[] AS alert,
       a.assignment_id IS NOT NULL AS assigned, a.last_press_id = p.id AS last,
       (SELECT jsonb_agg(jsonb_build_array(d.name, d.due_at, d.late) ORDER BY d.name)
        FROM deadline d WHERE d.alert_id = a.id) AS deadlines,
       (SELECT jsonb_agg(to_jsonb(q) - '{no,alert_id,press_no}'::text[])
        FROM position q WHERE q.alert_id = a.id AND q.press_no = p.no) AS positions,
       (SELECT jsonb_agg(jsonb_build_array(j.at, j.actor, j.kind, j.details - 'press'))
        FROM journal j WHERE j.alert_id = a.id) AS journal
FROM press p JOIN alert_press k ON k.press_no = p.no JOIN alert a ON a.id = k.alert_id
WHERE p.device = $1
"""


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    made = Database(database, size=1, settings=INDEXES_ONLY)
    await made.open()
    async with made.transaction() as connection:
        await register.seed(connection, NOW)
    yield made
    await made.close()


def row(device: str, *, located: bool = True, **changes: object) -> PressRow:
    press = PressRow(
        *(device, device, uuid4(), str(uuid4()), 7, 1, 1.5, NOW, NOW, 0.25, "button", "mqtt", 80),
        *("late,clock_wrong", b"digest", False, b"raw", b"redacted", b"key", PLAN),
    )
    if located:
        press = press._replace(fix=b"sealed", fixed_at=NOW, fix_doubts="")
    return press._replace(**changes)


async def left(store: Database, device: str) -> list[dict[str, object]]:
    async with store.connection() as connection:
        return [dict(found) for found in await connection.fetch(LEFT, device)]


@pytest.mark.parametrize("located", [True, False])
async def test_both_ways_leave_the_same_rows(store: Database, *, located: bool) -> None:
    async with store.connection() as connection:
        one = await presses.take_one(connection, row("tgd-86-01", located=located), NOW, 20)
        (other,) = await presses.take(connection, [row("tgd-86-02", located=located)], NOW, 20)
    assert one is not None
    assert one._replace(alert_id=None) == other._replace(alert_id=None)
    short, long = await left(store, "tgd-86-01"), await left(store, "tgd-86-02")
    assert len(short) == 1
    assert short == long


async def test_without_consent_both_keep_no_coordinates(store: Database) -> None:
    press = row("tgd-86-08")
    async with store.connection() as connection:
        assert await presses.take_one(connection, press, NOW, 20) is not None
        raw = await connection.fetchval("SELECT raw FROM press")
        assert await connection.fetchval("SELECT count(*) FROM position") == 0
    assert raw == b"redacted"


async def test_what_is_not_ordinary_is_left_untouched(store: Database) -> None:
    first = row("tgd-86-01")
    async with store.connection() as connection:
        assert await presses.take_one(connection, first, NOW, 20) is not None
        for other in (
            first,  # the same again
            row("tgd-86-01"),  # the phone's alert is open
            first._replace(seq=8, id=UUID(int=3)),  # the id again, another seq
            row("nobody-knows-it"),
            row("tgd-86-02", sent_id=None),
            row("tgd-86-03", retained=True),
        ):
            assert await presses.take_one(connection, other, NOW, 20) is None
        assert await connection.fetchval("SELECT count(*) FROM press") == 1
        assert await connection.fetchval("SELECT count(*) FROM alert") == 1
