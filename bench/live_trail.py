"""What became of every fix: joined from the sender, the database, the console and the room.

All moments are of the machine's wall clock. No row tells which fix it holds (that is sealed), but
the fixes of one phone are kept in the order in which they were sent; the numbers must agree.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.figures import Comparison, Spread
from bench.world import World


@dataclass(slots=True)
class Seen:
    """Seconds from a fix's sending to where it was seen."""

    kept: list[float] = field(default_factory=list)
    hinted: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)
    at_room: list[float] = field(default_factory=list)
    readings: list[float] = field(default_factory=list)
    sent: int = 0

    def within_a_second(self) -> dict[str, list[float]]:
        """Return what is asked to be seen within a second."""
        return {
            "position → committed": self.kept,
            "position → hint at the console": self.hinted,
            "position → read by the console": self.read,
            "position → Update at the room": self.at_room,
        }

    def comparisons(self) -> list[Comparison]:
        """Return the latencies; each stands on the one before it."""
        kept = "position → committed"
        hinted = "position → hint at the console"
        return [
            Comparison(hinted, self.hinted, self.kept, kept),
            Comparison("position → read by the console", self.read, self.hinted, hinted),
            Comparison("position → Update at the room", self.at_room, self.kept, kept),
        ]

    def facts(self) -> list[tuple[str, str]]:
        """Return what else is to be said."""
        reading = Spread.of(self.readings)
        return [
            ("fixes sent, all of them in the database", f"{self.sent:,}"),
            ("Updates that arrived for drivers' fixes", f"{len(self.at_room)}"),
            (
                "the console's reading of the open alerts: median, p99",
                f"{reading.median * 1e3:.0f} ms, {reading.p99 * 1e3:.0f} ms",
            ),
        ]


@dataclass(frozen=True, slots=True)
class Rows:
    """The database's part: positions by phone in order (received, committed), Updates by id."""

    positions: dict[str, list[tuple[float, float]]]
    updates: dict[str, tuple[str, float]]


class Trail:
    """What was noted outside the database."""

    def __init__(
        self,
        fixes: Sequence[tuple[str, float]],
        hints: Sequence[float],
        readings: Sequence[tuple[float, float]],
        arrivals: Sequence[dict[str, Any]],
    ) -> None:
        self._fixes: dict[str, list[float]] = defaultdict(list)
        for device, at in fixes:
            self._fixes[device].append(at)
        self._hints = sorted(hints)
        self._readings = sorted((begun, ended) for begun, ended in readings)
        self._arrived = {one["distribution_id"].rpartition("_")[2]: one["wall"] for one in arrivals}

    @staticmethod
    async def rows(world: World) -> Rows:
        """Read the database's part."""
        positions: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for row in await world.fetch(
            "SELECT a.device, extract(epoch FROM p.received_at)::float8 AS received, "
            "extract(epoch FROM pg_xact_commit_timestamp(p.xmin))::float8 AS committed "
            "FROM position p JOIN alert a ON a.id = p.alert_id "
            "WHERE p.press_no IS NULL ORDER BY p.no"
        ):
            positions[row["device"]].append((row["received"], row["committed"]))
        updates = {
            str(row["id"]): (row["device"], row["made"])
            for row in await world.fetch(
                "SELECT e.id, a.device, extract(epoch FROM e.created_at)::float8 AS made "
                "FROM envelope e JOIN alert a ON a.id = e.alert_id WHERE e.purpose = 'position'"
            )
        }
        return Rows(positions, updates)

    def seen(self, rows: Rows, *, since: float) -> Seen:
        """Return the seconds of every fix sent after ``since``; all must have been kept."""
        found = Seen(sent=sum(map(len, self._fixes.values())))
        found.readings = [end - begun for begun, end in self._readings if begun > since]
        updates = self._updates(rows)
        for device, sent in self._fixes.items():
            kept = rows.positions[device]
            assert len(kept) == len(sent), f"{len(sent)} fixes sent, {len(kept)} kept"
            for at, (received, committed) in zip(sent, kept, strict=True):
                if at > since:
                    self._one(found, at, committed)
                    arrived = [w for made, w in updates.get(device, ()) if made >= received]
                    found.at_room += [min(arrived) - at] if arrived else []
        return found

    def _one(self, found: Seen, at: float, committed: float) -> None:
        found.kept.append(committed - at)
        hint = bisect_right(self._hints, committed)
        found.hinted.append(self._hints[hint] - at)
        reading = bisect_right(self._readings, (committed, 0.0))
        found.read.append(self._readings[reading][1] - at)

    def _updates(self, rows: Rows) -> dict[str, list[tuple[float, float]]]:
        """Return, by phone, when each Update was made and when it was at the room."""
        found: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for update, (device, made) in rows.updates.items():
            if update in self._arrived:
                found[device].append((made, self._arrived[update]))
        return found
