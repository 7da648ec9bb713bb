"""The calls back to make after alerts: a list and an act, for those who follow the person.

Serves what comes after the arrows. A member of an association sees those only whom she or he
follows, and of an alert no more than it takes to call: whom, by when, and whether caution is due.
What came of a call is sealed and is not shown here.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from tgd.errors import Invalid, NotFound
from tgd.platform.flow.recontact import Recontact
from tgd.store import recontact as rows
from tgd.web import alert_json, reading
from tgd.web.access import CALLER, Caller
from tgd.web.answers import answer
from tgd.web.context import Context
from tgd.web.kept import hidden_from
from tgd.web.pages import Pages

PAGE_MAX = 500
_STATUSES: dict[str | None, bool] = {None: False, "open": False, "done": True}


class Recontacts:
    """The handlers; those under ``/api`` run behind the guard of their route."""

    def __init__(self, context: Context, pages: Pages) -> None:
        self._database = context.database
        self._clock = context.clock
        self._recontact: Recontact = context.recontact
        self._pages = pages

    async def list(self, request: web.Request) -> web.Response:
        """Answer the calls to make, soonest due first, or those made, latest first."""
        status = reading.query(request, "status")
        if status not in _STATUSES:
            raise Invalid("status", "must be open or done")
        limit = reading.number(request, "limit", default=PAGE_MAX, most=PAGE_MAX)
        async with self._database.connection() as connection:
            found = await rows.listed(
                connection,
                done=_STATUSES[status],
                follower=_follower(request[CALLER]),
                now=self._clock.now(),
                limit=limit,
                hidden=hidden_from(request),
            )
        now = self._clock.now()
        items = [_shown(row, now) for row in found]
        return answer({"items": items, "next": None, "now": alert_json.stamp(now)})

    async def done(self, request: web.Request) -> web.Response:
        """Record that the call was made."""
        caller = request[CALLER]
        note = (await reading.fields(request)).optional("note")
        await self._recontact.done(_id(request), caller.name, note, follower=_follower(caller))
        return await self.list(request)

    async def page(self, _request: web.Request) -> web.Response:
        """Answer the page on which calls are entered."""
        return self._pages.page("recontacts")


def _follower(caller: Caller) -> str | None:
    """Return by whom persons must be followed to be seen; None: any.

    A program is nobody whom a prosecutor has cleared: it follows nobody, and its name may be some
    account's.
    """
    if caller.role != "association":
        return None
    return caller.name if caller.session is not None else ""


def _id(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise NotFound("recontact") from None


def _shown(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "alert": str(row["alert_id"]),
        "case_id": row["case_id"],
        "device": row["device"],
        "beneficiary": row["beneficiary"],
        "hours": row["hours"],
        "owner": row["owner"],
        "due_at": alert_json.stamp(row["due_at"]),
        "overdue": row["done_at"] is None and row["due_at"] <= now,
        "done_at": None if row["done_at"] is None else alert_json.stamp(row["done_at"]),
        "done_by": row["done_by"],
        "closed_at": alert_json.stamp(row["closed_at"]),
        "verdict": row["verdict"],
        "outcome": alert_json.outcome(row["outcome"], None, row["alert_id"]),
        # Whoever holds her phone may be the one she fears.
        "caution": "coercion" if row["coerced"] else None,
    }
