"""Control rooms and their lines: how they stand, and the exercise that makes a line live.

Serves whoever keeps the way to the police in order. Nothing here concerns a person of ours; the
name of the room's person who confirmed an exercise goes in and never comes out again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from tgd.errors import Invalid, NotFound
from tgd.platform.domain import line_alarms
from tgd.platform.domain.line_alarms import Found, Probed
from tgd.platform.flow.exercising import Exercising
from tgd.store import rooms
from tgd.web import alert_json, reading
from tgd.web.access import CALLER
from tgd.web.answers import answer
from tgd.web.context import Context

_MANY = 1000
_MOMENTS = frozenset(
    {
        *("live_since", "probed_at", "changed_at", "certificate_until", "stranger_at"),
        *("own_certificate_until", "refuses_since"),
        *("asked_at", "expires_at", "acknowledged_at"),
    }
)


class Rooms:
    """The handlers; every one runs behind the guard of its route."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._clock = context.clock
        self._exercising: Exercising = context.exercising

    async def list(self, _request: web.Request) -> web.Response:
        """Answer every room with its lines."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            found = await rooms.overview(connection, now)
        items = [_shown(row, now) for row in found]
        return answer({"items": items, "next": None, "now": alert_json.stamp(now)})

    async def exercise(self, request: web.Request) -> web.Response:
        """Ask for an exercise by a room's electronic lines, or by one of them."""
        line = (await reading.fields(request)).value("line")
        if line is not None and not (type(line) is int and 0 <= line < _MANY):
            raise Invalid("line", "must be a line's number, from 0 on; left out: every line")
        await self._exercising.ask(request.match_info["id"], line, request[CALLER].name)
        return await self.list(request)

    async def acknowledged(self, request: web.Request) -> web.Response:
        """Record who at the room has the exercise, as told on the telephone."""
        call_taker = (await reading.fields(request)).word("call_taker")
        await self._exercising.acknowledge(_id(request), call_taker, request[CALLER].name)
        return await self.list(request)


def _id(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise NotFound("exercise") from None


def _shown(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    electronic = [one for one in row["lines"] if one["adapter"] in rooms.ELECTRONIC]
    return {
        "id": row["id"],
        "name": row["name"],
        "institution": row["institution"],
        "address": row["address"],
        "phone": row["phone"],
        "default": row["is_default"],
        "neighbour": row["neighbour"],
        "simulated": row["simulated"],
        "alarm": line_alarms.of_room([Probed(one["up"], one["failures"]) for one in electronic]),
        "lines": [_told(line) | {"alarms": _alarms(line, now)} for line in row["lines"]],
    }


def _alarms(line: Mapping[str, Any], now: datetime) -> list[dict[str, str]]:
    found = Found(*(line[name] and datetime.fromisoformat(line[name]) for name in Found._fields))
    told = line_alarms.of_line(found, now)
    return [{"code": code, "at": alert_json.stamp(at)} for code, at in told]


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write what the database has put together, its times as everywhere."""
    told: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            told[name] = _told(value)
        elif name in _MOMENTS and value is not None:
            told[name] = alert_json.stamp(datetime.fromisoformat(value))
        else:
            told[name] = value
    return told
