"""Associations: a convention, the members whom the prosecutor clears by name, their persons.

Serves the prosecutor's office (arrêté du 22 avril 2015: staff of an association see only those whom
they follow, and only while their convention lasts). Each act is one transaction with its entry in
the journal. Nothing here is ever renewed by itself: a new term is a new convention, and clearances
are given anew.
"""

from datetime import datetime
from uuid import UUID, uuid4

from tgd.clock import Clock
from tgd.errors import Invalid, NotFound
from tgd.store import assignments, associations, stock
from tgd.store.db import Connection, Database, again


class Associations:
    """The acts; ``own`` is the tribunal of whoever acts, None: every one's."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @again
    async def agree(
        self,
        association: str,
        term: tuple[datetime | None, datetime],
        by: str,
        own: str | None,
        *,
        tribunal: str | None = None,
    ) -> UUID:
        """Enter a convention from now or a given time until its end."""
        now, new = self._clock.now(), uuid4()
        starts_at, ends_at = term[0] or now, term[1]
        if ends_at <= starts_at:
            raise Invalid("ends_at", "must be after its beginning")
        async with self._database.transaction() as transaction:
            whose = await self._tribunal(transaction, own, tribunal)
            made = associations.Convention(new, whose, association, starts_at, ends_at, now, by)
            await associations.add(transaction, made)
            done = {"convention": str(new), "tribunal": whose}
            await associations.note(transaction, now, by, "convention_made", done)
        return new

    @again
    async def end(self, convention: UUID, by: str, own: str | None) -> None:
        """End a convention before its term: nobody sees anybody under it any more."""
        now = self._clock.now()
        async with self._database.transaction() as transaction:
            await _own(transaction, convention, own)
            await associations.end(transaction, convention, now, by)
            done = {"convention": str(convention)}
            await associations.note(transaction, now, by, "convention_ended", done)

    @again
    async def clear(self, convention: UUID, username: str, by: str, own: str | None) -> None:
        """Clear one member, by the account's name."""
        now = self._clock.now()
        async with self._database.transaction() as transaction:
            await _own(transaction, convention, own)
            account = await associations.member(transaction, username)
            if account is None:
                raise Invalid("username", "is no account of an association's staff")
            await associations.clear(transaction, uuid4(), convention, account, now, by)
            done = {"convention": str(convention), "username": username}
            await associations.note(transaction, now, by, "member_cleared", done)

    @again
    async def end_clearance(self, clearance: UUID, by: str, own: str | None) -> UUID:
        """End a clearance; return its convention."""
        now = self._clock.now()
        async with self._database.transaction() as transaction:
            found = await _standing(transaction, clearance, own)
            await associations.end_clearance(transaction, clearance, now, by)
            done = {"convention": str(found["convention_id"]), "username": found["username"]}
            await associations.note(transaction, now, by, "clearance_ended", done)
        convention: UUID = found["convention_id"]
        return convention

    @again
    async def entrust(
        self, clearance: UUID, beneficiary: UUID, by: str, own: str | None, *, ended: bool
    ) -> UUID:
        """Have a member follow a person, or no longer; return the convention."""
        now = self._clock.now()
        async with self._database.transaction() as transaction:
            found = await _standing(transaction, clearance, own)
            whose = found["tribunal_id"]
            if not await assignments.of_tribunal(transaction, beneficiary, whose):
                raise NotFound("beneficiary")
            act = associations.take_back if ended else associations.entrust
            await act(transaction, clearance, beneficiary, now, by)
            kind = "person_taken_back" if ended else "person_entrusted"
            done = {"convention": str(found["convention_id"]), "username": found["username"]}
            await associations.note(transaction, now, by, kind, done, beneficiary)
        convention: UUID = found["convention_id"]
        return convention

    async def _tribunal(self, transaction: Connection, own: str | None, said: str | None) -> str:
        """Return which tribunal's it is to be: one's own, or the one that is named."""
        known = [str(row["id"]) for row in await stock.tribunals(transaction, own)]
        if said is None and len(known) == 1:
            return known[0]
        if said not in known:
            raise Invalid("tribunal", "must be one of those that there are")
        return str(said)


async def _own(transaction: Connection, convention: UUID, own: str | None) -> None:
    if not await associations.listed(transaction, own, convention):
        raise NotFound("convention")


async def _standing(transaction: Connection, clearance: UUID, own: str | None) -> stock.Row:
    found = await associations.clearance(transaction, clearance)
    if own is not None and found["tribunal_id"] != own:
        raise NotFound("clearance")
    return found
