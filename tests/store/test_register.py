"""The seed of the register, and what the schema itself refuses to hold."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tgd.errors import Refused
from tgd.justice.domain import life
from tgd.store import register
from tgd.store.db import Database

NOW = datetime.now(UTC)  # the register compares with the database's clock
WINTER = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    opened = Database(database, size=4)
    await opened.open()
    yield opened
    await opened.close()


async def seed(store: Database, now: datetime = NOW) -> list[str]:
    async with store.transaction() as connection:
        return await register.seed(connection, now)


async def fetch(store: Database, sql: str, *values: object) -> list[dict[str, Any]]:
    async with store.connection() as connection:
        return [dict(row) for row in await connection.fetch(sql, *values)]


async def test_the_seed_is_eight_phones_of_poitiers(store: Database) -> None:
    devices = await seed(store)
    assert devices == [f"tgd-86-0{n}" for n in range(1, 9)]
    held = await fetch(store, "SELECT device, consent, listen, doubts FROM holder ORDER BY device")
    assert [row["device"] for row in held] == devices
    assert {row["listen"] for row in held} == {"mic_only"}
    located, refused = held[:-1], held[-1]
    assert all((row["consent"], row["doubts"]) == ("given", []) for row in located)
    assert (refused["consent"], refused["doubts"]) == ("refused", ["location_refused"])
    people = await fetch(store, "SELECT label, all_clear_word FROM beneficiary ORDER BY label")
    assert [row["label"] for row in people] == [f"Bénéficiaire 86-0{n}" for n in range(1, 9)]
    assert {row["all_clear_word"] for row in people} == {None}
    assert await fetch(store, "SELECT id FROM tribunal") == [{"id": "poitiers"}]


async def test_an_assignment_lasts_six_months_by_the_calendar(store: Database) -> None:
    await seed(store, WINTER)
    spans = await fetch(store, "SELECT DISTINCT starts_at, ends_at FROM assignment")
    ends = datetime(2026, 9, 1, 11, tzinfo=UTC)  # in France both are 13 o'clock
    assert spans == [{"starts_at": WINTER, "ends_at": ends}]


async def test_the_rules_and_the_database_count_six_months_alike(store: Database) -> None:
    """At each half hour of two years, with a leap day and four changes of the clocks."""
    begins = datetime(2027, 6, 1, tzinfo=UTC)
    every = [begins + timedelta(minutes=30 * n) for n in range(2 * 366 * 48)]
    async with store.connection() as connection:
        rows = await connection.fetch(
            "SELECT at, six_months_after(at) AS most FROM unnest($1::timestamptz[]) AS at", every
        )
    late = [row["at"] for row in rows if life.six_months(row["at"]) > row["most"]]
    assert (len(rows), late) == (len(every), [])


async def test_the_seed_brings_no_control_room(store: Database) -> None:
    await seed(store)
    assert await fetch(store, "SELECT id FROM room") == []


async def test_a_register_that_is_not_empty_is_left_as_it_is(store: Database) -> None:
    await seed(store)
    with pytest.raises(Refused, match="not empty"):
        await seed(store)
    assert len(await fetch(store, "SELECT id FROM device")) == 8


async def test_of_two_seeds_at_once_one_is_refused(store: Database) -> None:
    done = await asyncio.gather(seed(store), seed(store), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Refused", "list"]


async def test_the_register_knows_its_own(store: Database) -> None:
    async with store.transaction() as connection:
        assert await register.is_empty(connection)
        await register.seed(connection, NOW)
        assert not await register.is_empty(connection)
        assert await register.has_device(connection, "tgd-86-03")
        assert not await register.has_device(connection, "tgd-86-09")


# ── Impossible states ───────────────────────────────────────────────────────────────


async def open_alert(
    store: Database, device: str = "tgd-86-01", consent: str = "given"
) -> uuid.UUID:
    row = await fetch(
        store,
        "INSERT INTO alert (case_id, device, reply_to, known, consent, located, listen, plan,"
        " opened_at, pressed_at, last_press_id, last_press_at)"
        " VALUES (next_case_id($3), $1, $1, true, $2, $2 <> 'refused', 'mic_only', '{}', $3, $3,"
        " gen_random_uuid(), $3) RETURNING id",
        *(device, consent, NOW),
    )
    return row[0]["id"]


async def locate(store: Database, alert: uuid.UUID, *, located: bool = True) -> None:
    await fetch(
        store,
        "INSERT INTO position (alert_id, located, fix, key, fixed_at, received_at)"
        " VALUES ($1, $3, 'sealed', 'key', $2, $2)",
        *(alert, NOW, located),
    )


async def dispatch(store: Database, alert: uuid.UUID, state: str = "pending") -> uuid.UUID:
    made = uuid.uuid4()
    await fetch(
        store,
        "INSERT INTO dispatch (id, alert_id, lead, state, dispatched_at)"
        " VALUES ($1, $2, true, $3, $4)",
        *(made, alert, state, NOW),
    )
    return made


CLOSE = (
    "UPDATE alert SET status = 'closed', closed_at = opened_at, closed_by = 'op', verdict = 'test',"
    " verdict_at = opened_at WHERE id = $1"
)


async def test_a_phone_has_one_open_alert(store: Database) -> None:
    first = await open_alert(store)
    with pytest.raises(asyncpg.UniqueViolationError):
        await open_alert(store)
    await fetch(store, CLOSE, first)
    await open_alert(store)


async def test_a_phone_and_a_holder_have_one_active_assignment(store: Database) -> None:
    await seed(store)
    again = (
        "INSERT INTO assignment (device_id, beneficiary_id, starts_at, ends_at)"
        " SELECT $1, beneficiary_id, $3::timestamptz, $3::timestamptz + interval '1 day'"
        " FROM assignment WHERE device_id = $2"
    )
    await fetch(store, "UPDATE assignment SET ended_at = $1 WHERE device_id = 'tgd-86-02'", NOW)
    with pytest.raises(asyncpg.UniqueViolationError):  # the phone is in somebody's hands
        await fetch(store, again, "tgd-86-01", "tgd-86-02", NOW)
    with pytest.raises(asyncpg.UniqueViolationError):  # she has a phone already
        await fetch(store, again, "tgd-86-02", "tgd-86-01", NOW)
    with pytest.raises(asyncpg.UniqueViolationError):  # its last holder has not brought it back
        await fetch(store, again, "tgd-86-02", "tgd-86-02", NOW)
    await fetch(store, "UPDATE assignment SET returned_at = $1 WHERE device_id = 'tgd-86-02'", NOW)
    await fetch(store, again, "tgd-86-02", "tgd-86-02", NOW)


async def test_a_position_needs_an_open_alert(store: Database) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await locate(store, uuid.uuid4())
    alert = await open_alert(store)
    await locate(store, alert)
    await fetch(store, CLOSE, alert)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await locate(store, alert)


async def test_a_position_needs_the_consent(store: Database) -> None:
    refused = await open_alert(store, consent="refused")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await locate(store, refused)
    with pytest.raises(asyncpg.CheckViolationError):
        await locate(store, refused, located=False)
    with pytest.raises(asyncpg.CheckViolationError):
        await fetch(store, "UPDATE alert SET located = true WHERE id = $1", refused)
    unknown = await open_alert(store, device="x-unknown", consent="unknown")
    await locate(store, unknown)  # vital interest


@pytest.mark.parametrize("to", ["ringing", "answered"])
async def test_an_alert_goes_forward_only(store: Database, to: str) -> None:
    alert = await open_alert(store)
    await fetch(
        store,
        "UPDATE alert SET status = 'police', verdict = 'police', verdict_at = $2, police_at = $2,"
        " answered_by = 'op', answered_at = $2 WHERE id = $1",
        *(alert, NOW),
    )
    with pytest.raises(asyncpg.CheckViolationError, match="cannot go from police back"):
        await fetch(store, "UPDATE alert SET status = $2 WHERE id = $1", alert, to)


@pytest.mark.parametrize(
    "change",
    [
        "status = 'answered'",
        "status = 'police'",
        "status = 'closed'",
        "answered_at = opened_at",
        "answered_by = 'op'",
        "closed_at = opened_at",
        "verdict = 'test'",
        "verdict = 'forwarded', verdict_at = opened_at",
        "police_at = opened_at",
        "follows = id",
        "status = 'forgotten'",
        "status = 'closed', closed_at = opened_at, closed_by = 'op'",
    ],
)
async def test_an_alert_cannot_contradict_itself(store: Database, change: str) -> None:
    alert = await open_alert(store)
    with pytest.raises(asyncpg.CheckViolationError):
        await fetch(store, f"UPDATE alert SET {change} WHERE id = $1", alert)  # noqa: S608  the cases above


async def test_a_dispatch_rises_inside_a_round_and_begins_anew_in_the_next(
    store: Database,
) -> None:
    made = await dispatch(store, await open_alert(store), state="received")
    with pytest.raises(asyncpg.CheckViolationError, match="cannot follow"):
        await fetch(store, "UPDATE dispatch SET state = 'delivered' WHERE id = $1", made)
    await fetch(store, "UPDATE dispatch SET round = 2, state = 'pending' WHERE id = $1", made)
    with pytest.raises(asyncpg.CheckViolationError, match="cannot follow"):
        await fetch(store, "UPDATE dispatch SET round = 1, state = 'closed' WHERE id = $1", made)


@pytest.mark.parametrize(
    "change",
    [
        "acknowledged_at = dispatched_at",
        "acknowledged_by = 'somebody'",
        "line = 0",
        "room_id = 'nowhere', line = 0",
        "state = 'lost'",
        "round = 0",
    ],
)
async def test_a_dispatch_cannot_contradict_itself(store: Database, change: str) -> None:
    made = await dispatch(store, await open_alert(store))
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await fetch(store, f"UPDATE dispatch SET {change} WHERE id = $1", made)  # noqa: S608  the cases above


async def test_a_room_is_told_once_of_an_alert(store: Database) -> None:
    alert = await open_alert(store)
    await dispatch(store, alert)
    with pytest.raises(asyncpg.UniqueViolationError):
        await dispatch(store, alert)


@pytest.mark.parametrize(
    "change",
    ["ends_at = starts_at", "returned_at = starts_at", "device_id = 'nowhere'"],
)
async def test_an_assignment_cannot_contradict_itself(store: Database, change: str) -> None:
    await seed(store)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await fetch(store, f"UPDATE assignment SET {change}")  # noqa: S608  the cases above


async def test_the_case_number_is_the_day_of_france_and_grows(store: Database) -> None:
    midnight = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    numbers = await fetch(
        store, "SELECT next_case_id($1) AS one, next_case_id($2) AS two", midnight, WINTER
    )
    assert numbers == [{"one": "20270101-000001", "two": "20260301-000002"}]


# ── What the application's role may not do ──────────────────────────────────────────


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE journal SET actor = 'nobody'",
        "DELETE FROM journal",
        "TRUNCATE journal",
        "UPDATE consent SET given = true",
        "DELETE FROM consent",
        "DELETE FROM press",
        "TRUNCATE press CASCADE",
        "DELETE FROM alert",
        "DELETE FROM dispatch",
        "DELETE FROM alert_press",
        "DELETE FROM envelope",
        "DROP TABLE journal",
        "ALTER TABLE journal DISABLE TRIGGER ALL",
    ],
)
async def test_the_server_cannot_rewrite_what_it_only_adds_to(store: Database, sql: str) -> None:
    await fetch(store, "INSERT INTO journal (at, actor, kind) VALUES ($1, 'a', 'k')", NOW)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await fetch(store, sql)
    assert [row["actor"] for row in await fetch(store, "SELECT actor FROM journal")] == ["a"]


@pytest.mark.parametrize("sql", ["UPDATE journal SET actor = ''", "DELETE FROM journal"])
async def test_not_even_the_schema_s_owner_rewrites_the_journal_by_accident(
    database: str, sql: str
) -> None:
    owner = await asyncpg.connect(database)
    try:
        await owner.execute("INSERT INTO journal (at, actor, kind) VALUES (now(), 'a', 'k')")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await owner.execute(sql)
    finally:
        await owner.close()


async def test_the_holder_is_unknown_once_the_phone_is_back(store: Database) -> None:
    await seed(store)
    doubts = "SELECT consent, doubts FROM holder WHERE device = 'tgd-86-01'"
    await fetch(store, "UPDATE assignment SET ended_at = $1", NOW + timedelta(days=1))
    ended = (await fetch(store, doubts))[0]
    assert (ended["consent"], ended["doubts"]) == ("given", ["assignment_ended"])
    await fetch(store, "UPDATE assignment SET returned_at = $1", NOW + timedelta(days=2))
    back = (await fetch(store, doubts))[0]
    assert (back["consent"], back["doubts"]) == (
        "unknown",
        ["device_unassigned", "consent_unknown"],
    )
