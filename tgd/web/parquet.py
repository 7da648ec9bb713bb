"""The prosecutor's page: what it is, and what it reads beside the register's own routes.

Serves the prosecutor's office, and the association that follows the holders. An association reads
of each of its tribunal's persons no more than it needs to look after her phone, and nothing of one
whose file locks it out. Acts stand in ``office`` and ``assignments``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from tgd.errors import NotFound
from tgd.justice import picture, steering
from tgd.justice.domain import handing
from tgd.store import associations, stock
from tgd.store import office as rows
from tgd.web import alert_json, office_in, reading
from tgd.web.access import CALLER
from tgd.web.answers import answer
from tgd.web.context import Context
from tgd.web.kept import hidden_from
from tgd.web.office import PAGE_MAX, plain
from tgd.web.pages import Pages

FOLLOWED: Final = (
    *("device", "label", "state", "assignment_status", "holder", "ends_at", "days_left"),
    *("handed_over_at", "last_test_at", "battery", "last_contact_at"),
)
"""What an association is told of a phone in the hands of somebody whom it follows."""
NOT_TOLD: Final = frozenset(
    {"consent_missing", "legal_basis_missing", "evaluation_due", "not_wiped", "compromised"}
)
"""Reasons of a red list that are the office's own business."""


class Parquet:
    """The handlers; those under ``/api`` run behind the guard of their route."""

    def __init__(self, context: Context, pages: Pages) -> None:
        self._database = context.database
        self._clock = context.clock
        self._office = context.office
        self._pages = pages

    async def page(self, _request: web.Request) -> web.Response:
        """Answer the page; it holds nothing until its reader has logged in."""
        return self._pages.page("parquet")

    async def form(self, _request: web.Request) -> web.Response:
        """Answer the form that is signed at a hand-over, to be printed."""
        return self._pages.page("remise")

    async def handing(self, request: web.Request) -> web.Response:
        """Answer how far a hand-over test is."""
        one = office_in.path_id(request, "assignment")
        async with self._database.connection() as connection:
            own = await office_in.scope(connection, request[CALLER])
            row = await rows.handing(connection, one, own)
        if row is None:
            raise NotFound("assignment")
        steps = [{"step": s.step, "state": s.state, "at": s.at} for s in handing.steps(row)]
        values = {
            "device": row["device_id"],
            "since": row["since"],
            "finished_at": row["tested_at"],
            "pressed_at": row["pressed_at"],
            "verdict": row["verdict"],
            "steps": steps,
            "now": self._clock.now(),
        }
        return answer(plain(values))

    async def neighbours(self, request: web.Request) -> web.Response:
        """Answer the tribunals to which this one may lend."""
        tribunal = request.match_info["id"]
        async with self._database.connection() as connection:
            own = await office_in.scope(connection, request[CALLER])
            if own not in {None, tribunal}:
                raise NotFound("tribunal")
            found = await rows.neighbours(connection, tribunal)
        return answer({"items": [plain(row) for row in found], "next": None})

    async def steering(self, request: web.Request) -> web.Response:
        """Answer the figures for the steering committee, small counts suppressed."""
        since, until = reading.query(request, "from"), reading.query(request, "to")
        first, last = steering.period(since, until, self._clock.now())
        async with self._database.connection() as connection:
            own = await office_in.scope(connection, request[CALLER])
            row = await rows.steering(
                connection, *steering.bounds(first, last), own, hidden_from(request)
            )
        said = {"from": first.isoformat(), "to": last.isoformat(), "tribunal": own}
        return answer(said | steering.figures(row))

    async def people(self, request: web.Request) -> web.Response:
        """Answer an association those whom it follows, by their phones."""
        caller, now = request[CALLER], self._clock.now()
        async with self._database.connection() as connection:
            own = await office_in.scope(connection, caller)
            held = [
                row
                for row in await stock.listed(connection, own, limit=PAGE_MAX)
                if row["assignment_id"] is not None
            ]
            people = [row["beneficiary_id"] for row in held]
            follower = caller.name if caller.session is not None else ""
            hers = await associations.followed(connection, follower, people, now)
        items = [
            self._followed(row, now)
            for row in held
            if row["beneficiary_id"] in hers - hidden_from(request)
        ]
        return answer({"items": items, "next": None, "now": alert_json.stamp(now)})

    def _followed(self, row: Mapping[str, Any], now: datetime) -> Any:
        shown = picture.phone(row, self._office.sealer, self._office.files, now)
        reasons = [reason for reason in shown["red_list"] if reason not in NOT_TOLD]
        return plain({name: shown[name] for name in FOLLOWED} | {"red_list": reasons})
