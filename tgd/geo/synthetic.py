"""Invented ground: a patchwork of communes that looks like a map and is none.

Serves the demo, the tests and the measurements, since the ministry's real table of competence is
not ours to ship. `fictive` is a territory of 31 communes with invented names around 46.58 N,
0.34 E, served by four invented services, with an enclave and a hole that belongs to nobody;
`patchwork` makes as many contours as asked, neighbours sharing every vertex of their border.
The same arguments give the same ground.
"""

from typing import Final

import numpy as np
import shapely

from tgd.geo.disc import Floats
from tgd.geo.zones import Zone

SERVICES: Final = {
    "990001": ("PN", "Circonscription fictive Centre"),
    "990002": ("GN", "Brigade fictive Nord"),
    "990003": ("GN", "Brigade fictive Sud"),
    "990004": ("GN", "Brigade fictive Est"),
}
"""Id, institution and name of the fictive services."""

_ROWS, _COLUMNS = 5, 6
_BOX: Final = (0.18, 46.48, 0.50, 46.68)  # west, south, east, north
_WAVES: Final = 7  # bends of a border, each finer and smaller than the one before
_PLACES: Final = 5  # decimals of a degree, about a metre


def fictive() -> list[Zone]:
    """Return the fictive territory."""
    cells = patchwork(_ROWS, _COLUMNS, _BOX, detail=9, seed=86)
    shapes = [shapely.Polygon(ring) for ring in cells]
    enclave, lake = (_octagon(shapes[place].centroid, 0.009) for place in (7, 22))
    shapes[7] = shapely.Polygon(cells[7], [enclave])
    shapes[22] = shapely.Polygon(cells[22], [lake])
    services = [_service(place // _COLUMNS, place % _COLUMNS) for place in range(len(cells))]
    shapes.append(shapely.Polygon(enclave))
    services.append("990004")
    return [
        Zone(
            f"{place:05}",
            f"Commune fictive {place:02}",
            service,
            SERVICES[service][0],
            shapely.to_wkb(shape),
        )
        for place, (shape, service) in enumerate(zip(shapes, services, strict=True), 1)
    ]


def patchwork(
    rows: int, columns: int, box: tuple[float, float, float, float], *, detail: int, seed: int
) -> Floats:
    """Return the closed rings of `rows` × `columns` neighbours in a box of degrees.

    The box is west, south, east, north; rings run row by row from its south-western corner, each
    with 4·(`detail` + 1) edges. Shape (rows·columns, vertices, 2).
    """
    chance = np.random.Generator(np.random.PCG64(seed))
    west, south, east, north = box
    cell = np.array([(east - west) / columns, (north - south) / rows])
    corners = np.stack(np.meshgrid(np.arange(columns + 1), np.arange(rows + 1)), axis=-1) * cell
    corners += (west, south)
    corners += chance.uniform(-0.2, 0.2, corners.shape) * cell
    level = _borders(corners[:, :-1], corners[:, 1:], cell, detail, chance)
    upright = _borders(corners[:-1], corners[1:], cell, detail, chance)
    around = (
        level[:-1],  # along the south
        upright[:, 1:],  # up the east
        level[1:, :, ::-1],  # back along the north
        upright[:, :-1, ::-1],  # down the west
    )
    count = rows * columns
    sides = [side.reshape(count, detail + 2, 2)[:, :-1] for side in around]
    return np.concatenate([*sides, sides[0][:, :1]], axis=1)


def _borders(
    start: Floats, end: Floats, cell: Floats, detail: int, chance: np.random.Generator
) -> Floats:
    """Return bent lines from corners to corners, `detail` + 2 points each."""
    along = np.linspace(0, 1, detail + 2)
    waves = np.arange(1, _WAVES + 1)
    heights = chance.uniform(-0.05, 0.05, (*start.shape[:-1], _WAVES)) / waves
    bend = heights @ np.sin(np.pi * waves[:, None] * along)
    step = (end - start)[..., None, :]
    aside = (step / cell)[..., ::-1] * (-1, 1) * cell
    points = start[..., None, :] + along[:, None] * step + bend[..., None] * aside
    bent: Floats = np.round(points, _PLACES)
    return bent


def _octagon(centre: shapely.Point, radius: float) -> Floats:
    angle = np.linspace(0, 2 * np.pi, 9)[:-1]
    ring = np.stack((centre.x + radius * np.cos(angle), centre.y + radius * np.sin(angle)), axis=1)
    ring = np.round(ring, _PLACES)
    return np.concatenate([ring, ring[:1]])


def _service(row: int, column: int) -> str:
    if row in (1, 2, 3) and column in (1, 2, 3):
        return "990001"
    if column > 3:  # noqa: PLR2004  the two easternmost columns
        return "990004"
    return "990002" if row >= _ROWS // 2 else "990003"
