"""Where she is, as RC-EDA's ``location``: a point with its disc, an address, the way in.

Serves arrow 3. A position never goes without its radius, age and source, which no field of RC-EDA
holds: they stand in ``sketch`` (a GML circle) and in words. The official schema lets latitude 200
pass: what is not on Earth is no position here. Doors, codes and floors are told only of the known
place at which she is, or, where nobody knows where she is, of the one where she lives.
"""

import math
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final

from tgd.platform.channels.cisu_message import KnownPlace, Place
from tgd.platform.channels.cisu_wire import clean, stamp, wall
from tgd.platform.channels.cisu_words import LABEL, LINE, doubts, sentences
from tgd.platform.places import Access

EARTH_M: Final = 20_000_000  # half the way round: a greater radius says nothing
CODES: Final = 5
KINDS = MappingProxyType({"home": "L01.00.00", "work": "L03.00.00", "school": "L04.13.00"})
"""Which kind of place (HubSante.lieu) is said of which known one; of others none."""
_NAMES = MappingProxyType(
    {
        "home": "domicile connu de la bénéficiaire",
        "work": "lieu de travail connu de la bénéficiaire",
        "school": "école connue au dossier",
        "aggressor": "domicile connu de l'auteur",
        "other": "lieu connu au dossier",
    }
)
_SKETCH = (
    "<sketch xmlns:gml='http://www.opengis.net/gml' version='1.0'>"
    "<gml:CircleByCenterPoint numArc='1' srsName='urn:ogc:def:crs:EPSG::4326'>"
    "<gml:pos>{lat} {lon}</gml:pos>"
    "<gml:radius uom='urn:ogc:def:uom:EPSG::9001'>{radius}</gml:radius>"
    "</gml:CircleByCenterPoint></sketch>"
)
_SOURCES = MappingProxyType(
    {
        "G": ("gnss", "GNSS"),
        "W": ("wifi", "Wi-Fi"),
        "C": ("cell", "réseau mobile"),
        "F": ("fused", "sources combinées"),
    }
)
_PRECISION = ((50, "EXACTE"), (500, "RUE"), (10_000, "VILLE"))
"""Our reading of the code list by the 95 % radius in metres; beyond, INCONNUE."""


def location(
    case: str, place: Place | None, home: KnownPlace | None, *, refused: bool
) -> dict[str, Any]:
    """Return RC-EDA's location; ``locLabel`` and ``freetext`` say it in words, always.

    The same disc of the same ``case`` has the same ``locID`` in every message.
    """
    if place is None or not on_earth(place):
        return _nowhere(case, home, refused=refused)
    radius = radius_m(place)
    within = "rayon inconnu" if radius is None else f"rayon 95 % {radius} m"
    told = source(place)[1]
    said = [f"Position {told}, {within}, âge {_age(place)} s, relevée à {wall(place.fixed_at)}."]
    if place.doubts:
        said.append(f"Réserves : {doubts(place.doubts)}.")
    label = f"Position {told}, {within}"
    found: dict[str, Any] = {"country": "FR", "geometry": _geometry(place, radius)}
    if place.at is not None:
        known = _NAMES.get(place.at.kind, _NAMES["other"])
        said.append(
            f"Elle se trouve au {known}." if place.at.kind == "home" else f"Lieu : {known}."
        )
        label = f"{label}, {known}"
        found |= _inside(place.at)
        said += place.at.how
    if place.near is not None:
        said.append(f"À proximité : {_NAMES.get(place.near, _NAMES['other'])}.")
    text = clean(sentences(said), 4 * LINE)
    own = f"{case} {place.fixed_at.timestamp()} {place.lat!r} {place.lon!r} {radius} {label}"
    return {"locID": _id(own), "locLabel": label, **found, "freetext": text}


def on_earth(place: Place) -> bool:
    """Tell whether the coordinates exist."""
    return _between(place.lat, -90, 90) and _between(place.lon, -180, 180)


def radius_m(place: Place) -> int | None:
    """Return the 95 % radius in whole metres, rounded up; None if it is none."""
    return math.ceil(place.r95_m) if _between(place.r95_m, 0, EARTH_M) else None


def source(place: Place) -> tuple[str, str]:
    """Return by what the position was found: for programs, and in words."""
    return _SOURCES.get(place.method or "", ("unknown", "de source inconnue"))


def _nowhere(case: str, home: KnownPlace | None, *, refused: bool) -> dict[str, Any]:
    text = "Localisation refusée par la bénéficiaire." if refused else "Aucune position."
    found: dict[str, Any] = {"country": "FR"}
    said = [text]
    if home is not None:
        said += ["Adresse déclarée de son domicile, où elle n'est peut-être pas.", *home.how]
        found |= _inside(home)
    whole = clean(sentences(said), 4 * LINE)
    return {"locID": _id(f"{case} {whole}"), "locLabel": text, **found, "freetext": whole}


def _inside(known: KnownPlace) -> dict[str, Any]:
    """Return the address of a known place and how to get in, as far as they were told."""
    found: dict[str, Any] = {}
    if address := clean(known.address or "", LINE):
        found["detailedAddress"] = {"complete": address}
    if known.access is not None and (access := _access(known.access)):
        found["access"] = access
    return found


def _access(told: Access) -> dict[str, Any]:
    texts = {
        "floor": told.floor,
        "roomNumber": told.door,
        "interphone": told.interphone,
        "buildingName": told.building,
        "entrance": told.entrance,
    }
    found: dict[str, Any] = {name: clean(text or "", LABEL) for name, text in texts.items()}
    found["accessCode"] = [code for one in told.codes[:CODES] if (code := clean(one, LABEL))]
    return {name: value for name, value in found.items() if value}


def _geometry(place: Place, radius: int | None) -> dict[str, Any]:
    lat, lon = round(place.lat, 6), round(place.lon, 6)
    reach = math.inf if radius is None else radius
    precision = next((code for limit, code in _PRECISION if reach <= limit), "INCONNUE")
    coord: dict[str, Any] = {"lat": lat, "lon": lon, "precision": precision}
    if _between(place.speed_kmh, 0, 1_000):
        coord["speed"] = place.speed_kmh
    if _between(place.heading_deg, 0, 360):
        coord["heading"] = place.heading_deg
    geometry: dict[str, Any] = {"datetime": stamp(place.fixed_at), "point": {"coord": coord}}
    if radius is not None:
        geometry["sketch"] = _SKETCH.format(lat=_plain(lat), lon=_plain(lon), radius=radius)
    return geometry


def _plain(degrees: float) -> str:
    """Write degrees without an exponent, which GML readers stumble over."""
    return f"{degrees:.6f}".rstrip("0").rstrip(".")


def _between(value: float | None, low: float, high: float) -> bool:
    return value is not None and low <= value <= high  # NaN is between nothing


def _age(place: Place) -> int:
    return round(place.age_s) if _between(place.age_s, 0, 1e9) else 0


def _id(own: str) -> str:
    """Return a UUID of its own for these facts (version 8 of RFC 9562: a hash of our choice)."""
    h = blake2b(own.encode(errors="replace"), digest_size=16).hexdigest()
    return f"{h[:8]}-{h[8:12]}-8{h[13:16]}-8{h[17:20]}-{h[20:]}"
