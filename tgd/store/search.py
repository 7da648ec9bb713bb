"""Persons and phones found by keyed hash: nothing is compared in clear.

Serves the prosecutor's office, and whatever is told a telephone number and wants to know the phone.
The hashes are made by whoever holds the master secret (``tgd.sim``, ``platform.persons``).
"""

from tgd.store.db import Connection, sql
from tgd.store.stock import Row


async def persons(
    connection: Connection, name: bytes | None, number: bytes | None, tribunal: str | None
) -> list[Row]:
    """Return persons by the hash of a name or of their phone's number; None: not by that."""
    rows = await connection.fetch(sql("search", "persons"), name, number, tribunal)
    return [dict(row) for row in rows]


async def phone(connection: Connection, number: bytes) -> str | None:
    """Return the phone with the number of this hash."""
    found: str | None = await connection.fetchval(sql("search", "by_number"), number)
    return found
