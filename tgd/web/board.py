"""The open alerts as every console reads them: read once, told to many, and only what has changed.

Serves arrow 2's console. A console names the reading that it has (``since``) and is told what is
otherwise now. Promises: an answer rests on a reading of the database that began after whatever was
last heard of (a notification, an act at this server) and is no older than ``KEPT_S``; an alert is
told again whenever any row that it is made of has changed; of consoles that ask after the same hint
all but the first cost next to nothing. Ages and radii are those of the moment at which an alert was
last told: whoever shows them counts on from ``fixed_at``.
"""

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from tgd.clock import Clock
from tgd.platform.whereabouts import Whereabouts
from tgd.store import alerts
from tgd.store.db import Connection, Database
from tgd.web import alert_json
from tgd.web.hub import Hub
from tgd.web.rights import View

KEPT_S = 0.2
"""A reading is good for so long if nothing is heard: the channel may be away."""
_GONE_MAX = 5000


@dataclass(slots=True)
class _Item:
    """One open alert: what its rows looked like, as of which reading, and how it is told."""

    mark: str
    version: int
    value: dict[str, Any]
    told: dict[View, bytes] = field(default_factory=dict)

    def seen(self, view: View) -> bytes:
        """Return it as JSON, as far as a view goes; written once for each."""
        if view not in self.told:
            self.told[view] = msgspec.json.encode(view.of({"items": [self.value]})["items"][0])
        return self.told[view]


class Board:
    """What stands open. Each process has its own; ``since`` of another's means everything."""

    def __init__(
        self, database: Database, clock: Clock, whereabouts: Whereabouts, hub: Hub
    ) -> None:
        self._hub = hub
        self._database = database
        self._clock = clock
        self._whereabouts = whereabouts
        self._items: dict[UUID, _Item] = {}
        self._gone: deque[tuple[int, UUID]] = deque()
        self._forgotten = 0  # whatever went up to this version is not in ``_gone`` any more
        self._name = secrets.token_hex(4)
        self._version = 0
        self._read_at = ""
        self._bodies: dict[tuple[View, int], bytes] = {}
        self._views: set[View] = set()
        self._reading: asyncio.Task[None] | None = None
        self._heard = -1  # what the hub had heard as the last reading began
        self._good_until = 0.0

    async def since(self, token: str, view: View) -> bytes:
        """Return the answer, as JSON, to whoever has the reading of that name; "" has none.

        Those with the same view are told the same bytes.
        """
        self._views.add(view)
        for _ in range(2):  # the second has begun after the question, whatever is heard meanwhile
            if self._is_good():
                break
            if self._reading is None:
                self._reading = asyncio.create_task(self._read(), name="board")
                self._reading.add_done_callback(_seen)
            await asyncio.shield(self._reading)
        version = self._version_of(token)
        if (view, version) not in self._bodies:
            self._bodies[view, version] = self._body(view, version)
        return self._bodies[view, version]

    def _is_good(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._heard == self._hub.heard and now < self._good_until

    def _version_of(self, token: str) -> int:
        """Return which reading it is of ours; -1 if it is none that can be built upon."""
        name, _, number = token.partition(".")
        if name != self._name or not (number.isascii() and number.isdecimal()):
            return -1
        version = int(number[:18])
        return version if self._forgotten <= version <= self._version else -1

    def _body(self, view: View, version: int) -> bytes:
        changed = [item for item in self._items.values() if item.version > version]
        told = b",".join(item.seen(view) for item in changed)
        gone = [str(one) for at, one in self._gone if at > version >= 0]
        about = msgspec.json.encode(
            view.of(
                {
                    "gone": gone,
                    "all": version < 0,
                    "now": self._read_at,
                    "next": None,
                    "since": f"{self._name}.{self._version}",
                }
            )
        )
        return b'{"items":[' + told + b"]," + about[1:]

    async def _read(self) -> None:
        now, heard, begun = self._clock.now(), self._hub.heard, asyncio.get_running_loop().time()
        try:
            async with self._database.connection() as connection:
                marks = await alerts.marks(connection)
                await self._take(connection, marks)
        finally:
            self._reading = None
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
        now, version = self._clock.now(), self._version + 1
        for row in rows:
            one = row["alert"]["id"]
            value = alert_json.alert(row, self._whereabouts, now)
            item = items[one] = _Item(marks[one], version, value)
            for view in self._views:
                item.seen(view)  # here, where others come in between
            await asyncio.sleep(0)  # many at once must not keep a press waiting
        for one in gone:
            del items[one]
            self._gone.append((version, one))
        while len(self._gone) > _GONE_MAX:
            self._forgotten = self._gone.popleft()[0]
        self._version = version


def _seen(reading: asyncio.Task[None]) -> None:
    """Take note of a failure, though everybody who has asked may have gone."""
    if not reading.cancelled():
        reading.exception()
