"""Whoever writes as the server does borrows none of the owner's rights, whatever SQL he may run."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from journals import ALERTS, Journal

MINE = """
CREATE TEMP TABLE seen (who text);
GRANT INSERT ON seen TO PUBLIC;
CREATE FUNCTION pg_temp.mine(value pg_catalog.text) RETURNS boolean LANGUAGE plpgsql
AS 'BEGIN INSERT INTO pg_temp.seen VALUES (current_user); RETURN true; END';
CREATE FUNCTION pg_temp.mine(value pg_catalog.bytea) RETURNS boolean LANGUAGE plpgsql
AS 'BEGIN INSERT INTO pg_temp.seen VALUES (current_user); RETURN true; END';
CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.mine(VALUE));
CREATE DOMAIN pg_temp.bytea AS pg_catalog.bytea CHECK (pg_temp.mine(VALUE));
"""
"""A caller's own types under the names of PostgreSQL's, which run his words when they are used."""


@pytest.fixture
async def journal(database: str, tmp_path: Path) -> AsyncIterator[Journal]:
    made = await Journal(database, tmp_path / "journal").open()
    yield made
    await made.database.close()


@pytest.fixture
async def server(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection with the server's rights, on which nothing was compiled yet."""
    connection = await asyncpg.connect(database)
    await connection.execute("SET ROLE tgd_app")
    yield connection
    await connection.close()


@pytest.mark.parametrize("kind", ["note", "redacted"])
async def test_a_type_of_ones_own_does_not_run_as_the_owner(
    server: asyncpg.Connection, kind: str
) -> None:
    await server.execute(MINE)
    entry = "INSERT INTO public.journal (at, actor, kind) VALUES (now(), 'x', $1)"
    if kind == "note":
        await server.execute(entry, kind)
    else:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await server.execute(entry, kind)
    found = await server.fetch("SELECT who::pg_catalog.text FROM pg_temp.seen")
    assert {row["who"] for row in found} <= {"tgd_app"}


async def test_what_runs_as_its_owner_looks_last_where_callers_put_things(
    server: asyncpg.Connection,
) -> None:
    """Unnamed, ``pg_temp`` is looked into first, for tables and for types."""
    found = await server.fetch(
        "SELECT proname, proconfig FROM pg_proc"
        " WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    assert {row["proname"] for row in found} >= {"journal_is_chained", "journal_redact"}
    for row in found:
        assert row["proconfig"] == ["search_path=pg_catalog, pg_temp"], row["proname"]


FORGED = """
DO $do$ BEGIN
    INSERT INTO journal (at, actor, alert_id, kind, details)
    VALUES (now(), '{said}', '{alert}', 'redacted', '{{}}');
END $do$
"""


@pytest.mark.parametrize(
    "said",
    [
        "PL/pgSQL function journal_redact(uuid,timestamp",
        "\nfonction PL/pgSQL public.journal_redact(uuid,timestamp with time zone) line 3",
    ],
)
async def test_a_statement_that_names_a_redaction_is_none(
    journal: Journal, server: asyncpg.Connection, said: str
) -> None:
    await journal.write(ALERTS[0])
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only a redaction says so"):
        await server.execute(FORGED.format(said=said, alert=ALERTS[0]))
    assert (await journal.verify()).faults == []


async def test_a_function_called_like_the_redaction_is_none(
    journal: Journal, server: asyncpg.Connection
) -> None:
    await journal.write(ALERTS[0])
    await server.execute(
        'CREATE FUNCTION pg_temp."x journal_redact(uuid,timestamp"() RETURNS void LANGUAGE plpgsql'
        " AS $$ BEGIN INSERT INTO public.journal (at, actor, kind) VALUES (now(), 'x', 'redacted');"
        " END $$"
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only a redaction says so"):
        await server.execute('SELECT pg_temp."x journal_redact(uuid,timestamp"()')


async def test_tables_of_ones_own_open_nothing_that_is_held(
    journal: Journal, server: asyncpg.Connection
) -> None:
    held = ALERTS[0]
    await journal.write(held)
    owner = await asyncpg.connect(journal.url)
    await owner.execute("SET session_replication_role = replica")
    await owner.execute(
        "INSERT INTO retention (alert_id, answered_at, answered_by, hold, reference)"
        " VALUES ($1, now(), 'parquet-1', true, 'PV 30/118')",
        held,
    )
    await owner.close()
    await server.execute(
        "RESET ROLE; SET ROLE tgd_redactor;"
        " CREATE TEMP TABLE alert (id uuid, status text);"
        " CREATE TEMP TABLE retention (alert_id uuid, hold boolean);"
        " GRANT ALL ON alert, retention TO PUBLIC"
    )
    done = await server.fetchval(
        "SELECT public.journal_redact($1, now() + interval '100 years', now(), 'x', 'x')", held
    )
    assert done == 0


async def test_what_says_who_called_is_read_in_whatever_language(
    server: asyncpg.Connection,
) -> None:
    """Where « fonction PL/pgSQL » is said, names and types are the same."""
    found = await server.fetch(
        "SELECT proname, prosrc FROM pg_proc"
        " WHERE prosrc LIKE '%PG_CONTEXT%' AND pronamespace = 'public'::regnamespace"
    )
    assert found
    for row in found:
        assert "'[ .]journal_redact\\(uuid,timestamp'" in row["prosrc"], row["proname"]


@pytest.mark.parametrize(
    "details", [{}, {"from": "x", "to": 1}, {"from": 1}, {"from": 1, "to": []}]
)
async def test_a_redaction_that_says_nothing_is_a_fault_and_stops_no_verification(
    journal: Journal, details: dict[str, object]
) -> None:
    """As one could be forged before."""
    owner = await asyncpg.connect(journal.url)
    await owner.execute("ALTER TABLE journal DISABLE TRIGGER journal_redaction_is_one")
    await owner.close()
    await journal.write(ALERTS[0])
    await journal.write(ALERTS[0], kind="redacted", **details)
    await journal.write(ALERTS[1])
    [fault] = (await journal.verify()).faults
    assert (fault.chain, fault.number) == (ALERTS[0], 2)


async def test_a_redaction_accounts_for_nothing_that_comes_after_it(journal: Journal) -> None:
    owner = await asyncpg.connect(journal.url)
    await owner.execute("ALTER TABLE journal DISABLE TRIGGER journal_redaction_is_one")
    await journal.write(ALERTS[0], kind="redacted", **{"from": 1, "to": 9})
    await journal.write(ALERTS[0])
    await owner.execute(
        "ALTER TABLE journal DISABLE TRIGGER journal_is_append_only;"
        " UPDATE journal SET actor = NULL, details = NULL, salt = NULL WHERE number = 2"
    )
    await owner.close()
    [fault] = (await journal.verify()).faults
    assert (fault.chain, fault.number) == (ALERTS[0], 2)
    assert "emptied" in fault.what
