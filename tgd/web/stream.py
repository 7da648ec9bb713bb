"""The hint to re-read: server-sent events that never carry the data of record.

Serves arrow 2's console. Promises: a hint reaches every console that listens, hints that come
faster than a console takes them become one, a slow console holds up nobody, and a stream ends when
the session or token that opened it does. Whoever may not know of an alert is given no hint that is
about it alone. What there is to read is read from ``/alerts``.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from aiohttp import web

from tgd.store import presence
from tgd.store.db import OUTAGE
from tgd.web.access import CALLER, Access, Caller
from tgd.web.board import Board
from tgd.web.context import Context
from tgd.web.kept import Kept

KEEP_ALIVE = timedelta(seconds=5)
_WRITE_S = 10.0
_HINT = b"event: alerts\ndata: {}\n\n"
_STILL_HERE = b"event: here\ndata: {}\n\n"


class Stream:
    """The route ``GET /stream``."""

    def __init__(self, context: Context, access: Access, board: Board, kept: Kept) -> None:
        self._hub = context.hub
        self._database = context.database
        self._access = access
        self._board = board
        self._kept = kept
        self._clock = context.clock
        self._gauge = context.metrics.stream_clients

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """Write hints and keep-alives until either side goes or the credentials end."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )
        with self._hub.joined() as listener:
            self._gauge.set(self._hub.listening)
            await self._seen(request, arrived=True)
            try:
                await response.prepare(request)
                await _write(response, b"retry: 1000\n\n")
                async for event in self._events(listener, request):
                    await _write(response, event)
                    if event is _HINT:
                        self._hub.delivered()
            except (ConnectionError, TimeoutError):
                response.force_close()  # the console has gone, or takes nothing any more
        self._gauge.set(self._hub.listening)
        return response

    async def _events(self, listener: asyncio.Event, request: web.Request) -> AsyncIterator[bytes]:
        checked_at, told = self._clock.now(), -1
        while not self._hub.closed:
            # From the last check, whatever was hinted since: nobody is away for a late one.
            await self._clock.wait(listener, checked_at + KEEP_ALIVE)
            now = self._clock.now()
            if now >= checked_at + KEEP_ALIVE:
                if not await self._stands(request[CALLER], now):
                    return
                checked_at = now
                if request[CALLER].session is None:
                    await self._seen(request)
                yield _STILL_HERE
            if not listener.is_set():
                continue
            listener.clear()
            if await self._concerns(request[CALLER], told):
                told = self._board.version
                yield _HINT

    async def _concerns(self, caller: Caller, told: int) -> bool:
        """Say whether a hint is about anything of which its reader may know, since that reading."""
        if told < 0 or not self._kept.known.hidden_from(caller.name, caller.role):
            return True
        try:
            return await self._board.news(told, caller)
        except OUTAGE:
            return False  # a console looks by itself as well

    async def _seen(self, request: web.Request, *, arrived: bool = False) -> None:
        """Note that this console is connected: its operator is there.

        A browser is only asked whether it is, and notes itself by reading who is there: what is
        written to a machine that sleeps, or a page that hangs, goes without an error for minutes.
        """
        if request.transport is None or request.transport.is_closing():
            return  # gone, though nothing has been written to it since
        caller = request[CALLER]
        try:
            async with self._database.connection() as connection:
                seen = presence.arrived if arrived else presence.seen
                await seen(connection, caller.name, caller.role, self._clock.now())
        except OUTAGE:
            return  # nobody can be rung by a database that is away; the next time will note it

    async def _stands(self, caller: Caller, now: datetime) -> bool:
        if caller.expires_at is not None and caller.expires_at <= now:
            return False
        try:
            return await self._access.stands(caller)
        except OUTAGE:
            return True  # not known just now; the console's own reading will tell it of the outage


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(_WRITE_S):
        await response.write(data)
