"""Conflicts of interest as rows: which locks stand, and whom a thing is about.

Serves whoever shows, rings or sends. The rule is ``tgd.conflict``'s. A lock on a person holds for
those who are linked to her as well: a child's alert is her mother's.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

from tgd.conflict import Lock, Locks
from tgd.store.db import Connection, sql

THINGS: Final[Mapping[str, type]] = MappingProxyType(
    {
        **dict.fromkeys(("alerts", "recontacts", "assignments", "beneficiaries"), UUID),
        **dict.fromkeys(("requests", "releases"), UUID),
        "devices": str,
    }
)
"""What is about a person, and how it is named."""


async def standing(connection: Connection) -> Locks:
    """Return every lock that stands."""
    by_person: dict[UUID, set[Lock]] = {}
    for row in await connection.fetch(sql("conflicts", "standing")):
        by_person.setdefault(row["beneficiary_id"], set()).add(Lock(row["kind"], row["value"]))
    sites: dict[str, str] = {}
    if any(lock.kind == "site" for locks in by_person.values() for lock in locks):
        rows = await connection.fetch(sql("conflicts", "sites"))
        sites = {row["username"]: row["site"] for row in rows}
    return Locks({who: frozenset(locks) for who, locks in by_person.items()}, sites)


async def persons(connection: Connection, things: str, ids: Sequence[UUID | str]) -> set[UUID]:
    """Return whom these things are about; ``things`` is one of ``THINGS``."""
    rows = await connection.fetch(sql("conflicts", f"of_{things}"), list(ids))
    return {row[0] for row in rows}


class AtStake(NamedTuple):
    """An open alert of a person of whom somebody may not know.

    ``waits``: for somebody to take it; ``passed_over``: it rings everyone, a superior is called;
    ``rooms`` that are told of it, each with its institution.
    """

    id: UUID
    person: UUID
    waits: bool
    holder: str | None
    offered_to: str | None
    passed_over: bool
    rooms: list[tuple[str, str]]


class Operator(NamedTuple):
    """Somebody who may read alerts; ``first``: is rung first."""

    name: str
    role: str
    first: bool | None
    there: bool


async def at_stake(connection: Connection, persons: Sequence[UUID]) -> list[AtStake]:
    """Return the open alerts of these persons."""
    rows = await connection.fetch(sql("conflicts", "at_stake"), persons)
    return [AtStake(*row) for row in rows]


async def readers(connection: Connection, seen_since: datetime) -> list[Operator]:
    """Return everybody who may read alerts."""
    rows = await connection.fetch(sql("conflicts", "readers"), seen_since)
    return [Operator(*row) for row in rows]


async def in_alert(connection: Connection, person: UUID) -> bool:
    """Say whether an alert of hers is open."""
    return bool(await at_stake(connection, [person]))


async def note_lookup(
    connection: Connection, person: UUID, now: datetime, reader: str, things: str
) -> bool:
    """Journal that a locked reader has looked; False where the lock is younger than a minute."""
    done: str = await connection.execute(
        sql("conflicts", "note_lookup"), person, now, reader, things
    )
    return done.endswith(" 1")
