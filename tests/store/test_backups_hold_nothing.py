"""After an erasure, nothing comes back from a base backup and log archive taken before it.

A cluster with its log archived; presses, positions, messages and notes through the real server; a
base backup in the middle of it and the archive at its end. Then time passes and the server erases
by itself. The backup is restored and its log replayed: every sealed value is there, and with the
master secret and the key store as it is by then, none opens, while with the key store of the day of
the backup each did. Nor does any reference anywhere in the files, of a transaction that broke off
for one, lead to a key.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from traces import LAT, PLACE, traces
from world import World, worlds

from tgd.demo.postgres import EmbeddedPostgres
from tgd.keys import KeyStore
from tgd.platform import places
from tgd.platform.places import Place
from tgd.seal import KeyErased, SealBroken, Sealer
from tgd.store import forget
from tgd.store import places as place_rows
from tgd.store.migrate import migrate

SEALED = {
    "press": "SELECT raw AS sealed, raw_key AS key, 'press' AS about FROM press WHERE raw <> ''",
    "position": "SELECT fix AS sealed, key, 'position' AS about FROM position",
    "envelope": (
        "SELECT e.content AS sealed, a.key, 'envelope' AS about"
        " FROM envelope e JOIN alert a ON a.id = e.alert_id WHERE e.content IS NOT NULL"
    ),
    "note": (
        "SELECT n.text AS sealed, a.key, 'note ' || a.id AS about"
        " FROM note n JOIN alert a ON a.id = n.alert_id WHERE n.text IS NOT NULL"
    ),
}

ERASED = """
SELECT (SELECT count(*) FROM press WHERE raw IS NOT NULL) = 1 AND NOT EXISTS (SELECT FROM dead_key)
"""
ARCHIVED = "SELECT last_archived_wal >= $1 FROM pg_stat_archiver"


class Vault:
    """A cluster that archives its log, and what was kept of it on the day of the backup."""

    def __init__(self, folder: Path) -> None:
        other = os.environ.get("TEST_POSTGRES_BIN")
        programs = Path(other) if other else None
        self.cluster = EmbeddedPostgres(folder / "cluster", bin_dir=programs)
        self.restored = EmbeddedPostgres(folder / "restored", bin_dir=programs)
        self.archive = self._place(self.cluster._home / "archive")
        self.base = self.restored._home / "data"
        self.log = self.restored._home / "archive"
        self.keys = folder / "keys of that day"

    async def start(self) -> None:
        """Start the cluster, archiving, with the schema."""
        self.cluster.start()
        command = f"test ! -f {self.archive}/%f && cp %p {self.archive}/%f"
        await self._execute("ALTER SYSTEM SET archive_mode = on")
        await self._execute(f"ALTER SYSTEM SET archive_command = '{command}'")
        self.cluster.restart()
        await migrate(self.cluster.url)

    def back_up(self) -> None:
        """Take a base backup."""
        program = self.cluster._bin / "pg_basebackup"
        command = [program, "-d", self.cluster.url, "-D", self.base, "-X", "none", "-c", "fast"]
        subprocess.run(command, check=True, capture_output=True)

    async def keep_the_log(self) -> None:
        """Keep the archive as it is after everything so far has been archived."""
        await self._execute("SELECT pg_logical_emit_message(false, 'end', 'of the day')")
        connection = await asyncpg.connect(self.cluster.url)
        last = await connection.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
        async with asyncio.timeout(120):  # its file is there before all of it has been copied
            while not await connection.fetchval(ARCHIVED, last):  # noqa: ASYNC110  as above
                await asyncio.sleep(0.02)
        await connection.close()
        shutil.copytree(self.archive, self.log)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Everything that was kept but the keys."""
        for folder in (self.base, self.log):
            for path in folder.rglob("*"):
                if path.is_file():
                    yield str(path.relative_to(folder.parent)), path.read_bytes()

    def restore(self) -> str:
        """Start a server on the backup and replay the log to its end; its address."""
        shutil.copy(self.cluster._home / "password", self.restored._home)
        with (self.base / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"archive_mode = off\nrestore_command = 'cp {self.log}/%f %p'\n")
        (self.base / "recovery.signal").touch()
        for path in self.restored._home.rglob("*"):
            self._place(path)
        self.restored.start()
        return self.restored.url

    def remove(self) -> None:
        for server in (self.restored, self.cluster):
            server.remove()

    def _place(self, path: Path) -> Path:
        """Make a folder if it is not there; the user who runs the database owns it."""
        if not path.exists():
            path.mkdir(parents=True)
        if self.cluster._user:
            shutil.chown(path, self.cluster._user)
        return path

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.cluster.url)
        await connection.execute(statement)
        await connection.close()


@pytest.fixture
async def vault(tmp_path: Path) -> Iterator[Vault]:
    made = Vault(tmp_path)
    try:
        await made.start()
        yield made
    finally:
        made.remove()


async def test_what_was_erased_is_in_no_backup(vault: Vault, tmp_path: Path) -> None:
    async with worlds(vault.cluster.url, tmp_path) as world:
        held = await one_alert(world, "tgd-86-01")
        await one_alert(world, "tgd-86-02")
        vault.back_up()
        await one_alert(world, "tgd-86-03")  # is in the log only
        broken_off = await a_transaction_that_breaks_off(world)
        await a_known_place(world)
        await every_reference_is_named(world)
        await vault.keep_the_log()
        shutil.copytree(world.config.key_dir, vault.keys)
        await world.app.forget.hold(UUID(held), "procureur de permanence", "PV 2030/118")
        still_named = await erased(world)
        url, store = vault.restore(), KeyStore(world.config.key_dir)
        await nothing_opens(
            url, store, KeyStore(vault.keys), Sealers(world.config.secret_key), held
        )
        nothing_leads_to_a_key(vault, store, still_named, broken_off)


class Sealers:
    """The master secret, with one key store and with another."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def on(self, store: KeyStore) -> Sealer:
        return Sealer(self._secret, store)


async def one_alert(world: World, device: str) -> str:
    """A press, positions, an alarm that goes to the police, notes; all of it closed."""
    phone, operator = world.phone(device), world.operator()
    pressed = await phone.press(loc=PLACE)
    world.clock.set_on(5)
    phone.position(**PLACE)
    await world.until_sql(
        "SELECT count(*) > 1 FROM position p JOIN alert a ON a.id = p.alert_id WHERE a.device = $1",
        device,
    )
    await operator.answers(pressed.alert)
    await operator.does(pressed.alert, "notes", {"text": f"vue à {LAT}"}, 200)
    await operator.decides(pressed.alert, "police")
    await world.room.expects("Report", alert=pressed.alert)
    await world.until_sql(
        "SELECT acknowledged_at IS NOT NULL FROM dispatch WHERE alert_id = $1", UUID(pressed.alert)
    )
    await operator.closes(pressed.alert)
    world.room.forgives()
    return pressed.alert


async def a_transaction_that_breaks_off(world: World) -> bytes:
    """Sealed bytes and their reference reach the log, and no row ever names them."""
    key = world.app.sealer.new_key()
    message = json.dumps(world.phone("tgd-86-04").message(loc=PLACE)).encode()
    owner = await asyncpg.connect(world.url)
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(
        "INSERT INTO press (device, reply_to, id, pressed_at, received_at, age_s, trigger, path,"
        " doubts, digest, retained, last_seen_at, raw, raw_key) VALUES ('x', 'x', $1, now(), now(),"
        " 0, 'button', 'mqtt', '{}', '', false, now(), $2, $3)",
        uuid4(),
        key.seal(message, "press"),
        key.wrapped,
    )
    await transaction.rollback()
    await owner.close()
    return key.wrapped


async def a_known_place(world: World) -> None:
    """What lasts, lasts: the key of her file is not erased with her alerts."""
    place = Place("home", "Domicile fictif", None, LAT, 2.864209, 100.0, None)
    async with world.database.transaction() as connection:
        (holder,) = (await place_rows.holders(connection, ["tgd-86-05"])).values()
        now = world.clock.now()
        await places.replace(connection, world.app.sealer, holder, [place], now)


async def every_reference_is_named(world: World) -> None:
    """What the sweep is not told of, it erases: no column may hold a reference unknown to it."""
    columns = await world.rows(
        "SELECT table_name, column_name FROM information_schema.columns WHERE data_type = 'bytea'"
        " AND table_schema = 'public'"
    )
    assert len(columns) > 5
    found = set()
    for table, column in columns:
        found |= {
            row[0]
            for row in await world.rows(
                f'SELECT "{column}" FROM "{table}" WHERE length("{column}") = 21'  # noqa: S608  its own
                f' AND get_byte("{column}", 0) = 2'
            )
        }
    assert found
    assert found <= await named(world)


async def erased(world: World) -> set[bytes]:
    """Let three days pass, until the server has erased what is not held; what rows name then."""
    before = await named(world)
    await hours(world, 71)
    world.app.forget._swept_at = world.clock.now()  # what follows is not the daily sweep's doing
    await hours(world, 1)
    async with asyncio.timeout(120):
        while not await world.value(ERASED):
            world.clock.set_on(1)  # it may have begun to look before the hour was over
            await world._looked()
    after = await named(world)
    gone = before - after
    assert len(gone) == 4, "a press and a report of two phones"
    for key in gone:
        with pytest.raises(KeyErased):
            world.app.keys.secret(key)
    counted = "SELECT sum((details ->> 'keys')::int) FROM journal WHERE kind = 'keys_erased'"
    assert await world.value(counted) == len(gone)
    await hours(world, 25)
    return after


async def hours(world: World, count: int) -> None:
    for _ in range(count):
        world.clock.set_on(3600)
        await world._looked()


async def named(world: World) -> set[bytes]:
    async with world.database.connection() as connection:
        return set(await forget.named(connection))


async def nothing_opens(
    url: str, store: KeyStore, of_that_day: KeyStore, sealers: Sealers, held: str
) -> None:
    """On the restored backup: everything opened on its day, and only what is held does now."""
    connection = await asyncpg.connect(url)
    opened, opens = Counter(), Counter()
    for kind, statement in SEALED.items():
        for row in await connection.fetch(statement):
            plain = sealers.on(of_that_day).unwrap(row["key"]).open(row["sealed"], row["about"])
            opened[kind] += 1
            if kind != "position":
                assert traces(plain), kind
            try:
                sealers.on(store).unwrap(row["key"]).open(row["sealed"], row["about"])
            except SealBroken:
                continue
            opens[kind] += 1
    mine = await connection.fetchval(
        "SELECT count(*) FROM position WHERE alert_id = $1", UUID(held)
    )
    await connection.close()
    assert opened["press"] == 3
    assert opened["note"] == 3
    assert opened["envelope"] >= 3
    assert opened["position"] >= 6
    assert opens["press"] == opens["note"] == 1, "what is held for a criminal case is kept"
    assert opens["position"] == mine


def nothing_leads_to_a_key(
    vault: Vault, store: KeyStore, named: set[bytes], broken_off: bytes
) -> None:
    """In the files themselves: no coordinate, and no reference to a key that is not needed."""
    segments = [bytes.fromhex(path.stem) for path in vault.keys.glob("*.keys")]
    reference = re.compile(
        b"\x02(?:" + b"|".join(map(re.escape, segments)) + b")\x00\x00[\x00-\x0f].", re.DOTALL
    )
    seen: set[bytes] = set()
    size = 0
    for name, content in vault.files():
        assert not traces(content), name
        size += len(content)
        seen |= set(reference.findall(content))
    assert size > 20_000_000
    that_day = KeyStore(vault.keys)
    alive = set()
    for one in seen:
        that_day.secret(one)
        try:
            store.secret(one)
        except KeyErased:
            continue
        alive.add(one)
    # Presses and reports of three phones, one that broke off, one place; two of them held.
    assert len(seen) == 3 + 3 + 1 + 1
    assert broken_off in seen
    assert alive == seen & named
    assert len(alive) == 2 + 1
