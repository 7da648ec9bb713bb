"""Where she is and who is competent there: microseconds, over all the communes of a country.

A process of its own, in which nothing else runs: both are functions of what is in memory. Beside
them stand the bare question to the same tree of boxes, and what the geometry library's own
intersection of a disc of chords would take.
"""

import asyncio
import gc
import json
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import shapely

from bench import country
from bench.figures import Comparison, Figure, Spread, Target
from bench.world import Machine
from tgd.geo.disc import Plane
from tgd.geo.locate import Observed, best
from tgd.geo.position import Fix
from tgd.geo.radius import r95
from tgd.geo.zones import Territory

NAME = "where"
SAMPLES, QUICK_SAMPLES = 20_000, 2_000
BY_LIBRARY = 500
NARROWEST_M, WIDEST_M = 10.0, 5_000.0
MEDIAN_US, P99_US, IMPORT_S = 100.0, 1_000.0, 30.0
OURS, PROCESSOR = "ours", "both again, processor time only"
FLOOR = "one question to the tree of boxes"
METHOD = (
    f"{country.COMMUNES:,} invented communes of 120 vertices, as large as France. Each "
    "sample is one call: the estimate out of a fix, then the services with their exact shares of "
    f"its disc. Points are uniform over the country, radii from {NARROWEST_M:g} m to "
    f"{WIDEST_M:,.0f} m: as many in each decade, or, where it says so, in each metre; in another "
    "series each point is within 20 m of a border. Floor: the bare question to the tree of boxes "
    "which communes may be touched. The library's intersection of a disc of 64 corners with those "
    "communes is shown for information, and so is the same again by the processor time that it "
    "took, in which other work of the machine does not show."
)

Disc: TypeAlias = tuple[float, float, float]
Tick: TypeAlias = Callable[[int, int], None]
NOW = datetime(2030, 1, 15, 9, 0, tzinfo=UTC)


async def measure(machine: Machine, *, quick: bool, tick: Tick) -> Figure:
    """Measure it; ``tick(done, of)`` tells how far we are."""
    imported = await _import(machine)
    tick(1, 2)
    samples = QUICK_SAMPLES if quick else SAMPLES
    command = [sys.executable, "-m", "bench.where", str(samples)]
    done = await asyncio.to_thread(subprocess.run, command, stdout=subprocess.PIPE, check=True)
    tick(2, 2)
    return _figure(json.loads(done.stdout), imported)


def main() -> None:
    """Time everything in this process, which does nothing else, and print it as JSON."""
    samples = int(sys.argv[1])
    contours = country.rings()
    made = country.zones(contours)
    polygons = shapely.polygons(contours)
    tree = shapely.STRtree(shapely.box(*shapely.bounds(polygons).T))
    gc.collect()
    before, begin = _resident(), time.perf_counter()
    territory = Territory.build(made, 1)
    built = time.perf_counter() - begin
    gc.collect()
    cost = {"built_s": built, "grown_mb": _resident() - before, "vertices": contours[..., 0].size}
    chance = random.Random(86)
    series = {
        "anywhere": [_anywhere(chance, _by_decade(chance)) for _ in range(samples)],
        "beside a border": [_beside(chance, contours, _by_decade(chance)) for _ in range(samples)],
        "anywhere, radii uniform": [_anywhere(chance, _by_metre(chance)) for _ in range(samples)],
    }
    wide = [_anywhere(chance, 50_000.0) for _ in range(samples // 20)]
    trails = [(_trail(chance),) for _ in range(samples // 10)]
    found = {
        "cost": cost,
        "series": {
            name: _compare(discs, territory, tree, polygons) for name, discs in series.items()
        },
        "wide": _times(territory.claim, wide),
        "six": _times(lambda trail: best(trail, NOW), trails),
    }
    print(json.dumps(found))


def _resident() -> float:
    """Return the megabytes that this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _by_decade(chance: random.Random) -> float:
    return math.exp(chance.uniform(math.log(NARROWEST_M), math.log(WIDEST_M)))


def _by_metre(chance: random.Random) -> float:
    return chance.uniform(NARROWEST_M, WIDEST_M)


def _anywhere(chance: random.Random, radius: float) -> Disc:
    lat = chance.uniform(country.SOUTH + 0.2, country.NORTH - 0.2)
    return lat, chance.uniform(country.WEST + 0.2, country.EAST - 0.2), radius


def _beside(chance: random.Random, contours: Any, radius: float) -> Disc:
    ring = contours[chance.randrange(len(contours))]
    lon, lat = ring[chance.randrange(ring.shape[0])]
    plane = Plane.at(float(lat))
    north, east = chance.uniform(-20, 20) / plane.north, chance.uniform(-20, 20) / plane.east
    return float(lat) + north, float(lon) + east, radius


def _fix(disc: Disc) -> Observed:
    """Return a fresh fix whose 95 % radius is the disc's."""
    lat, lon, radius = disc
    acc = radius / r95(Fix(0.0, 1.0, 1_000.0)) * 1_000.0
    return Observed(Fix(lat, lon, acc, method="G", tst=NOW.timestamp()), NOW, NOW)


def _trail(chance: random.Random) -> list[Observed]:
    """Return six fixes of a walk, as an alert has them after a while."""
    lat, lon, _radius = _anywhere(chance, 0.0)
    found = []
    for step in range(6):
        at = NOW - timedelta(seconds=30 * (6 - step))
        fix = Fix(lat + step * 0.0003, lon, chance.uniform(5, 60), method="G", vel=5.0)
        found.append(Observed(fix, at, at))
    return found


def _times(
    act: Callable[..., Any],
    questions: Sequence[tuple[Any, ...]],
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Return the seconds of each call."""
    times = []
    for question in questions:
        begin = clock()
        act(*question)
        times.append(clock() - begin)
    return times


def _compare(
    discs: list[Disc], territory: Territory, tree: Any, polygons: Any
) -> dict[str, list[float]]:
    def both(observed: list[Observed]) -> None:
        found = best(observed, NOW)
        assert found is not None
        claim = territory.claim(found.lat, found.lon, found.r95_m)
        assert claim.shares

    def bare(lat: float, lon: float, radius: float) -> None:
        high, wide = Plane.at(lat).half_box(radius)
        tree.query(shapely.box(lon - wide, lat - high, lon + wide, lat + high))

    def by_library(lat: float, lon: float, radius: float) -> None:
        plane = Plane.at(lat)
        corner = np.exp(2j * np.pi * np.arange(64) / 64) * radius
        circle = shapely.Polygon(
            np.column_stack((lon + corner.real / plane.east, lat + corner.imag / plane.north))
        )
        near = tree.query(circle)
        shapely.area(shapely.intersection(polygons[near], circle))

    fixes = [([_fix(disc)],) for disc in discs]
    for warm in (fixes[:200], fixes[:200]):
        _times(both, warm)
    return {
        OURS: _times(both, fixes),
        FLOOR: _times(bare, discs),
        PROCESSOR: _times(both, fixes, time.thread_time),
        "the claim alone": _times(territory.claim, discs),
        "the estimate alone": _times(lambda fix: best(fix, NOW), fixes),
        "the library's intersection": _times(by_library, discs[:BY_LIBRARY]),
    }


async def _import(machine: Machine) -> tuple[float, float, str]:
    """Import the country by the command; return seconds, the files' megabytes, its last line."""
    contours = await asyncio.to_thread(country.rings)
    files = await asyncio.to_thread(country.write, machine.folder, contours)
    size = sum(file.stat().st_size for file in files) / 1e6
    command = [sys.executable, "-m", "tgd", "zones", "import", *map(str, files)]
    async with machine.database() as url:
        environ = os.environ | {"TGD_DATABASE_URL": url}
        begin = time.perf_counter()
        done = await asyncio.to_thread(
            subprocess.run, command, env=environ, capture_output=True, text=True, check=False
        )
        took = time.perf_counter() - begin
    assert done.returncode == 0, done.stderr
    for file in files:
        file.unlink()
    return took, size, done.stderr.splitlines()[-1]


def _figure(found: dict[str, Any], imported: tuple[float, float, str]) -> Figure:
    took, size, said = imported
    cost = found["cost"]
    comparisons = [
        Comparison(name, times.pop(OURS), times.pop(FLOOR), FLOOR, times)
        for name, times in found["series"].items()
    ]
    facts = [
        ("index of", f"{country.COMMUNES:,} communes, {cost['vertices']:,} vertices"),
        ("built in", f"{cost['built_s']:.1f} s"),
        ("memory of the index", f"{cost['grown_mb']:.0f} MB"),
        (f"tgd zones import of {size:.0f} MB, the whole command", f"{took:.1f} s: {said}"),
        *((f"{one.name}: median, p99", _microseconds(one.ours)) for one in comparisons),
        *(
            (f"{one.name}, processor time: median, p99", _microseconds(one.others[PROCESSOR]))
            for one in comparisons
        ),
        ("claim of a disc of 50 km: median, p99", _microseconds(found["wide"])),
        ("estimate out of six fixes: median, p99", _microseconds(found["six"])),
    ]
    targets = []
    for one in comparisons:
        spread = Spread.of(one.ours)
        targets += [
            Target(f"{one.name}: median", spread.median * 1e6, MEDIAN_US, "µs"),
            Target(f"{one.name}: p99", spread.p99 * 1e6, P99_US, "µs"),
        ]
    targets.append(Target("import of the country by the command", took, IMPORT_S, "s"))
    return Figure(
        *(NAME, "Estimate and competence over a whole country", METHOD),
        comparisons=comparisons,
        facts=facts,
        targets=targets,
    )


def _microseconds(times: list[float]) -> str:
    spread = Spread.of(times)
    return f"{spread.median * 1e6:.0f} µs, {spread.p99 * 1e6:.0f} µs"


if __name__ == "__main__":
    main()
