"""Bytes from phones become messages, messages to phones become bytes (arrow 1: press → alert).

Promises: `press` is total. Every byte string on every press topic yields a Press that keeps the
bytes, says what is wrong in its doubts, and can be receipted: nothing a phone sends is refused
(PROTOCOL §2 rule 1). The other topics refuse: what they cannot use is `Quarantined`.

Leaves to others: which phone it is and whether it may (the register), what a press does (the
alert), broken bytes (`salvage`), clocks (`phone_clock`), coordinates (`tgd.geo`).
"""

import hashlib
import re
import unicodedata
from datetime import datetime
from typing import Any, Final

import msgspec

from tgd.devices import phone_clock, salvage
from tgd.devices.messages import Heartbeat, LastWill, PositionReport, Press, Quarantined
from tgd.geo.position import epoch, number, read_fix
from tgd.geo.words import without_coordinates

MAX_BYTES: Final = 8 * 1024
LATE_S: Final = 60.0

_DEVICE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_ID: Final = 64
_MAX_TRIGGER: Final = 32
_MAX_FIRMWARE: Final = 64
_MAX_NET: Final = 16
_INT64: Final = 2**63
_EXACT_FLOAT: Final = 2**53
_MAX_ATTEMPT: Final = 2**31 - 1
# Control characters, lone surrogates, line and paragraph separators: no store takes them all, and
# no screen shows them.
_ILLEGIBLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def press(
    device: str,
    raw: bytes,
    *,
    received_at: datetime,
    retained: bool = False,
    path: str = "mqtt",
) -> Press:
    """Make a Press of whatever arrived. Total: never raises, keeps `raw` as it came.

    `device` is the topic's device level, any string; `path` one of mqtt, https, sms, call. The
    doubt `wire_fault` says that reading failed for a reason nobody foresaw, and is to be counted.
    """
    try:
        return _press(device, raw, received_at, retained=retained, path=path)
    except Exception:  # noqa: BLE001  no bug of ours may cost a press; `wire_fault` makes it heard
        return _bare(device, raw, received_at, retained=retained, path=path)


def device_key(device: str) -> str:
    """Return the register's key for a topic's device: itself if well formed, else its hash."""
    if _DEVICE.fullmatch(device):
        return device
    return "x-" + hashlib.sha256(device.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _press(device: str, raw: bytes, received_at: datetime, *, retained: bool, path: str) -> Press:
    key = device_key(device)
    document, unreadable = salvage.read(raw)
    get = document.get
    sent_id = _legible_id(get("id"))
    said_tst, said_created_at = get("tst"), get("created_at")
    tst, created_at = epoch(said_tst), epoch(said_created_at)
    age_s, pressed_at, clock = phone_clock.age(tst, created_at, received_at)
    loc = get("loc")
    # Some send the location's fields flat, as OwnTracks does; there `tst` is the fix's time too.
    fix, place = read_fix(document if loc is None and "lat" in document else loc)
    doubts: list[str] = []
    if key is not device and key != device:
        doubts.append("device_ill_formed")
    if retained:
        doubts.append("retained")
    if len(raw) > MAX_BYTES:
        doubts.append("oversized")
    doubts += unreadable
    if sent_id is None:
        doubts.append("id_missing")
    if (tst is None and said_tst is not None) or (
        created_at is None and said_created_at is not None
    ):
        doubts.append("clock_wrong")
    doubts += clock
    if age_s >= LATE_S:
        doubts.append("late")
    doubts += place
    return Press(
        device=key,
        reply_to=device,
        sent_id=sent_id,
        seq=_integer(get("seq"), -_INT64, _INT64 - 1),
        attempt=_integer(get("attempt"), 0, _MAX_ATTEMPT),
        tst=tst,
        created_at=created_at,
        trigger=_word(get("trigger"), _MAX_TRIGGER) or "button",
        fix=fix,
        batt=_integer(get("batt"), 0, 100),
        path=path,
        raw=raw,
        digest=hashlib.sha256(raw).digest(),
        retained=retained,
        received_at=received_at,
        pressed_at=pressed_at,
        age_s=age_s,
        doubts=tuple(dict.fromkeys(doubts)),
    )


def _bare(device: str, raw: bytes, received_at: datetime, *, retained: bool, path: str) -> Press:
    """Make a Press of bytes alone; everything here is known to work on every input."""
    return Press(
        device=device_key(device),
        reply_to=device,
        sent_id=None,
        seq=None,
        attempt=None,
        tst=None,
        created_at=None,
        trigger="button",
        fix=None,
        batt=None,
        path=path,
        raw=raw,
        digest=hashlib.sha256(raw).digest(),
        retained=retained,
        received_at=received_at,
        pressed_at=received_at,
        age_s=0.0,
        doubts=("wire_fault", "press_unreadable", "id_missing", "location_absent"),
    )


def position(device: str, raw: bytes, received_at: datetime) -> PositionReport:
    """Read a position (what the OwnTracks app sends is accepted as it is). Raises Quarantined.

    A report that says "tried, none" (`pm` "N") holds no position: `location_invalid` as well.
    """
    document = _other(device, raw, "location")
    fix, doubts = read_fix(document)
    if fix is None:
        raise Quarantined("location_invalid")
    return PositionReport(device, fix, received_at, doubts, epoch(document.get("created_at")))


def heartbeat(device: str, raw: bytes, received_at: datetime) -> Heartbeat:
    """Read a heartbeat; whatever locates the phone is dropped unread. Raises Quarantined."""
    get = _other(device, raw, "heartbeat").get
    conn = get("conn")
    return Heartbeat(
        device=device,
        seq=_integer(get("seq"), -_INT64, _INT64 - 1),
        tst=epoch(get("tst")),
        batt=_integer(get("batt"), 0, 100),
        bs=_integer(get("bs"), 0, 3),
        conn=conn if conn in ("m", "w", "o") else None,
        net=_network(get("net")),
        fw=_word(get("fw"), _MAX_FIRMWARE),
        received_at=received_at,
    )


def last_will(device: str, raw: bytes, received_at: datetime) -> LastWill:
    """Read a last will; its topic says everything, so an empty one is one. Raises Quarantined."""
    if raw:
        _other(device, raw, "lwt")
    elif not _DEVICE.fullmatch(device):
        raise Quarantined("topic")
    return LastWill(device, received_at)


def receipt(
    press_id: str | None, *, code: str, alert: str | None, at: datetime, listen: str
) -> bytes:
    """Write the receipt of a committed press: `code` ok or duplicate, `listen` the phone's mode."""
    return msgspec.json.encode(
        {
            "_type": "receipt",
            "id": press_id,
            "code": code,
            "alert": alert,
            "at": _seconds(at),
            "listen": listen,
        }
    )


def state(alert: str, *, state: str, n: int, at: datetime) -> bytes:
    """Write an alert's state for its phone; `n` only grows, and it is void 60 s after `at`."""
    return msgspec.json.encode(
        {"_type": "state", "alert": alert, "state": state, "n": n, "at": _seconds(at)}
    )


def _seconds(at: datetime) -> float:
    return round(at.timestamp(), 3)


def _other(device: str, raw: bytes, kind: str) -> dict[str, Any]:
    """Read a message of a topic that may refuse; its own kind may be left unsaid."""
    if not _DEVICE.fullmatch(device):
        raise Quarantined("topic")
    if len(raw) > MAX_BYTES:
        raise Quarantined("oversized")
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Quarantined("unreadable") from error
    if type(document) is not dict:
        raise Quarantined("unreadable")
    if document.get("_type", kind) != kind:
        raise Quarantined("wrong_type")
    return document


def _legible_id(value: object) -> str | None:
    """Return an id that can be stored, shown and echoed exactly; else None."""
    if type(value) is not str or not 0 < len(value) <= _MAX_ID or not value.strip():
        return None
    if value.isprintable():
        return value
    return None if any(unicodedata.category(one) in _ILLEGIBLE for one in value) else value


def _legible(value: object, longest: int) -> str | None:
    """Return the printable part of a word, cut to length; None if nothing is left."""
    if type(value) is not str:
        return None
    if len(value) <= longest and value.isprintable():
        return value or None
    printable = "".join(one for one in value[: longest * 4] if one.isprintable())
    return printable[:longest] or None


def _word(value: object, longest: int) -> str | None:
    """Return the printable part of a word that is kept in clear: no coordinate stays in it."""
    legible = _legible(value, longest * 4)
    return None if legible is None else without_coordinates(legible)[:longest]


def _integer(value: object, low: int, high: int) -> int | None:
    if type(value) is float and value.is_integer() and abs(value) <= _EXACT_FLOAT:
        value = int(value)
    return value if type(value) is int and low <= value <= high else None


def _network(net: object) -> dict[str, str | float | bool | None] | None:
    """Return what a heartbeat says of its network, flat, bounded, and without a place."""
    if not isinstance(net, dict):
        return None
    kept: dict[str, str | float | bool | None] = {}
    for key, value in net.items():
        name = _legible(key, _MAX_TRIGGER)
        if name is None or name.strip().lower() in salvage.LOCATING or len(kept) == _MAX_NET:
            continue
        if value is None or isinstance(value, bool):
            kept[name] = value
        elif isinstance(value, str):
            kept[name] = _word(value, _MAX_FIRMWARE)
        elif (figure := number(value)) is not None:
            kept[name] = figure
    return kept
