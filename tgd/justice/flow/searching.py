"""Looking a person up by her name, or by her phone's number: exactly, and on the record.

Promises: what is looked for is compared by keyed hash only; a look-up is in the journal before it
is answered, with who, by what and how many were found, and, of each found, in her own chain; the
name itself is nowhere. ``spared`` are persons of whom whoever looks may know nothing: they are not
found.
"""

from collections.abc import Collection
from uuid import UUID

from tgd import sim
from tgd.errors import Invalid
from tgd.justice.flow.desk import Desk
from tgd.store import associations, search
from tgd.store.stock import Row


class Searching(Desk):
    """``own`` is the tribunal of whoever looks, None: every one's."""

    async def find(
        self,
        by: str,
        own: str | None,
        *,
        name: str | None = None,
        number: str | None = None,
        spared: Collection[UUID] = (),
    ) -> tuple[list[Row], set[UUID]]:
        """Return who is found, and which of the spared would have been; one of both is said."""
        if (name is None) == (number is None):
            raise Invalid("name", "or number: one of them says who is looked for")
        named = None if name is None else self._files.name_digest(name)
        dialled = None if number is None else sim.digest(self._sealer, number)
        async with self._database.transaction() as connection:
            rows = await search.persons(connection, named, dialled, own)
            found = [row for row in rows if row["beneficiary_id"] not in spared]
            now = self._clock.now()
            how = {"by": "name" if number is None else "number", "found": len(found)}
            await associations.note(connection, now, by, "person_searched", how)
            for row in found:
                who = row["beneficiary_id"]
                details = {"by": how["by"], "beneficiary": str(who)}
                await associations.note(connection, now, by, "person_found", details, who)
        return found, {row["beneficiary_id"] for row in rows} & set(spared)
