"""What every act of the office begins with: whose phone, and nobody else decides meanwhile.

Promises: an act sees only what its tribunal may see (``own`` None: every tribunal's; the empty
text: none), and what is not its own is not there. Locks are taken in one order: tribunals, then
the phone or the assignment.
"""

from uuid import UUID

from tgd.clock import Clock
from tgd.errors import Invalid, NotFound
from tgd.justice.domain.life import Held
from tgd.justice.domain.stock import Phone, Stock
from tgd.justice.files import Files
from tgd.seal import Sealer
from tgd.store import assignments, stock
from tgd.store.db import Connection, Database
from tgd.store.stock import Row


class Desk:
    """The parts that an act needs; the acts are its subclasses."""

    def __init__(self, database: Database, clock: Clock, sealer: Sealer, files: Files) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer
        self._files = files

    async def _phone(self, connection: Connection, device: str, own: str | None) -> Row:
        """Return one phone of the caller's, its tribunals and itself locked."""
        owners = await stock.owners(connection, device)
        if owners is None or not _sees(own, *owners):
            raise NotFound("device")
        await stock.hold(connection, owners)
        found = await stock.phone(connection, device)
        if not _sees(own, found["tribunal_id"], found["lent_to"]):
            raise NotFound("device")
        return found

    async def _assignment(self, connection: Connection, assignment: UUID, own: str | None) -> Row:
        """Return one assignment of the caller's, its tribunals, phone and itself locked."""
        where = await assignments.where(connection, assignment)
        if not _sees(own, where["given_by"]):
            raise NotFound("assignment")
        await stock.hold(connection, [where["tribunal_id"], where["lent_to"]])
        return await assignments.hold(connection, assignment)

    async def _tribunal(
        self, connection: Connection, own: str | None, said: str | None, device: str | None = None
    ) -> str:
        """Return the tribunal that an act is for; who sees all says which, unless it is plain."""
        if own is not None:
            if not own or said not in {None, own}:
                raise NotFound("tribunal")
            return own
        if said is not None:
            return said
        owners = await stock.owners(connection, device) if device else None
        if owners is not None:
            return owners[1] or owners[0]
        every = await stock.tribunals(connection)
        if len(every) != 1:
            raise Invalid("tribunal", "is missing")
        only: str = every[0]["id"]
        return only

    async def _stock(self, connection: Connection, tribunal: str) -> Stock:
        """Return what a tribunal has, its row and those of its lenders locked."""
        lenders = [await stock.owners(connection, row["id"])
                   for row in await stock.phones(connection, tribunal) if row["lent"]]  # fmt: skip
        await stock.hold(connection, [tribunal, *(one[0] for one in lenders if one)])
        (row,) = await stock.tribunals(connection, tribunal)
        phones = [Phone(**one) for one in await stock.phones(connection, tribunal)]
        return Stock(row["allocation"], row["out"], row["reserve_floor"], phones)


def phone(row: Row) -> Phone:
    """Return a locked phone as the rules see it."""
    return Phone(
        row["id"],
        row["state"],
        row["assignment_id"] is not None,
        row["reserved_for"],
        row["compromised_at"] is not None,
        row["lent_to"] is not None,
    )


def held(row: Row) -> Held:
    """Return a locked assignment as the rules see it."""
    return Held(
        row["status"],
        row["term_at"],
        row["ends_at"],
        row["ended_at"],
        row["device_state"],
        row["device_wiped"],
        row["located"],
    )


def _sees(own: str | None, *tribunals: str | None) -> bool:
    return own is None or (bool(own) and own in tribunals)
