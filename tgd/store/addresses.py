"""Addresses as rows: public points in the cells of a grid, a department at a time.

Serves arrow 2, which is told the address nearest to a position. A database may log the parameters
of what it is asked: so it is asked for whole cells, never with a position, and which address is the
nearest is found by ``platform.address``. Reading the files is left to the command line.

The grid: cells of 1/500 of a degree, 222 m from south to north and about 150 m from west to east in
France, numbered row by row from the south-west.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from tgd.store.db import Connection, sql

CELLS_PER_DEGREE: Final = 500
_ROW: Final = 1 << 18  # more than the cells around the Earth
_EQUATOR: Final = 90 * CELLS_PER_DEGREE
_HEIGHT_M: Final = 110_500.0 / CELLS_PER_DEGREE  # a little less than it is anywhere
_COPY_S: Final = 600.0


class AddressRow(NamedTuple):
    """One point: WGS 84 degrees and what to call it."""

    lat: float
    lon: float
    label: str


Point: TypeAlias = Sequence[Any]
"""An ``AddressRow``, or a row of the database in its order: of a thousand, one is of interest."""


@dataclass(frozen=True, slots=True)
class Extract:
    """What has been imported of a department."""

    department: str
    addresses: int
    imported_at: datetime


def cell(lat: float, lon: float) -> int:
    """Return the number of the cell in which a point lies."""
    return math.floor(_north(lat)) * _ROW + math.floor(_east(lon))


def edge_m(lat: float, lon: float) -> float:
    """Return how far a point is at least from the edge of its cell, in metres."""
    north, east = _north(lat) % 1.0, _east(lon) % 1.0
    across = min(east, 1.0 - east) * math.cos(math.radians(lat))
    return min(north, 1.0 - north, across) * _HEIGHT_M


def bands(number: int, reach_m: float) -> list[tuple[int, int]]:
    """Return the cells around a cell that hold every point within ``reach_m`` of any point in it.

    They are rows of cells, each from its first to its last number, and the same for every point of
    the cell, so that they do not say where in it somebody is. Not across the 180th meridian.
    """
    row, column = divmod(number, _ROW)
    rows = math.ceil(reach_m / _HEIGHT_M)
    farthest = max(row - rows, row + rows + 1, key=lambda r: abs(r - _EQUATOR))
    lat = math.radians(min(89.0, abs(farthest - _EQUATOR) / CELLS_PER_DEGREE))
    columns = math.ceil(reach_m / (_HEIGHT_M * math.cos(lat)))
    west, east = max(0, column - columns), min(_ROW - 1, column + columns)
    return [(r * _ROW + west, r * _ROW + east) for r in range(row - rows, row + rows + 1)]


def _north(lat: float) -> float:
    return (lat + 90.0) * CELLS_PER_DEGREE


def _east(lon: float) -> float:
    return (lon + 180.0) * CELLS_PER_DEGREE


async def within(connection: Connection, rows: Sequence[tuple[int, int]]) -> Sequence[Point]:
    """Return the addresses in these rows of cells (``bands``)."""
    lows, highs = [low for low, _ in rows], [high for _, high in rows]
    found: list[Any] = await connection.fetch(sql("addresses", "within"), lows, highs)
    return found


class Import:
    """One replacement of departments, inside the caller's transaction: ``add`` …, then ``finish``.

    A department that is met for the first time loses what it had; look-ups see that until the
    commit.
    """

    def __init__(self, connection: Connection) -> None:
        self.addresses: dict[str, int] = {}
        self._connection = connection

    async def add(self, rows: Sequence[tuple[str, AddressRow]]) -> None:
        """Store rows, each with its department."""
        for department in {department for department, _ in rows} - set(self.addresses):
            await self._begin(department)
        for department, _ in rows:
            self.addresses[department] += 1
        await self._connection.copy_records_to_table(
            "address",
            records=[
                (department, cell(row.lat, row.lon), row.lat, row.lon, row.label)
                for department, row in rows
            ],
            columns=("department", "cell", "lat", "lon", "label"),
            timeout=_COPY_S,
        )

    async def finish(self, now: datetime) -> None:
        """Note how many addresses each department has."""
        for department, count in self.addresses.items():
            await self._connection.execute(sql("addresses", "drop_extract"), department)
            await self._connection.execute(sql("addresses", "put_extract"), department, count, now)

    async def _begin(self, department: str) -> None:
        if not self.addresses:
            await self._connection.execute(
                sql("addresses", "one_import_at_a_time"), timeout=_COPY_S
            )
        await self._connection.execute(sql("addresses", "drop"), department, timeout=_COPY_S)
        self.addresses[department] = 0


async def extracts(connection: Connection) -> list[Extract]:
    """Return what has been imported, by department."""
    return [Extract(**row) for row in await connection.fetch(sql("addresses", "extracts"))]


async def parameters_logged(connection: Connection) -> bool:
    """Say whether the database is set so that it may log which cells a look-up asked for."""
    logged: bool = await connection.fetchval(sql("addresses", "parameters_logged"))
    return logged
