"""Ways to tamper with the journal, as whoever owns the database: each is found.

Short by default; ``TEST_TAMPERINGS=1000`` is the long form.

Each is done inside a transaction with triggers off, looked at, and undone. Who knows how hashes are
made may make them anew: then it is the checkpoints that tell, and, once those are gone too, their
copies outside.
"""

import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from journals import ALERTS, ASSIGNMENTS, Journal

from tgd.ledger import (
    NOTHING,
    SYSTEM,
    Entry,
    Fault,
    Head,
    Seal,
    chain_hash,
    content_hash,
    digest,
    heads_digest,
)

TIMES = int(os.environ.get("TEST_TAMPERINGS", "150"))
SEED = 20300115
ALL = [*ALERTS, *ASSIGNMENTS, SYSTEM]

Found = Callable[[list[Fault]], bool]


@dataclass
class Attack:
    """The attacker's hands: the owner's connection, inside a transaction."""

    owner: asyncpg.Connection
    chance: random.Random
    journal: Journal

    async def do(self, statement: str, *values: object) -> None:
        assert await self.owner.execute(statement, *values) not in {"UPDATE 0", "DELETE 0"}

    async def entries(self, chain: UUID) -> list[asyncpg.Record]:
        return await self.owner.fetch(
            "SELECT *, details::text AS text FROM journal WHERE chain = $1 ORDER BY number", chain
        )

    async def one(self, *, redacted: bool | None = None) -> asyncpg.Record:
        """An entry by chance."""
        rows = await self.owner.fetch("SELECT * FROM journal ORDER BY no")
        rows = [r for r in rows if redacted is None or (r["salt"] is None) == redacted]
        return self.chance.choice(rows)

    async def remake(self, chain: UUID, since: int) -> None:
        """Make hashes anew from an entry on, and the head."""
        rows = await self.owner.fetch(
            "SELECT chain, number, no, timestamptz_send(at) AS at, alert_id, assignment_id, kind,"
            " actor, details::text AS details, salt, content, hash"
            " FROM journal WHERE chain = $1 ORDER BY number",
            chain,
        )
        previous = NOTHING
        for row in rows:
            entry = Entry(*row)
            if row["number"] >= since:
                content = entry.content
                if entry.salt is not None:
                    content = content_hash(entry.salt, entry.actor or "", entry.details or "")
                entry = entry._replace(content=content)
                entry = entry._replace(hash=chain_hash(previous, entry))
                await self.do(
                    "UPDATE journal SET content = $2, hash = $3 WHERE no = $1",
                    *(entry.no, entry.content, entry.hash),
                )
            previous = entry.hash
        await self.do(
            "UPDATE journal_head SET number = $2, hash = $3 WHERE chain = $1",
            *(chain, rows[-1]["number"], previous),
        )


def at(chain: UUID, number: int) -> Found:
    """The first bad entry of this chain is this one, or one whose redaction stood later."""
    return lambda faults: any(
        f.chain == chain
        and (f.number == number or ("emptied" in f.what and (f.number or 0) < number))
        for f in faults
    )


def of(chain: UUID | None, least: int = 0) -> Found:
    """Something is wrong with this chain (None: with a checkpoint), not before that number."""
    return lambda faults: any(f.chain == chain and (f.number or least) >= least for f in faults)


def outside(found: Found) -> Found:
    """Told by the copies kept outside alone."""
    found.outside = True  # type: ignore[attr-defined]
    return found


# ── entries ─────────────────────────────────────────────────────────────────────────────

COLUMNS = {
    "at": "at + interval '1 microsecond'",
    "no": "no + 100000",
    "kind": "kind || 'x'",
    "alert_id": "CASE WHEN alert_id IS NULL THEN gen_random_uuid() END",
    "assignment_id": "CASE WHEN assignment_id IS NULL THEN gen_random_uuid() END",
    "content": "sha256(content)",
    "hash": "sha256(hash)",
}
SAID = {
    "actor": "actor || 'x'",
    "details": "details || '{\"x\": 1}'",
    "salt": "uuid_send(gen_random_uuid())",
}


async def changes_a_column(attack: Attack) -> Found:
    row = await attack.one()
    column = attack.chance.choice(list(COLUMNS))
    await attack.do(f"UPDATE journal SET {column} = {COLUMNS[column]} WHERE no = $1", row["no"])  # noqa: S608  as above
    return at(row["chain"], row["number"])


async def changes_what_it_says(attack: Attack) -> Found:
    row = await attack.one(redacted=False)
    column = attack.chance.choice(list(SAID))
    await attack.do(f"UPDATE journal SET {column} = {SAID[column]} WHERE no = $1", row["no"])  # noqa: S608  as above
    return at(row["chain"], row["number"])


async def writes_into_what_was_redacted(attack: Attack) -> Found:
    row = await attack.one(redacted=True)
    salt = attack.chance.choice([None, uuid4().bytes])
    statement = "UPDATE journal SET actor = 'x', details = '{}', salt = $2 WHERE no = $1"
    await attack.do(statement, row["no"], salt)
    return at(row["chain"], row["number"])


async def changes_a_number(attack: Attack) -> Found:
    row = await attack.one()
    last = len(await attack.entries(row["chain"]))
    number = attack.chance.choice([n for n in range(-1, last + 3) if n != row["number"]])
    await attack.do("UPDATE journal SET number = $2 WHERE no = $1", row["no"], number)
    bad = row["number"] if number > row["number"] else max(1, number + 1)
    return at(row["chain"], bad)


async def moves_to_another_chain(attack: Attack) -> Found:
    row = await attack.one()
    other = attack.chance.choice([c for c in ALL if c != row["chain"]])
    await attack.do("UPDATE journal SET chain = $2 WHERE no = $1", row["no"], other)
    return at(row["chain"], row["number"])


async def swaps_what_two_say(attack: Attack) -> Found:
    one = await attack.one(redacted=False)
    two = await attack.one(redacted=False)
    while two["no"] == one["no"]:
        two = await attack.one(redacted=False)
    for target, source in ((one, two), (two, one)):
        await attack.do(
            "UPDATE journal SET actor = $2, details = $3::text::jsonb, salt = $4, content = $5"
            " WHERE no = $1",
            *(target["no"], source["actor"], source["details"], source["salt"], source["content"]),
        )
    bad = min((one, two), key=lambda row: (row["chain"] != one["chain"], row["number"]))
    return at(bad["chain"], bad["number"])


async def swaps_two_places(attack: Attack) -> Found:
    row = await attack.one()
    rows = await attack.entries(row["chain"])
    one, two = sorted(attack.chance.sample(rows, 2), key=lambda r: r["number"])
    await attack.do("UPDATE journal SET number = -1 WHERE no = $1", one["no"])
    await attack.do("UPDATE journal SET number = $2 WHERE no = $1", two["no"], one["number"])
    await attack.do("UPDATE journal SET number = $2 WHERE no = $1", one["no"], two["number"])
    return at(row["chain"], one["number"])


async def deletes_one(attack: Attack) -> Found:
    row = await attack.one()
    await attack.do("DELETE FROM journal WHERE no = $1", row["no"])
    return at(row["chain"], row["number"])


async def deletes_one_and_closes_up(attack: Attack) -> Found:
    """With hashes made anew: the first entry after it that a checkpoint vouches for tells."""
    row = await attack.one()
    rows = await attack.entries(row["chain"])
    if len(rows) == 1:
        return await deletes_one(attack)
    await attack.do("DELETE FROM journal WHERE no = $1", row["no"])
    if row["number"] < len(rows):
        await attack.do(
            "UPDATE journal SET number = number - 1 WHERE chain = $1 AND number > $2",
            *(row["chain"], row["number"]),
        )
    await attack.remake(row["chain"], 1)
    return of(row["chain"], row["number"])


async def rewrites_from_here_on(attack: Attack) -> Found:
    row = await attack.one(redacted=False)
    statement = "UPDATE journal SET actor = 'somebody else' WHERE no = $1"
    await attack.do(statement, row["no"])
    await attack.remake(row["chain"], row["number"])
    return of(row["chain"], row["number"])


async def inserts(attack: Attack) -> Found:
    """Between two, or at the end, with what hashes come to hand."""
    row = await attack.one()
    last = len(await attack.entries(row["chain"]))
    number = attack.chance.randint(1, last + 1)
    if number <= last:
        await attack.do(
            "UPDATE journal SET number = number + 1 WHERE chain = $1 AND number >= $2",
            *(row["chain"], number),
        )
    await copy(attack, row, number=number)
    return at(row["chain"], number)


async def repeats(attack: Attack) -> Found:
    row = await attack.one()
    await copy(attack, row)
    return at(row["chain"], row["number"] + 1)


async def adds_at_the_end_by_the_rules(attack: Attack) -> Found:
    """The trigger's work done by hand, but for the head."""
    row = await attack.one(redacted=False)
    rows = await attack.entries(row["chain"])
    await copy(attack, row, number=len(rows) + 1)
    head = await attack.owner.fetchrow("SELECT * FROM journal_head WHERE chain = $1", row["chain"])
    await attack.remake(row["chain"], len(rows) + 1)
    await attack.do(
        "UPDATE journal_head SET number = $2, hash = $3 WHERE chain = $1",
        *(row["chain"], head["number"], head["hash"]),
    )
    return at(row["chain"], len(rows) + 1)


async def empties_one(attack: Attack) -> Found:
    row = await attack.one(redacted=False)
    await attack.do(
        "UPDATE journal SET actor = NULL, details = NULL, salt = NULL WHERE no = $1", row["no"]
    )
    return of(row["chain"], row["number"])


async def copy(attack: Attack, row: asyncpg.Record, **changes: Any) -> None:
    values = {**dict(row), **changes}
    values.pop("text", None)
    values["no"] = await attack.owner.fetchval("SELECT max(no) + 1 FROM journal")
    names = ", ".join(values)
    places = ", ".join(
        f"${n}::text::jsonb" if name == "details" else f"${n}" for n, name in enumerate(values, 1)
    )
    await attack.owner.execute(
        f"INSERT INTO journal ({names}) OVERRIDING SYSTEM VALUE VALUES ({places})",  # noqa: S608  its own names
        *values.values(),
    )


# ── chains ──────────────────────────────────────────────────────────────────────────────


async def cuts_off_the_end(attack: Attack) -> Found:
    """With the head set back or not, and perhaps what checkpoints say of it taken away too."""
    row = await attack.one()
    chain, rows = row["chain"], await attack.entries(row["chain"])
    since = attack.chance.randint(2, len(rows)) if len(rows) > 1 else 1
    await attack.do("DELETE FROM journal WHERE chain = $1 AND number >= $2", chain, since)
    if since == 1 or attack.chance.random() < 0.3:
        return at(chain, since)
    await attack.do(
        "UPDATE journal_head SET number = $2, hash = $3, sealed = least(sealed, $2)"
        " WHERE chain = $1",
        *(chain, since - 1, rows[since - 2]["hash"]),
    )
    if attack.chance.random() < 0.5:
        return at(chain, since)
    await attack.do("DELETE FROM journal_seal_head WHERE chain = $1 AND number >= $2", chain, since)
    return of(None)


async def takes_a_chain_away(attack: Attack) -> Found:
    chain = attack.chance.choice(ALL)
    await attack.do("DELETE FROM journal WHERE chain = $1", chain)
    how = attack.chance.randint(0, 2)
    if how > 0:
        await attack.do("DELETE FROM journal_head WHERE chain = $1", chain)
    if how > 1:
        await attack.do("DELETE FROM journal_seal_head WHERE chain = $1", chain)
        return of(None)
    return at(chain, 1)


async def copies_a_chain(attack: Attack) -> Found:
    chain, new = attack.chance.choice(ALERTS), uuid4()
    about = attack.chance.choice([chain, new])
    for row in await attack.entries(chain):
        await copy(attack, row, chain=new, alert_id=about)
    if attack.chance.random() < 0.5:
        await attack.owner.execute(
            "INSERT INTO journal_head SELECT $2, number, hash, 0"
            " FROM journal_head WHERE chain = $1",
            *(chain, new),
        )
    return at(new, 1)


async def changes_a_head(attack: Attack) -> Found:
    chain = attack.chance.choice(ALL)
    change = attack.chance.choice(
        ["number = number + 1", "number = number - 1", "hash = sha256(hash)", "sealed = sealed + 1"]
    )
    await attack.do(f"UPDATE journal_head SET {change} WHERE chain = $1", chain)  # noqa: S608  as above
    return of(chain)


async def removes_a_head(attack: Attack) -> Found:
    chain = attack.chance.choice(ALL)
    await attack.do("DELETE FROM journal_head WHERE chain = $1", chain)
    return of(chain)


# ── checkpoints ─────────────────────────────────────────────────────────────────────────


async def changes_a_checkpoint(attack: Attack) -> Found:
    no = attack.chance.choice(attack.journal.kept).no
    change = attack.chance.choice(
        [
            "statement = replace(statement, '2030', '2031')",
            "statement = statement || 'x'",
            "statement = ''",
            "signature = sha256(signature)",
            "public_key = sha256(public_key)",
            "no = no + 100",
        ]
    )
    await attack.do(f"UPDATE journal_seal SET {change} WHERE no = $1", no)  # noqa: S608  as above
    return of(None)


async def changes_what_it_vouches_for(attack: Attack) -> Found:
    heads = await attack.owner.fetch("SELECT * FROM journal_seal_head ORDER BY seal_no, chain")
    head = attack.chance.choice(heads)
    change = attack.chance.choice(
        [
            "UPDATE journal_seal_head SET hash = sha256(hash)",
            "UPDATE journal_seal_head SET number = number + 1000",
            "UPDATE journal_seal_head SET chain = gen_random_uuid()",
            "UPDATE journal_seal_head SET seal_no = seal_no + 1",
            "DELETE FROM journal_seal_head",
        ]
    )
    where = " WHERE chain = $1 AND number = $2"
    await attack.do(change + where, head["chain"], head["number"])
    return of(None)


async def removes_a_checkpoint(attack: Attack) -> Found:
    """Not the last one, with or without what it vouches for."""
    no = attack.chance.choice(attack.journal.kept[:-1]).no
    await attack.do("DELETE FROM journal_seal WHERE no = $1", no)
    if attack.chance.random() < 0.5:
        await attack.do("DELETE FROM journal_seal_head WHERE seal_no = $1", no)
    return of(None)


async def removes_the_last_checkpoints(attack: Attack) -> Found:
    """What the heads say of having been sealed tells, unless it is set back too."""
    since = attack.chance.randint(1, len(attack.journal.kept))
    await attack.do("DELETE FROM journal_seal WHERE no >= $1", since)
    if attack.chance.random() < 0.3:
        return of(None)
    await attack.do("DELETE FROM journal_seal_head WHERE seal_no >= $1", since)
    if attack.chance.random() < 0.5:
        return lambda faults: any(fault.chain in ALL for fault in faults)
    await attack.do(
        "UPDATE journal_head h SET sealed = coalesce("
        "(SELECT max(number) FROM journal_seal_head s WHERE s.chain = h.chain), 0)"
    )
    return outside(of(None))


async def sets_everything_back(attack: Attack) -> Found:
    """As an older backup would: to the moment of a checkpoint, and all of it fits."""
    no = attack.journal.kept[-2].no
    await attack.do("DELETE FROM journal_seal WHERE no > $1", no)
    await attack.do("DELETE FROM journal_seal_head WHERE seal_no > $1", no)
    await attack.do(
        "DELETE FROM journal j WHERE number > coalesce("
        "(SELECT max(number) FROM journal_seal_head s WHERE s.chain = j.chain), 0)"
    )
    await attack.do("DELETE FROM journal_head")
    await attack.do(
        "INSERT INTO journal_head SELECT DISTINCT ON (chain) chain, number, hash, number"
        " FROM journal ORDER BY chain, number DESC"
    )
    return outside(of(None))


async def signs_with_a_key_of_his_own(attack: Attack) -> Found:
    """A chain rewritten whole, and every checkpoint made anew: all of it fits, but for the key."""
    row = await attack.one(redacted=False)
    await attack.do("UPDATE journal SET actor = 'nobody' WHERE no = $1", row["no"])
    await attack.remake(row["chain"], 1)
    await attack.do(
        "UPDATE journal_seal_head s SET hash = j.hash FROM journal j"
        " WHERE j.chain = s.chain AND j.number = s.number"
    )
    key = Ed25519PrivateKey.generate()
    previous = NOTHING
    for old in await attack.owner.fetch("SELECT * FROM journal_seal ORDER BY no"):
        heads = [
            Head(*head)
            for head in await attack.owner.fetch(
                "SELECT chain, number, hash FROM journal_seal_head"
                " WHERE seal_no = $1 ORDER BY chain",
                old["no"],
            )
        ]
        was = Seal.read(old["statement"])
        seal = Seal(was.no, was.at, previous, len(heads), heads_digest(heads))
        previous = digest(seal.statement)
        named = attack.chance.choice([key.public_key().public_bytes_raw(), old["public_key"]])
        await attack.do(
            "UPDATE journal_seal SET statement = $2, signature = $3, public_key = $4 WHERE no = $1",
            *(old["no"], seal.statement, key.sign(seal.statement.encode()), named),
        )
    return of(None)


WAYS: dict[Callable[[Attack], Awaitable[Found]], int] = {
    changes_a_column: 8,
    changes_what_it_says: 6,
    writes_into_what_was_redacted: 2,
    changes_a_number: 4,
    moves_to_another_chain: 3,
    swaps_what_two_say: 4,
    swaps_two_places: 4,
    deletes_one: 5,
    deletes_one_and_closes_up: 4,
    rewrites_from_here_on: 5,
    inserts: 4,
    repeats: 2,
    adds_at_the_end_by_the_rules: 2,
    empties_one: 3,
    cuts_off_the_end: 6,
    takes_a_chain_away: 4,
    copies_a_chain: 3,
    changes_a_head: 4,
    removes_a_head: 2,
    changes_a_checkpoint: 4,
    changes_what_it_vouches_for: 4,
    removes_a_checkpoint: 3,
    removes_the_last_checkpoints: 4,
    sets_everything_back: 2,
    signs_with_a_key_of_his_own: 2,
}


@pytest.fixture
async def journal(database: str, tmp_path: Path) -> AsyncIterator[Journal]:
    """Eight chains, five checkpoints, the last over all there is, and a redaction."""
    made = await Journal(database, tmp_path / "journal").open()
    chance = random.Random(SEED)
    for _ in range(4):
        for chain in ALL:
            for _ in range(chance.randint(0, 2)):
                kind = chance.choice(["press", "voice", "verdict"])
                await made.write(chain, kind, n=chance.random())
        if len(made.kept) == 3:
            assert await made.redact(ALERTS[0]) > 1
        await made.seal()
    await made.write(ASSIGNMENTS[0], "renewed", "parquet", until="2030-07-15")
    await made.write(ALERTS[0], "report_read", "auditeur")
    await made.seal()
    yield made
    await made.database.close()


async def test_every_tampering_is_found_with_the_first_bad_entry_named(journal: Journal) -> None:
    chance = random.Random(SEED)
    owner = await asyncpg.connect(journal.url)
    await owner.execute(
        "SET session_replication_role = replica;"
        " ALTER TABLE journal DROP CONSTRAINT journal_is_whole; DROP INDEX journal_chain;"
        " ALTER TABLE journal ALTER COLUMN no DROP IDENTITY"
    )
    async with owner.transaction():
        assert (await journal.verify(journal.kept, owner)).faults == []
    ways = chance.choices(list(WAYS), list(WAYS.values()), k=TIMES)
    assert set(ways) == set(WAYS)
    for number, way in enumerate(ways):
        undone = owner.transaction()
        await undone.start()
        found = await way(Attack(owner, chance, journal))
        faults = (await journal.verify((), owner)).faults
        if getattr(found, "outside", False):
            assert faults == [], (number, way.__name__)
            faults = (await journal.verify(journal.kept, owner)).faults
        assert found(faults), (number, way.__name__, faults)
        await undone.rollback()
    async with owner.transaction():
        assert (await journal.verify(journal.kept, owner)).faults == []
    await owner.close()
