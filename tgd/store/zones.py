"""Numbered sets of zones: imported whole, checked before, at most one in force.

Serves press → dispatch: `platform.territory` reads the set in force from here into its index. A set
is never changed, so a reader who pages through one reads one territory, whatever is activated
meanwhile. `KEPT` sets besides the one in force stay for a return; older ones go when another
comes. Reading files and judging them is left to `geo`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tgd.errors import NotFound
from tgd.geo.zones import Zone
from tgd.store.db import Connection, sql

KEPT = 5
"""Sets that are kept besides the one in force."""

_LONG_S = 300.0
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Service:
    """Police or gendarmerie: id in the ministry's table, institution "PN" or "GN", name."""

    id: str
    institution: str
    name: str


@dataclass(frozen=True, slots=True)
class SetRow:
    """A set as it stands in the list; `sources` are name and SHA-256 of each file."""

    no: int
    name: str
    imported_at: datetime
    activated_at: datetime | None
    active: bool
    sources: list[dict[str, str]]
    findings: list[dict[str, Any]]
    zones: int
    services: int


async def add(
    connection: Connection,
    *,
    name: str,
    now: datetime,
    sources: Sequence[Mapping[str, str]],
    findings: Sequence[Mapping[str, Any]],
    zones: Sequence[Zone],
    services: Sequence[Service],
) -> tuple[int, list[int]]:
    """Store a set, not in force; return its number and those of the sets dropped for it.

    To be called inside a transaction.
    """
    await connection.execute(sql("zones", "one_import_at_a_time"))
    head = (name, now, list(sources), list(findings), len(zones), len(services))
    no: int = await connection.fetchval(sql("zones", "add_set"), *head)
    await connection.copy_records_to_table(
        "zone_service",
        records=[(no, one.id, one.institution, one.name) for one in services],
        columns=("set_no", "id", "institution", "name"),
        timeout=_LONG_S,
    )
    await connection.copy_records_to_table(
        "zone",
        records=((no, one.code, one.name, one.service, one.shape) for one in zones),
        columns=("set_no", "code", "name", "service", "shape"),
        timeout=_LONG_S,
    )
    dropped = await connection.fetch(sql("zones", "drop_old"), KEPT, timeout=_LONG_S)
    return no, sorted(row["no"] for row in dropped)


async def activate(connection: Connection, no: int, now: datetime) -> None:
    """Put a set in force and tell the servers; raises `NotFound`. Inside a transaction."""
    await connection.execute(sql("zones", "one_import_at_a_time"))
    await connection.execute(sql("zones", "deactivate"))
    if await connection.execute(sql("zones", "activate"), no, now) == "UPDATE 0":
        raise NotFound(f"zone set {no}")
    await connection.execute(sql("zones", "say"))


async def sets(connection: Connection) -> list[SetRow]:
    """Return every set, the latest first."""
    return [SetRow(**row) for row in await connection.fetch(sql("zones", "sets"))]


async def active(connection: Connection) -> int | None:
    """Return the number of the set in force."""
    no: int | None = await connection.fetchval(sql("zones", "active"))
    return no


async def pages(connection: Connection, no: int) -> AsyncIterator[list[Zone]]:
    """Read a set's zones by code, some at a time: whoever shares the event loop goes on between."""
    institutions = {one.id: one.institution for one in await services(connection, no)}
    after = ""
    while rows := await connection.fetch(sql("zones", "page"), no, after, _PAGE):
        yield [
            Zone(code, name, service, institutions.get(service), shape)
            for code, name, service, shape in rows
        ]
        after = rows[-1]["code"]


async def services(connection: Connection, no: int) -> list[Service]:
    """Return a set's services, by id."""
    return [Service(**row) for row in await connection.fetch(sql("zones", "services"), no)]


async def without_room(connection: Connection, no: int) -> list[Service]:
    """Return the set's services that have a commune and no control room, by id."""
    used, rooms = await _used(connection, no), await _rooms(connection)
    bare = used - {service for answered in rooms.values() for service in answered}
    return [one for one in await services(connection, no) if one.id in bare]


async def without_zone(connection: Connection, no: int) -> dict[str, list[str]]:
    """Return, of each room that has some, the services that no commune of the set has."""
    used, rooms = await _used(connection, no), await _rooms(connection)
    idle = {room: sorted(set(answered) - used) for room, answered in rooms.items()}
    return {room: useless for room, useless in idle.items() if useless}


async def _used(connection: Connection, no: int) -> set[str]:
    # Compared here and not by the database, whose statistics know nothing of a set just stored.
    rows = await connection.fetch(sql("zones", "used"), no, timeout=_LONG_S)
    return {row["service"] for row in rows}


async def _rooms(connection: Connection) -> dict[str, list[str]]:
    return {row["id"]: row["services"] for row in await connection.fetch(sql("zones", "rooms"))}
