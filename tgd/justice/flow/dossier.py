"""A person's file, read and mended by the office, read by whoever follows her.

Promises: every reading is in the journal, with who and when, before anything is answered; a mending
is there by the names of what was changed, never by what it says; nobody mends a file that somebody
else has mended meanwhile without having seen it. Which of it a role may see, and who must not know
of her at all, is the web's (``rights``, ``kept``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tgd.errors import Invalid, NotFound, Refused
from tgd.justice.flow.desk import Desk
from tgd.store import assignments, associations, dossier, glass
from tgd.store.db import Connection, again

UNSAID: Final = object()


@dataclass(frozen=True, slots=True)
class Mended:
    """What is said anew; ``UNSAID`` or nothing: it stays. ``word`` None: none is agreed any more.

    ``seen`` is the file's ``changed_at`` as whoever mends it has read it (``UNSAID``: no matter);
    ``spared`` are persons of whom whoever mends it may know nothing: links to them stay.
    """

    file: Mapping[str, Any] = field(default_factory=dict, repr=False)
    places: object = field(default=UNSAID, repr=False)
    word: object = field(default=UNSAID, repr=False)
    listen: str | None = None
    linked: Sequence[UUID] | None = None
    seen: object = UNSAID
    spared: Collection[UUID] = ()

    def names(self) -> list[str]:
        """Return what it changes, by name."""
        others = {
            "places": self.places is not UNSAID,
            "all_clear_word": self.word is not UNSAID,
            "listen": self.listen is not None,
            "linked": self.linked is not None,
        }
        return [*self.file, *(name for name, said in others.items() if said)]


class Dossier(Desk):
    """Reading and mending; ``own`` is the tribunal of whoever acts, None: every one's."""

    async def read(
        self, who: UUID, by: str, own: str | None, *, follows: bool = False
    ) -> dict[str, Any]:
        """Return a person's file whole, once the reading is on record; ``NotFound``.

        ``follows``: only of somebody whom that member of an association follows at this moment.
        Another tribunal's only while the reader has broken the glass: ``open_until``.
        """
        async with self._database.transaction() as connection:
            now = self._clock.now()
            if follows:
                found = who in await associations.followed(connection, by, [who], now)
            else:
                found = await assignments.of_tribunal(connection, who, own)
            open_until = None if found else await glass.until(connection, who, by, now)
            if not found and (follows or open_until is None):
                raise NotFound("beneficiary")
            details = {"beneficiary": str(who)}
            await associations.note(connection, now, by, "file_read", details, who)
            row = await dossier.whole(connection, who)
            whole = await self._files.whole(connection, who)
            return {**row, **whole, "open_until": open_until}

    @again
    async def mend(self, who: UUID, said: Mended, by: str, own: str | None) -> None:
        """Change what is said anew, and enter which parts those were."""
        names = said.names()
        if not names:
            raise Invalid("file", "nothing is said that could be changed")
        file = self._files.read(said.file, "file") if said.file else None
        known = self._files.places(said.places) if said.places is not UNSAID else None
        async with self._database.transaction() as connection:
            now = self._clock.now()
            if not await assignments.of_tribunal(connection, who, own):
                raise NotFound("beneficiary")
            changed_at = await dossier.hold(connection, who)
            if not _seen(said.seen, changed_at):
                raise Refused("file_changed", "somebody has changed the file meanwhile: read it")
            if file is not None:
                await self._files.put(connection, who, file, "file")
            if known is not None:
                await self._files.put_places(connection, who, known, now)
            await self._mend(connection, who, said, own)
            details = {"beneficiary": str(who), "fields": names}
            await associations.note(connection, now, by, "file_mended", details, who)

    async def _mend(self, connection: Connection, who: UUID, said: Mended, own: str | None) -> None:
        if said.listen is not None:
            await dossier.listen(connection, who, said.listen)
        if said.word is not UNSAID:
            spoken = said.word if isinstance(said.word, str) else None
            sealed, key = (None, None) if spoken is None else self._files.word(spoken)
            await dossier.word(connection, who, sealed, key, self._clock.now())
        if said.linked is not None:
            for number, other in enumerate(said.linked):
                if other == who or not await assignments.of_tribunal(connection, other, own):
                    raise Invalid(f"linked[{number}]", "is no other person of the tribunal's")
            await dossier.link(connection, who, said.linked, said.spared)


def _seen(seen: object, changed_at: datetime | None) -> bool:
    """Say whether the file is as it was read; times are told to the millisecond."""
    if seen is UNSAID or seen == changed_at:
        return True
    if not isinstance(seen, datetime) or changed_at is None:
        return False
    return abs(seen - changed_at) < timedelta(milliseconds=1)
