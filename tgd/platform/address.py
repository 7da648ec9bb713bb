"""The address nearest to a position, for people who have to find it. Never on the press path.

Serves arrow 2, whenever a person looks at an alert. Two sources behind one small interface: an
extract of the Base adresse nationale in our own database, or an addok server of one's own. Neither
is a public service: who is asked for an address learns where she is. Nothing is kept beyond the
call, for an address is a position, and no error or log line holds coordinates, an address or the
query. How often to ask, and where to show the answer, is left to the caller.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import aiohttp
import msgspec

from tgd.config import Config
from tgd.errors import Temporary
from tgd.geo.locate import metres
from tgd.geo.position import Fix
from tgd.store import addresses as store
from tgd.store.addresses import AddressRow, Point
from tgd.store.db import OUTAGE, Database

FARTHEST_M: Final = 2_000.0
"""An address further away than this says nothing of where she is."""
AT_M: Final = 30.0
"""An address stands at a door or on a plot: further from it, nobody is at that address."""
REACHES_M: Final = (0.0, 130.0, 400.0, 900.0, FARTHEST_M)
"""How far around her cell of the grid is looked, in turn, until the nearest is certain."""
ANSWER_S: Final = 1.0

_OK: Final = 200
_ANSWER_MAX: Final = 64 * 1024
_LABEL_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Near:
    """The nearest address and how far it is from the point that was asked for, in metres."""

    label: str = field(repr=False)
    distance_m: float


class Addresses(Protocol):
    """Where addresses come from."""

    async def near(self, lat: float, lon: float) -> Near | None:
        """Return the address nearest to a point, None if there is none within ``FARTHEST_M``.

        Raises ``errors.Temporary`` where the source cannot say just now.
        """

    async def close(self) -> None:
        """Let go of every connection."""


class Ban:
    """The imported extract (``tgd addresses import``)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def near(self, lat: float, lon: float) -> Near | None:
        """See ``Addresses``; the database is asked for cells of its grid, never with the point."""
        own, edge_m = store.cell(lat, lon), store.edge_m(lat, lon)
        try:
            async with self._database.connection() as connection:
                for reach_m in REACHES_M:
                    rows = await store.within(connection, store.bands(own, reach_m))
                    found = _nearest(rows, lat, lon)
                    if found is not None and found.distance_m <= max(edge_m, reach_m):
                        return found
        except OUTAGE as error:
            raise Temporary(f"addresses: {type(error).__name__}") from None
        return None

    async def close(self) -> None:
        """Nothing is held: the database is its owner's."""


class _Properties(msgspec.Struct):
    label: str


class _Point(msgspec.Struct):
    coordinates: tuple[float, float]


class _Feature(msgspec.Struct):
    properties: _Properties
    geometry: _Point


class _Answer(msgspec.Struct):
    features: list[_Feature]


class Addok:
    """An addok server of one's own, at ``url``. Close it."""

    def __init__(self, url: str, *, answer_s: float = ANSWER_S) -> None:
        self._reverse = f"{url.rstrip('/')}/reverse/"
        self._answer_s = answer_s
        self._session: aiohttp.ClientSession | None = None

    async def near(self, lat: float, lon: float) -> Near | None:
        """See ``Addresses``; at most ``answer_s`` seconds, and no redirect is followed."""
        try:
            async with asyncio.timeout(self._answer_s):
                raw = await self._ask({"lat": f"{lat:.6f}", "lon": f"{lon:.6f}"})
            told = msgspec.json.decode(raw, type=_Answer)
        # What these exceptions say may quote the query or the answer: only their kind goes on.
        except (aiohttp.ClientError, OSError, ValueError, msgspec.MsgspecError) as error:
            raise Temporary(f"address server: {type(error).__name__}") from None
        rows = [_row(feature) for feature in told.features]
        found = _nearest([row for row in rows if row.label], lat, lon)
        return found if found is not None and found.distance_m <= FARTHEST_M else None

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(self, query: dict[str, str]) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None),  # one clock: that of near()
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        async with self._session.get(self._reverse, params=query, allow_redirects=False) as answer:
            if answer.status != _OK:
                raise Temporary(f"address server: HTTP {answer.status}")
            raw = bytearray()
            async for chunk in answer.content.iter_any():
                raw += chunk
                if len(raw) > _ANSWER_MAX:
                    raise Temporary("address server: its answer is too long")
            return bytes(raw)


def addresses(config: Config, database: Database) -> Addresses:
    """Return the configured source: the addok server where there is one, else what was imported."""
    return Ban(database) if config.addok_url is None else Addok(config.addok_url)


def told(near: Near, r95_m: float) -> dict[str, Any]:
    """Return what may be said of an address beside a position of that 95 % radius in metres.

    ``near`` is false only where she can be said to be at that address: the radius is not larger
    than the distance to it, so that the disc does not cover it and its neighbours alike, and the
    distance is not larger than ``AT_M``. Otherwise it is "near", with the distance.
    """
    return {
        "label": near.label,
        "distance_m": round(near.distance_m),
        "near": r95_m > near.distance_m or near.distance_m > AT_M,
    }


def _nearest(rows: Sequence[Point], lat: float, lon: float) -> Near | None:
    """Rank on the plane, which at this size has the same order, then measure on the sphere."""
    if not rows:
        return None
    narrow = math.cos(math.radians(lat))

    def apart(row: Point) -> float:
        north: float = row[0] - lat
        east: float = (row[1] - lon) * narrow
        return north * north + east * east

    best = AddressRow(*min(rows, key=apart))
    return Near(best.label, metres(Fix(best.lat, best.lon), Fix(lat, lon)))


def _row(feature: _Feature) -> AddressRow:
    """Return a feature as a row; the label is empty where it cannot be shown."""
    lon, lat = feature.geometry.coordinates
    label = feature.properties.label.strip()[:_LABEL_MAX]
    return AddressRow(lat, lon, label if label.isprintable() else "")
