"""The rooms file (PROTOCOL §1): read strictly, because a misspelt key here is a patrol not sent.

Serves arrow 3. ``read`` turns the text of a TOML file into what ``store.rooms`` keeps, tokens
sealed or hashed, or raises ``RoomsFileError`` naming the room, the line and the key. Nothing is
stored and no room is called here.
"""

import difflib
import hashlib
import math
import re
import tomllib
from collections.abc import Callable, Collection
from typing import Any

from tgd import conflict
from tgd.errors import Invalid, TgdError
from tgd.platform.channels import amqp_address, https_address
from tgd.platform.channels.certificates import Files
from tgd.platform.channels.cisu_wire import address
from tgd.platform.domain import hours as hours_of_day
from tgd.seal import Sealer
from tgd.store.rooms import ELECTRONIC, LineEntry, RoomEntry, token_purpose

INSTITUTIONS = conflict.VALUES["institution"]
ADAPTERS = ("https", "amqp", "cap", "voice")
TIMEOUT_S = 5.0
LONGEST_TIMEOUT_S = 60.0

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PHONE = re.compile(r"\+?[0-9](?:[ .-]?[0-9]){1,18}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_EXCHANGE = re.compile(r"[A-Za-z0-9._:-]{1,127}")
_TEXT_MAX = 200
_PATH_MAX = 1024


class RoomsFileError(TgdError):
    """The rooms file cannot be used; the message is one line and says where."""


class _Table:
    """One TOML table that must have no key but those that are asked for."""

    def __init__(self, table: Any, where: str) -> None:
        if not isinstance(table, dict):
            raise RoomsFileError(f"{where} is not a table: write [[room]], and [[room.line]] in it")
        self._left: dict[str, Any] = dict(table)
        self._asked: list[str] = []
        self.where = where

    def fail(self, key: str, why: str) -> RoomsFileError:
        return RoomsFileError(f"{self.where}: {key} {why}")

    def take(self, key: str) -> Any:
        self._asked.append(key)
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
            raise self.fail(key, f'is missing: write {key} = "…", {what}')
        return value

    def end(self) -> None:
        """Refuse what nobody asked for."""
        for key in sorted(self._left):
            near = difflib.get_close_matches(key, self._asked, 1)
            known = f"did you mean {near[0]}?" if near else f"known are {', '.join(self._asked)}"
            raise self.fail(key, f"is not a key of this table: {known}")


def read(text: str, sealer: Sealer) -> list[RoomEntry]:
    """Return the file's rooms in its order, or raise ``RoomsFileError``."""
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RoomsFileError(f"not TOML: {error}") from None
    unknown = sorted(set(top) - {"room"})
    if unknown:
        raise RoomsFileError(
            f"{', '.join(unknown)}: only [[room]] is known at the top: write [[room]] before it"
        )
    tables = top.get("room")
    if not isinstance(tables, list) or not tables:
        raise RoomsFileError(
            "there is no [[room]]: write one for each control room, with id, name and institution"
        )
    rooms = [_room(_Table(table, f"room {n}"), sealer) for n, table in enumerate(tables, 1)]
    _agree(rooms)
    return rooms


def _room(table: _Table, sealer: Sealer) -> RoomEntry:
    room = table.needed("id", _ID.fullmatch, "1 to 64 letters, digits, . _ or -")
    table.where = f"room {room}"
    lines = table.take("line")
    if lines is not None and not isinstance(lines, list):
        raise table.fail("line", "must be written as [[room.line]]")
    told = tuple(_line(room, n, line, sealer) for n, line in enumerate(lines or []))
    phone = table.text("phone", _PHONE.fullmatch, "a telephone number")
    entry = RoomEntry(
        id=room,
        name=table.needed("name", _is_text, "a text of at most 200 characters"),
        institution=table.needed("institution", INSTITUTIONS.__contains__, _one_of(INSTITUTIONS)),
        address=_address(table, room),
        services=_services(table),
        phone=phone or next((number for one in told if (number := _number(one))), None),
        is_default=_flag(table, "default"),
        simulated=_flag(table, "simulated"),
        neighbour=table.text("neighbour", _ID.fullmatch, "the id of a room"),
        inbound_token=_digest(table),
        lines=told,
    )
    table.end()
    if entry.neighbour == room:
        raise table.fail("neighbour", "must be another room than itself: write that one's id")
    return entry


def _line(room: str, number: int, given: Any, sealer: Sealer) -> LineEntry:
    table = _Table(given, f"room {room}, line {number}")
    adapter = table.needed("adapter", ADAPTERS.__contains__, _one_of(ADAPTERS))
    url = table.text("url", _is_text, "an address")
    token = table.text("token", _TOKEN.fullmatch, "printable characters without spaces")
    if adapter == "amqp":
        url = _amqp(table, url, token)
    elif adapter in ELECTRONIC:
        url = _https(table, url)
    sealed = sealer.seal(token.encode(), token_purpose(room, number)) if token else None
    hours = table.text("hours", hours_of_day.read, '"08:00-20:00", French local time')
    entry = LineEntry(adapter, url, sealed, _timeout(table), hours, _days(table))
    table.end()
    return entry


def _number(line: LineEntry) -> str | None:
    """Return the telephone number of a line that is a person with a telephone, if it has one."""
    number = (line.url or "").removeprefix("tel:")
    return number if line.adapter == "voice" and _PHONE.fullmatch(number) else None


def _amqp(table: _Table, url: str | None, token: str | None) -> str:
    """Return the address to keep, with all that is said of the way there."""
    exchange = table.text("exchange", _EXCHANGE.fullmatch, "the name of an exchange")
    files = _files(table)
    settings = amqp_address.Settings(exchange, files.ca, files.certificate, files.key)
    if url is None:
        raise table.fail("url", 'is missing: write url = "amqps://…"')
    if token is None and settings.certificate is None:
        raise table.fail("token", "is missing, and so is certificate: one of them says who calls")
    try:
        return amqp_address.kept(url, settings)
    except Invalid as error:
        raise table.fail(error.field, f"cannot be used: {error.detail}") from None


def _https(table: _Table, url: str | None) -> str:
    """Return the address to keep, with the files of the way there."""
    files = _files(table)
    if url is None:
        raise table.fail("url", 'is missing: write url = "https://…"')
    try:
        return https_address.kept(url, files)
    except Invalid as error:
        more = ': write "https://…"' if error.field == "url" else ""
        raise table.fail(error.field, f"cannot be used: {error.detail}{more}") from None


def _files(table: _Table) -> Files:
    return Files(*(table.text(key, _is_path, "a path") for key in ("ca", "certificate", "key")))


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


def _days(table: _Table) -> tuple[int, ...] | None:
    given = table.take("days")
    if given is None:
        return None
    known = hours_of_day.DAYS
    if not isinstance(given, list) or not given or any(day not in known for day in given):
        raise table.fail("days", f"must be a list of some of {', '.join(known)}")
    return tuple(sorted({known.index(day) + 1 for day in given}))


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
            raise RoomsFileError(f"room {room.id}: id stands twice: each room has its own")
        twins = [other for other, token in tokens.items() if token == tokens.get(room.id)]
        if len(twins) > 1:
            raise RoomsFileError(
                f"rooms {' and '.join(twins)} have the same inbound_token: each has its own"
            )
    by_broker = [room for room in rooms if any(line.adapter == "amqp" for line in room.lines)]
    addresses = [room.address for room in by_broker]
    alike = [room.id for room in by_broker if addresses.count(room.address) > 1]
    if alike:
        raise RoomsFileError(
            f"rooms {' and '.join(alike)} answer by a broker under one address: each has its own"
        )
    defaults = [room.id for room in rooms if room.is_default]
    if len(defaults) > 1:
        raise RoomsFileError(
            f"rooms {' and '.join(defaults)} are both the default: write default = true for one"
        )


def warnings(
    rooms: list[RoomEntry], known: Collection[str], services: Collection[str] = ()
) -> list[str]:
    """Return what is allowed but worth saying.

    ``known`` are all room ids once imported, ``services`` those of the competence table in force
    (none: there is no table yet). Neither is an error: rooms may come in several files, and before
    the table.
    """
    said = []
    for room in rooms:
        said += [
            f"room {room.id}, line {number}: url is no telephone number: write tel:+33549000017"
            for number, line in enumerate(room.lines)
            if line.adapter == "voice" and line.url and not _number(line)
        ]
        if room.phone is None:
            said.append(
                f"room {room.id}: has no phone: whoever is to call it has no number:"
                ' write phone = "…"'
            )
        if room.neighbour is not None and room.neighbour not in known:
            said.append(
                f"room {room.id}: neighbour {room.neighbour} is not known: write the id of a room"
                " of this file or of one that was imported, or import that one as well"
            )
        said += [
            f"room {room.id}: services: {service} is not in the competence table in force: write"
            " an id of that table (tgd zones check)"
            for service in room.services
            if services and service not in services
        ]
    return said


def _is_text(value: str) -> bool:
    return 0 < len(value) <= _TEXT_MAX and value.isprintable() and not value.isspace()


def _is_path(value: str) -> bool:
    return 0 < len(value) <= _PATH_MAX and value.isprintable() and not value.isspace()


def _one_of(words: tuple[str, ...]) -> str:
    return f"one of {', '.join(words)}"
