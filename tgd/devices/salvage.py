"""Broken bytes: what can still be read in them, and how coordinates are cut out (arrow 1).

Promises: `read` and `redact` take every byte string, in time linear in its length (every pattern
is possessive or bounded), and never raise. In order: strict JSON; JSON as phones get it wrong (NaN,
lone surrogates, bad UTF-8, UTF-16, bytes before or after); and last a search for the legible pairs
in the first 8 KiB. Whatever needed more than the second step's tolerance within valid UTF-8 is
marked `press_unreadable`, and a location put together from broken bytes `location_salvaged`.

Leaves to others: what the values mean (`wire`), whether coordinates must be cut (consent).
"""

import json
import re
from typing import Any, Final

import msgspec

LEGIBLE_HEAD: Final = 8 * 1024
_NEVER_PARSED: Final = 256 * 1024
_MAX_INT_DIGITS: Final = 20

_PLACES: Final = {"loc", "location", "position", "coordinates", "coords", "gps", "geo", "poi"}
_FIGURES: Final = {"lat", "latitude", "lon", "long", "lng", "longitude", "alt", "altitude"}
_MOTION: Final = {"acc", "vac", "vel", "cog"}
_NETWORKS: Final = {"inregions", "inrids", "ssid", "bssid", "cid", "ci", "eci", "lac", "tac"}
LOCATING: Final = frozenset(_PLACES | _FIGURES | _MOTION | _NETWORKS)
"""Names of what says where she is: coordinates, and the cells and access points beside them."""

_NUMBERS: Final = rb"lat(?:itude)?+|lon(?:gitude|g)?+|lng|alt(?:itude)?+|vac|acc|vel|cog"
_KEY_END: Final = rb"[\"'\\]{0,4}+\s{0,8}+[:=]\s{0,8}+"
_CUT_OBJECT: Final = re.compile(
    rb"(?i)((?<![a-z])(?:loc|location|position|coordinates|coords|gps|geo)" + _KEY_END + rb")"
    rb"(?:\{[^{}]*+\}?|\[[^\[\]]*+\]?)"
)
_CUT_NUMBER: Final = re.compile(
    rb"(?i)((?<![a-z])(?:" + _NUMBERS + rb")" + _KEY_END + rb")"
    rb"[\"'\\\[]{0,4}+[^,}\]\"']*+(?:,[0-9]++)?+[\"'\\]{0,4}+"
)
_COORDINATE: Final = re.compile(rb"(?<![0-9.])-?[0-9]{1,3}\.[0-9]{3,}+(?:[eE][-+]?[0-9]++)?+")
_PAIR: Final = re.compile(
    rb'"([a-z_]{2,12})"\s{0,8}+:\s{0,8}+'
    rb'(?:"([^"\\\x00-\x1f]{1,256}+)"|(-?[0-9]{1,20}+(?:\.[0-9]{1,20}+)?+)(?=[,}\]\s]))'
)
_LOC: Final = re.compile(rb'"loc"\s{0,8}+:\s{0,8}+\{([^{}]*+)')
_UUID: Final = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_LOCATES: Final = re.compile(
    rb'(?i)"(?:' + "|".join(sorted(LOCATING)).encode() + rb')"\s{0,8}+:\s{0,8}+(?!null\b)|\\u'
)

Document = dict[str, Any]


def _integer(digits: str) -> int | float:
    """Read an integer of any length: Python refuses thousands of digits, a press must not fail."""
    return int(digits) if len(digits) <= _MAX_INT_DIGITS else float(digits)


_LENIENT: Final = json.JSONDecoder(strict=False, parse_int=_integer)


def read(raw: bytes) -> tuple[Document, tuple[str, ...]]:
    """Return what is legible of a press as a dictionary (maybe empty), and the doubts."""
    if len(raw) < _NEVER_PARSED:
        try:
            document = msgspec.json.decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return _read_lenient(raw)
        if type(document) is dict:
            return document, ()
    return _pick(raw)


def may_locate(raw: bytes) -> bool:
    """Say whether well-formed bytes name a place, in a field that is read or in any other."""
    return _LOCATES.search(raw) is not None or _COORDINATE.search(raw) is not None


def redact(raw: bytes) -> bytes:
    """Return the bytes without what says where the phone was, as JSON if they were JSON.

    Readable JSON is written anew without the locating fields at any depth. In anything else the
    values after their names become null. In both, what is shaped like a coordinate (three or
    more decimals) becomes null: names can be garbled too, and nothing else in a press looks so.
    """
    document, doubts = read(raw)
    kept = raw.replace(b"\0", b"")  # UTF-16 hides nothing that way
    if not doubts:
        try:
            kept = json.dumps(without_location(document), separators=(",", ":")).encode()
        except RecursionError:  # readable, but too deep to be written again
            doubts = ("press_unreadable",)
    if doubts:
        kept = _CUT_NUMBER.sub(rb"\1null", _CUT_OBJECT.sub(rb"\1null", kept))
    return _COORDINATE.sub(b"null", kept)


def without_location(value: Any) -> Any:
    """Return JSON without its locating fields, at any depth."""
    if isinstance(value, dict):
        return {
            key: without_location(inner)
            for key, inner in value.items()
            if key.strip().lower() not in LOCATING
        }
    if isinstance(value, list):
        return [without_location(inner) for inner in value]
    return value


def _read_lenient(raw: bytes) -> tuple[Document, tuple[str, ...]]:
    encoding = json.detect_encoding(raw)
    utf8 = encoding.startswith("utf-8")
    # Bad bytes become lone surrogates, which no id may hold: an id is echoed exactly or not at all.
    text = raw.decode(encoding, "surrogateescape" if utf8 else "replace")
    start = text.find("{")
    if start < 0:
        return _pick(raw)
    try:
        document, end = _LENIENT.raw_decode(text, start)
    except (ValueError, RecursionError):
        return _pick(raw)
    whole = utf8 and not (text[:start] + text[end:]).strip() and _is_utf8(raw)
    return document, () if whole else ("press_unreadable",)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _pick(raw: bytes) -> tuple[Document, tuple[str, ...]]:
    """Pick the legible pairs out of bytes that are no JSON object; the first of a name counts.

    A number counts only where something ends it: a cut-off coordinate is another place.
    """
    head = raw[:LEGIBLE_HEAD].replace(b"\0", b"")
    doubts: tuple[str, ...] = ("press_unreadable",)
    loc = _LOC.search(head)
    document = _pairs(head if loc is None else head[: loc.start()] + head[loc.end() :])
    if "id" not in document and (uuid := _UUID.search(head)):
        document["id"] = uuid[0].decode()
    place = document
    if loc is not None:
        place = document["loc"] = _pairs(loc[1])
    if "lat" in place and "lon" in place:
        doubts = (*doubts, "location_salvaged")
    return document, doubts


def _pairs(legible: bytes) -> Document:
    found: Document = {}
    for name, string, figure in _PAIR.findall(legible):
        value = (
            (float(figure) if b"." in figure else int(figure))
            if figure
            else string.decode("utf-8", "surrogateescape")
        )
        found.setdefault(name.decode(), value)
    return found
