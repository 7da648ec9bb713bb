"""Conflict of interest: the aggressor, or a relative of his, is one of those who would read.

Serves whoever shows an alert or sends it. Such a reader gets neither the alert, nor a hint, nor a
count; if all who could take it are locked, the other site and a superior service take it at once;
other rooms are chosen. Pure: the locks are rows (``store.releases``), the readers are told by the
caller, and what follows is returned. A reader of whom something is not known is let pass for that:
a lock names what it locks, and an alert without any reader would be worse.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

KINDS: Final = ("institution", "room", "site", "role", "account")


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


@dataclass(frozen=True, slots=True)
class Shown:
    """Who may be shown it. ``elsewhere``: nobody is left; the other site and a superior service."""

    readers: tuple[Reader, ...]
    elsewhere: bool


def locked(locks: Iterable[Lock], reader: Reader) -> bool:
    """Say whether the reader may not even know that there is something."""
    return any(_named(reader, lock.kind) == lock.value.casefold() for lock in locks)


def shown(locks: Iterable[Lock], readers: Sequence[Reader]) -> Shown:
    """Return the readers that are left, in their order."""
    known = tuple(locks)
    left = tuple(reader for reader in readers if not locked(known, reader))
    return Shown(left, elsewhere=bool(known) and bool(readers) and not left)


def _named(reader: Reader, kind: str) -> str | None:
    value: str | None = getattr(reader, kind) if kind in KINDS else None
    return None if value is None else value.casefold()
