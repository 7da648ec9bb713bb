"""An act of the office that comes twice under one key is done once (ADR 0014).

Serves the prosecutor's office. Each act is one transaction and leaves its entries in the journal;
those name the key that it came with. So whoever begins under a key that entries of the same person
name already has nothing to do, and ``Done`` tells what was done. What was refused left no entry and
is not remembered.
"""

from typing import Any, NamedTuple
from uuid import UUID

from tgd.errors import TgdError
from tgd.store.db import Connection, sql


class Entry(NamedTuple):
    """What the act entered into the journal."""

    kind: str
    assignment_id: UUID | None
    details: dict[str, Any]


class Done(TgdError):
    """It was done before, under the same key."""

    def __init__(self, entries: list[Entry]) -> None:
        super().__init__("done already")
        self.entries = entries

    def of(self, *kinds: str) -> Entry | None:
        """Return the last entry of these kinds."""
        found = [entry for entry in self.entries if entry.kind in kinds]
        return found[-1] if found else None

    def made(self, kind: str, name: str) -> UUID:
        """Return the id of what it made, out of its entry; itself where it made none."""
        entry = self.of(kind)
        if entry is None:
            raise self
        return UUID(entry.details[name])


async def begin(transaction: Connection, by: str, key: str) -> None:
    """Begin an act under its key; raises ``Done`` where it was done."""
    await transaction.execute(sql("acts", "begin"), by, key)
    rows = await transaction.fetch(sql("acts", "done"), by, key)
    if rows:
        raise Done([Entry(*row) for row in rows])
