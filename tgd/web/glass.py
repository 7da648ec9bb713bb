"""Breaking the glass: a person's file, read outside of one's rights or of its term, with a reason.

Serves whoever must know at once and has no other way: a supervisor after an alert, a prosecutor of
another tribunal. Promises: it is open to that reader for half an hour and to nobody else; it is in
the journal and an alarm before anything is shown; the reason is sealed, and read by auditors and by
the prosecutor of her tribunal. Whom a conflict of interest locks out (``kept``) it opens nothing
for. The same alarm is raised when somebody reads many files without an alert.
"""

from collections import deque
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from aiohttp import web

from tgd.errors import NotFound
from tgd.seal import SealBroken, Sealer
from tgd.store import conflicts, glass
from tgd.store.db import Connection
from tgd.web import alert_json, office_in, reading
from tgd.web.access import CALLER, Caller
from tgd.web.answers import answer
from tgd.web.context import Context
from tgd.web.kept import hidden_from
from tgd.web.office import plain

STANDS = timedelta(minutes=30)
LISTED = 500
MANY, WITHIN = 10, timedelta(hours=1)
"""More files than this within so long, and none for an alert: somebody is looking people up."""


class Glass:
    """The handlers, and the count of who reads how many files."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._clock = context.clock
        self._metrics = context.metrics
        self._sealer: Sealer = context.office.sealer
        self._read: dict[str, deque[tuple[datetime, UUID]]] = {}

    async def of_alert(self, request: web.Request) -> web.Response:
        """Open the file of an alert's holder, though the alert is closed."""
        return await self._open(request, "alerts", reading.alert_id(request))

    async def of_person(self, request: web.Request) -> web.Response:
        """Open a person's file, though she is another tribunal's."""
        who = office_in.path_id(request, "beneficiary")
        return await self._open(request, "beneficiaries", who)

    async def list(self, request: web.Request) -> web.Response:
        """Answer who has opened what, the latest first."""
        async with self._database.connection() as connection:
            caller = request[CALLER]
            own = None if caller.role == "auditor" else await office_in.scope(connection, caller)
            found = await glass.listed(connection, own, hidden_from(request), LISTED)
        items = [
            {
                "id": row["id"],
                "by": row["reader"],
                "role": row["role"],
                "at": row["at"],
                "until": row["until"],
                "beneficiary": {"id": row["beneficiary_id"], "label": row["beneficiary"]},
                "reason": self._reason(row["id"], row["reason"], row["key"]),
            }
            for row in found
        ]
        return answer(plain({"items": items, "next": None}))

    async def seen(self, caller: Caller, person: UUID) -> None:
        """Count a file that was read without an alert; many within an hour are an alarm."""
        now = self._clock.now()
        read = self._read.setdefault(caller.name, deque())
        while read and read[0][0] <= now - WITHIN:
            read.popleft()
        if any(one == person for _, one in read):
            return
        read.append((now, person))
        if len(read) <= MANY:
            return
        async with self._database.connection() as connection:
            await glass.many(connection, now, caller.name, len(read))
        self._metrics.lookups["many"].inc()
        read.clear()

    async def _open(self, request: web.Request, things: str, one: UUID) -> web.Response:
        caller, now = request[CALLER], self._clock.now()
        reason = (await reading.fields(request)).text("reason")
        async with self._database.transaction() as transaction:
            found = await conflicts.persons(transaction, things, [one])
            if not found:
                raise NotFound("alert" if things == "alerts" else "beneficiary")
            (who,) = found
            alert_id = one if things == "alerts" else None
            until = await self._opened(transaction, caller, who, reason, now, alert_id)
        await self._told(caller, who)
        return answer({"until": alert_json.stamp(until)})

    async def open(self, caller: Caller, persons: Collection[UUID], reason: str) -> None:
        """Open the files of persons who were looked for in every tribunal."""
        async with self._database.transaction() as transaction:
            now = self._clock.now()
            for who in persons:
                await self._opened(transaction, caller, who, reason, now)
        for who in persons:
            await self._told(caller, who)

    async def _opened(
        self,
        transaction: Connection,
        caller: Caller,
        who: UUID,
        reason: str,
        now: datetime,
        alert_id: UUID | None = None,
    ) -> datetime:
        """Keep one opening under a key of its own; return until when it is one."""
        made, key, until = uuid4(), self._sealer.new_key(), now + STANDS
        sealed = key.seal(reason.encode(), _about(made))
        opening = glass.Opening(
            *(made, who, caller.name, caller.role, now, until, sealed, alert_id, key.wrapped)
        )
        await glass.opened(transaction, opening)
        return until

    async def _told(self, caller: Caller, who: UUID) -> None:
        self._metrics.break_glass[caller.role].inc()
        await self.seen(caller, who)

    def _reason(self, opening: UUID, sealed: bytes, key: bytes | None) -> str | None:
        try:
            opener = self._sealer if key is None else self._sealer.unwrap(key)
            return opener.open(sealed, _about(opening)).decode()
        except SealBroken:
            return None


def _about(opening: UUID) -> str:
    return f"reason of {opening}"
