"""Erasure by term: what one row of the table of terms is about, and began so long ago, goes.

Serves the flow ``forget``. It is done by the role that redacts the journal: the server itself may
delete no alert, press or assignment. Which terms there are is the table's (``platform.terms``).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from tgd.store.db import Connection, sql, statements

CHAINS = "chains_"


class Went(NamedTuple):
    """How much went, by what it was; and the keys that are to be erased from the key store."""

    counts: Mapping[str, int]
    dead: list[bytes]


def known() -> set[str]:
    """Return the codes that something here can carry out."""
    return {name.removeprefix(CHAINS) for name in statements("terms")}


def is_chains(code: str) -> bool:
    """Say whether a code is about chains of the journal, which are redacted, not deleted."""
    return CHAINS + code in statements("terms")


async def erase(
    transaction: Connection, code: str, before: datetime, *, hold: bool, begins: str | None = None
) -> Went:
    """Erase what began before that, at most some hundreds; ``hold``: not what is held."""
    text = sql("terms", code)
    values = [before, *([hold] if "$2" in text else []), *([begins] if "$3" in text else [])]
    await transaction.execute(sql("journal", "become_redactor"))
    row = await transaction.fetchrow(text, *values)
    await transaction.execute(sql("journal", "become_server"))
    return Went(row["counts"], row["dead"]) if row else Went({}, [])


async def chains(connection: Connection, code: str, before: datetime, *, hold: bool) -> list[UUID]:
    """Return chains of which something is to be redacted, at most some hundreds."""
    rows = await connection.fetch(sql("terms", CHAINS + code), before, hold)
    return [row["id"] for row in rows]


async def sooner(connection: Connection, shortest: timedelta) -> None:
    """Have alerts looked at by the shortest term, where that is shorter than they assume."""
    await connection.execute(sql("terms", "sooner"), shortest)
