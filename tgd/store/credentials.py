"""Phones' credentials as the register has them; the broker is made to say the same.

Serves arrow 1 before its first metre. Secrets come and go sealed: opening them is left to whoever
holds the master secret. A credential that has ended has no secrets any more and never comes back;
the database sees to both, and to the end of what a returned phone could come in with.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from tgd.store.db import Connection, sql

Ending = Literal["ended", "compromised"]


class Credential(NamedTuple):
    """What every broker is to say of one phone; ``password`` is sealed, None once it has ended."""

    id: UUID
    device: str
    serial: str
    state: str
    password: bytes | None
    settled_at: datetime | None


class MacKey(NamedTuple):
    """The sealed key of one phone's messages."""

    id: UUID
    device: str
    sealed: bytes


class Listed(NamedTuple):
    """One phone of the register and its latest credential, if it ever had one."""

    device: str
    serial: str | None
    state: str | None
    issued_at: datetime | None
    expires_at: datetime | None
    settled_at: datetime | None


class Figures(NamedTuple):
    """Phones never enrolled, certificates soon expired, changes that a broker does not say yet."""

    without: int
    expiring: int
    unsettled: int


async def has_active(connection: Connection, device: str) -> bool:
    """Say whether the phone has a credential, and keep others from giving or ending one."""
    return await connection.fetchrow(sql("credentials", "active"), device) is not None


async def add(
    connection: Connection,
    *,
    credential: UUID,
    device: str,
    serial: str,
    password: bytes,
    mac_key: bytes,
    issued_at: datetime,
    issued_by: str,
    expires_at: datetime,
) -> None:
    """Enter a new credential; ``password`` and ``mac_key`` are sealed for it."""
    await connection.execute(
        sql("credentials", "add"),
        *(credential, device, serial, password, mac_key, issued_at, issued_by, expires_at),
    )


async def rotate(connection: Connection, device: str, at: datetime, by: str) -> None:
    """End the phone's credential because another takes its place in the same transaction."""
    await connection.execute(sql("credentials", "rotate"), device, at, by)


async def end(connection: Connection, device: str, state: Ending, at: datetime, by: str) -> int:
    """End whatever the phone comes in with, tokens too; return how many credentials ended."""
    ended: int = await connection.fetchval(sql("credentials", "end"), device, state, at, by)
    return ended


async def register(connection: Connection) -> list[Credential]:
    """Return the latest credential of each phone that ever had one."""
    return [Credential(*row) for row in await connection.fetch(sql("credentials", "register"))]


async def settle(connection: Connection, said: Sequence[Credential], at: datetime) -> None:
    """Note that every broker now says the same of these."""
    ids, states = [one.id for one in said], [one.state for one in said]
    await connection.execute(sql("credentials", "settle"), ids, states, at)


async def mac_keys(connection: Connection) -> list[MacKey]:
    """Return the key of each phone's messages."""
    return [MacKey(*row) for row in await connection.fetch(sql("credentials", "mac_keys"))]


async def listed(connection: Connection) -> list[Listed]:
    """Return every phone of the register."""
    return [Listed(*row) for row in await connection.fetch(sql("credentials", "listed"))]


async def figures(connection: Connection, expires_before: datetime) -> Figures:
    """Count what somebody should look after."""
    row = await connection.fetchrow(sql("credentials", "figures"), expires_before)
    return Figures(*row) if row is not None else Figures(0, 0, 0)
