"""The imported addresses: the nearest of them, a department at a time, no point in the question."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import pytest

from tgd.geo.locate import metres
from tgd.geo.position import Fix
from tgd.platform.address import FARTHEST_M, Ban, Near
from tgd.store import addresses
from tgd.store.addresses import AddressRow, Extract, Import
from tgd.store.db import Database

NOW = datetime(2030, 1, 15, 9, 0, tzinfo=UTC)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    opened = Database(database, size=3)
    await opened.open()
    yield opened
    await opened.close()


async def put(store: Database, *batches: list[tuple[str, AddressRow]]) -> None:
    async with store.transaction() as connection:
        work = Import(connection)
        for batch in batches:
            await work.add(batch)
        await work.finish(NOW)


def invented(seed: int, count: int, spread: float = 0.03) -> list[AddressRow]:
    chance = random.Random(seed)
    return [
        AddressRow(chance.gauss(46.58, spread), chance.gauss(0.34, spread), f"{n} Rue Inventée")
        for n in range(count)
    ]


async def test_the_nearest_is_the_nearest_of_all(store: Database) -> None:
    rows = invented(1, 400)
    await put(store, [("86", row) for row in rows])
    ban = Ban(store)
    for asked in invented(2, 60, 0.06):
        here = Fix(asked.lat, asked.lon)
        apart, label = min((metres(Fix(row.lat, row.lon), here), row.label) for row in rows)
        near = await ban.near(asked.lat, asked.lon)
        if apart > FARTHEST_M:
            assert near is None
        else:
            assert near == Near(label, apart)
            assert near.distance_m == apart


async def test_nowhere_near_is_none(store: Database) -> None:
    assert await Ban(store).near(46.58, 0.34) is None
    await put(store, [("86", AddressRow(46.58, 0.34, "1 Rue Inventée"))])
    assert await Ban(store).near(46.60, 0.34) is None
    assert await Ban(store).near(46.59, 0.34) is not None
    assert await Ban(store).near(89.9999, 179.9999) is None


async def test_a_department_is_replaced_and_the_others_are_kept(store: Database) -> None:
    await put(store, [("86", row) for row in invented(1, 5)], [("79", invented(2, 1)[0])])
    await put(store, [("86", row) for row in invented(3, 2)], [("86", invented(4, 1)[0])])
    async with store.connection() as connection:
        assert await addresses.extracts(connection) == [
            Extract("79", 1, NOW),
            Extract("86", 3, NOW),
        ]
        rows = await connection.fetch(
            "SELECT department, count(*) FROM address GROUP BY 1 ORDER BY 1"
        )
    assert [tuple(row) for row in rows] == [("79", 1), ("86", 3)]


async def test_nothing_changes_until_the_commit(store: Database) -> None:
    await put(store, [("86", AddressRow(46.58, 0.34, "old"))])
    async with store.transaction() as connection:
        await Import(connection).add([("86", AddressRow(46.58, 0.34, "new"))])
        near = await Ban(store).near(46.58, 0.34)
    assert near == Near("old", 0.0)
    assert near.label == "old"
    assert (await Ban(store).near(46.58, 0.34)).label == "new"


async def test_the_database_is_never_asked_with_the_point(database: str) -> None:
    """What it is asked may stand in its log: cells, the same for every point in them."""
    connection = await asyncpg.connect(database)

    class Lent(Database):
        @asynccontextmanager
        async def connection(self) -> AsyncIterator[asyncpg.Connection]:
            yield connection

    ban = Ban(Lent(database))
    await ban.near(48.0, 2.0)  # the driver asks a question of its own before the first
    asked: list[list[int]] = []
    with connection.query_logger(lambda query: asked.extend(query.args)):
        assert await ban.near(46.580123, 0.340456) is None
        await asyncio.sleep(0)  # the driver tells a turn of the loop later
        first = list(asked)
        assert await ban.near(46.581456, 0.341123) is None
        await asyncio.sleep(0)
    await connection.close()
    assert asked == first + first
    assert all(isinstance(one, int) for cells in first for one in cells)
    assert addresses.cell(46.580123, 0.340456) in first[0]


async def test_the_server_may_not_alter_an_address(store: Database) -> None:
    async with store.connection() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE address SET label = 'x'")


async def test_it_is_said_whether_the_database_may_log_what_it_is_asked(
    store: Database, database: str
) -> None:
    async def logged() -> bool:
        own = Database(database, size=1)
        await own.open()
        try:
            async with own.connection() as connection:
                return await addresses.parameters_logged(connection)
        finally:
            await own.close()

    owner = await asyncpg.connect(database)
    name = await owner.fetchval("SELECT current_database()")
    try:
        assert await logged() is False
        await owner.execute(f"ALTER DATABASE {name} SET log_min_duration_statement = 1000")
        assert await logged() is True
        await owner.execute(f"ALTER DATABASE {name} SET log_parameter_max_length = 0")
        assert await logged() is False
    finally:
        await owner.close()
