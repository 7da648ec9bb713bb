"""Every route of the server on one page: who may, what, and which handler does it.

Roles are checked by the guard before a handler runs; ``OPEN`` routes are for everybody who can
reach the listening address, or check their caller themselves (a control room's token).
"""

from collections.abc import Iterator
from typing import NamedTuple

from aiohttp import web

from tgd.web.access import (
    ADMINS,
    ASSOCIATIONS,
    CALLERS_BACK,
    KEEPERS,
    OFFICE,
    OPERATORS,
    PEOPLE,
    PHONES,
    PROSECUTORS,
    READERS,
    REVIEWERS,
    Access,
)
from tgd.web.alerts import Alerts
from tgd.web.assignments import Assignments
from tgd.web.cisu import Cisu
from tgd.web.context import Context
from tgd.web.errors import Handler, problems
from tgd.web.health import Health
from tgd.web.login import Login
from tgd.web.office import Office
from tgd.web.operators import Operators
from tgd.web.pages import Pages, guard
from tgd.web.parquet import Parquet
from tgd.web.presses import Presses
from tgd.web.recontact import Recontacts
from tgd.web.report import Reports
from tgd.web.statistics import Figures
from tgd.web.stream import Hub, Stream
from tgd.web.where import Where
from tgd.web.zones import Zones

API = "/api/v1"
OPEN: frozenset[str] = frozenset()


class Route(NamedTuple):
    """One line of the table."""

    method: str
    path: str
    roles: frozenset[str]
    handler: Handler


def routes(context: Context, access: Access, login: Login, pages: Pages) -> Iterator[Route]:
    """Return the whole table, unguarded."""
    alerts = Alerts(context)
    where, operators = Where(context), Operators(context)
    recontacts, reports = Recontacts(context, pages), Reports(context, pages)
    figures = Figures(context, pages)
    stream = Stream(context.hub, access, context.database, context.clock, context.metrics)
    one = f"{API}/alerts/{{id}}"

    yield Route("POST", f"{API}/presses", PHONES, Presses(context).take)
    yield Route("POST", f"{API}/cisu/inbound", OPEN, Cisu(context).inbound)

    yield Route("POST", f"{API}/session", OPEN, login.log_in)
    yield Route("GET", f"{API}/session", PEOPLE, login.show)
    yield Route("DELETE", f"{API}/session", PEOPLE, login.log_out)

    yield Route("GET", f"{API}/alerts", OPERATORS, alerts.list)
    yield Route("GET", one, OPERATORS, alerts.get)
    yield Route("POST", f"{one}/answer", OPERATORS, alerts.answer)
    yield Route("POST", f"{one}/voice", OPERATORS, alerts.voice)
    yield Route("POST", f"{one}/extend", OPERATORS, alerts.extend)
    yield Route("POST", f"{one}/listening", OPERATORS, alerts.listening)
    yield Route("POST", f"{one}/decision", OPERATORS, alerts.decide)
    yield Route("POST", f"{one}/notes", OPERATORS, alerts.note)
    yield Route("POST", f"{one}/close", OPERATORS, alerts.close)
    yield Route("POST", f"{one}/voice-handoff", OPERATORS, alerts.voice_handoff)
    yield Route("GET", f"{one}/notes", OPERATORS, operators.notes)
    yield Route("GET", f"{one}/journal", READERS, alerts.journal)
    yield Route("GET", f"{one}/report", READERS, reports.get)
    yield Route("GET", f"{one}/report.pdf", READERS, reports.pdf)
    yield Route("GET", f"{one}/whereabouts", OPERATORS, where.get)
    yield Route("POST", f"{one}/release", OPERATORS, operators.release)
    yield Route("POST", f"{one}/offer", OPERATORS, operators.offer)
    yield Route("POST", f"{API}/handover", OPERATORS, operators.hand_over)
    yield Route("GET", f"{API}/presence", OPERATORS, operators.present)
    yield Route("POST", f"{API}/presence", OPERATORS, operators.wants)
    yield Route("GET", f"{one}/person", OPERATORS, operators.person)
    yield Route("POST", f"{one}/follow", OPERATORS, where.follow)
    yield Route("POST", f"{one}/withdraw-location", OPERATORS, where.withdraw)
    yield Route("GET", f"{one}/retention", KEEPERS, where.terms)
    yield Route("POST", f"{one}/hold", PROSECUTORS, where.hold)
    yield Route("POST", f"{one}/eight-days", KEEPERS, where.eight_days)
    yield Route("GET", f"{API}/holds", KEEPERS, where.questions)
    yield Route("GET", f"{API}/zones/{{no}}", OPERATORS, Zones(context).get)
    yield Route("GET", f"{API}/recontacts", CALLERS_BACK, recontacts.list)
    yield Route("POST", f"{API}/recontacts/{{id}}/done", CALLERS_BACK, recontacts.done)
    yield Route("GET", f"{API}/statistics", REVIEWERS, figures.get)
    yield Route("GET", f"{API}/stream", OPERATORS, stream.listen)
    yield from _office(context, Parquet(context, pages))
    yield from _open(context, pages)


def _office(context: Context, parquet: Parquet) -> Iterator[Route]:
    """Return the prosecutor's office: who holds which phone, and who waits for one."""
    office, held = Office(context), Assignments(context)
    device, assignment = f"{API}/devices/{{id}}", f"{API}/assignments/{{id}}"
    asked, released = f"{API}/requests/{{id}}", f"{API}/releases/{{id}}"

    yield Route("GET", f"{API}/devices", OFFICE, office.devices)
    yield Route("POST", f"{API}/devices", OFFICE, office.put_device)
    yield Route("GET", device, OFFICE, office.device)
    yield Route("POST", f"{device}/state", OFFICE, office.set_state)
    yield Route("POST", f"{device}/wipe", OFFICE, office.wipe)
    yield Route("POST", f"{device}/loan", OFFICE, office.lend)
    yield Route("POST", f"{device}/compromised", OFFICE, office.compromise)
    yield Route("POST", f"{device}/compromised/confirm", OFFICE, office.mute)

    yield Route("GET", f"{API}/assignments", OFFICE, held.list)
    yield Route("POST", f"{API}/assignments", OFFICE, held.assign)
    yield Route("GET", assignment, OFFICE, held.get)
    yield Route("GET", f"{assignment}/journal", OFFICE, held.journal)
    yield Route("POST", f"{assignment}/handover", OFFICE, held.hand_over)
    yield Route("GET", f"{assignment}/handover-test", OFFICE, parquet.handing)
    yield Route("POST", f"{assignment}/handover-test", OFFICE, held.test)
    yield Route("POST", f"{assignment}/renew", OFFICE, held.renew)
    yield Route("POST", f"{assignment}/shorten", OFFICE, held.shorten)
    yield Route("POST", f"{assignment}/revoke", OFFICE, held.revoke)
    yield Route("POST", f"{assignment}/return", OFFICE, held.give_back)
    yield Route("POST", f"{assignment}/consents", OFFICE, held.consent)
    yield Route("POST", f"{assignment}/basis", OFFICE, held.ground)

    yield Route("GET", f"{API}/requests", OFFICE, office.requests)
    yield Route("POST", f"{API}/requests", OFFICE, office.ask)
    yield Route("POST", f"{asked}/grant", OFFICE, held.grant)
    yield Route("POST", f"{asked}/refuse", OFFICE, office.refuse)
    yield Route("POST", f"{asked}/withdraw", OFFICE, office.withdraw)

    yield Route("GET", f"{API}/releases", OFFICE, office.releases)
    yield Route("POST", f"{API}/releases", OFFICE, office.announce)
    yield Route("POST", f"{released}/evaluated", OFFICE, office.evaluated)
    yield Route("GET", f"{API}/beneficiaries/{{id}}/conflicts", OFFICE, office.conflicts)
    yield Route("POST", f"{API}/beneficiaries/{{id}}/conflicts", OFFICE, office.lock_out)
    yield Route("GET", f"{API}/tribunals", OFFICE, office.tribunals)
    yield Route("POST", f"{API}/tribunals/{{id}}", ADMINS, office.allocate)
    yield Route("GET", f"{API}/tribunals/{{id}}/neighbours", OFFICE, parquet.neighbours)
    yield Route("GET", f"{API}/steering", OFFICE, parquet.steering)
    yield Route("GET", f"{API}/people", ASSOCIATIONS, parquet.people)

    yield Route("GET", "/parquet", OPEN, parquet.page)
    yield Route("GET", "/parquet/remise/{id}", OPEN, parquet.form)


def _open(context: Context, pages: Pages) -> Iterator[Route]:
    """Return what is for everybody: the description, health, and pages that hold nothing."""
    health, reports, figures = Health(context), Reports(context, pages), Figures(context, pages)
    recontacts = Recontacts(context, pages)
    yield Route("GET", f"{API}/openapi.json", OPEN, health.openapi)
    yield Route("GET", "/livez", OPEN, health.livez)
    yield Route("GET", "/readyz", OPEN, health.readyz)
    yield Route("GET", "/metrics", OPEN, health.metrics)

    yield Route("GET", "/", OPEN, pages.home)
    yield Route("GET", "/console", OPEN, pages.console)
    yield Route("GET", "/console/screen", OPEN, pages.screen)
    yield Route("GET", "/console/report/{id}", OPEN, reports.page)
    yield Route("GET", "/console/statistics", OPEN, figures.page)
    yield Route("GET", "/console/recontacts", OPEN, recontacts.page)
    yield Route("GET", "/static/{version}/{name}", OPEN, pages.static)


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
    access, login = Access(context.database, context.clock), Login(context)
    app, pages = web.Application(middlewares=[problems]), Pages(context.config.tiles_url)
    for route in routes(context, access, login, pages):
        handler = route.handler
        if route.method != "GET":
            handler = _told(context.hub, handler)
        if route.roles != OPEN:
            handler = access.guard(route.roles, handler)
        app.router.add_route(route.method, route.path, handler)
    app.on_response_prepare.append(guard(context.config.tiles_url, pages.version))
    app.on_startup.append(login.prepare)

    async def end_streams(_app: web.Application) -> None:
        context.hub.close()

    app.on_shutdown.append(end_streams)
    return app
