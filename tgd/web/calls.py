"""Calls to control rooms that are one call: the list to read out, and one act that records it.

Serves arrow 3's voice tasks. Each alert keeps its own task and may be handed off alone as before;
whoever has the room on the telephone records all of them in one transaction, with one name.
"""

from typing import Any
from uuid import UUID

from aiohttp import web

from tgd.errors import Invalid, NotFound
from tgd.platform import calls
from tgd.platform.calls import Call
from tgd.seal import Sealer
from tgd.store import conflicts
from tgd.web import alert_json, reading
from tgd.web.access import CALLER
from tgd.web.answers import answer
from tgd.web.context import Context
from tgd.web.kept import hidden_from

MOST = 100


class Calls:
    """The handlers; every one runs behind the guard of its route."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._clock = context.clock
        self._triage = context.triage
        self._sealer: Sealer = context.office.sealer

    async def list(self, request: web.Request) -> web.Response:
        """Answer what is one call now, by room."""
        async with self._database.connection() as connection:
            found = await calls.together(connection, self._sealer, hidden_from(request))
        now = alert_json.stamp(self._clock.now())
        return answer({"items": [_shown(call) for call in found], "next": None, "now": now})

    async def handoff(self, request: web.Request) -> web.Response:
        """Record that a person of the room has taken these cases over, in one call."""
        fields = await reading.fields(request)
        call_taker = fields.word("call_taker")
        taken = _cases(fields.value("cases"))
        async with self._database.connection() as connection:
            about = await conflicts.persons(connection, "alerts", list(taken))
        if about & hidden_from(request):
            raise NotFound("alert")
        room, once = request.match_info["id"], reading.act_key(request)
        await self._triage.voice_handoff(taken, request[CALLER].name, room, call_taker, once=once)
        return await self.list(request)


def _cases(given: Any) -> dict[UUID, str]:
    """Return the references by alert."""
    if not isinstance(given, list) or not 0 < len(given) <= MOST:
        raise Invalid("cases", f"must be a list of 1 to {MOST} alerts with their references")
    found = {}
    for one in given:
        if not isinstance(one, dict):
            raise Invalid("cases", "must be objects with alert and reference")
        fields = reading.Fields(one)
        try:
            found[UUID(fields.text("alert", reading.WORD_MAX))] = fields.word("reference")
        except ValueError:
            raise Invalid("alert", "must be an alert's id") from None
    return found


def _shown(call: Call) -> dict[str, Any]:
    return {
        "room": call.room,
        "name": call.name,
        "number": call.number,
        "red": any(row["red"] for row, _ in call.cases),
        "cases": [
            {
                "alert": str(row["id"]),
                "case_id": row["case_id"],
                "device": row["device"],
                "beneficiary": row["beneficiary"],
                "danger": case.danger,
                "heard": case.heard,
                "verdict": row["verdict"],
                "reason": row["reason"],
                "pressed_at": alert_json.stamp(row["pressed_at"]),
                "red": row["red"],
            }
            for row, case in call.cases
        ],
    }
