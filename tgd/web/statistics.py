"""Statistics: the figures as JSON, and the page that draws them.

Serves what comes after the arrows. A prosecutor is told of his own tribunal's phones, the others of
all; nobody of a person.
"""

import msgspec
from aiohttp import web

from tgd.platform.statistics import Statistics
from tgd.web import reading
from tgd.web.access import CALLER, Caller
from tgd.web.answers import answer
from tgd.web.context import Context
from tgd.web.kept import hidden_from
from tgd.web.pages import Pages


class Figures:
    """The handlers; the one under ``/api`` runs behind the guard of its route."""

    def __init__(self, context: Context, pages: Pages) -> None:
        self._statistics = Statistics(context.database, context.clock)
        self._pages = pages

    async def get(self, request: web.Request) -> web.Response:
        """Answer the figures of a period."""
        asked = (reading.query(request, name) for name in ("from", "to", "step"))
        period = self._statistics.period(*asked)
        found = await self._statistics.of(period, _tribunal(request[CALLER]), hidden_from(request))
        values = {
            "from": period.since,
            "to": period.until,
            "step": period.step,
            "tribunal": found.tribunal,
            "legs": found.legs,
            "counts": found.counts,
            "phones": found.phones,
        }
        return answer(msgspec.to_builtins(values))

    async def page(self, _request: web.Request) -> web.Response:
        """Answer the page that draws them."""
        return self._pages.page("statistics")


def _tribunal(caller: Caller) -> str | None:
    if caller.role != "prosecutor":
        return None
    return (caller.session.tribunal_id if caller.session else None) or ""
