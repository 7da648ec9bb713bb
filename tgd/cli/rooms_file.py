"""The rooms file (PROTOCOL §1): read strictly, because a misspelt key here is a patrol not sent.

Serves arrow 3. ``read`` turns the text of a TOML file into what ``store.rooms`` keeps, tokens
sealed or hashed, or raises ``RoomsFileError`` naming the room, the line and the key. Nothing is
stored and no room is called here.
"""

import hashlib
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from tgd.errors import Invalid, TgdError
from tgd.platform.channels.cisu_https import check_url
from tgd.platform.channels.cisu_wire import address
from tgd.seal import Sealer
from tgd.store.rooms import LineEntry, RoomEntry, token_purpose

INSTITUTIONS = ("PN", "GN", "PP")
ADAPTERS = ("https", "amqp", "cap", "voice")
TIMEOUT_S = 5.0
LONGEST_TIMEOUT_S = 60.0

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PHONE = re.compile(r"\+?[0-9](?:[ .-]?[0-9]){1,18}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_TEXT_MAX = 200


class RoomsFileError(TgdError):
    """The rooms file cannot be used; the message is one line and says where."""


class _Table:
    """One TOML table that must have no key but those that are asked for."""

    def __init__(self, table: Any, where: str) -> None:
        if not isinstance(table, dict):
            raise RoomsFileError(f"{where} is not a table")
        self._left: dict[str, Any] = dict(table)
        self.where = where

    def fail(self, key: str, why: str) -> RoomsFileError:
        return RoomsFileError(f"{self.where}: {key} {why}")

    def take(self, key: str) -> Any:
        return self._left.pop(key, None)

    def text(self, key: str, fits: Callable[[str], object], what: str) -> str | None:
        """Return an optional text for which ``fits`` is true."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, str) or not fits(value):
            raise self.fail(key, f"must be {what}")
        return value

    def needed(self, key: str, fits: Callable[[str], object], what: str) -> str:
        value = self.text(key, fits, what)
        if value is None:
            raise self.fail(key, "is missing")
        return value

    def end(self) -> None:
        """Refuse what nobody asked for."""
        if self._left:
            raise self.fail(", ".join(sorted(self._left)), "is not a key of this table")


def read(text: str, sealer: Sealer) -> list[RoomEntry]:
    """Return the file's rooms in its order, or raise ``RoomsFileError``."""
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RoomsFileError(f"not TOML: {error}") from None
    unknown = sorted(set(top) - {"room"})
    if unknown:
        raise RoomsFileError(f"{', '.join(unknown)}: only [[room]] is known at the top")
    tables = top.get("room")
    if not isinstance(tables, list) or not tables:
        raise RoomsFileError("there is no [[room]]")
    rooms = [_room(_Table(table, f"room {n}"), sealer) for n, table in enumerate(tables, 1)]
    _agree(rooms)
    return rooms


def _room(table: _Table, sealer: Sealer) -> RoomEntry:
    room = table.needed("id", _ID.fullmatch, "1 to 64 letters, digits, . _ or -")
    table.where = f"room {room}"
    lines = table.take("line")
    if lines is not None and not isinstance(lines, list):
        raise table.fail("line", "must be written as [[room.line]]")
    entry = RoomEntry(
        id=room,
        name=table.needed("name", _is_text, "a text of at most 200 characters"),
        institution=table.needed("institution", INSTITUTIONS.__contains__, _one_of(INSTITUTIONS)),
        address=_address(table, room),
        services=_services(table),
        phone=table.text("phone", _PHONE.fullmatch, "a telephone number"),
        is_default=_flag(table, "default"),
        neighbour=table.text("neighbour", _ID.fullmatch, "the id of a room"),
        inbound_token=_digest(table),
        lines=tuple(_line(room, n, line, sealer) for n, line in enumerate(lines or [])),
    )
    table.end()
    if entry.neighbour == room:
        raise table.fail("neighbour", "must be another room")
    return entry


def _line(room: str, number: int, given: Any, sealer: Sealer) -> LineEntry:
    table = _Table(given, f"room {room}, line {number}")
    adapter = table.needed("adapter", ADAPTERS.__contains__, _one_of(ADAPTERS))
    url = table.text("url", _is_text, "an address")
    if adapter == "https":
        _check_https(table, url)
    token = table.text("token", _TOKEN.fullmatch, "printable characters without spaces")
    sealed = sealer.seal(token.encode(), token_purpose(room, number)) if token else None
    entry = LineEntry(adapter, url, sealed, _timeout(table))
    table.end()
    return entry


def _check_https(table: _Table, url: str | None) -> None:
    if url is None:
        raise table.fail("url", "is missing")
    try:
        check_url(url)
    except Invalid as error:
        raise table.fail("url", f"cannot be used: {error.detail}") from None


def _address(table: _Table, room: str) -> str:
    """Return the CISU identifier, which is the room's id where none is given."""
    given = table.text("address", _is_text, "a CISU identifier")
    try:
        return address("address", room if given is None else given)
    except Invalid as error:
        raise table.fail("address", f"(the id if absent) must be {error.detail}") from None


def _services(table: _Table) -> tuple[str, ...]:
    given = table.take("services")
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(s, str) and _is_text(s) for s in given):
        raise table.fail("services", "must be a list of ids, each a text")
    return tuple(given)


def _flag(table: _Table, key: str) -> bool:
    given = table.take(key)
    if given is not None and not isinstance(given, bool):
        raise table.fail(key, "must be true or false")
    return bool(given)


def _digest(table: _Table) -> bytes | None:
    what = "printable characters without spaces"
    token = table.text("inbound_token", _TOKEN.fullmatch, what)
    return hashlib.sha256(token.encode()).digest() if token else None


def _timeout(table: _Table) -> float:
    given = table.take("timeout_s")
    if given is None:
        return TIMEOUT_S
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not math.isfinite(given) or not 0 < given <= LONGEST_TIMEOUT_S:
        raise table.fail("timeout_s", f"must be a number above 0, at most {LONGEST_TIMEOUT_S:g}")
    return float(given)


def _agree(rooms: list[RoomEntry]) -> None:
    """Refuse rooms that cannot all be true at once."""
    ids = [room.id for room in rooms]
    tokens = {room.id: room.inbound_token for room in rooms if room.inbound_token}
    for room in rooms:
        if ids.count(room.id) > 1:
            raise RoomsFileError(f"room {room.id}: its id stands twice")
        twins = [other for other, token in tokens.items() if token == tokens.get(room.id)]
        if len(twins) > 1:
            raise RoomsFileError(f"rooms {' and '.join(twins)} have the same inbound_token")
    defaults = [room.id for room in rooms if room.is_default]
    if len(defaults) > 1:
        raise RoomsFileError(f"rooms {' and '.join(defaults)} are both the default")


def warnings(rooms: list[RoomEntry], known: Mapping[str, object]) -> list[str]:
    """Return what is allowed but worth saying; ``known`` are all room ids once imported."""
    said = []
    for room in rooms:
        said += [
            f"room {room.id}, line {number}: nothing is sent by {line.adapter} yet; stored"
            for number, line in enumerate(room.lines)
            if line.adapter != "https"
        ]
        if room.neighbour is not None and room.neighbour not in known:
            said.append(f"room {room.id}: its neighbour {room.neighbour} is not known")
    return said


def _is_text(value: str) -> bool:
    return 0 < len(value) <= _TEXT_MAX and value.isprintable() and not value.isspace()


def _one_of(words: tuple[str, ...]) -> str:
    return f"one of {', '.join(words)}"
