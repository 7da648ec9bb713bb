"""Conflict of interest: the aggressor, or a relative of his, is one of those who would read.

Serves whoever shows an alert, rings somebody for it or sends it. Such a reader gets neither the
alert, nor a hint, nor a count; whoever else is there is rung, other rooms are chosen. Here stands
who may not know of whom, and nowhere else. Pure: the locks are rows (``store.conflicts``), and
what follows is left to the flow ``apart``, to the routing and to the web. Of a reader of whom
something is not known, that something locks nothing: an alert without any reader would be worse.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

KINDS: Final = ("institution", "room", "site", "role", "account")
VALUES: Final = {
    "institution": ("PN", "GN", "PP"),
    "role": ("operator", "supervisor", "prosecutor", "association", "admin", "auditor"),
}
"""What alone a lock of these kinds can name: another word would lock nobody, unseen."""
NOBODY: Final[frozenset[UUID]] = frozenset()


@dataclass(frozen=True, slots=True)
class Lock:
    """What is locked: an institution (``PN``), a room, a site, a role or one account."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody, or a room, that would read."""

    account: str | None = None
    role: str | None = None
    site: str | None = None
    room: str | None = None
    institution: str | None = None


def locked(locks: Iterable[Lock], reader: Reader) -> bool:
    """Say whether the reader may not even know that there is something."""
    return any(_named(reader, lock.kind) == _plain(lock.value) for lock in locks)


def fits(lock: Lock) -> bool:
    """Say whether there can be such a reader at all."""
    known = VALUES.get(lock.kind)
    return bool(_plain(lock.value)) and (
        known is None or _plain(lock.value) in {_plain(one) for one in known}
    )


class Locks:
    """Every lock that stands, by the person whom it protects, as of one reading.

    ``sites`` says where accounts work; it may leave out those of whom no lock asks it.
    """

    def __init__(
        self, by_person: Mapping[UUID, frozenset[Lock]], sites: Mapping[str, str] | None = None
    ) -> None:
        self.by_person = by_person
        self.sites = sites or {}
        self._hidden: dict[tuple[str, str], frozenset[UUID]] = {}

    def same(self, other: "Locks") -> bool:
        """Say whether both lock the same."""
        return (self.by_person, self.sites) == (other.by_person, other.sites)

    def hidden_from(self, account: str, role: str) -> frozenset[UUID]:
        """Return the persons of whom this reader may know nothing; of most readers nobody."""
        if not self.by_person:
            return NOBODY
        key = account, role
        if key not in self._hidden:
            reader = Reader(account=account, role=role, site=self.sites.get(account))
            hidden = (who for who, locks in self.by_person.items() if locked(locks, reader))
            self._hidden[key] = frozenset(hidden)
        return self._hidden[key]

    def of(self, person: UUID | None) -> frozenset[Lock]:
        """Return the locks that protect a person."""
        return frozenset() if person is None else self.by_person.get(person, frozenset())

    @property
    def persons(self) -> list[UUID]:
        """Whoever is protected by a lock."""
        return list(self.by_person)


def _named(reader: Reader, kind: str) -> str | None:
    value: str | None = getattr(reader, kind) if kind in KINDS else None
    return None if value is None else _plain(value)


def _plain(value: str) -> str:
    return value.strip().casefold()
