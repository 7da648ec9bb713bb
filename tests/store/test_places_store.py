"""Known places in the database: sealed under the key of her file, replaced whole."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from tgd.errors import NotFound
from tgd.keys import KeyStore
from tgd.platform import places
from tgd.platform.places import Place
from tgd.seal import SealBroken, Sealer
from tgd.store import places as rows
from tgd.store import register
from tgd.store.db import Database

NOW = datetime(2030, 1, 15, 9, 0, tzinfo=UTC)
SEALER = Sealer("5a" * 32)
HOME = Place("home", "Domicile fictif", "1 rue Inventée", 46.58, 0.34, 100.0, "portail")
HIS = Place("aggressor", "Adresse fictive", None, 46.6, 0.36, 200.0, None)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    opened = Database(database, size=4)
    await opened.open()
    async with opened.transaction() as connection:
        await register.seed(connection, NOW)
    yield opened
    await opened.close()


async def holder(store: Database, device: str = "tgd-86-01") -> UUID:
    async with store.connection() as connection:
        found = (await rows.holders(connection, [device]))[device]
    assert found is not None
    return found


async def put(store: Database, her: UUID, *some: Place, sealer: Sealer = SEALER) -> None:
    async with store.transaction() as connection:
        await places.replace(connection, sealer, her, some, NOW)


async def read(store: Database, *whose: UUID) -> dict[UUID, list[Place]]:
    async with store.connection() as connection:
        return places.opened(await places.of_beneficiaries(connection, whose), SEALER)


async def test_what_is_stored_is_found_by_person_in_one_question(store: Database) -> None:
    one, two = await holder(store), await holder(store, "tgd-86-02")
    await put(store, one, HIS, HOME)
    await put(store, two, HOME)
    assert await read(store, one, two, uuid4()) == {one: [HOME, HIS], two: [HOME]}
    assert await read(store, two) == {two: [HOME]}
    assert await read(store) == {}


async def test_places_are_replaced_whole_and_none_leaves_no_key(store: Database) -> None:
    her = await holder(store)
    await put(store, her, HOME, HIS)
    await put(store, her, HIS)
    assert await read(store, her) == {her: [HIS]}
    await put(store, her)
    assert await read(store, her) == {}
    async with store.connection() as connection:
        assert await connection.fetchval("SELECT key FROM beneficiary WHERE id = $1", her) is None
    await put(store, her, HOME)
    assert await read(store, her) == {her: [HOME]}


async def test_nothing_but_the_kind_is_in_clear(store: Database, database: str) -> None:
    await put(store, await holder(store), HOME)
    owner = await asyncpg.connect(database)
    try:
        for table in ("known_place", "beneficiary", "journal"):
            everything = f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t"  # noqa: S608  ours
            text = await owner.fetchval(everything)
            for secret in ("fictif", "Invent", "46.58", "0.34", "portail"):
                assert secret not in text
                assert secret.encode().hex() not in text
    finally:
        await owner.close()


async def test_a_person_without_places_has_no_key(store: Database) -> None:
    await put(store, await holder(store))
    async with store.connection() as connection:
        assert not await connection.fetchval(
            "SELECT count(*) FROM beneficiary WHERE key IS NOT NULL"
        )


async def test_an_erased_key_leaves_the_rows_shut(store: Database) -> None:
    her = await holder(store)
    await put(store, her, HOME)
    async with store.transaction() as connection:
        await connection.execute("UPDATE beneficiary SET key = NULL WHERE id = $1", her)
    assert await read(store, her) == {}


async def test_a_person_that_is_not_there_is_an_error(store: Database) -> None:
    with pytest.raises(NotFound):
        await put(store, uuid4(), HOME)


async def test_a_file_of_another_secret_is_not_overwritten(store: Database) -> None:
    her = await holder(store)
    await put(store, her, HOME)
    with pytest.raises(SealBroken):
        await put(store, her, HIS, sealer=Sealer("00" * 32))
    assert await read(store, her) == {her: [HOME]}


async def test_a_file_whose_key_is_lost_is_written_anew_and_each_time_under_a_new_key(
    store: Database, tmp_path: Path
) -> None:
    keys = KeyStore(tmp_path)
    keys.open()
    sealer = Sealer("5a" * 32, keys)
    her = await holder(store)
    named = []
    for place in (HOME, HIS):
        await put(store, her, place, sealer=sealer)
        async with store.connection() as connection:
            (row,) = await places.of_beneficiaries(connection, [her])
        assert places.opened([row], sealer) == {her: [place]}
        named.append(row.key)
        assert keys.erase([row.key]) == 1
        assert places.opened([row], sealer) == {}
    assert len(set(named)) == 2
    keys.close()


async def test_two_replacements_at_once_leave_those_of_one(store: Database) -> None:
    her = await holder(store)
    await asyncio.gather(put(store, her, HOME), put(store, her, HIS), put(store, her, HIS))
    assert len((await read(store, her))[her]) == 1


async def test_the_server_cannot_alter_a_place(store: Database) -> None:
    async with store.connection() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE known_place SET kind = 'other'")


async def test_holders_are_those_that_an_alert_would_find(store: Database, database: str) -> None:
    owner = await asyncpg.connect(database)
    await owner.execute("INSERT INTO device (id, tribunal_id) VALUES ('spare', 'poitiers')")
    await owner.close()
    async with store.connection() as connection:
        found = await rows.holders(connection, ["tgd-86-01", "spare", "unheard-of"])
    assert found["tgd-86-01"] is not None
    assert found["spare"] is None
    assert "unheard-of" not in found
