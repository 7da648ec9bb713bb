"""Assignments over HTTP: given, tested at the hand-over, renewed, ended, returned (PROTOCOL §3).

Serves the prosecutor's office. A demand that cannot be met is 409 with the place on the waiting
list that it was given: nothing that was asked for is lost. A hand-over test that lacks something is
409 naming what.
"""

from http import HTTPStatus
from uuid import UUID

from aiohttp import web

from tgd.errors import Invalid, NotFound
from tgd.justice import picture
from tgd.justice.domain.life import IDENTIFIED
from tgd.justice.flow.assigning import Demand, Given, Waits
from tgd.justice.flow.life import Life
from tgd.store import assignments, requests
from tgd.store.acts import Done
from tgd.store.assignments import Filter
from tgd.web import acts, alert_json, office_in, reading
from tgd.web.access import CALLER, Caller
from tgd.web.answers import answer
from tgd.web.context import Context
from tgd.web.errors import Problem
from tgd.web.kept import hidden_from
from tgd.web.office import PAGE, PAGE_MAX, REQUESTS, plain

STATUSES = ("preparing", "handed_over", "active", "ended", "returned", "wiped")


class Assignments:
    """The handlers; every one runs behind the guard of its route."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._clock = context.clock
        self._office = context.office

    async def list(self, request: web.Request) -> web.Response:
        """Answer assignments, the latest first."""
        caller = await self._caller(request)
        status = reading.query(request, "status")
        if status not in {None, *STATUSES}:
            raise Invalid("status", f"must be one of {', '.join(STATUSES)}")
        limit = reading.number(request, "limit", default=PAGE, most=PAGE_MAX)
        before = alert_json.read_cursor(reading.query(request, "cursor"))
        device = reading.query(request, "device")
        some = Filter(caller[1], status, device, before, hidden=hidden_from(request))
        async with self._database.connection() as connection:
            found = await assignments.listed(connection, some, limit + 1)
        now = self._clock.now()
        items = [self._plain(row) for row in found[:limit]]
        last = found[limit - 1] if len(found) > limit else None
        following = alert_json.cursor(last["starts_at"], last["id"]) if last else None
        return answer({"items": items, "next": following, "now": alert_json.stamp(now)})

    async def get(self, request: web.Request) -> web.Response:
        """Answer one assignment."""
        _, own = await self._caller(request)
        return await self._shown(request, office_in.path_id(request, "assignment"), own)

    async def assign(self, request: web.Request) -> web.Response:
        """Give a person a phone for six months at most."""
        return await self._assign(request, office_in.demand(await reading.fields(request)))

    async def grant(self, request: web.Request) -> web.Response:
        """Give whom a request is for a phone."""
        asked = office_in.path_id(request, "request")
        demand = office_in.demand(await reading.said(request), request=asked)
        return await self._assign(request, demand)

    async def _assign(self, request: web.Request, demand: Demand) -> web.Response:
        caller, own = await self._caller(request)
        demand = await office_in.seen(request, demand)
        made: Given | Waits
        try:
            made = await acts.under(request, self._office).assigning.assign(
                demand, caller.name, own
            )
        except Done as done:
            made = _made(done)
        if isinstance(made, Waits):
            raise await self._waits(request, made, own)
        return await self._shown(request, made.assignment, own, HTTPStatus.CREATED)

    async def _waits(self, request: web.Request, made: Waits, own: str | None) -> Problem:
        async with self._database.connection() as connection:
            found = await requests.listed(
                connection, own, REQUESTS["all"], request=made.request, hidden=hidden_from(request)
            )
        if not found:
            raise NotFound("request")
        shown = plain(picture.request(found[0], self._office.files))
        detail = "no phone can be given now: the request stands on the waiting list"
        return Problem(HTTPStatus.CONFLICT, made.reason, detail, request=shown)

    async def hand_over(self, request: web.Request) -> web.Response:
        """Say that the phone is in her hands."""
        caller, own = await self._caller(request)
        one = office_in.path_id(request, "assignment")
        with acts.once:
            await self._life(request).hand_over(one, caller.name, own)
        return await self._shown(request, one, own)

    async def test(self, request: web.Request) -> web.Response:
        """Finish the hand-over by a press that was heard, and by what was compared."""
        caller, own = await self._caller(request)
        one, fields = office_in.path_id(request, "assignment"), await reading.said(request)
        press = office_in.identity(fields, "press")
        said = {name: fields.value(name) for name in IDENTIFIED}
        wiped = office_in.flag(fields, "wiped", default=False)
        try:
            missing = await self._life(request).test(
                one, said, caller.name, own, press=press, wiped=wiped
            )
        except Done as done:
            entry = done.of("handover_test")
            missing = entry.details["missing"] if entry else []
        if missing:
            detail = f"the hand-over is not finished; it lacks: {', '.join(missing)}"
            raise Problem(HTTPStatus.CONFLICT, "handover_incomplete", detail, missing=missing)
        return await self._shown(request, one, own)

    async def renew(self, request: web.Request) -> web.Response:
        """Add a term of six months at most."""
        caller, own = await self._caller(request)
        one, fields = office_in.path_id(request, "assignment"), await reading.said(request)
        until = office_in.moment(fields, "ends_at") or office_in.moment(fields, "until")
        note = fields.optional("reason") or fields.optional("note")
        with acts.once:
            await self._life(request).renew(one, until, note, caller.name, own)
        return await self._shown(request, one, own)

    async def take_note(self, request: web.Request) -> web.Response:
        """Say to have seen that the term ends."""
        caller, own = await self._caller(request)
        one, fields = office_in.path_id(request, "assignment"), await reading.said(request)
        days = fields.value("days")
        if days is not None and (isinstance(days, bool) or days not in {60, 30, 7, 0}):
            raise Invalid("days", "must be 60, 30, 7, or 0 where the term is over")
        with acts.once:
            await self._life(request).take_note(one, days, caller.name, own)
        return await self._shown(request, one, own)

    async def shorten(self, request: web.Request) -> web.Response:
        """Set an earlier end of the present term."""
        caller, own = await self._caller(request)
        one, fields = office_in.path_id(request, "assignment"), await reading.fields(request)
        until = office_in.moment(fields, "ends_at") or office_in.moment(fields, "until")
        if until is None:
            raise Invalid("ends_at", "is missing")
        reason = fields.text("reason")
        with acts.once:
            await self._life(request).shorten(one, until, reason, caller.name, own)
        return await self._shown(request, one, own)

    async def revoke(self, request: web.Request) -> web.Response:
        """End it, for a reason; the button is not muted by it."""
        caller, own = await self._caller(request)
        one, fields = office_in.path_id(request, "assignment"), await reading.said(request)
        reason, note = fields.optional("reason"), fields.optional("note")
        with acts.once:
            await self._life(request).end(one, reason, note, caller.name, own)
        return await self._shown(request, one, own)

    async def give_back(self, request: web.Request) -> web.Response:
        """Attest that the phone is back; its credentials end."""
        caller, own = await self._caller(request)
        one, fields = office_in.path_id(request, "assignment"), await reading.said(request)
        attested_by = fields.optional("attested_by", reading.WORD_MAX)
        reason, wiped = fields.optional("reason"), office_in.flag(fields, "wiped", default=False)
        with acts.once:
            await self._life(request).give_back(
                one, caller.name, own, reason=reason, attested_by=attested_by, wiped=wiped
            )
        return await self._shown(request, one, own)

    async def consent(self, request: web.Request) -> web.Response:
        """Record what she agrees to now."""
        caller, own = await self._caller(request)
        one, fields = office_in.path_id(request, "assignment"), await reading.fields(request)
        said = office_in.consents(fields)
        with acts.once:
            await self._life(request).consent(one, said, caller.name, own)
        return await self._shown(request, one, own)

    async def ground(self, request: web.Request) -> web.Response:
        """Enter the legal basis and the order that it stands on."""
        caller, own = await self._caller(request)
        one, fields = office_in.path_id(request, "assignment"), await reading.fields(request)
        basis, order = office_in.basis(fields), office_in.order(fields)
        with acts.once:
            await self._life(request).ground(one, basis, order, caller.name, own)
        return await self._shown(request, one, own)

    async def journal(self, request: web.Request) -> web.Response:
        """Answer what happened to an assignment, oldest first."""
        _, own = await self._caller(request)
        one = office_in.path_id(request, "assignment")
        async with self._database.connection() as connection:
            if not await assignments.listed(connection, Filter(own, id=one)):
                raise NotFound("assignment")
            found = await assignments.journal(connection, one)
        return answer({"items": [alert_json.journal_entry(row) for row in found], "next": None})

    def _life(self, request: web.Request) -> Life:
        return acts.under(request, self._office).life

    async def _caller(self, request: web.Request) -> tuple[Caller, str | None]:
        async with self._database.connection() as connection:
            return request[CALLER], await office_in.scope(connection, request[CALLER])

    async def _shown(
        self, request: web.Request, one: UUID, own: str | None, status: HTTPStatus = HTTPStatus.OK
    ) -> web.Response:
        some = Filter(own, id=one, hidden=hidden_from(request))
        async with self._database.connection() as connection:
            found = await assignments.listed(connection, some)
        if not found:
            raise NotFound("assignment")
        return answer(self._plain(found[0]), status)

    def _plain(self, row: picture.Row) -> object:
        now, office = self._clock.now(), self._office
        shown: object = plain(picture.assignment(row, office.sealer, office.files, now))
        return shown


def _made(done: Done) -> Given | Waits:
    """Return what was decided under the same key before."""
    given, waits = done.of("assigned"), done.of("request_waits")
    if given is not None and given.assignment_id is not None:
        return Given(given.assignment_id)
    if waits is None:
        raise done
    return Waits(UUID(waits.details["request"]), waits.details["why"])
