"""The plan on which the demo's phones stand: invented ground and invented places, no map.

Serves ``/phones``. What it draws is what ``tgd seed`` and the demo's own file of places tell the
server, so that crossing a border or coming near a place on the plan does the same in the console.
Points are longitude, latitude in WGS 84 degrees; places are by phone.
"""

import tomllib
from importlib.resources import files
from typing import Any

import numpy as np

from tgd.geo.disc import Floats, rings
from tgd.geo.synthetic import SERVICES, fictive

_CENTRE = (46.58, 0.34)


def ground() -> dict[str, Any]:
    """Return services and zones (each with its rings), and the places of each phone's holder."""
    zones = fictive()
    drawn = rings([zone.shape for zone in zones])
    services = list(SERVICES)
    return {
        "services": [name for _institution, name in SERVICES.values()],
        "zones": [
            {
                "service": services.index(zone.service) if zone.service else None,
                "rings": _rings(drawn.vertices[:, start:end]),
            }
            for zone, start, end in zip(zones, drawn.starts, drawn.starts[1:], strict=False)
        ],
        "places": places(),
    }


def places() -> dict[str, list[dict[str, Any]]]:
    """Return kind, latitude and longitude of the holders' places by phone, from the demo's file."""
    told = tomllib.loads(files("tgd.demo").joinpath("places.toml").read_text(encoding="utf-8"))
    found: dict[str, list[dict[str, Any]]] = {}
    for place in told["place"]:
        point = {name: place[name] for name in ("kind", "lat", "lon")}
        found.setdefault(place["device"], []).append(point)
    return found


def home(phone: str) -> tuple[float, float]:
    """Return where this phone's holder lives: latitude, longitude."""
    for place in places().get(phone, ()):
        if place["kind"] == "home":
            return place["lat"], place["lon"]
    return _CENTRE


def _rings(vertices: Floats) -> list[list[list[float]]]:
    """Cut a shape's vertices at the gaps between its rings."""
    gaps = np.flatnonzero(np.isnan(vertices[0]))
    cut = np.split(vertices.T, gaps + 1)
    return [part[~np.isnan(part[:, 0])].tolist() for part in cut if len(part)]
