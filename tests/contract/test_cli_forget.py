"""``tgd forget run`` as an administrator meets it: beside a server or without, in numbers."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from commands import KEY, Done, on

from tgd.clock import Clock
from tgd.config import Config
from tgd.devices import wire
from tgd.keys import KeyStore
from tgd.metrics import Metrics
from tgd.platform.domain.deadlines import plan
from tgd.platform.flow.forget import Forget
from tgd.platform.flow.intake import Intake
from tgd.seal import KeyErased, Sealer
from tgd.store.db import Database, identity

PRESS = (
    '{"_type":"press","id":"77777777-7777-4777-8777-77777777777%d","seq":1,"tst":%f,'
    '"created_at":%f,"loc":{"lat":46.58021,"lon":0.34041,"acc":12,"pm":"G","tst":%f}}'
)
NUMBERS = re.compile(
    r"erased of (\d+) alerts: (\d+) positions, (\d+) presses, (\d+) messages, (\d+) notes\n"
    r"erased from the key store: (\d+) keys\n"
)
LONG_AGO = (
    "UPDATE press SET received_at = received_at - interval '4 days'",
    "UPDATE position SET received_at = received_at - interval '4 days'",
    "DELETE FROM deadline",
    "UPDATE alert SET forget_at = forget_at - interval '4 days'",
    """UPDATE alert SET verdict = 'no_danger', verdict_at = now(), status = 'closed',
                        closed_at = now(), closed_by = 'op'""",
)


class Desk:
    """A database with presses of days ago, its key store, and a terminal."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.keys = folder / "keys"
        self.database = Database(url, size=2)
        self.clock = Clock()
        self.store = KeyStore(self.keys, self.clock)
        self.sealer = Sealer(KEY, self.store)
        self._run = on(url)

    async def tgd(self, *words: str, **more: str) -> Done:
        return await self._run(*words, **{"TGD_KEY_DIR": str(self.keys)} | more)

    async def presses(self, count: int = 3) -> list[bytes]:
        """Presses of four days ago, each an alert that is closed; the keys' names."""
        async with self.database.connection() as connection:
            await asyncio.to_thread(self.store.open, await identity(connection))
        limits = Config(secret_key=KEY).deadlines
        frozen = plan(limits, forward_unverified=True)
        intake = Intake(
            *(self.database, self.clock, self.sealer, Metrics(), lambda *_: frozen), group_from=9
        )
        now = self.clock.now()
        at = now.timestamp()
        for n in range(1, count + 1):
            raw = (PRESS % (n, at, at, at)).encode()
            await intake.take([wire.press(f"tgd-86-0{n}", raw, received_at=now)])
        connection = await asyncpg.connect(self.url)
        for statement in LONG_AGO:
            await connection.execute(statement)
        keys = [row["raw_key"] for row in await connection.fetch("SELECT raw_key FROM press")]
        await connection.close()
        self.store.close()
        return keys

    def gone(self, keys: list[bytes]) -> int:
        found = 0
        for key in keys:
            try:
                self.sealer.unwrap(key)
            except KeyErased:
                found += 1
        return found

    async def value(self, statement: str) -> object:
        async with self.database.connection() as connection:
            return await connection.fetchval(statement)


@pytest.fixture
async def desk(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(database, tmp_path)
    await desk.database.open()
    assert (await desk.tgd("seed")).code == 0
    yield desk
    await desk.database.close()


async def test_it_erases_what_is_due_and_says_how_much(desk: Desk) -> None:
    keys = await desk.presses()
    done = await desk.tgd("forget", "run")
    assert (done.code, done.out) == (0, "")
    numbers = NUMBERS.fullmatch(done.err)
    assert numbers, done.err
    assert [int(n) for n in numbers.groups()] == [3, 3, 3, 0, 0, 3]
    assert desk.gone(keys) == 3
    assert await desk.value("SELECT count(*) FROM position") == 0
    assert await desk.value("SELECT count(*) FROM press WHERE raw IS NOT NULL") == 0
    again = await desk.tgd("forget", "run")
    assert (again.code, again.err) == (0, "nothing was due\n")


async def test_a_try_out_says_what_would_go_and_changes_nothing(desk: Desk) -> None:
    keys = await desk.presses()
    done = await desk.tgd("forget", "run", "--dry-run")
    would = "would be erased of 3 alerts: 3 positions, 3 presses, 0 messages, 0 notes\n"
    assert (done.code, done.err) == (0, would + "nothing has been changed\n")
    assert desk.gone(keys) == 0
    assert await desk.value("SELECT count(*) FROM position") == 3
    assert await desk.value("SELECT count(*) FROM journal WHERE actor = 'forget'") == 0


async def test_what_is_not_due_is_left(desk: Desk) -> None:
    keys = await desk.presses()
    connection = await asyncpg.connect(desk.url)
    await connection.execute("UPDATE alert SET forget_at = now() + interval '1 day'")
    await connection.close()
    done = await desk.tgd("forget", "run")
    assert (done.code, done.err) == (0, "nothing was due\n")
    assert desk.gone(keys) == 0


async def test_keys_that_cannot_be_erased_are_one_clear_line(desk: Desk) -> None:
    keys = await desk.presses()
    (segment,) = desk.keys.glob("*.keys")
    content = segment.read_bytes()
    segment.unlink()
    segment.mkdir()  # nobody, root neither, can write to it
    done = await desk.tgd("forget", "run")
    assert done.code == 1
    *said, last = done.err.splitlines()
    assert said == [
        "erased of 3 alerts: 3 positions, 3 presses, 0 messages, 0 notes",
        "erased from the key store: 0 keys",
    ]
    assert last == "tgd: 1 segments: Is a directory"
    assert await desk.value("SELECT count(*) FROM dead_key") == 3
    segment.rmdir()
    segment.write_bytes(content)
    assert desk.gone(keys) == 0
    done = await desk.tgd("forget", "run")
    assert (done.code, done.err.splitlines()[-1]) == (0, "erased from the key store: 3 keys")
    assert desk.gone(keys) == 3


async def test_without_a_key_store_nothing_is_erased(desk: Desk) -> None:
    keys = await desk.presses()
    done = await desk.tgd("forget", "run", TGD_KEY_DIR="")
    assert done.code == 1
    assert "TGD_KEY_DIR" in done.err.splitlines()[-1]
    assert desk.gone(keys) == 0
    assert await desk.value("SELECT count(*) FROM position") == 3


async def test_without_a_database_it_is_one_clear_line(desk: Desk) -> None:
    done = await desk.tgd("forget", "run", TGD_DATABASE_URL="postgresql://tgd@127.0.0.1:1/tgd")
    assert done.refusal.startswith("no database at 127.0.0.1:1")


async def test_it_is_safe_beside_a_server_that_looks_at_the_same_moment(desk: Desk) -> None:
    keys = await desk.presses(5)
    await asyncio.to_thread(desk.store.open)
    server = Forget(desk.database, desk.clock, Metrics(), desk.sealer, desk.store)
    done, looked = await asyncio.gather(desk.tgd("forget", "run"), server.look())
    desk.store.close()
    assert done.code == 0
    assert desk.gone(keys) == 5
    assert await desk.value("SELECT count(*) FROM journal WHERE kind = 'erased'") == 5
    counted = "SELECT sum((details ->> 'keys')::int) FROM journal WHERE kind = 'keys_erased'"
    assert await desk.value(counted) == 5
    assert looked.keys <= 5
