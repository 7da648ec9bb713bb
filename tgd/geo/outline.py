"""Borders to look at: each zone's contour with fewer points, as GeoJSON.

Serves the console's map. Promises: a contour is drawn within ``WITHIN_DEG`` of where it stands and
never vanishes. It is a picture: who is competent where is judged by `zones`, on the whole contours.
"""

import json
from collections.abc import Sequence
from typing import Final

import numpy as np
import shapely

from tgd.geo.disc import Floats
from tgd.geo.zones import Zone

WITHIN_DEG: Final = 0.0005
"""About 50 m: less than a line's width at the scale of a few communes."""

_DECIMALS: Final = 5  # a metre


def features(zones: Sequence[Zone]) -> list[str]:
    """Return one GeoJSON Feature for each zone: code, name, service, institution and contour.

    Takes a second for some thousand communes: not for the event loop. Raises ``ValueError`` where a
    shape is no WKB.
    """
    try:
        whole = shapely.from_wkb(np.array([zone.shape for zone in zones], dtype=object))
    except shapely.errors.GEOSException as error:
        raise ValueError(f"a shape cannot be read: {error}") from error
    fewer = shapely.simplify(whole, WITHIN_DEG, preserve_topology=True)
    drawn = shapely.to_geojson(shapely.transform(fewer, _rounded)).tolist()
    return [
        f'{{"type":"Feature","properties":{_properties(zone)},"geometry":{shape}}}'
        for zone, shape in zip(zones, drawn, strict=True)
    ]


def _rounded(points: Floats) -> Floats:
    return np.round(points, _DECIMALS)


def _properties(zone: Zone) -> str:
    told = {
        "code": zone.code,
        "name": zone.name,
        "service": zone.service,
        "institution": zone.institution,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
