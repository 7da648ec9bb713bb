"""Every route of the server on one page: what, and which handler does it.

Who may, and sees which field of the answer, stands in the table ``rights.toml``; the guard reads it
before a handler runs. A route without a row there is nobody's.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from aiohttp import web

from tgd.web import agencies
from tgd.web.access import PHONES, Access
from tgd.web.alerts import Alerts
from tgd.web.assignments import Assignments
from tgd.web.associations import Conventions
from tgd.web.board import Board
from tgd.web.calls import Calls
from tgd.web.cases import Cases
from tgd.web.cisu import Cisu
from tgd.web.context import Context
from tgd.web.dossier import Dossiers
from tgd.web.enrolling import Enrolments
from tgd.web.errors import Handler, problems
from tgd.web.glass import Glass
from tgd.web.health import Health
from tgd.web.hub import Hub
from tgd.web.kept import Kept
from tgd.web.login import Login
from tgd.web.office import Office
from tgd.web.oidc import Oidc
from tgd.web.operators import Operators
from tgd.web.pages import Pages, guard
from tgd.web.parquet import Parquet
from tgd.web.presses import Presses
from tgd.web.recontact import Recontacts
from tgd.web.report import Reports
from tgd.web.rights import table
from tgd.web.rooms import Rooms
from tgd.web.sessions import Sessions
from tgd.web.sheet import SheetPages
from tgd.web.statistics import Figures
from tgd.web.stream import Stream
from tgd.web.where import Where
from tgd.web.zones import Zones

API = "/api/v1"


class Route(NamedTuple):
    """One line of the table."""

    method: str
    path: str
    handler: Handler


def routes(
    context: Context, access: Access, login: Login, oidc: Oidc, pages: Pages, kept: Kept
) -> Iterator[Route]:
    """Return the whole table, unguarded."""
    board = Board(context, kept)
    alerts = Alerts(context, board)
    where, operators = Where(context), Operators(context, kept)
    recontacts, reports = Recontacts(context, pages), Reports(context, pages)
    figures = Figures(context, pages)
    stream = Stream(context, access, board, kept)
    one = f"{API}/alerts/{{id}}"

    yield Route("POST", f"{API}/presses", Presses(context).take)
    yield Route("POST", f"{API}/cisu/inbound", Cisu(context).inbound)

    yield from _sessions(context, login, oidc)
    yield Route("GET", f"{API}/alerts", alerts.list)
    yield Route("GET", one, alerts.get)
    yield Route("POST", f"{one}/answer", alerts.answer)
    yield Route("POST", f"{one}/voice", alerts.voice)
    yield Route("POST", f"{one}/extend", alerts.extend)
    yield Route("POST", f"{one}/listening", alerts.listening)
    yield Route("POST", f"{one}/decision", alerts.decide)
    yield Route("POST", f"{one}/notes", alerts.note)
    yield Route("POST", f"{one}/close", alerts.close)
    yield Route("POST", f"{one}/voice-handoff", alerts.voice_handoff)
    yield Route("POST", f"{one}/cancel-dispatch", alerts.cancel)
    yield Route("GET", f"{one}/notes", operators.notes)
    yield Route("GET", f"{one}/journal", alerts.journal)
    yield Route("GET", f"{one}/report", reports.get)
    yield Route("GET", f"{one}/report.pdf", reports.pdf)
    yield Route("POST", f"{one}/export", Cases(context).export)
    yield from _sheets(context, one)
    yield Route("GET", f"{one}/whereabouts", where.get)
    yield Route("POST", f"{one}/release", operators.release)
    yield Route("POST", f"{one}/offer", operators.offer)
    yield Route("POST", f"{API}/handover", operators.hand_over)
    yield Route("GET", f"{API}/presence", operators.present)
    yield Route("POST", f"{API}/presence", operators.wants)
    yield Route("GET", f"{one}/person", operators.person)
    yield Route("POST", f"{one}/follow", where.follow)
    yield Route("POST", f"{one}/withdraw-location", where.withdraw)
    yield Route("GET", f"{one}/retention", where.terms)
    yield Route("POST", f"{one}/hold", where.hold)
    yield Route("POST", f"{one}/eight-days", where.eight_days)
    yield Route("GET", f"{API}/holds", where.questions)
    yield Route("GET", f"{API}/zones/{{no}}", Zones(context).get)
    yield Route("GET", f"{API}/recontacts", recontacts.list)
    yield Route("POST", f"{API}/recontacts/{{id}}/done", recontacts.done)
    yield Route("GET", f"{API}/statistics", figures.get)
    yield Route("GET", f"{API}/stream", stream.listen)
    yield from _rooms(context)
    yield from _office(context, Parquet(context, pages))
    yield from _persons(context, kept)
    yield from _open(context, pages)


def _sheets(context: Context, alert: str) -> Iterator[Route]:
    """Return what a room sees of its case on one page."""
    sheets, told = SheetPages(context), f"{alert}/dispatches/{{dispatch}}/sheet"
    yield Route("GET", f"{told}.pdf", sheets.shown_file)
    yield Route("GET", told, sheets.shown)
    yield Route("POST", f"{told}/revoke", sheets.revoke)
    yield Route("GET", "/fiche/{token}.pdf", sheets.file)
    yield Route("GET", "/fiche/{token}", sheets.page)


def _sessions(context: Context, login: Login, oidc: Oidc) -> Iterator[Route]:
    """Return who comes in, and how they leave."""
    sessions = Sessions(context, login)
    yield Route("POST", f"{API}/session", login.log_in)
    yield Route("GET", f"{API}/session", login.show)
    yield Route("DELETE", f"{API}/session", login.log_out)
    yield Route("GET", f"{API}/oidc/{{agency}}/start", oidc.start)
    yield Route("GET", f"{API}/oidc/{{agency}}/callback", oidc.callback)
    yield Route("POST", f"{API}/session/password", sessions.password)
    yield Route("GET", f"{API}/sessions", sessions.list)
    yield Route("DELETE", f"{API}/sessions/{{id}}", sessions.end)
    yield Route("POST", f"{API}/lockouts/lift", sessions.lift)


def _rooms(context: Context) -> Iterator[Route]:
    """Return the way to the police: rooms, their lines, and exercises."""
    rooms = Rooms(context)
    yield Route("GET", f"{API}/rooms", rooms.list)
    yield Route("POST", f"{API}/rooms/{{id}}/exercise", rooms.exercise)
    calls = Calls(context)
    yield Route("GET", f"{API}/calls", calls.list)
    yield Route("POST", f"{API}/calls/{{id}}/handoff", calls.handoff)
    yield Route("POST", f"{API}/exercises/{{id}}/acknowledged", rooms.acknowledged)


def _office(context: Context, parquet: Parquet) -> Iterator[Route]:
    """Return the prosecutor's office: who holds which phone, and who waits for one."""
    office, held, enrolments = Office(context), Assignments(context), Enrolments(context)
    device, assignment = f"{API}/devices/{{id}}", f"{API}/assignments/{{id}}"
    asked = f"{API}/requests/{{id}}"

    yield Route("GET", f"{API}/devices", office.devices)
    yield Route("POST", f"{API}/devices", office.put_device)
    yield Route("GET", device, office.device)
    yield Route("POST", f"{device}/state", office.set_state)
    yield Route("POST", f"{device}/wipe", office.wipe)
    yield Route("POST", f"{device}/loan", office.lend)
    yield Route("POST", f"{device}/enrol", enrolments.enrol)
    yield Route("POST", f"{device}/compromised", office.compromise)
    yield Route("POST", f"{device}/compromised/confirm", office.mute)

    yield Route("GET", f"{API}/assignments", held.list)
    yield Route("POST", f"{API}/assignments", held.assign)
    yield Route("GET", assignment, held.get)
    yield Route("GET", f"{assignment}/journal", held.journal)
    yield Route("GET", f"{assignment}/cases", Cases(context).list)
    yield Route("POST", f"{assignment}/handover", held.hand_over)
    yield Route("GET", f"{assignment}/handover-test", parquet.handing)
    yield Route("POST", f"{assignment}/handover-test", held.test)
    yield Route("POST", f"{assignment}/renew", held.renew)
    yield Route("POST", f"{assignment}/ending", held.take_note)
    yield Route("POST", f"{assignment}/shorten", held.shorten)
    yield Route("POST", f"{assignment}/revoke", held.revoke)
    yield Route("POST", f"{assignment}/return", held.give_back)
    yield Route("POST", f"{assignment}/consents", held.consent)
    yield Route("POST", f"{assignment}/basis", held.ground)

    yield Route("GET", f"{API}/requests", office.requests)
    yield Route("POST", f"{API}/requests", office.ask)
    yield Route("POST", f"{asked}/grant", held.grant)
    yield Route("POST", f"{asked}/refuse", office.refuse)
    yield Route("POST", f"{asked}/withdraw", office.withdraw)

    yield Route("GET", f"{API}/tribunals", office.tribunals)
    yield Route("POST", f"{API}/tribunals/{{id}}", office.allocate)
    yield Route("GET", f"{API}/tribunals/{{id}}/neighbours", parquet.neighbours)
    yield Route("GET", f"{API}/steering", parquet.steering)
    yield Route("GET", f"{API}/people", parquet.people)
    yield Route("GET", f"{API}/leaflet.pdf", enrolments.leaflet)

    yield Route("GET", "/parquet", parquet.page)
    yield Route("GET", "/parquet/remise/{id}", parquet.form)


def _persons(context: Context, kept: Kept) -> Iterator[Route]:
    """Return what is known of those who hold the phones, and who may know it."""
    glass = Glass(context)
    office, bound, dossiers = Office(context), Conventions(context), Dossiers(context, glass, kept)
    yield Route("GET", f"{API}/releases", office.releases)
    yield Route("POST", f"{API}/releases", office.announce)
    yield Route("POST", f"{API}/releases/{{id}}/evaluated", office.evaluated)
    yield Route("GET", f"{API}/beneficiaries/{{id}}/conflicts", office.conflicts)
    yield Route("POST", f"{API}/beneficiaries/{{id}}/conflicts", office.lock_out)
    yield Route("POST", f"{API}/beneficiaries/search", dossiers.search)
    yield Route("GET", f"{API}/beneficiaries/{{id}}/file", dossiers.read)
    yield Route("POST", f"{API}/beneficiaries/{{id}}/file", dossiers.mend)
    yield Route("POST", f"{API}/beneficiaries/{{id}}/break-glass", glass.of_person)
    yield Route("POST", f"{API}/alerts/{{id}}/break-glass", glass.of_alert)
    yield Route("GET", f"{API}/break-glass", glass.list)
    yield Route("POST", f"{API}/break-glass", dossiers.search_everywhere)
    yield Route("GET", f"{API}/conventions", bound.list)
    yield Route("POST", f"{API}/conventions", bound.agree)
    yield Route("POST", f"{API}/conventions/{{id}}/end", bound.end)
    yield Route("POST", f"{API}/conventions/{{id}}/clear", bound.clear)
    yield Route("POST", f"{API}/clearances/{{id}}/end", bound.end_clearance)
    yield Route("POST", f"{API}/clearances/{{id}}/entrust", bound.entrust)


def _open(context: Context, pages: Pages) -> Iterator[Route]:
    """Return what is for everybody: the description, health, and pages that hold nothing."""
    health, reports, figures = Health(context), Reports(context, pages), Figures(context, pages)
    recontacts = Recontacts(context, pages)
    yield Route("GET", f"{API}/openapi.json", health.openapi)
    yield Route("GET", "/livez", health.livez)
    yield Route("GET", "/readyz", health.readyz)
    yield Route("GET", "/metrics", health.metrics)

    yield Route("GET", "/", pages.home)
    yield Route("GET", "/console", pages.console)
    yield Route("GET", "/console/screen", pages.screen)
    yield Route("GET", "/account", pages.account)
    yield Route("GET", "/console/report/{id}", reports.page)
    yield Route("GET", "/console/statistics", figures.page)
    yield Route("GET", "/console/recontacts", recontacts.page)
    yield Route("GET", "/static/{version}/{name}", pages.static)


def _told(hub: Hub, act: Handler) -> Handler:
    """Return the act; who reads after it sees it, also before the database has told of it."""

    async def told(request: web.Request) -> web.StreamResponse:
        try:
            return await act(request)
        finally:
            hub.heard += 1

    return told


def build(context: Context) -> web.Application:
    """Return the application: the table behind its guards. It neither connects nor listens."""
    idle = timedelta(minutes=context.config.session_idle_minutes)
    access, login = Access(context.database, context.clock, idle), Login(context)
    known = agencies.load(context.config.oidc)
    oidc = Oidc(context, known, login.delays, login.opening)
    login.ending = oidc.ending
    app = web.Application(middlewares=[problems])
    pages = Pages(context.config.tiles_url, known.every.values())
    kept = Kept(context.database, context.clock, context.hub, context.metrics)
    for route in routes(context, access, login, oidc, pages, kept):
        handler = route.handler
        if route.method != "GET":
            handler = _told(context.hub, handler)
        grant = table().grant(route.method, route.path)
        keeps = not grant.open and grant.roles != PHONES  # a press reads nothing, and must not wait
        if keeps:
            handler = kept.around(route.path, handler)
        handler = access.guard(grant, handler)
        if keeps:
            handler = kept.ahead(handler)
        app.router.add_route(route.method, route.path, handler)
    app.on_response_prepare.append(guard(context.config.tiles_url, pages.version))
    app.on_startup.append(login.prepare)
    app.on_cleanup.append(oidc.close)

    async def end_streams(_app: web.Application) -> None:
        context.hub.close()

    app.on_shutdown.append(end_streams)
    return app
