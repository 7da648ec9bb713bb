"""The page of the simulated control room, and what stands behind its buttons.

Serves the demonstration: a person sees the sheet exactly as it was sent, accepts, rejects with a
reason, sends a patrol, has it arrive, closes with a disposition; and orders faults, which are seen
while they are on. Other sites' forms cannot send what it takes. What a room does with it is
``salle_room``'s; the platform is told by ``salle``.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from aiohttp import web

from tgd.demo.page_files import kind, page_files
from tgd.demo.salle_envelope import Envelope, Step
from tgd.demo.salle_room import DISPOSITIONS, FAULTS, REASONS, Affair, Arrival, Behaviour, Room
from tgd.errors import Invalid
from tgd.platform.channels.cisu_wire import address
from tgd.platform.channels.sheet import sheet
from tgd.web import sheet_html
from tgd.web.typeset import Press

OFF = "off"
_GUARDS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class _Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A button on the page: which case of which room, and what to say about it."""

    room: str
    case: str
    step: Step
    because: str | None = None


class _Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault to order, by name; ``off`` ends it."""

    room: str
    fault: str


class Rooms(Protocol):
    """What the page shows and what its buttons move."""

    rooms: dict[str, Room]
    arrivals: list[Arrival]

    def room(self, name: str) -> Room:
        """Return the room of that address."""

    def say(self, room: Room, told: Envelope, step: Step, because: str | None) -> None:
        """Answer a message as a person of the room does."""

    def tell(self) -> None:
        """Say that there is news."""


class Desk:
    """The handlers."""

    def __init__(self, salle: Rooms) -> None:
        self._salle = salle
        self._press = Press("tgd.web.sheet_pdf")

    def add_to(self, app: web.Application) -> None:
        """Add the page and what it asks."""
        for name, body in page_files("salle").items():
            path = "" if name == "salle.html" else f"/{name}"
            app.router.add_get(f"/salle{path}", _static(body, kind(name)))
        app.router.add_get("/salle/rooms", self._show)
        app.router.add_get("/salle/arrivals", self._show_arrivals)
        app.router.add_get("/salle/sheet", self._sheet)
        app.router.add_get("/salle/sheet.pdf", self._sheet_file)
        app.router.add_post("/salle/faults", self._fail)
        app.router.add_post("/salle/acts", self._act)
        app.router.add_post("/salle/orders", self._order)

    async def _show(self, _request: web.Request) -> web.Response:
        shown = [
            {
                "address": room.address,
                "behaviour": msgspec.to_builtins(room.behaviour),
                "fault": room.fault,
                "figures": room.figures(),
                "troubles": list(room.troubles),
                "cases": [affair.show() for affair in reversed(room.cases.values())],
            }
            for room in self._salle.rooms.values()
        ]
        return _json({"rooms": shown})

    async def _show_arrivals(self, request: web.Request) -> web.Response:
        """List arrivals from number ``after`` on, for whoever measures."""
        try:
            first = max(0, int(request.query.get("after", "0")))
        except ValueError as error:
            return problem(str(error))
        return _json({"items": self._salle.arrivals[first:], "next": len(self._salle.arrivals)})

    async def _act(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":  # other sites' forms cannot send this one
            return web.Response(status=415)
        try:
            act = msgspec.json.decode(await request.read(), type=_Act)
        except ValueError as error:
            return problem(str(error))
        room = self._salle.rooms.get(act.room)
        affair = room.cases.get(act.case) if room else None
        if room is None or affair is None:
            return web.Response(status=404)
        if act.step not in affair.acts:
            return _json({"state": affair.state, "acts": affair.acts}, 409)
        if (because := _because(act)) is None:
            return problem(f"{act.step} : un motif connu est attendu")
        self._salle.say(room, affair.newest, act.step, because or None)
        return web.Response(status=202)

    async def _order(self, request: web.Request) -> web.Response:
        """Change a room's orders: ``{"room": address, "behaviour": {only what changes}}``."""
        if request.content_type != "application/json":
            return web.Response(status=415)
        try:
            told = msgspec.json.decode(await request.read(), type=dict[str, Any])
            room = self._salle.room(address("room", str(told.get("room", ""))))
            changed = msgspec.to_builtins(room.ordered) | dict(told.get("behaviour", {}))
            room.order(msgspec.convert(changed, Behaviour))
        except (ValueError, TypeError, Invalid) as error:
            return problem(str(error))
        return _json(room.behaviour)

    async def _fail(self, request: web.Request) -> web.Response:
        """Order a fault of a room by name, or ``off``."""
        if request.content_type != "application/json":
            return web.Response(status=415)
        try:
            told = msgspec.json.decode(await request.read(), type=_Fault)
            room = self._salle.room(address("room", told.room))
        except (ValueError, Invalid) as error:
            return problem(str(error))
        if told.fault != OFF and told.fault not in FAULTS:
            return problem(f"panne inconnue ; connues : {', '.join(FAULTS)}, {OFF}")
        room.fail(None if told.fault == OFF else told.fault)
        self._salle.tell()
        return _json({"room": room.address, "fault": room.fault})

    async def _sheet(self, request: web.Request) -> web.Response:
        """Answer a case's sheet, out of the newest message as it came."""
        affair = self._affair(request)
        text, style = sheet_html.page(sheet(msgspec.json.decode(affair.raw)))
        policy = sheet_html.policy(style).replace("ancestors 'none'", "ancestors 'self'")
        own = _GUARDS | {"Content-Security-Policy": policy}
        return web.Response(text=text, content_type="text/html", headers=own)

    async def _sheet_file(self, request: web.Request) -> web.Response:
        """Answer the same as a file for the printer."""
        affair = self._affair(request)
        made = sheet(msgspec.json.decode(affair.raw))
        body = await self._press.pdf(made, datetime.now(UTC))
        return web.Response(body=body, content_type="application/pdf", headers=_GUARDS)

    def _affair(self, request: web.Request) -> Affair:
        room = self._salle.rooms.get(request.query.get("room", ""))
        affair = room.cases.get(request.query.get("case", "")) if room else None
        if affair is None:
            raise web.HTTPNotFound
        return affair


def _because(act: _Act) -> str | None:
    """Return the reason that an act needs, "" where it needs none; None: it is none we know."""
    needed = {"ERREUR": REASONS, "closed": DISPOSITIONS}.get(act.step)
    if needed is None:
        return ""
    return act.because if act.because in needed else None


def _json(told: object, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(told),
        status=status,
        content_type="application/json",
        headers=_GUARDS,
    )


def problem(cause: str) -> web.Response:
    """Answer 422 with the code and the cause of an RS-ERROR."""
    body = {"statusCode": 300, "statusString": "INVALID_MESSAGE", "errorCause": cause[:200]}
    return _json(body, 422)


def _static(body: bytes, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=_GUARDS)

    return serve
