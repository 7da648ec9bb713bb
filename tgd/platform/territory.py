"""The zone set in force, in memory, and what it says of a place at this moment.

Serves press → dispatch. Promises: `claim` answers at once, out of memory, from the first moment on;
as long as no set has been loaded the answer is that, with the reason. A set that has been put in
force replaces the former one without a restart, within moments of the notification and within
`LOOK_S` without it; until the new one stands, the old one answers. What must not stop the event
loop, building the index, is done in a thread.

Leaves to others: which rooms a claim means (`competence`), and the import.
"""

import asyncio
import logging
from datetime import timedelta
from typing import NoReturn

from tgd.clock import Clock
from tgd.geo.zones import Claim, Territory, Zone
from tgd.store import zones
from tgd.store.db import OUTAGE, Database

LOADING = "zones_loading"
NONE = "no_zones"
UNUSABLE = "zones_unusable"

LOOK_S = 30.0
RETRY_S = 0.5
_NOTHING = 0  # no set has this number

_log = logging.getLogger(__name__)


class Territories:
    """The territory in force. Set `heard` when the database says that it may be another.

    `reason` says why there is none: `zones_loading`, `no_zones`, or `zones_unusable`, which also
    stands beside a former territory whose successor cannot be read.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._seen: int | None = _NOTHING
        self.current: Territory | None = None
        self.reason: str | None = LOADING
        self.heard = asyncio.Event()

    def claim(self, lat: float, lon: float, r95_m: float) -> Claim:
        """Say who is competent in a disc (`Territory.claim`), or why that cannot be said."""
        if self.current is None:
            return Claim((), (), self.reason, None)
        return self.current.claim(lat, lon, r95_m)

    async def run(self) -> NoReturn:
        """Keep to the set in force, for ever; to be supervised."""
        while True:
            self.heard.clear()
            every = LOOK_S
            try:
                await self.look()
            except OUTAGE as error:
                _log.warning("the territory waits for the database: %s", type(error).__name__)
                every = RETRY_S
            await self._clock.wait(self.heard, self._clock.now() + timedelta(seconds=every))

    async def look(self) -> None:
        """Load the set in force unless it is the one already held."""
        async with self._database.connection() as connection:
            while (no := await zones.active(connection)) != self._seen:
                found: list[Zone] = []
                if no is not None:
                    async for page in zones.pages(connection, no):
                        found += page
                # While it was read another may have taken its place, and it may be gone.
                if await zones.active(connection) == no:
                    await self._take(no, found)

    async def _take(self, no: int | None, found: list[Zone]) -> None:
        self._seen = no
        if no is None:
            self.current, self.reason = None, NONE
            return
        try:
            self.current = await asyncio.to_thread(Territory.build, found, no)
        except ValueError:
            # The import has checked the shapes: it was damaged since. Presses go on without it.
            _log.exception("zone set %d cannot be used", no)
            self.reason = UNUSABLE
            return
        self.reason = None
        _log.info("zone set %d is in force: %d communes", no, len(found))
