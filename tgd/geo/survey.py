"""Whether a territory is fit for use: what lies twice, what lies nowhere, and who has no service.

Serves `tgd zones import` and `check`. Neighbours should share their border vertex by vertex, each
stretch of it run through once in each direction. The stretches for which that does not hold bound
everything that is wrong: they are few, the faces between them are all the overlaps and gaps there
are, and each face lies in as many communes as any point of it. So all of France is surveyed
exactly, in seconds.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

import numpy as np
import shapely

from tgd.geo import disc
from tgd.geo.disc import Floats, Ints
from tgd.geo.findings import Finding
from tgd.geo.zones import Zone

SLIVER_M: Final = 20.0
"""Mean width under which an overlap or a gap only says that two borders were drawn apart."""
SLIVER_M2: Final = 10_000.0
UNSERVED: Final = 0.01
"""Share of communes without a service from which a set is not fit for use."""

_HECTARE: Final = 10_000.0

Shapes: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.object_]]


def mended(zones: Sequence[Zone]) -> tuple[list[Zone], list[Finding]]:
    """Return the zones with valid shapes, and which of them had to be made valid."""
    shapes = shapely.from_wkb(np.array([zone.shape for zone in zones], dtype=object))
    wrong = np.flatnonzero(~shapely.is_valid(shapes)).tolist()
    found, result = [], list(zones)
    for place in wrong:
        zone, shape = zones[place], shapes[place]
        found.append(f"{zone.name} {zone.code}, {_fault(shape)}")
        result[place] = replace(zone, shape=shapely.to_wkb(shapely.make_valid(shape)))
    what = "contours that cross themselves or are not closed, mended"
    return result, [Finding.of("invalid_shape", what, found, serious=True)] if found else []


def survey(zones: Sequence[Zone], services: Mapping[str, Any]) -> list[Finding]:
    """Judge a territory whose shapes are valid; `services` are those of the table, by id."""
    findings = [*_laid(zones), *_served(zones, services)]
    return [finding for finding in findings if finding.count]


def _fault(shape: shapely.Geometry) -> str:
    """Say what is wrong with a shape, without where."""
    return str(shapely.is_valid_reason(shape)).partition("[")[0].strip().lower()


# ── Service ─────────────────────────────────────────────────────────────────────────


def _served(zones: Sequence[Zone], services: Collection[str]) -> list[Finding]:
    bare = [f"{zone.name} {zone.code}" for zone in zones if zone.service is None]
    idle = sorted(set(services) - {zone.service for zone in zones})
    return [
        Finding.of(
            "commune_without_service",
            "communes without a service",
            bare,
            serious=len(bare) > UNSERVED * len(zones),
        ),
        Finding.of("service_without_commune", "services without a commune", idle, serious=False),
    ]


# ── Ground ──────────────────────────────────────────────────────────────────────────


def _laid(zones: Sequence[Zone]) -> list[Finding]:
    faces = _faces(disc.rings([zone.shape for zone in zones]).vertices)
    if not len(faces):
        return []
    shapes = shapely.from_wkb(np.array([zone.shape for zone in zones], dtype=object))
    tree = shapely.STRtree(shapes)
    face, place = tree.query(shapely.point_on_surface(faces), predicate="within")
    lies_in = np.bincount(face, minlength=len(faces))
    area, width = _size(faces)
    thin = (area < SLIVER_M2) | (width < SLIVER_M)
    found: dict[str, list[str]] = {"overlap": [], "overlap_sliver": [], "gap": [], "gap_sliver": []}
    for one in np.argsort(-area).tolist():
        if lies_in[one] == 1:
            continue
        kind = "gap" if lies_in[one] == 0 else "overlap"
        whose = place[face == one] if lies_in[one] else tree.query(faces[one], "intersects")
        codes = "/".join(sorted(zones[i].code for i in whose.tolist()[:3]))
        key = f"{kind}_sliver" if thin[one] else kind
        found[key].append(f"{codes}, {_hectares(area[one])}")
    what = {
        "overlap": "overlaps of communes",
        "overlap_sliver": "overlaps that are slivers",
        "gap": "gaps enclosed by communes",
        "gap_sliver": "gaps that are slivers",
    }
    return [
        Finding.of(kind, what[kind], each, serious=kind == "overlap")
        for kind, each in found.items()
    ]


def _hectares(area: float) -> str:
    hectares = area / _HECTARE
    return f"{hectares:.0f} ha" if hectares >= 10 else f"{hectares:.2g} ha"  # noqa: PLR2004  digits


def _faces(vertices: Floats) -> Shapes:
    """Return the faces between the stretches of border that have no match in a neighbour."""
    start, end = vertices[:, :-1], vertices[:, 1:]
    real = ~np.isnan(start[0] + end[0]) & (start != end).any(axis=0)
    start, end = start[:, real], end[:, real]
    lone = np.flatnonzero(_unmatched(_mark(start), _mark(end)))
    if not len(lone):
        return np.empty(0, dtype=object)
    ends = np.stack((start[:, lone].T, end[:, lone].T), axis=1)
    lines = shapely.union_all(shapely.linestrings(ends))  # cuts them where they cross
    faces: Shapes = shapely.get_parts(shapely.polygonize(shapely.get_parts([lines])))
    return faces


def _unmatched(start: Ints, end: Ints) -> Any:
    """Say which stretches are not run through exactly once in each direction."""
    _keys, pair, times = np.unique(start + end, return_inverse=True, return_counts=True)
    direction = np.bincount(pair, weights=np.where(start < end, 1.0, -1.0))
    return (times[pair] != 2) | (direction[pair] != 0)  # noqa: PLR2004  there and back


def _mark(points: Floats) -> Ints:
    """Return a number for each point, equal for equal points and else most surely different."""
    x, y = np.ascontiguousarray(points).view(np.uint64)
    mixed = (x ^ (x >> 31)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> 29) ^ (y ^ (y >> 33))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> 32)) * np.uint64(0x94D049BB133111EB)
    marks: Ints = (mixed ^ (mixed >> 29)).view(np.int64)
    return marks


def _size(faces: Shapes) -> tuple[Floats, Floats]:
    """Return area and mean width of small shapes, in square metres and metres."""
    middle = np.radians(shapely.get_y(shapely.centroid(faces)))
    degree = 111_195.0
    shrink = np.cos(middle)
    area = shapely.area(faces) * degree * degree * shrink
    length = shapely.length(faces) * degree * np.sqrt(shrink)
    return area, 2 * area / length
