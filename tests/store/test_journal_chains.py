"""The journal's chains: whole whoever writes at once, closed to changes, redactable, sealed."""

import asyncio
import json
import os
import re
import stat
from collections.abc import AsyncIterator
from datetime import timedelta
from importlib import resources
from pathlib import Path

import asyncpg
import pytest
from journals import ALERTS, ASSIGNMENTS, NOW, Journal

from tgd.ledger import SYSTEM, Seal, Signed
from tgd.metrics import Metrics
from tgd.platform.flow.sealing import Sealing
from tgd.signing import PRIVATE, NoSigningKey, Signer, is_signed
from tgd.store.db import statements
from tgd.store.migrate import migrate, migrations

WRITERS, EACH = 6, 25


@pytest.fixture
async def journal(database: str, tmp_path: Path) -> AsyncIterator[Journal]:
    made = await Journal(database, tmp_path / "journal").open()
    yield made
    await made.database.close()


async def rows(journal: Journal, statement: str, *values: object) -> list[asyncpg.Record]:
    async with journal.database.connection() as connection:
        return await connection.fetch(statement, *values)


async def test_an_entry_stands_in_its_alerts_its_assignments_or_the_systems_chain(
    journal: Journal,
) -> None:
    for chain in (ALERTS[0], ASSIGNMENTS[0], None, ALERTS[0], None):
        await journal.write(chain)
    found = await rows(journal, "SELECT chain, number FROM journal ORDER BY no")
    assert [tuple(row) for row in found] == [
        *((ALERTS[0], 1), (ASSIGNMENTS[0], 1), (SYSTEM, 1), (ALERTS[0], 2), (SYSTEM, 2)),
    ]
    assert (await journal.verify()).faults == []


async def test_writers_of_the_same_chains_at_once_leave_them_whole(journal: Journal) -> None:
    """Each in transactions of several chains, as a batch of presses, with readings in between."""
    chains = [*ALERTS, *ASSIGNMENTS, None]
    owner = await asyncpg.connect(journal.url)

    async def writes(writer: int) -> int:
        connection = await asyncpg.connect(journal.url)
        await connection.execute("SET deadlock_timeout = '20ms'; SET ROLE tgd_app")
        again = 0
        for n in range(EACH):
            some = [chains[(writer + n + k) % len(chains)] for k in range(1 + n % 4)]
            while True:
                try:
                    async with connection.transaction():
                        for chain in some:
                            await connection.execute(
                                "INSERT INTO journal (at, actor, alert_id, assignment_id, kind)"
                                " VALUES ($1, $2, $3, $4, 'file_read')",
                                *(NOW, f"operateur-{writer}"),
                                *(chain if chain in ALERTS else None,),
                                *(chain if chain in ASSIGNMENTS else None,),
                            )
                    break
                except asyncpg.DeadlockDetectedError:
                    again += 1
        await connection.close()
        return again

    async def seals() -> None:
        for _ in range(10):
            await journal.seal()

    await asyncio.gather(*(writes(writer) for writer in range(WRITERS)), seals())
    await journal.seal()
    verdict = await journal.verify(journal.kept)
    assert verdict.faults == []
    assert verdict.entries == WRITERS * sum(1 + n % 4 for n in range(EACH))
    assert verdict.chains == len(chains)
    assert await owner.fetchval("SELECT bool_and(number = sealed) FROM journal_head")
    await owner.close()


async def test_what_is_rolled_back_leaves_no_gap(journal: Journal) -> None:
    await journal.write(ALERTS[0])
    async with journal.database.connection() as connection:
        broken_off = connection.transaction()
        await broken_off.start()
        await connection.execute(
            "INSERT INTO journal (at, actor, alert_id, kind) VALUES (now(), 'x', $1, 'lost')",
            ALERTS[0],
        )
        await broken_off.rollback()
    await journal.write(ALERTS[0])
    assert [r["number"] for r in await rows(journal, "SELECT number FROM journal ORDER BY 1")] == [
        *(1, 2),
    ]
    assert (await journal.verify()).faults == []


@pytest.mark.parametrize("role", ["tgd_app", "tgd_redactor", None])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET actor = 'x'",
        "UPDATE journal SET salt = NULL, actor = NULL, details = NULL",
        "DELETE FROM journal",
        "TRUNCATE journal",
        "UPDATE journal_seal SET statement = ''",
        "DELETE FROM journal_seal_head",
        "TRUNCATE journal_seal, journal_seal_head",
        "INSERT INTO journal (at, actor, kind) VALUES (now(), 'x', 'redacted')",
    ],
)
async def test_nobody_changes_what_is_there(
    journal: Journal, role: str | None, statement: str
) -> None:
    await journal.write(None)
    await journal.seal()
    owner = await asyncpg.connect(journal.url)
    if role is not None:
        await owner.execute(f"SET ROLE {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute(statement)
    await owner.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal_head SET number = 7",
        "UPDATE journal_head SET hash = ''",
        "DELETE FROM journal_head",
        "INSERT INTO journal_head VALUES (gen_random_uuid(), 1, '')",
        "SELECT journal_redact(gen_random_uuid(), now(), now(), 'x', 'x')",
    ],
)
async def test_the_server_sets_no_head_and_redacts_nothing(
    journal: Journal, statement: str
) -> None:
    await journal.write(None)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await rows(journal, statement)


async def test_whatever_hashes_a_writer_gives_are_not_believed(journal: Journal) -> None:
    await rows(
        journal,
        "INSERT INTO journal (at, actor, kind, chain, number, salt, content, hash)"
        " VALUES (now(), 'x', 'y', gen_random_uuid(), 99, 'a', 'b', 'c')",
    )
    verdict = await journal.verify()
    assert (verdict.entries, verdict.faults) == (1, [])


# ── redaction ───────────────────────────────────────────────────────────────────────────


async def test_a_redaction_leaves_a_chain_that_verifies_and_says_nothing(journal: Journal) -> None:
    for _ in range(3):
        await journal.write(ALERTS[0], actor="operateur-1", heard="holder")
    await journal.seal()
    term = journal.clock.now() + timedelta(seconds=1)
    await journal.write(ALERTS[1], actor="operateur-1", heard="holder")
    await journal.write(ALERTS[0], actor="operateur-2", heard="child")
    assert await journal.redact(ALERTS[0], term) == 3
    assert await journal.redact(ALERTS[0], term) == 0
    found = await rows(journal, "SELECT * FROM journal WHERE chain = $1 ORDER BY number", ALERTS[0])
    assert [(r["number"], r["kind"], r["actor"], r["details"], r["salt"]) for r in found[:3]] == [
        (number, "press", None, None, None) for number in (1, 2, 3)
    ]
    assert found[3]["actor"] == "operateur-2"
    said = {"from": 1, "to": 3, "entries": 3, "ground": "term"}
    assert (found[4]["kind"], found[4]["actor"], found[4]["details"]) == (
        "redacted",
        "tgd:essai",
        said,
    )
    assert (await journal.verify(journal.kept)).faults == []
    # Again later: what is left goes, but for what says so.
    assert await journal.redact(ALERTS[0]) == 1
    await journal.seal()
    assert (await journal.verify(journal.kept)).faults == []
    kinds = await rows(
        journal, "SELECT kind FROM journal WHERE salt IS NOT NULL AND chain = $1", ALERTS[0]
    )
    assert {row["kind"] for row in kinds} == {"redacted"}


async def test_a_redaction_of_what_an_assignment_was(journal: Journal) -> None:
    await journal.write(ASSIGNMENTS[0], "renewed", "parquet")
    assert await journal.redact(ASSIGNMENTS[0]) == 1
    [proof] = await rows(journal, "SELECT * FROM journal WHERE kind = 'redacted'")
    assert (proof["assignment_id"], proof["chain"]) == (ASSIGNMENTS[0], ASSIGNMENTS[0])
    assert (await journal.verify()).faults == []


# ── what was there before ───────────────────────────────────────────────────────────────


async def test_what_an_older_version_has_written_is_chained(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chained = next(m for m in migrations() if m.name == "journal_chains")
    older = [m for m in migrations() if m.number < chained.number]
    with monkeypatch.context() as patch:
        patch.setattr("tgd.store.migrate.migrations", lambda: older)
        await migrate(empty_database)
    owner = await asyncpg.connect(empty_database)
    await owner.execute(
        "INSERT INTO journal (at, actor, alert_id, kind, details)"
        " SELECT now(), 'phone', CASE WHEN n % 3 > 0 THEN lpad(to_hex(n % 3), 32, '0')::uuid END,"
        " 'press', jsonb_build_object('n', n, 'é', 'à') FROM generate_series(1, 300) n"
    )
    before = await owner.fetch(
        "SELECT no, at, actor, alert_id, kind, details FROM journal ORDER BY no"
    )
    await migrate(empty_database)
    assert before == await owner.fetch(
        "SELECT no, at, actor, alert_id, kind, details FROM journal ORDER BY no"
    )
    assert await owner.fetchval(
        "SELECT bool_and(rank = number) FROM (SELECT number, row_number()"
        " OVER (PARTITION BY chain ORDER BY no) AS rank FROM journal) AS ranked"
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute("DELETE FROM journal")
    await owner.close()
    journal = await Journal(empty_database, tmp_path / "journal").open()
    await journal.write(None)
    verdict = await journal.verify()
    assert (verdict.entries, verdict.chains, verdict.faults) == (301, 3, [])
    await journal.database.close()


# ── checkpoints ─────────────────────────────────────────────────────────────────────────


async def test_a_checkpoint_vouches_for_what_has_gone_on_and_follows_from_the_last(
    journal: Journal,
) -> None:
    assert await journal.seal() is None
    await journal.write(ALERTS[0])
    await journal.write(ALERTS[1])
    first = await journal.seal()
    await journal.write(ALERTS[1])
    second = await journal.seal()
    assert await journal.seal() is None
    assert first is not None
    assert second is not None
    assert [Seal.read(seal.statement).chains for seal in (first, second)] == [2, 1]
    assert is_signed(first, journal.trusted)
    [file] = journal.folder.glob("checkpoints-*.jsonl")
    assert [Signed.read(line) for line in file.read_text().splitlines()] == [first, second]
    assert json.loads(file.read_text().splitlines()[0])["statement"] == first.statement


async def test_many_chains_are_sealed_a_few_at_a_time(journal: Journal) -> None:
    few = Sealing(
        journal.database, journal.clock, Metrics(), journal.folder, timedelta(hours=1), at_once=2
    )
    for chain in (*ALERTS, None):
        await journal.write(chain)
    last = await few.seal()
    assert last is not None
    assert last.no == 3
    verdict = await journal.verify()
    assert (verdict.seals, verdict.faults) == (3, [])
    assert await few.seal() is None


async def test_two_servers_seal_in_turn(journal: Journal) -> None:
    other = await Journal(journal.url, journal.folder).open()
    for n in range(10):
        await journal.write(ALERTS[n % 3])
        await asyncio.gather(journal.seal(), other.seal())
    verdict = await journal.verify([*journal.kept, *other.kept])
    assert (verdict.seals, verdict.faults) == (10, [])
    await other.database.close()


async def test_sealing_waits_for_no_writer(journal: Journal) -> None:
    await journal.write(ALERTS[0])
    await journal.write(ALERTS[1])
    async with journal.database.transaction() as writing:
        await writing.execute(
            "INSERT INTO journal (at, actor, alert_id, kind) VALUES (now(), 'x', $1, 'late')",
            ALERTS[0],
        )
        async with asyncio.timeout(120):
            made = await journal.seal()
    assert made is not None
    assert Seal.read(made.statement).chains == 1
    assert Seal.read((await journal.seal() or made).statement).no == 2
    assert (await journal.verify(journal.kept)).faults == []


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    made = Signer(tmp_path)
    assert stat.S_IMODE((tmp_path / PRIVATE).stat().st_mode) == 0o600
    assert Signer(tmp_path).public_key == made.public_key
    os.chmod(tmp_path / PRIVATE, 0o640)  # noqa: PTH101  plainly
    with pytest.raises(NoSigningKey, match="can be read by others"):
        Signer(tmp_path)
    (tmp_path / PRIVATE).chmod(0o600)
    (tmp_path / PRIVATE).write_text("none")
    with pytest.raises(NoSigningKey, match="holds no private key"):
        Signer(tmp_path)


def test_it_is_read_by_its_chains_which_have_the_index() -> None:
    folder = resources.files("tgd.store").joinpath("sql")
    found = [
        name
        for file in folder.iterdir()
        for name, text in statements(file.name.removesuffix(".sql")).items()
        if re.search(r"FROM journal j\b[^()]*\balert_id (=|IN)", text)
    ]
    assert found == []
