"""What goes by its term, the sealed things of alerts apart: row by row of the table of terms.

Serves the flow ``forget``. Each lot goes in a transaction of its own, together with its proof in
the journal: how much of what, by which row and which term, and no name. A try-out does the same in
one transaction and takes it back: what it counts is what would go.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NoReturn

from tgd.ledger import SYSTEM
from tgd.platform.terms import Kept, Terms
from tgd.store import forget, journal
from tgd.store import terms as store
from tgd.store.db import Connection, Database, again

ACTOR: Final = "forget"
_SAME: Final = {"file": ("file", "returned"), "refused": ("file", "decided")}
"""One statement for both: what is held on a person, by what her term began with."""
_SYSTEM: Final = "journal_system"
_UNTOLD: Final = {"session", "login", "downlink", "quarantine", "presence", "heard"}
"""Nobody's, or gone within days by itself: the journal would fill with them."""

Tell = Callable[[int, int], None]
"""Told how many rows of the table were carried out, of how many."""


class TakenBack(Exception):
    """No error: what a try-out ends with."""


@dataclass(slots=True)
class Erased:
    """What went, by the table's rows and by what it was."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, code: str, counts: Mapping[str, int]) -> bool:
        """Add a lot; False if there was nothing in it."""
        some = +Counter(counts)
        if some:
            self.counts.setdefault(code, Counter()).update(some)
        return bool(some)


class ByTerm:
    """Carries the table out. Safe beside other servers: whoever is first erases a lot."""

    def __init__(self, database: Database, terms: Terms) -> None:
        self._database = database
        known = store.known() | {*_SAME, _SYSTEM}
        self._rows = [
            (row, row.term)
            for row in terms.kept.values()
            if row.code in known and row.term is not None
        ]

    async def carry_out(self, now: datetime, tell: Tell = lambda _done, _of: None) -> Erased:
        """Erase what is past its term."""
        erased = Erased()
        for done, (row, term) in enumerate(self._rows, 1):
            before = term.before(now)
            while erased.add(row.code, await self._lot(row, before, now)):
                pass
            tell(done, len(self._rows))
        return erased

    async def try_out(self, now: datetime, tell: Tell = lambda _done, _of: None) -> Erased:
        """Return what ``carry_out`` would erase, having changed nothing."""
        erased = Erased()
        try:
            async with self._database.transaction() as transaction:
                for done, (row, term) in enumerate(self._rows, 1):
                    before = term.before(now)
                    while erased.add(row.code, await _erase(transaction, row, before, now)):
                        pass
                    tell(done, len(self._rows))
                take_back()
        except TakenBack:
            return erased

    @again
    async def _lot(self, row: Kept, before: datetime, now: datetime) -> Mapping[str, int]:
        async with self._database.transaction() as transaction:
            return await _erase(transaction, row, before, now)


def take_back() -> NoReturn:
    """End a try-out inside its transaction, which is rolled back."""
    raise TakenBack


async def _erase(
    transaction: Connection, row: Kept, before: datetime, now: datetime
) -> Mapping[str, int]:
    """Erase a lot of one row of the table, with its proof."""
    if row.code == _SYSTEM or store.is_chains(row.code):
        return await _redact(transaction, row, before, now)
    code, begins = _SAME.get(row.code, (row.code, None))
    went = await store.erase(transaction, code, before, hold=row.hold, begins=begins)
    if went.dead:
        await forget.bury(transaction, went.dead, now)
    counts = +Counter(went.counts)
    if counts and row.term is not None and row.code not in _UNTOLD:
        proof = {"row": row.code, "term": row.term.iso, **counts}
        await forget.note(transaction, now, None, "term_erased", proof)
    return counts


async def _redact(
    transaction: Connection, row: Kept, before: datetime, now: datetime
) -> Mapping[str, int]:
    """Redact chains; each says so itself, and that is the proof."""
    if row.code == _SYSTEM:
        found, before = [SYSTEM], before.replace(hour=0, minute=0, second=0, microsecond=0)
    else:
        found = await store.chains(transaction, row.code, before, hold=row.hold)
        before = now
    entries = [
        await journal.redact(transaction, chain, before, now, actor=ACTOR, ground=row.code)
        for chain in found
    ]
    return {"entries": sum(entries)}
