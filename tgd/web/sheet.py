"""A room's sheet over HTTP: by its address, for the room; in the console, for operators.

Serves arrow 3. Promises of the address: a wrong, a dead and a withdrawn one answer the same page
with the platform's number; guessing is slowed down by where it comes from, and a right address
still opens then; prefetching leaves no trace, and HEAD is not answered; nothing of an address goes
into a log, a metric or an error. Opening is written into the journal and acknowledges nothing.
The page has no script, loads nothing, and may be kept by nobody.
"""

import asyncio
import hashlib
import logging
from dataclasses import replace
from datetime import datetime
from html import escape
from http import HTTPStatus
from uuid import UUID

from aiohttp import web

from tgd.errors import Invalid, NotFound, Temporary
from tgd.platform.channels.sheet import Sheet
from tgd.store.db import OUTAGE
from tgd.web import reading, sheet_html
from tgd.web.access import CALLER
from tgd.web.answers import answer
from tgd.web.context import Context
from tgd.web.delays import source
from tgd.web.errors import Problem
from tgd.web.rates import Rates
from tgd.web.sheet_plan import reach_m
from tgd.web.typeset import NotSet, Press

WRONG_A_MINUTE, OPENINGS_A_MINUTE = 20, 30
_log = logging.getLogger(__name__)
_AWAY_FOR_NOW: tuple[type[BaseException], ...] = (*OUTAGE, Invalid, Temporary, NotSet)
_PDF = "application/pdf"
_GONE = "Cette fiche n'existe pas ou n'est plus disponible"
_SLOWED = "Trop d'essais : attendez une minute"
_AWAY = "La fiche n'est pas disponible pour l'instant : réessayez"
_HEADERS = {"X-Robots-Tag": "noindex, nofollow, noarchive", "Cache-Control": "no-store"}


class SheetPages:
    """The handlers."""

    def __init__(self, context: Context) -> None:
        self._sheets = context.sheets
        self._competence = context.competence
        self._config = context.config
        self._rates = Rates(context.clock)
        self._opened = context.metrics.sheets
        self._press = Press("tgd.web.sheet_pdf")

    async def page(self, request: web.Request) -> web.Response:
        """Answer the page of an address."""
        return await self._by_link(request, "page")

    async def file(self, request: web.Request) -> web.Response:
        """Answer the same as a file."""
        return await self._by_link(request, "pdf")

    async def shown(self, request: web.Request) -> web.Response:
        """Answer to an operator the page that the room sees."""
        made, _ = await self._of(request)
        return _page(await self._drawn(made), f"{request.rel_url.path}.pdf")

    async def shown_file(self, request: web.Request) -> web.Response:
        """Answer to an operator the file that the room sees."""
        made, at = await self._of(request)
        try:
            return await self._file(made, at)
        except Temporary:
            raise Problem(503, "slow", "the page takes too long to set: try again") from None

    async def revoke(self, request: web.Request) -> web.Response:
        """Have the address of a room's sheet open nothing any more."""
        alert, dispatch = reading.alert_id(request), _dispatch(request)
        await self._sheets.revoke(alert, dispatch, request[CALLER].name)
        return answer({"revoked": str(dispatch)})

    async def _by_link(self, request: web.Request, form: str) -> web.Response:
        links, token = self._sheets.links, request.match_info["token"]
        dispatch = None if links is None else links.dispatch(token)
        if wait_s := self._wait_s(request, dispatch):
            self._opened["slowed"].inc()
            return self._nothing(_SLOWED, HTTPStatus.TOO_MANY_REQUESTS, int(wait_s) + 1)
        unseen = _is_prefetch(request)
        try:
            noted = None if unseen else form
            found = None if dispatch is None else await self._sheets.by_link(dispatch, noted)
            if found is None:
                self._opened["refused"].inc()
                return self._nothing(_GONE, HTTPStatus.NOT_FOUND)
            if unseen:
                # Not 200: the browser would show that empty page to whoever clicks then.
                return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, headers=_HEADERS)
            self._opened["shown"].inc()
            if form == "pdf":
                return await self._file(*found)
        except _AWAY_FOR_NOW as failure:
            _log.warning("a room's sheet cannot be shown: %s", type(failure).__name__)
            return self._nothing(_AWAY, HTTPStatus.SERVICE_UNAVAILABLE, 5)
        return _page(await self._drawn(found[0]), f"{token}.pdf")

    def _wait_s(self, request: web.Request, dispatch: UUID | None) -> float:
        if dispatch is None:
            where = hashlib.sha256(source(request, self._config.proxies).encode()).digest()
            return self._rates.wait_s(where, "wrong", WRONG_A_MINUTE)
        return self._rates.wait_s(dispatch.bytes, "right", OPENINGS_A_MINUTE)

    async def _of(self, request: web.Request) -> tuple[Sheet, datetime]:
        return await self._sheets.of(reading.alert_id(request), _dispatch(request))

    async def _drawn(self, made: Sheet) -> Sheet:
        """Return the sheet with the communes' borders on its map, as far as the server has any."""
        disc = made.disc
        if disc is None:
            return made
        at = disc.lat, disc.lon, reach_m(disc)
        borders = await asyncio.to_thread(self._competence.borders, *at)
        return replace(made, disc=replace(disc, borders=borders))

    async def _file(self, made: Sheet, at: datetime) -> web.Response:
        body = await self._press.pdf(await self._drawn(made), at)
        inline = {"Content-Disposition": 'inline; filename="fiche-tgd.pdf"'}
        return web.Response(body=body, content_type=_PDF, headers=_HEADERS | inline)

    def _nothing(self, said: str, status: HTTPStatus, wait_s: int | None = None) -> web.Response:
        """Answer a page that says whom to call; it is the same whatever was wrong."""
        number = self._config.callback_number
        call = f"Appelez la plateforme Téléphone Grave Danger : {number}." if number else ""
        body = f'<div class="plain"><h1>{escape(said)}.</h1><p>{escape(call)}</p></div>'
        style = sheet_html.plain_style()
        headers = dict(_HEADERS)
        if wait_s is not None:
            headers["Retry-After"] = str(wait_s)
        return _html(sheet_html.document("Fiche TGD", style, body), style, status, headers)


def _page(made: Sheet, pdf: str) -> web.Response:
    text, style = sheet_html.page(made, pdf)
    return _html(text, style, HTTPStatus.OK, _HEADERS)


def _html(text: str, style: str, status: HTTPStatus, headers: dict[str, str]) -> web.Response:
    return web.Response(
        text=text,
        status=status,
        content_type="text/html",
        headers=headers | {"Content-Security-Policy": sheet_html.policy(style)},
    )


def _dispatch(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["dispatch"])
    except ValueError:
        raise NotFound("dispatch") from None


def _is_prefetch(request: web.Request) -> bool:
    """Say whether a browser asks before anybody has clicked."""
    said = (request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz"))
    return any("prefetch" in one or "preview" in one for one in said)
