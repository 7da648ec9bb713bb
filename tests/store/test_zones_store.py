"""Zone sets: stored whole, at most one in force, taken over without a restart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import shapely
from world import ManualClock

from tgd.errors import NotFound
from tgd.geo.synthetic import SERVICES, fictive
from tgd.geo.zones import Claim, Territory, Zone
from tgd.platform.territory import LOOK_S, Territories
from tgd.store import zones
from tgd.store.db import CHANNEL, Database

CLOCK = ManualClock()
HERE = (46.58, 0.34, 100.0)
FICTIVE = fictive()
SERVED = [zones.Service(name, *about) for name, about in SERVICES.items()]


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    opened = Database(database, size=3)
    await opened.open()
    yield opened
    await opened.close()


async def put(store: Database, territory: list[Zone] = FICTIVE, *, active: bool = False) -> int:
    async with store.transaction() as connection:
        no, _dropped = await zones.add(
            connection,
            name="fictive",
            now=CLOCK.now(),
            sources=[{"file": "a.geojson", "sha256": "00"}],
            findings=[{"kind": "gaps", "count": 1}],
            zones=territory,
            services=SERVED,
        )
        if active:
            await zones.activate(connection, no, CLOCK.now())
    return no


async def activate(store: Database, no: int) -> None:
    async with store.transaction() as connection:
        await zones.activate(connection, no, CLOCK.now())


async def listed(store: Database) -> list[tuple[int, bool]]:
    async with store.connection() as connection:
        return [(row.no, row.active) for row in await zones.sets(connection)]


@asynccontextmanager
async def running(store: Database) -> AsyncIterator[tuple[Territories, ManualClock]]:
    clock = ManualClock()
    territories = Territories(store, clock)
    task = asyncio.create_task(territories.run())
    try:
        yield territories, clock
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def becomes(territories: Territories, version: int | None) -> None:
    async with asyncio.timeout(120):
        while (territories.current and territories.current.version) != version:  # noqa: ASYNC110  the loop's own state
            await asyncio.sleep(0.01)


# ── Sets ────────────────────────────────────────────────────────────────────────────


async def test_a_set_comes_back_as_it_was_stored(store: Database) -> None:
    no = await put(store)
    async with store.connection() as connection:
        found = [one async for page in zones.pages(connection, no) for one in page]
        served = await zones.services(connection, no)
        (row,) = await zones.sets(connection)
    assert found == FICTIVE
    assert served == SERVED
    assert (row.no, row.active, row.activated_at) == (no, False, None)
    assert (row.zones, row.services) == (31, 4)
    assert row.findings == [{"kind": "gaps", "count": 1}]
    assert row.sources == [{"file": "a.geojson", "sha256": "00"}]


async def test_a_set_is_read_in_pages(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    no = await put(store)
    monkeypatch.setattr(zones, "_PAGE", 7)
    async with store.connection() as connection:
        pages = [page async for page in zones.pages(connection, no)]
    assert [len(page) for page in pages] == [7, 7, 7, 7, 3]
    assert [one for page in pages for one in page] == FICTIVE


async def test_one_set_is_in_force_and_a_former_one_can_return(store: Database) -> None:
    first, second = await put(store, active=True), await put(store)
    assert await listed(store) == [(second, False), (first, True)]
    await activate(store, second)
    assert await listed(store) == [(second, True), (first, False)]
    await activate(store, first)
    assert await listed(store) == [(second, False), (first, True)]


async def test_a_set_that_is_not_there_changes_nothing(store: Database) -> None:
    no = await put(store, active=True)
    with pytest.raises(NotFound, match="zone set 99"):
        await activate(store, 99)
    assert await listed(store) == [(no, True)]


async def test_old_sets_go_and_the_one_in_force_never(store: Database) -> None:
    first = await put(store, active=True)
    later = [await put(store) for _ in range(zones.KEPT + 2)]
    kept = [no for no, _active in await listed(store)]
    assert kept == [*reversed(later[2:]), first]
    async with store.connection() as connection:
        left = await connection.fetch("SELECT DISTINCT set_no FROM zone ORDER BY 1")
    assert [row["set_no"] for row in left] == sorted(kept)


async def test_a_stored_set_cannot_be_altered(store: Database) -> None:
    await put(store)
    for statement in (
        "UPDATE zone SET service = NULL",
        "DELETE FROM zone",
        "UPDATE zone_service SET name = 'x'",
        "UPDATE zone_set SET findings = '[]'",
    ):
        async with store.connection() as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


async def test_services_without_a_room_and_rooms_without_ground(store: Database) -> None:
    no = await put(store)
    async with store.connection() as connection:
        await connection.execute(
            "INSERT INTO room (id, name, institution, address, services) VALUES"
            " ('a', 'A', 'PN', 'a', '{990001,990002}'), ('b', 'B', 'GN', 'b', '{990002,7,5}')"
        )
        unserved = [one.id for one in await zones.without_room(connection, no)]
        idle = await zones.without_zone(connection, no)
    assert unserved == ["990003", "990004"]
    assert idle == {"b": ["5", "7"]}


# ── The territory in memory ─────────────────────────────────────────────────────────


async def test_without_zones_every_question_is_answered_with_the_reason(store: Database) -> None:
    territories = Territories(store, ManualClock())
    assert territories.claim(*HERE) == Claim((), (), "zones_loading", None)
    await territories.look()
    assert territories.claim(*HERE) == Claim((), (), "no_zones", None)


async def test_a_set_takes_force_without_a_restart(store: Database, database: str) -> None:
    async with running(store) as (territories, _clock):
        listening = asyncio.create_task(
            store.listen(lambda said: territories.heard.set() if said == "zones" else None)
        )
        await hears(database)
        first = await put(store, active=True)
        await becomes(territories, first)
        assert territories.reason is None
        assert territories.claim(*HERE) == Territory.build(FICTIVE).claim(*HERE)
        second = await put(store, FICTIVE[:1], active=True)
        await becomes(territories, second)
        assert territories.claim(*HERE).reason == "outside_every_zone"
        await activate(store, first)
        await becomes(territories, first)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def hears(database: str) -> None:
    """Wait until somebody listens on the channel."""
    connection = await asyncpg.connect(database)
    try:
        async with asyncio.timeout(120):
            while not await connection.fetchval(  # noqa: ASYNC110  another connection's state
                "SELECT count(*) FROM pg_stat_activity WHERE query ILIKE $1", f"LISTEN%{CHANNEL}%"
            ):
                await asyncio.sleep(0.01)
    finally:
        await connection.close()


async def test_a_notification_that_was_missed_is_made_up_for(store: Database) -> None:
    async with running(store) as (territories, clock):
        async with asyncio.timeout(120):
            while territories.reason != "no_zones":  # noqa: ASYNC110  the loop's own state
                await asyncio.sleep(0.01)
        no = await put(store, active=True)
        async with asyncio.timeout(120):
            while territories.current is None:
                clock.set_on(LOOK_S)
                await asyncio.sleep(0.01)
        assert territories.current.version == no


@pytest.mark.expects_errors
async def test_the_former_territory_answers_until_the_next_one_stands(store: Database) -> None:
    territories = Territories(store, ManualClock())
    await put(store, active=True)
    await territories.look()
    before = territories.claim(*HERE)
    no = await put(store, [Zone("1", "x", "990001", "PN", b"no shape")], active=True)
    await territories.look()
    assert territories.claim(*HERE) == before
    assert territories.reason == "zones_unusable"
    await territories.look()  # and it is not tried for ever
    assert territories.current is not None
    assert territories.current.version == no - 1


async def test_a_set_of_one_shape_that_is_no_area_holds_nothing(store: Database) -> None:
    line = shapely.to_wkb(shapely.LineString([(0, 46), (1, 46)]))
    territories = Territories(store, ManualClock())
    await put(store, [Zone("1", "x", "990001", "PN", line)], active=True)
    await territories.look()
    assert territories.claim(46.0, 0.5, 100.0) == Claim((), (), "outside_every_zone", None)
