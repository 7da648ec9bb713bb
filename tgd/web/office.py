"""The prosecutor's office over HTTP: phones, requests, releases, tribunals (PROTOCOL §3).

Serves no arrow by itself; it decides who holds what arrows begin with. Each act reads its whole
body before it does anything, is one transaction of ``justice.flow``, and answers with the thing as
it stands afterwards. A prosecutor sees and changes the own tribunal's; what is another's is not
there. The assignments' routes are in ``assignments``.
"""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from aiohttp import web

from tgd.conflict import KINDS, Lock
from tgd.errors import Invalid, NotFound
from tgd.justice import picture
from tgd.justice.domain.stock import STATES
from tgd.justice.flow.releases import KINDS as RELEASES
from tgd.justice.flow.releases import OUTCOMES
from tgd.justice.flow.waiting import REFUSALS
from tgd.store import assignments, requests, stock
from tgd.store.acts import Done
from tgd.web import acts, alert_json, office_in, reading
from tgd.web.access import CALLER
from tgd.web.answers import answer
from tgd.web.context import Context
from tgd.web.kept import hers, hidden_from, named

PAGE, PAGE_MAX = 100, 500
STATES_SAID = ("lost", "stolen", "broken", "found", "repaired", "in_stock", "reserve")
REQUESTS: dict[str | None, list[str]] = {
    None: ["open", "waiting"],
    "unmet": ["open", "waiting"],
    **{one: [one] for one in ("open", "waiting", "granted", "refused", "withdrawn")},
    "all": ["open", "waiting", "granted", "refused", "withdrawn"],
}


def plain(value: Any) -> Any:
    """Return values as JSON has them: times to the millisecond, ids as texts."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return alert_json.stamp(value)
    return str(value) if isinstance(value, UUID) else value


class Office:
    """The handlers; every one runs behind the guard of its route."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._clock = context.clock
        self._office = context.office

    async def _own(self, request: web.Request) -> str | None:
        async with self._database.connection() as connection:
            return await office_in.scope(connection, request[CALLER])

    # ── Phones ──────────────────────────────────────────────────────────────────────

    async def devices(self, request: web.Request) -> web.Response:
        """Answer phones by id, each with its holder's initials and its red list."""
        own, limit = await self._own(request), _limit(request)
        state = reading.query(request, "state")
        if state not in {None, *STATES}:
            raise Invalid("state", f"must be one of {', '.join(STATES)}")
        after = reading.query(request, "cursor")
        async with self._database.connection() as connection:
            found = await stock.listed(
                connection, own, after=after, limit=limit + 1, hidden=hidden_from(request)
            )
        now = self._clock.now()
        shown = [row for row in found[:limit] if state in {None, row["state"]}]
        items = [self._phone(row, now) for row in shown]
        following = found[limit - 1]["id"] if len(found) > limit else None
        return answer({"items": items, "next": following, "now": alert_json.stamp(now)})

    async def device(self, request: web.Request) -> web.Response:
        """Answer one phone."""
        return await self._shown(request.match_info["id"], await self._own(request))

    async def put_device(self, request: web.Request) -> web.Response:
        """Enter a phone, or change what is known of it."""
        own, caller = await self._own(request), request[CALLER]
        fields = await reading.fields(request)
        device, known = office_in.device(fields), office_in.known(fields)
        tribunal = fields.optional("tribunal", reading.WORD_MAX)
        state = fields.optional("state", reading.WORD_MAX) or "in_stock"
        only_new = office_in.flag(fields, "new", default=False)
        if await hers(request, "devices", device):
            own = ""  # as if it were another tribunal's
        try:
            new = await acts.under(request, self._office).stock.put(
                device, known, caller.name, own, tribunal=tribunal, state=state, only_new=only_new
            )
        except Done as done:
            new = done.of("device_added") is not None
        return await self._shown(device, own, HTTPStatus.CREATED if new else HTTPStatus.OK)

    async def set_state(self, request: web.Request) -> web.Response:
        """Say that a phone is lost, stolen, broken, found, repaired, in stock or in reserve."""
        own, caller, device = await self._own(request), request[CALLER], request.match_info["id"]
        state = (await reading.fields(request)).choice("state", *STATES_SAID)
        with acts.once:
            await acts.under(request, self._office).stock.move(device, state, caller.name, own)
        return await self._shown(device, own)

    async def wipe(self, request: web.Request) -> web.Response:
        """Attest that a phone holds nothing any more of whoever had it."""
        own, caller, device = await self._own(request), request[CALLER], request.match_info["id"]
        with acts.once:
            await acts.under(request, self._office).stock.wipe(device, caller.name, own)
        return await self._shown(device, own)

    async def lend(self, request: web.Request) -> web.Response:
        """Lend a phone to a tribunal of the same court of appeal; ``to`` null: it is back."""
        own, caller, device = await self._own(request), request[CALLER], request.match_info["id"]
        to = (await reading.fields(request)).optional("to", reading.WORD_MAX)
        with acts.once:
            await acts.under(request, self._office).stock.lend(device, to, caller.name, own)
        return await self._shown(device, own)

    async def compromise(self, request: web.Request) -> web.Response:
        """Call a phone compromised, as the first of two persons."""
        own, caller, device = await self._own(request), request[CALLER], request.match_info["id"]
        with acts.once:
            await acts.under(request, self._office).stock.compromise(device, caller.name, own)
        return await self._shown(device, own)

    async def mute(self, request: web.Request) -> web.Response:
        """Confirm it as the second one: the phone's credentials end."""
        own, caller, device = await self._own(request), request[CALLER], request.match_info["id"]
        with acts.once:
            await acts.under(request, self._office).stock.mute(device, caller.name, own)
        return await self._shown(device, own)

    async def _shown(
        self, device: str, own: str | None, status: HTTPStatus = HTTPStatus.OK
    ) -> web.Response:
        async with self._database.connection() as connection:
            found = await stock.listed(connection, own, device=device)
        if not found:
            raise NotFound("device")
        return answer(self._phone(found[0], self._clock.now()), status)

    def _phone(self, row: picture.Row, now: datetime) -> Any:
        return plain(picture.phone(row, self._office.sealer, self._office.files, now))

    # ── Requests ────────────────────────────────────────────────────────────────────

    async def requests(self, request: web.Request) -> web.Response:
        """Answer the waiting list, the oldest request first, or other requests by status."""
        own, limit = await self._own(request), _limit(request)
        status = reading.query(request, "status")
        if status not in REQUESTS:
            raise Invalid("status", f"must be one of {', '.join(str(s) for s in REQUESTS if s)}")
        after = alert_json.read_cursor(reading.query(request, "cursor"))
        async with self._database.connection() as connection:
            found = await requests.listed(
                *(connection, own, REQUESTS[status], after, limit + 1),
                hidden=hidden_from(request),
            )
        items = [plain(picture.request(row, self._office.files)) for row in found[:limit]]
        last = found[limit - 1] if len(found) > limit else None
        following = alert_json.cursor(last["asked_at"], last["id"]) if last else None
        return answer({"items": items, "next": following})

    async def ask(self, request: web.Request) -> web.Response:
        """Record that somebody asks for a phone."""
        own, caller = await self._own(request), request[CALLER]
        demand = await office_in.seen(request, office_in.demand(await reading.fields(request)))
        try:
            made = await acts.under(request, self._office).assigning.ask(demand, caller.name, own)
        except Done as done:
            made = done.made("requested", "request")
        return await self._request(request, made, own, HTTPStatus.CREATED)

    async def refuse(self, request: web.Request) -> web.Response:
        """Refuse a request, for a reason."""
        reason = (await reading.fields(request)).choice("reason", *REFUSALS)
        return await self._closed(request, "refused", reason)

    async def withdraw(self, request: web.Request) -> web.Response:
        """Record that a request was withdrawn."""
        return await self._closed(request, "withdrawn", None)

    async def _closed(self, request: web.Request, status: str, reason: str | None) -> web.Response:
        own, caller = await self._own(request), request[CALLER]
        one = office_in.path_id(request, "request")
        with acts.once:
            await acts.under(request, self._office).waiting.close(
                one, status, reason, caller.name, own
            )
        return await self._request(request, one, own)

    async def _request(
        self, request: web.Request, one: UUID, own: str | None, status: HTTPStatus = HTTPStatus.OK
    ) -> web.Response:
        async with self._database.connection() as connection:
            found = await requests.listed(
                connection, own, REQUESTS["all"], request=one, hidden=hidden_from(request)
            )
        if not found:
            raise NotFound("request")
        return answer(plain(picture.request(found[0], self._office.files)), status)

    # ── Releases, and who must not know ─────────────────────────────────────────────

    async def releases(self, request: web.Request) -> web.Response:
        """Answer the releases and leaves to evaluate, the soonest first, or all."""
        own, status = await self._own(request), reading.query(request, "status")
        if status not in {None, "open", "all"}:
            raise Invalid("status", "must be open or all")
        async with self._database.connection() as connection:
            found = await requests.releases(
                connection, own, open_only=status != "all", hidden=hidden_from(request)
            )
        return answer({"items": [plain(picture.release(row)) for row in found], "next": None})

    async def announce(self, request: web.Request) -> web.Response:
        """Record that he comes out, or goes on leave."""
        own, caller = await self._own(request), request[CALLER]
        fields = await reading.fields(request)
        who = await named(request, "beneficiaries", office_in.identity(fields, "beneficiary"))
        at = office_in.moment(fields, "at") or office_in.moment(fields, "happens_at")
        if who is None or at is None:
            raise Invalid("beneficiary" if who is None else "at", "is missing")
        kind = fields.choice("kind", *RELEASES)
        tribunal = fields.optional("tribunal", reading.WORD_MAX)
        try:
            made = await acts.under(request, self._office).releases.announce(
                who, kind, at, caller.name, own, tribunal=tribunal
            )
        except Done as done:
            made = done.made("release_announced", "release")
        return await self._release(made, own, HTTPStatus.CREATED)

    async def evaluated(self, request: web.Request) -> web.Response:
        """Record what the new evaluation found."""
        own, caller = await self._own(request), request[CALLER]
        one = office_in.path_id(request, "release")
        outcome = (await reading.fields(request)).choice("outcome", *OUTCOMES)
        with acts.once:
            await acts.under(request, self._office).releases.evaluated(
                one, outcome, caller.name, own
            )
        return await self._release(one, own)

    async def _release(
        self, one: UUID, own: str | None, status: HTTPStatus = HTTPStatus.OK
    ) -> web.Response:
        async with self._database.connection() as connection:
            (row,) = await requests.releases(connection, own, open_only=False, release=one)
        return answer(plain(picture.release(row)), status)

    async def conflicts(self, request: web.Request) -> web.Response:
        """Answer who must not know of a person."""
        own, who = await self._own(request), office_in.path_id(request, "beneficiary")
        async with self._database.connection() as connection:
            if not await assignments.of_tribunal(connection, who, own):
                raise NotFound("beneficiary")
            found = await requests.locks_of(connection, who)
        return answer({"items": found})

    async def lock_out(self, request: web.Request) -> web.Response:
        """Lock a reader out of all that is hers, or let one in again (``lifted`` true)."""
        own, caller = await self._own(request), request[CALLER]
        who, fields = office_in.path_id(request, "beneficiary"), await reading.fields(request)
        lock = Lock(fields.choice("kind", *KINDS), fields.text("value", reading.WORD_MAX))
        releases = acts.under(request, self._office).releases
        act = releases.lock_out
        if office_in.flag(fields, "lifted", default=False):
            act = releases.lift
        with acts.once:
            await act(who, lock, caller.name, own)
        return await self.conflicts(request)

    # ── Tribunals ───────────────────────────────────────────────────────────────────

    async def tribunals(self, request: web.Request) -> web.Response:
        """Answer the tribunals with their allocation, what is out and who waits."""
        own = await self._own(request)
        async with self._database.connection() as connection:
            found = await stock.tribunals(connection, own, hidden_from(request))
        return answer({"items": [plain(row) for row in found], "next": None})

    async def allocate(self, request: web.Request) -> web.Response:
        """Say how many phones a tribunal has, and how many stay in reserve."""
        tribunal, fields = request.match_info["id"], await reading.fields(request)
        said = [_count(fields, name) for name in ("allocation", "reserve_floor")]
        with acts.once:
            await acts.under(request, self._office).stock.allocate(
                tribunal, request[CALLER].name, *said
            )
        async with self._database.connection() as connection:
            (row,) = await stock.tribunals(connection, tribunal, hidden_from(request))
        return answer(plain(row))


def _limit(request: web.Request) -> int:
    return reading.number(request, "limit", default=PAGE, most=PAGE_MAX)


def _count(fields: reading.Fields, name: str) -> int | None:
    value = fields.value(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100_000:  # noqa: PLR2004  more than France has
        raise Invalid(name, "must be a whole number from 0 on")
    return value
