"""The alerts' routes: what an operator reads and does (PROTOCOL §3).

Serves arrow 2. Each act reads its whole body before it does anything, is one transaction of
``flow.triage``, and answers with the alert as it stands afterwards. Refusals are the domain's.
"""

import asyncio
from collections.abc import Set as AbstractSet
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from aiohttp import web

from tgd.errors import Invalid, NotFound
from tgd.platform.domain.alert import CLOSING_VERDICTS, VERDICTS
from tgd.platform.domain.listening import MODES
from tgd.platform.flow.triage import VOICES
from tgd.store import accounts, alerts
from tgd.store.db import Connection
from tgd.web import alert_json, office_in, reading
from tgd.web.access import CALLER, VIEW, Caller
from tgd.web.answers import answer, said
from tgd.web.board import Board
from tgd.web.context import Context
from tgd.web.kept import hidden_from

PAGE, PAGE_MAX = 100, 500
_STATUSES: dict[str | None, bool | None] = {None: None, "open": True, "closed": False}


class Alerts:
    """The handlers; every one runs behind the guard of its route."""

    def __init__(self, context: Context, board: Board) -> None:
        self._context = context
        self._database = context.database
        self._clock = context.clock
        self._triage = context.triage
        self._board = board

    async def list(self, request: web.Request) -> web.Response:
        """Answer alerts, newest first, in pages; or what has changed of the open ones."""
        status = reading.query(request, "status")
        if status not in _STATUSES:
            raise Invalid("status", "must be open or closed")
        since = reading.query(request, "since")
        if since is not None:
            if status != "open":
                raise Invalid("since", "is for status=open")
            return said(await self._board.since(since, request[VIEW], request[CALLER]))
        limit = reading.number(request, "limit", default=PAGE, most=PAGE_MAX)
        before = alert_json.read_cursor(reading.query(request, "cursor"))
        async with self._database.connection() as connection:
            rows = await alerts.page(
                connection,
                open_only=_STATUSES[status],
                limit=limit + 1,
                before=before,
                hidden=hidden_from(request),
            )
        now = self._clock.now()
        items = []
        for row in rows[:limit]:
            items.append(_told(row, self._context, now, hidden_from(request)))
            await asyncio.sleep(0)  # a long list must not keep a press waiting
        return answer(
            {
                "items": items,
                "next": _next(rows[limit - 1]) if len(rows) > limit else None,
                "now": alert_json.stamp(now),
            }
        )

    async def get(self, request: web.Request) -> web.Response:
        """Answer one alert."""
        return await self._shown(request, reading.alert_id(request))

    async def answer(self, request: web.Request) -> web.Response:
        """Take charge."""
        alert_id = reading.alert_id(request)
        reading.fresh(request, self._clock.now())
        once = reading.act_key(request)
        await self._triage.answer(alert_id, request[CALLER].name, once=once)
        return await self._shown(request, alert_id)

    async def voice(self, request: web.Request) -> web.Response:
        """Record whose voice was heard."""
        alert_id, caller = reading.alert_id(request), request[CALLER]
        heard = (await reading.fields(request)).choice("with", *VOICES)
        reading.fresh(request, self._clock.now())
        once = reading.act_key(request)
        await self._triage.voice(
            alert_id, caller.name, heard, supervisor=caller.supervisor, once=once
        )
        return await self._shown(request, alert_id)

    async def extend(self, request: web.Request) -> web.Response:
        """Give more time to decide."""
        alert_id, caller = reading.alert_id(request), request[CALLER]
        reason = (await reading.fields(request)).text("reason")
        reading.fresh(request, self._clock.now())
        once = reading.act_key(request)
        await self._triage.extend(
            alert_id, caller.name, reason, supervisor=caller.supervisor, once=once
        )
        return await self._shown(request, alert_id)

    async def listening(self, request: web.Request) -> web.Response:
        """Be heard at the phone's end, or not any more."""
        alert_id, caller = reading.alert_id(request), request[CALLER]
        mode = (await reading.fields(request)).choice("mode", *MODES)
        reading.fresh(request, self._clock.now())
        once = reading.act_key(request)
        await self._triage.listen(
            alert_id, caller.name, mode, supervisor=caller.supervisor, once=once
        )
        return await self._shown(request, alert_id)

    async def decide(self, request: web.Request) -> web.Response:
        """Give the verdict; 201 with the new alert where one had to be opened."""
        alert_id, caller = reading.alert_id(request), request[CALLER]
        fields = await reading.fields(request)
        verdict = fields.choice("verdict", *VERDICTS)
        if verdict in CLOSING_VERDICTS:  # sending the police is never too late
            reading.fresh(request, self._clock.now())
        target, new = await self._triage.decide(
            alert_id,
            caller.name,
            verdict,
            seen=_press_id(fields.optional("seen")),
            note=fields.optional("note"),
            all_clear_word=fields.optional("all_clear_word", reading.WORD_MAX),
            supervisor=caller.supervisor,
            once=reading.act_key(request),
        )
        status = HTTPStatus.CREATED if new else HTTPStatus.OK
        headers = {"Location": f"/api/v1/alerts/{target}"} if new else {}
        return await self._shown(request, target, status, headers)

    async def note(self, request: web.Request) -> web.Response:
        """Add a note."""
        alert_id = reading.alert_id(request)
        text = (await reading.fields(request)).text("text")
        once = reading.act_key(request)
        await self._triage.note(alert_id, request[CALLER].name, text, once=once)
        return await self._shown(request, alert_id)

    async def close(self, request: web.Request) -> web.Response:
        """End an alert that the police have."""
        alert_id = reading.alert_id(request)
        fields = await reading.fields(request)
        outcome, note = fields.word("outcome"), fields.optional("note")
        reading.fresh(request, self._clock.now())
        once = reading.act_key(request)
        await self._triage.close(alert_id, request[CALLER].name, outcome, note, once=once)
        return await self._shown(request, alert_id)

    async def voice_handoff(self, request: web.Request) -> web.Response:
        """Record that a room took the case over by telephone."""
        alert_id = reading.alert_id(request)
        fields = await reading.fields(request)
        names = ("room", "call_taker", "reference")
        room, call_taker, reference = (fields.word(name) for name in names)
        taken, by, once = {alert_id: reference}, request[CALLER].name, reading.act_key(request)
        await self._triage.voice_handoff(taken, by, room, call_taker, once=once)
        return await self._shown(request, alert_id)

    async def cancel(self, request: web.Request) -> web.Response:
        """Withdraw the case from a room to which it was sent by mistake."""
        alert_id = reading.alert_id(request)
        fields = await reading.fields(request)
        told, once = [fields.word(name) for name in ("room", "why")], reading.act_key(request)
        await self._triage.cancel(alert_id, request[CALLER].name, *told, once=once)
        return await self._shown(request, alert_id)

    async def journal(self, request: web.Request) -> web.Response:
        """Answer what happened to the alert, oldest first."""
        alert_id, caller = reading.alert_id(request), request[CALLER]
        async with self._database.connection() as connection:
            if caller.role == "prosecutor" and not await _of_own(connection, caller, alert_id):
                raise NotFound("alert")
            entries = await alerts.journal(connection, alert_id)
            if not entries and await alerts.one(connection, alert_id) is None:
                raise NotFound("alert")
        return answer({"items": [alert_json.journal_entry(row) for row in entries], "next": None})

    async def _shown(
        self,
        request: web.Request,
        alert_id: UUID,
        status: int = HTTPStatus.OK,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        return await shown(self._context, request, alert_id, status, headers)


async def shown(
    context: Context,
    request: web.Request,
    alert_id: UUID,
    status: int = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> web.Response:
    """Answer one alert as it stands, as far as whoever calls may know of it."""
    async with context.database.connection() as connection:
        row = await alerts.one(connection, alert_id)
    if row is None or row["person"] in hidden_from(request):
        raise NotFound("alert")
    return answer(_told(row, context, context.clock.now(), hidden_from(request)), status, headers)


def _told(
    row: alert_json.Row, context: Context, now: datetime, hidden: AbstractSet[UUID]
) -> dict[str, Any]:
    value = alert_json.alert(row, context.whereabouts, now, context.metrics.alerts_unread.inc)
    return alert_json.without(value, alert_json.others(row), hidden)


async def _of_own(connection: Connection, caller: Caller, alert_id: UUID) -> bool:
    """Say whether the alert was opened under an assignment of the prosecutor's tribunal."""
    own = await office_in.scope(connection, caller)
    return bool(own) and own == await accounts.tribunal_of_alert(connection, alert_id)


def _press_id(seen: str | None) -> str | None:
    """Write an id as the store does; what is none can only be "not the latest press"."""
    try:
        return None if seen is None else str(UUID(seen))
    except ValueError:
        return seen


def _next(row: alert_json.Row) -> str:
    own = row["alert"]
    return alert_json.cursor(own["opened_at"], own["id"])
