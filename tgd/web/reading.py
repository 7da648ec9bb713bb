"""What clients send, read field by field: whoever sent it wrongly is told which field.

Serves the routes that take a body or a query. Promises: a body is never longer in memory than its
limit, malformed JSON is 400, a field that cannot be used is ``Invalid`` (422) by name, and nothing
is done before everything was read. Unknown fields are ignored.
"""

import re
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from tgd.errors import Invalid, NotFound, Refused
from tgd.geo.words import without_coordinates
from tgd.web.errors import Problem, too_large

BODY_MAX = 64 * 1024
TEXT_MAX = 4000
"""Characters of a text that a person types."""
WORD_MAX = 200
"""Characters of a name, a reference, a word."""
ACT_KEY = "Idempotency-Key"
READ_AT = "Tgd-Read-At"
STALE_AFTER = timedelta(seconds=30)
"""A console reads every two seconds, says after 4.5 s that it is stale, waits 8 s for an act."""
_ACT_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class Fields:
    """A JSON object whose fields are asked for one by one."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def names(self) -> set[str]:
        """Return the names of all that was sent, null or not."""
        return set(self._values)

    def value(self, name: str) -> Any:
        """Return whatever was sent; None if it is absent or null."""
        return self._values.get(name)

    def text(self, name: str, longest: int = TEXT_MAX) -> str:
        """Return a text that must be there and say something."""
        value = self.optional(name, longest)
        if value is None:
            raise Invalid(name, "is missing")
        if not value.strip():
            raise Invalid(name, "must not be empty")
        return value

    def optional(self, name: str, longest: int = TEXT_MAX) -> str | None:
        """Return a text, or None if it is absent or null."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise Invalid(name, "must be a text")
        if len(value) > longest:
            raise Invalid(name, f"must be at most {longest} characters long")
        if "\x00" in value:
            raise Invalid(name, "must not contain the character NUL")
        return value

    def word(self, name: str) -> str:
        """Return a short text that is kept in clear: without coordinates."""
        return without_coordinates(self.text(name, WORD_MAX))

    def boolean(self, name: str) -> bool:
        """Return true or false."""
        value = self._values.get(name)
        if not isinstance(value, bool):
            raise Invalid(name, "must be true or false")
        return value

    def choice(self, name: str, *known: str) -> str:
        """Return one of the known words."""
        value = self.text(name)
        if value not in known:
            raise Invalid(name, f"must be one of {', '.join(known)}")
        return value


async def body(request: web.Request, limit: int = BODY_MAX) -> bytes:
    """Return the body, 413 if it is longer than ``limit`` bytes."""
    if (request.content_length or 0) > limit:
        raise too_large(limit)
    kept = bytearray()
    try:
        while chunk := await request.content.read(limit + 1 - len(kept)):
            kept += chunk
            if len(kept) > limit:
                raise too_large(limit)
    except (HttpProcessingError, web.RequestPayloadError, ConnectionError):
        raise _malformed("the body ended early or could not be decoded") from None
    return bytes(kept)


async def said(request: web.Request) -> Fields:
    """Return the fields of the JSON object in the body, none where there is no body."""
    return await fields(request) if request.can_read_body else Fields({})


async def fields(request: web.Request) -> Fields:
    """Return the fields of the JSON object in the body."""
    raw = await body(request)
    try:
        values = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise _malformed("the body is not valid JSON") from None
    if not isinstance(values, dict):
        raise Invalid("body", "must be a JSON object")
    return Fields(values)


def alert_id(request: web.Request) -> UUID:
    """Return the id in the address; what cannot be one names no alert."""
    text = request.match_info["id"]
    try:
        found = UUID(text)
    except ValueError:
        raise NotFound("alert") from None
    if str(found) != text.lower():
        raise NotFound("alert")
    return found


def act_key(request: web.Request) -> str | None:
    """Return the key under which an act is done once, however often it is sent; None without."""
    key = request.headers.get(ACT_KEY)
    if key is not None and not _ACT_KEY.fullmatch(key):
        raise Invalid(ACT_KEY, "must be 1 to 64 letters, digits, - or _")
    return key


def fresh(request: web.Request, now: datetime) -> None:
    """Refuse an act that says to rest on what was read too long ago.

    A machine that slept, or a line that kept the request, acts on what is no longer so.
    """
    said = request.headers.get(READ_AT)
    if said is None:
        return
    try:
        read_at = datetime.fromisoformat(said)
    except ValueError:
        read_at = None
    if read_at is None or read_at.tzinfo is None:
        raise Invalid(READ_AT, "must be a time with its zone")
    if now - read_at > STALE_AFTER:
        raise Refused("stale_page", "what this rests on was read too long ago: look again")


def query(request: web.Request, name: str) -> str | None:
    """Return one value of the query; given twice it means nothing."""
    values = request.query.getall(name, [])
    if len(values) > 1:
        raise Invalid(name, "is given more than once")
    return values[0] if values else None


def number(request: web.Request, name: str, *, default: int, most: int) -> int:
    """Return a whole number of the query between 1 and ``most``."""
    text = query(request, name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most))):
        raise Invalid(name, f"must be a whole number from 1 to {most}")
    if not 1 <= int(text) <= most:
        raise Invalid(name, f"must be a whole number from 1 to {most}")
    return int(text)


def _malformed(detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "malformed", detail, field="body")
