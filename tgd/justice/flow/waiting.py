"""What becomes of a request: refused or withdrawn, with its reason; granting is ``assigning``'s.

Promises: a request that is not met has a dated reason, and stays on the record with it.
"""

from uuid import UUID

from tgd.errors import Invalid, NotFound, Refused
from tgd.justice.flow.desk import Desk
from tgd.store import requests, stock
from tgd.store.db import again

REFUSALS = ("conditions_not_met", "lives_with_author", "no_consent", "other_protection", "other")
"""Why a request is refused: article 41-3-1's conditions, her own no, another measure."""


class Waiting(Desk):
    """Decisions about requests that give no phone; ``own`` None: every tribunal's."""

    @again
    async def close(
        self, request: UUID, status: str, reason: str | None, by: str, own: str | None
    ) -> None:
        """Refuse a request, or record that it was withdrawn."""
        if status == "refused" and reason not in REFUSALS:
            raise Invalid("reason", f"must be one of {', '.join(REFUSALS)}")
        async with self._database.transaction() as connection:
            tribunal = await requests.where(connection, request)
            if own not in {None, tribunal}:
                raise NotFound("request")
            await stock.hold(connection, [tribunal])
            row = await requests.hold(connection, request)
            if row["status"] not in {"open", "waiting"}:
                raise Refused("decided", f"the request was {row['status']}")
            now = self._clock.now()
            why = reason if status == "refused" and reason else status
            await requests.settle(connection, request, status, why, now, by)
            entry = {"request": str(request), "why": why}
            await stock.note(connection, now, by, f"request_{status}", **entry)
