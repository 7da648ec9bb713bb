"""Probing, a line idle → known to answer or not, before anybody's life hangs on it.

Beside arrow 3. Every line that has carried nothing for a while is tried without a case, in the way
of its adapter. Promises: no dispatch waits for a probe (a loop of its own, a few at a time, no
transaction held meanwhile); what was found stands in the line's row, in metrics and before the
operators; a line that was found dead costs an alert no time-out, and is tried again within seconds.
That a line answers and refuses whatever is sent by it, no probe can find: what sendings have found
of that is noted here as well.
"""

import asyncio
import logging
import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from tgd.clock import Clock
from tgd.errors import Invalid, Rejected, Temporary
from tgd.metrics import Metrics
from tgd.platform.channels import Tried
from tgd.platform.channels.adapters import Adapters
from tgd.platform.channels.breaker import Breaker, Refusal
from tgd.platform.channels.certificates import Valid
from tgd.seal import SealBroken, Sealer
from tgd.store import rooms
from tgd.store.db import OUTAGE, Database
from tgd.store.rooms import ELECTRONIC, LineRow

LOOK = timedelta(seconds=2)
AT_ONCE = 10
"""So many probes at a time."""
LONGEST_S = 5.0
DOWN_AGAIN = timedelta(seconds=10)
"""A line that does not answer is asked again so soon."""
_log = logging.getLogger(__name__)


class Probing:
    """One loop for the whole server; ``every`` is how long a line may be idle unprobed."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sealer: Sealer,
        metrics: Metrics,
        adapters: Adapters,
        breaker: Breaker,
        *,
        sender_id: str,
        every: timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer
        self._metrics = metrics
        self._adapters = adapters
        self._breaker = breaker
        self._sender_id = sender_id
        self._every = every
        self._next: dict[LineRow, datetime] = {}
        self._refusals: dict[LineRow, Refusal | None] = {}
        self._few = asyncio.Semaphore(AT_ONCE)
        self.heard = asyncio.Event()

    async def run(self) -> None:
        """Probe what is idle, for ever."""
        while True:
            try:
                await self.look()
            except OUTAGE as error:
                _log.warning("probes wait for the database: %s", type(error).__name__)
            await self._clock.wait(self.heard, self._clock.now() + LOOK)
            self.heard.clear()

    async def look(self) -> None:
        """Probe every line whose turn it is, and say of each how it stands."""
        async with self._database.connection() as connection:
            every = [one for one in await rooms.lines(connection) if one.adapter in ELECTRONIC]
        now = self._clock.now()
        # A line that is another since the last look is a new one here, and has its turn at once.
        for one in (new for new in every if self._next and new not in self._next):
            self._breaker.another((one.room_id, one.line))
        for one in (old for old in self._next if old not in every):
            self._say_no_more(_label(one))
        self._next = {one: self._next.get(one, now) for one in every}
        await self._note_refusals(every)
        for one in every:
            self._metrics.line_live[_label(one)].set(one.live)
        due = [one for one in every if self._next[one] <= now]
        await asyncio.gather(*(self._turn(one) for one in due))

    async def _note_refusals(self, every: Sequence[LineRow]) -> None:
        """Keep which lines refuse everything, wherever that has changed."""
        found = {one: self._breaker.refusal((one.room_id, one.line)) for one in every}
        for line, refusal in found.items():
            self._metrics.line_refuses[_label(line)].set(refusal is not None)
            if refusal == self._refusals.get(line):
                continue
            async with self._database.connection() as connection:
                told = refusal or (None, None)
                await rooms.refuses(connection, line.room_id, line.line, *told)
            if refusal is not None:
                _log.warning(
                    "room %s, line %d refuses everything: %s", line.room_id, line.line, refusal.why
                )
        self._refusals = found

    def _say_no_more(self, label: tuple[str, str, str]) -> None:
        """Take back what was found of a line that is gone, or is another now."""
        for family in (self._metrics.line_live, self._metrics.line_up, self._metrics.line_refuses):
            family.drop(*label)
        for whose in Valid._fields:
            self._metrics.line_certificate.drop(*label, whose)

    async def _turn(self, line: LineRow) -> None:
        """Take one line's turn; what it carried lately was a probe as well."""
        which, now = (line.room_id, line.line), self._clock.now()
        worked_at = self._breaker.worked_at(which)
        valid, error = Valid(), None
        if worked_at is None or now - worked_at >= self._every:
            async with self._few:
                valid, error = await self._try(line)
            now = self._clock.now()
        if error is None:
            self._breaker.answers(which)
        else:
            self._breaker.dead(which, now + 2 * DOWN_AGAIN)
        pause = self._every if error is None else min(self._every, DOWN_AGAIN)
        self._next[line] = now + pause * random.uniform(0.8, 1.2)  # noqa: S311  jitter, no secret
        self._metrics.line_up[_label(line)].set(error is None)
        for whose, until in valid._asdict().items():
            if until is not None:
                self._metrics.line_certificate[*_label(line), whose].set(until.timestamp())
        async with self._database.connection() as connection:
            changed = await rooms.probed(
                connection, line, now, *valid, up=error is None, worked_at=worked_at
            )
        if changed and error is not None:
            _log.warning("room %s, line %d does not answer: %s", line.room_id, line.line, error)
        elif changed:
            _log.info("room %s, line %d answers", line.room_id, line.line)

    async def _try(self, line: LineRow) -> tuple[Valid, str | None]:
        """Return until when the certificates are valid, and what is wrong; never raises."""
        try:
            purpose = rooms.token_purpose(line.room_id, line.line)
            token = self._sealer.open(line.token, purpose).decode() if line.token else None
            timeout_s = min(line.timeout_s, LONGEST_S)
            tried = Tried(line.url or "", token, line.address, self._sender_id, timeout_s)
            return await self._adapters.of(line.adapter).probe(tried), None
        except (Temporary, Rejected, Invalid, SealBroken) as failure:
            return Valid(), str(failure)
        except Exception as failure:  # noqa: BLE001  one bad line must not keep the others from their probes
            _log.exception("room %s, line %d cannot be probed", line.room_id, line.line)
            return Valid(), type(failure).__name__


def _label(line: LineRow) -> tuple[str, str, str]:
    return line.room_id, str(line.line), line.adapter
