"""The open alerts as every console reads them: read once, told to many, and only what has changed.

Serves arrow 2's console. A console names the reading that it has (``since``) and is told what is
otherwise now. Promises: an answer rests on a reading of the database that began after whatever was
last heard of (a notification, an act at this server) and is no older than ``KEPT_S``; an alert is
told again whenever any row that it is made of has changed; of consoles that ask after the same hint
all but the first cost next to nothing. Ages and radii are those of the moment at which an alert was
last told: whoever shows them counts on from ``fixed_at``. Whoever may not know of an alert is told
nothing from which one could tell that there is one: readings are numbered, not changes.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from tgd.conflict import NOBODY, Locks
from tgd.store import alerts
from tgd.store.db import Connection
from tgd.web import alert_json
from tgd.web.access import Caller
from tgd.web.context import Context
from tgd.web.kept import Kept
from tgd.web.rights import View

KEPT_S = 0.2
"""A reading is good for so long if nothing is heard: the channel may be away."""
_GONE_MAX = 5000
_LOCKS_MAX = 100


@dataclass(slots=True)
class _Item:
    """One open alert: its rows' looks, since and as of which reading, and how it is told."""

    mark: str
    first: int
    version: int
    value: dict[str, Any]
    named: alert_json.Others
    told: dict[View, bytes] = field(default_factory=dict)

    def seen(self, view: View, hidden: AbstractSet[UUID | None] = frozenset()) -> bytes:
        """Return it as JSON, as far as a view goes; written once for each."""
        if hidden & self.named.spoken_of:
            return _seen(alert_json.without(self.value, self.named, hidden), view)
        if view not in self.told:
            self.told[view] = _seen(self.value, view)
        return self.told[view]


class _Gone(NamedTuple):
    """An alert that is not open any more: between which readings it was, and whose."""

    first: int
    at: int
    id: UUID
    person: UUID | None


class _Asked(NamedTuple):
    """What an answer depends on: for whom, since when, and without whom."""

    view: View
    version: int
    hidden: frozenset[UUID]


class Board:
    """What stands open. Each process has its own; ``since`` of another's means everything."""

    def __init__(self, context: Context, kept: Kept) -> None:
        self._hub = context.hub
        self._database = context.database
        self._clock = context.clock
        self._whereabouts = context.whereabouts
        self._unread = context.metrics.alerts_unread.inc
        self._kept = kept
        self._items: dict[UUID, _Item] = {}
        self._gone: deque[_Gone] = deque()
        self._locks: deque[tuple[int, Locks]] = deque([(0, Locks({}))])  # and from which reading
        self._forgotten = 0  # what was so up to this reading is not known any more
        self._name = secrets.token_hex(4)
        self._changed = 0
        self._read_at = ""
        self._bodies: dict[_Asked, bytes] = {}
        self._views: set[View] = set()
        self._reading: asyncio.Task[None] | None = None
        self._heard = -1  # what the hub had heard as the last reading began
        self._good_until = 0.0
        self.version = 0
        """The number of the latest reading."""

    async def since(self, token: str, view: View, caller: Caller) -> bytes:
        """Return the answer, as JSON, to whoever has the reading of that name; "" has none.

        Those with the same view who may know of the same alerts are told the same bytes.
        """
        self._views.add(view)
        await self._current()
        version, hidden = self._from(self._version_of(token), caller)
        asked = _Asked(view, min(version, self._changed), hidden)
        if asked not in self._bodies:
            self._bodies[asked] = self._body(asked)
        return self._bodies[asked]

    async def news(self, version: int, caller: Caller) -> bool:
        """Say whether anything of which the caller may know is otherwise since that reading."""
        await self._current()
        version, hidden = self._from(version, caller)
        return (
            version < 0
            or any(item.version > version for item in self._visible(hidden))
            or any(one.at > version and one.person not in hidden for one in self._gone)
        )

    async def _current(self) -> None:
        """Have a reading that has begun after the question, whatever is heard meanwhile."""
        for _ in range(2):
            if self._is_good():
                break
            if self._reading is None:
                self._reading = asyncio.create_task(self._read(), name="board")
                self._reading.add_done_callback(_noted)
            await asyncio.shield(self._reading)

    def _is_good(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._heard == self._hub.heard and now < self._good_until

    def _version_of(self, token: str) -> int:
        """Return which reading it is of ours; -1 if it is none that can be built upon."""
        name, _, number = token.partition(".")
        if name != self._name or not (number.isascii() and number.isdecimal()):
            return -1
        version = int(number[:18])
        return version if version <= self.version else -1

    def _from(self, version: int, caller: Caller) -> tuple[int, frozenset[UUID]]:
        """Return from which reading on he is told, -1 for everything, and who is hidden from him.

        Everything, where he has something that he may not have any more, or may have more.
        """
        if len(self._locks) == 1:  # there never was a lock
            return (version if version >= self._forgotten else -1), NOBODY
        hidden = self._locks[-1][1].hidden_from(caller.name, caller.role)
        if version < self._forgotten:
            return -1, hidden
        locks = next(locks for at, locks in reversed(self._locks) if at <= version)
        other = hidden ^ locks.hidden_from(caller.name, caller.role)
        if other and self._concerned(version, other):
            return -1, hidden
        return version, hidden

    def _concerned(self, version: int, persons: AbstractSet[UUID | None]) -> bool:
        """Say whether any of these persons' alerts, or one that speaks of them, was open then."""
        return any(
            item.first <= version
            and (item.named.person in persons or item.named.spoken_of & persons)
            for item in self._items.values()
        ) or any(one.first <= version < one.at and one.person in persons for one in self._gone)

    def _visible(self, hidden: AbstractSet[UUID | None]) -> list[_Item]:
        return [item for item in self._items.values() if item.named.person not in hidden]

    def _body(self, asked: _Asked) -> bytes:
        view, version, hidden = asked
        changed = [item for item in self._visible(hidden) if item.version > version]
        told = b",".join(item.seen(view, hidden) for item in changed)
        gone = [
            str(one.id) for one in self._gone if one.at > version >= 0 and one.person not in hidden
        ]
        about = msgspec.json.encode(
            view.of(
                {
                    "gone": gone,
                    "all": version < 0,
                    "now": self._read_at,
                    "next": None,
                    "since": f"{self._name}.{self.version}",
                }
            )
        )
        return b'{"items":[' + told + b"]," + about[1:]

    async def _read(self) -> None:
        now, heard, begun = self._clock.now(), self._hub.heard, asyncio.get_running_loop().time()
        try:
            locks = await self._kept.locks()
            async with self._database.connection() as connection:
                marks = await alerts.marks(connection)
                await self._take(connection, marks)
        finally:
            self._reading = None
        self.version += 1
        if not locks.same(self._locks[-1][1]):
            self._locks.append((self.version, locks))
        self._forget()
        self._heard, self._good_until = heard, begun + KEPT_S
        self._read_at = alert_json.stamp(now)
        self._bodies.clear()

    async def _take(self, connection: Connection, marks: dict[UUID, str]) -> None:
        """Bring what is kept up to these marks."""
        items = self._items
        changed = [
            one for one, mark in marks.items() if one not in items or items[one].mark != mark
        ]
        gone = items.keys() - marks.keys()
        if not changed and not gone:
            return
        rows = await alerts.page(connection, open_only=True, limit=len(changed), ids=changed)
        now, version = self._clock.now(), self.version + 1
        for row in rows:
            one = row["alert"]["id"]
            value = alert_json.alert(row, self._whereabouts, now, self._unread)
            first = items[one].first if one in items else version
            named = alert_json.others(row)
            item = items[one] = _Item(marks[one], first, version, value, named)
            for view in self._views:
                item.seen(view)  # here, where others come in between
            await asyncio.sleep(0)  # many at once must not keep a press waiting
        for one in gone:
            item = items.pop(one)
            self._gone.append(_Gone(item.first, version, one, item.named.person))
        self._changed = version

    def _forget(self) -> None:
        while len(self._gone) > _GONE_MAX:
            self._forgotten = self._gone.popleft().at
        while len(self._locks) > _LOCKS_MAX:
            self._locks.popleft()
            self._forgotten = max(self._forgotten, self._locks[0][0])


def _seen(value: dict[str, Any], view: View) -> bytes:
    return msgspec.json.encode(view.of({"items": [value]})["items"][0])


def _noted(reading: asyncio.Task[None]) -> None:
    """Take note of a failure, though everybody who has asked may have gone."""
    if not reading.cancelled():
        reading.exception()
