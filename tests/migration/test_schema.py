"""Migrations and the schema are one; migrating is safe twice, at once, beside an older version."""

import asyncio
import logging
import re
from datetime import timedelta
from importlib import resources
from typing import Any

import asyncpg
import pytest

from tgd.store.migrate import Migration, MigrationError, migrate, migrations, missing

CATALOGUE = {
    "columns": """
        SELECT c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 't'""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": """
        SELECT pg_get_triggerdef(t.oid), t.tgenabled
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace""",
    "functions": """
        SELECT pg_get_functiondef(oid), proacl::text
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind IN ('f', 'p')""",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "sequences": """
        SELECT sequencename, data_type::text, start_value, increment_by, cycle
        FROM pg_sequences WHERE schemaname = 'public'""",
    "types": """
        SELECT typname, typtype, pg_get_constraintdef(c.oid)
        FROM pg_type t LEFT JOIN pg_constraint c ON c.contypid = t.oid
        WHERE typnamespace = 'public'::regnamespace AND typtype IN ('d', 'e', 'r')""",
    "rights": """
        SELECT c.relname, c.relkind, a.grantee::regrole::text, a.privilege_type, a.is_grantable
        FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'public'::regnamespace""",
}


async def catalogue(url: str, what: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return sorted((tuple(row) for row in await connection.fetch(CATALOGUE[what])), key=repr)
    finally:
        await connection.close()


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def applied(url: str) -> list[int]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT number FROM schema_migration ORDER BY number")
        return [row["number"] for row in rows]
    finally:
        await connection.close()


def numbers(some: list[Migration]) -> list[int]:
    return [migration.number for migration in some]


# ── One schema ──────────────────────────────────────────────────────────────────────


@pytest.fixture
async def whole_schema(empty_database: str) -> str:
    text = resources.files("tgd.store").joinpath("schema.sql").read_text(encoding="utf-8")
    await execute(empty_database, text)
    return empty_database


@pytest.mark.parametrize("what", CATALOGUE)
async def test_the_migrations_make_the_schema_that_is_written_down(
    database: str, whole_schema: str, what: str
) -> None:
    migrated, written = await catalogue(database, what), await catalogue(whole_schema, what)
    assert [row for row in migrated if row not in written] == [], "schema.sql lacks these"
    assert [row for row in written if row not in migrated] == [], "no migration makes these"


def test_numbers_are_given_once_and_in_order() -> None:
    assert numbers(migrations()) == list(range(1, len(migrations()) + 1))
    assert {migration.phase for migration in migrations()} <= {"pre", "post"}


async def test_every_table_that_the_server_reads_is_granted_to_it(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'v') AND NOT has_table_privilege('tgd_app', oid, 'SELECT')"
        )
    finally:
        await connection.close()
    assert [row["relname"] for row in rows] == []


# ── While an older version serves ───────────────────────────────────────────────────

BODY = re.compile(r"\$(\w*)\$.*?\$\1\$|BEGIN ATOMIC.*?\bEND\b|--[^\n]*", re.DOTALL)
TAKES_AWAY = re.compile(
    r"\A(?:DROP|TRUNCATE|DELETE|REINDEX|CLUSTER|VACUUM)\b"
    r"|\AALTER\b.*\b(?:DROP|RENAME|TYPE|SET\s+NOT\s+NULL|SET\s+SCHEMA)\b",
    re.DOTALL | re.IGNORECASE,
)
# Allowing more takes nothing away: a value that may be null now, a CHECK replaced by its like.
WIDENS = re.compile(
    r"\bDROP\s+NOT\s+NULL\b|\bDROP\s+CONSTRAINT\s+(\w+),\s*ADD\s+CONSTRAINT\s+\1\s+CHECK\b",
    re.IGNORECASE,
)


def takes_away(text: str) -> list[str]:
    statements = [part.strip() for part in WIDENS.sub("", BODY.sub("", text)).split(";")]
    return [statement for statement in statements if TAKES_AWAY.search(statement)]


@pytest.mark.parametrize(
    "text",
    [
        "DROP TABLE press;",
        "CREATE TABLE a (b int); ALTER TABLE press\n    DROP COLUMN raw;",
        "alter table press rename to presses;",
        "ALTER TABLE press ALTER COLUMN seq TYPE int;",
        "-- harmless\nTRUNCATE press;",
    ],
)
def test_the_check_below_finds_what_it_looks_for(text: str) -> None:
    assert takes_away(text)


@pytest.mark.parametrize("migration", migrations(), ids=lambda m: f"{m.number:04}")
def test_a_pre_migration_only_adds(migration: Migration) -> None:
    if migration.phase == "pre":
        assert takes_away(migration.text) == []


# ── Migrating ───────────────────────────────────────────────────────────────────────


async def test_migrating_twice_does_nothing(empty_database: str) -> None:
    assert numbers(await missing(empty_database)) == numbers(migrations())
    assert numbers(await migrate(empty_database)) == numbers(migrations())
    assert await missing(empty_database) == []
    before = [await catalogue(empty_database, what) for what in CATALOGUE]
    assert await migrate(empty_database) == []
    assert [await catalogue(empty_database, what) for what in CATALOGUE] == before


async def test_several_migrators_at_once_apply_each_once(empty_database: str) -> None:
    done = await asyncio.gather(*(migrate(empty_database) for _ in range(4)))
    assert sorted(number for some in done for number in numbers(some)) == numbers(migrations())
    assert await applied(empty_database) == numbers(migrations())


async def test_what_can_wait_is_left_for_later(empty_database: str) -> None:
    done = await migrate(empty_database, post=False)
    assert {migration.phase for migration in done} == {"pre"}
    assert {migration.phase for migration in await missing(empty_database)} <= {"post"}


async def test_a_migration_waits_for_its_lock_and_is_tried_again(
    empty_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    await before_the_indexes(empty_database)
    async with busy_table(empty_database):
        migrating = asyncio.create_task(migrate(empty_database, lock_timeout_ms=50))
        while "waits for a lock" not in caplog.text:
            assert not migrating.done()
            await asyncio.sleep(0.01)
    assert numbers(await migrating) == numbers(migrations())[2:]


async def test_a_migration_that_never_gets_its_lock_says_so(
    empty_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    await before_the_indexes(empty_database)
    caplog.set_level(logging.CRITICAL)
    async with busy_table(empty_database):
        with pytest.raises(MigrationError, match="0003_hold_alerts: no lock in 3 tries"):
            await migrate(empty_database, lock_timeout_ms=20, tries=3)
        assert await applied(empty_database) == [1, 2]
    assert await missing(empty_database) == migrations()[2:]


async def test_a_migration_that_fails_leaves_nothing_behind(empty_database: str) -> None:
    await execute(empty_database, "CREATE TABLE press (somebody text)")
    with pytest.raises(MigrationError, match=r"\A0001_first_schema: .*press.*\Z"):
        await migrate(empty_database)
    assert await applied(empty_database) == []


async def before_the_indexes(url: str) -> None:
    """Apply the first two migrations; the third makes indexes on tables that are in use."""
    await execute(
        url,
        "CREATE TABLE schema_migration (number int PRIMARY KEY, name text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())",
        *(migration.text for migration in migrations()[:2]),
        "INSERT INTO schema_migration (number, name) VALUES (1, 'first_schema'), (2, 'presses')",
    )


class busy_table:  # noqa: N801  used as a context manager, like those of contextlib
    """A transaction of the server that writes to a table and has not ended."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> None:
        self.connection = await asyncpg.connect(self.url)
        await self.connection.execute("BEGIN; LOCK TABLE envelope IN ROW EXCLUSIVE MODE")

    async def __aexit__(self, *_failure: object) -> None:
        await self.connection.close()


async def test_what_an_older_version_needs_stays_while_a_server_is_connected(
    empty_database: str,
) -> None:
    server = await asyncpg.connect(empty_database, server_settings={"application_name": "tgd"})
    try:
        done = await migrate(empty_database)
        assert {migration.phase for migration in done} == {"pre"}
        assert await migrate(empty_database) == []
        assert {migration.phase for migration in await migrate(empty_database, post=True)} == {
            "post"
        }
    finally:
        await server.close()
    assert await missing(empty_database) == []


CLOSED = """
INSERT INTO alert (case_id, device, reply_to, known, consent, located, listen, plan, opened_at,
                   pressed_at, last_press_id, last_press_at, status, answered_at, answered_by,
                   holder_heard_at, verdict, verdict_by, verdict_at, closed_at, closed_by,
                   coerced, follows, presses)
SELECT v.case_id, 'tgd-1', 'tgd-1', true, 'given', true, 'none', '{}', t,
       t, gen_random_uuid(), t, 'closed', t, 'op-1',
       t, v.verdict, 'op-1', t, t, 'op-1',
       v.coerced, (SELECT id FROM alert WHERE case_id = v.follows), v.presses
FROM (VALUES ($1, $2, $3::boolean, $4, $5::int, $6::interval))
     AS v (case_id, verdict, coerced, follows, presses, ago),
     LATERAL (SELECT now() - v.ago AS t) AS x
"""


async def test_tests_from_before_the_table_of_tests_count(empty_database: str) -> None:
    before = [one for one in migrations() if one.name != "tests_so_far"]
    first = next(n for n, one in enumerate(migrations()) if one.name == "tests_so_far")
    await execute(
        empty_database,
        *(one.text for one in before[:first] if one.phase == "pre"),
        "INSERT INTO tribunal VALUES ('t', 'Tribunal fictif')",
        "INSERT INTO device (id, tribunal_id) VALUES ('tgd-1', 't')",
    )
    connection = await asyncpg.connect(empty_database)
    try:
        for row in (
            ("tested", "test", False, None, 1, timedelta(days=3)),
            ("long ago", "test", False, None, 1, timedelta(days=300)),
            ("coerced", "test", True, None, 1, timedelta(days=3)),
            ("became police", "test", False, None, 1, timedelta(days=3)),
            ("police", "police", False, "became police", 0, timedelta(days=3)),
            ("no danger", "no_danger", False, None, 1, timedelta(days=3)),
        ):
            await connection.execute(CLOSED, *row)
        await connection.execute(migrations()[first].text)
        rows = await connection.fetch(
            "SELECT a.case_id, t.kind, t.word FROM phone_test t JOIN alert a ON a.id = t.alert_id"
        )
    finally:
        await connection.close()
    assert [tuple(row) for row in rows] == [("tested", "fortnightly", None)]


OLDER = """
SELECT fresh, opened, listen FROM take_presses(
    now(), 20, ARRAY['tgd-1'], ARRAY['tgd-1'], ARRAY[gen_random_uuid()], ARRAY['a'], ARRAY[1],
    ARRAY[1], ARRAY[1.0], ARRAY[now()], ARRAY[now()], ARRAY[0.0], ARRAY['button'],
    ARRAY['mqtt'], ARRAY[80],
    ARRAY[''], ARRAY['d'::bytea], ARRAY[false], ARRAY['raw'::bytea], ARRAY[NULL::bytea],
    ARRAY['key'::bytea], ARRAY['{"opening": {}}'],
    ARRAY[46.5], ARRAY[0.3], ARRAY[12.0], ARRAY[68.0],
    ARRAY['G'], ARRAY[NULL::float8], ARRAY[NULL::float8], ARRAY[NULL::float8], ARRAY[NULL::float8],
    ARRAY[now()], ARRAY[''])
"""


async def test_a_server_that_is_not_replaced_yet_takes_presses_all_the_same(
    empty_database: str,
) -> None:
    await migrate(empty_database, post=False)
    connection = await asyncpg.connect(empty_database)
    try:
        assert tuple(await connection.fetchrow(OLDER)) == (True, True, "mic_only")
        assert await connection.fetchval("SELECT count(lat) FROM position") == 1
        # What it wrote in its last minutes has its term like everything else,
        assert await connection.fetchval("SELECT count(forget_at) FROM alert") == 1
        # and its positions, which are in clear, go with what only it needed.
        await migrate(empty_database)
        assert await connection.fetchval("SELECT count(*) FROM position") == 0
    finally:
        await connection.close()
