"""Contours of communes out of GeoJSON, read strictly.

Serves `tgd zones import`. Known are the properties of Etalab (`code`, `nom`, and `mergedFrom`, the
communes of which one was made) and of the IGN's Admin Express (`INSEE_COM`, `NOM`; `INSEE_ARM` for
the districts of Paris, Lyon and Marseille; associated and delegated communes, by `INSEE_CAD`, only
say what a commune was made of).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import shapely

from tgd.geo.sources import Contour, FileError, Source, Tick, Where, insee, is_text

_BATCH: Final = 500
_CODES: Final = ("code", "INSEE_COM", "insee_com", "code_insee", "CODE_INSEE")
_NAMES: Final = ("nom", "NOM", "NOM_COM", "nom_officiel", "NOM_OFFICIEL", "name")
_MADE_OF: Final = "mergedFrom"
_PARTS_OF_A_CITY: Final = ("INSEE_ARM", "insee_arm")
_FORMER: Final = ("INSEE_CAD", "insee_cad")
_DEGREES: Final = np.array([180.0, 90.0, 180.0, 90.0])


class _Collection(msgspec.Struct):
    type: str
    features: list[msgspec.Raw] = []
    crs: Any = None


class _Feature(msgspec.Struct):
    geometry: msgspec.Raw
    properties: dict[str, Any] | None = None


def read_contours(path: Path, given: bytes, source: Source, tick: Tick) -> None:
    """Read a FeatureCollection into `source`; raises `FileError`."""
    collection = _collection(path, given)
    total = len(collection.features)
    decoder = msgspec.json.Decoder(_Feature)
    for first in range(0, total, _BATCH):
        raw = collection.features[first : first + _BATCH]
        read = [(_where(path, given, one, first + n), one) for n, one in enumerate(raw, 1)]
        features = [(where, _decoded(decoder, where, one)) for where, one in read]
        _take(features, source)
        tick(min(first + _BATCH, total), total)
    if not source.contours and not source.former:
        raise FileError(f"{path}: holds no feature")


def _collection(path: Path, given: bytes) -> _Collection:
    try:
        collection = msgspec.json.decode(given, type=_Collection)
    except msgspec.ValidationError as error:
        raise FileError(f"{path}: is no GeoJSON FeatureCollection: {error}") from error
    except msgspec.DecodeError as error:
        raise FileError(f"{path}, {_place(given, error)}: is no JSON: {error}") from error
    if collection.type != "FeatureCollection":
        raise FileError(
            f"{path}: is a {collection.type[:40]!r}, expected a FeatureCollection of communes"
        )
    if collection.crs is not None and not re.search(r"CRS84|4326|4171", str(collection.crs)):
        raise FileError(f"{path}: member crs names another system than WGS 84 (or RGF93) degrees")
    return collection


def _where(path: Path, given: bytes, raw: msgspec.Raw, number: int) -> Where:
    """Return what says where a feature stands; looked for only where it is asked."""

    def where() -> str:
        line = given.count(b"\n", 0, given.find(bytes(raw))) + 1
        return f"{path}, line {line}, feature {number}"

    return where


def _decoded(decoder: msgspec.json.Decoder[_Feature], where: Where, raw: msgspec.Raw) -> _Feature:
    try:
        return decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise FileError(f"{where()}: is no GeoJSON feature: {error}") from error


def _take(features: list[tuple[Where, _Feature]], source: Source) -> None:
    kept: list[tuple[Where, str, str, tuple[str, ...], msgspec.Raw]] = []
    for where, feature in features:
        properties = feature.properties or {}
        former = _code(where, properties, _FORMER) if _first(properties, _FORMER) else None
        whole = _code(where, properties, _CODES)
        if former is not None:
            source.former[former] = whole
            continue
        part = _first(properties, _PARTS_OF_A_CITY)
        code = whole if part is None else _code(where, properties, _PARTS_OF_A_CITY)
        kept.append(
            (where, code, _name(where, properties), _made_of(where, properties), feature.geometry)
        )
    shapes = _shapes([(where, geometry) for where, *_rest, geometry in kept])
    for (_where, code, name, former_codes, _geometry), shape in zip(kept, shapes, strict=True):
        source.contours.append(Contour(code, name, shape, former_codes))


def _shapes(given: list[tuple[Where, msgspec.Raw]]) -> list[bytes]:
    """Return geometries as WKB; only areas in degrees will do."""
    texts = np.array([bytes(raw) for _where, raw in given], dtype=object)
    shapes = shapely.force_2d(shapely.from_geojson(texts, on_invalid="ignore"))
    boxes = shapely.bounds(shapes).reshape(-1, 4)
    kinds = shapely.get_type_id(shapes)
    flat = np.isin(kinds, (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON))
    areas = np.atleast_1d(flat & ~shapely.is_empty(shapes))
    inside = (np.abs(boxes) <= _DEGREES).min(axis=1)
    for (where, _raw), is_area, is_inside in zip(given, areas, inside, strict=True):
        if not is_area:
            raise FileError(f"{where()}: geometry: expected a Polygon or MultiPolygon")
        if not is_inside:
            raise FileError(
                f"{where()}: geometry: expected longitude and latitude in degrees (WGS 84),"
                " not metres of a projection"
            )
    found: list[bytes] = shapely.to_wkb(shapes).tolist()
    return found


def _first(properties: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((properties[key] for key in keys if properties.get(key) is not None), None)


def _code(where: Where, properties: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    given = _first(properties, keys)
    if given is None:
        raise FileError(f"{where()}: property {' or '.join(keys[:2])} is missing")
    return insee(given, lambda: f"{where()}: property {keys[0]}")


def _name(where: Where, properties: Mapping[str, Any]) -> str:
    given = _first(properties, _NAMES)
    if not isinstance(given, str) or not is_text(given):
        raise FileError(f"{where()}: property nom or NOM: expected the commune's name")
    return given


def _made_of(where: Where, properties: Mapping[str, Any]) -> tuple[str, ...]:
    given = properties.get(_MADE_OF)
    if given is None:
        return ()
    if not isinstance(given, list):
        raise FileError(f"{where()}: property {_MADE_OF}: expected a list of INSEE codes")
    return tuple(insee(one, lambda: f"{where()}: property {_MADE_OF}") for one in given)


def _place(given: bytes, error: msgspec.DecodeError) -> str:
    """Return line and column of a fault in JSON."""
    found = re.search(r"\(byte (\d+)\)", str(error))
    at = int(found[1]) if found else len(given)
    line, before = given.count(b"\n", 0, at) + 1, given.rfind(b"\n", 0, at)
    return f"line {line}, column {at - before}"
