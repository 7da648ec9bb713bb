"""What the phone is told: receipts at once, states and commands from committed rows.

Serves every arrow towards the protected person. A receipt follows its press's commit directly:
if it is lost, the phone repeats the press and gets another. States and commands are rows that the
flows wrote with their change; they are read, published and deleted, and void after 60 s anyway.
Nothing is ever retained, nothing is published under ``up/``.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

import msgspec

from tgd.clock import Clock
from tgd.devices import live, wire
from tgd.devices.ingest import Outcome
from tgd.devices.messages import Press
from tgd.store import downlink
from tgd.store.db import OUTAGE, Database

VOID_AFTER = timedelta(seconds=60)
SWEEP_S = 1.0
_log = logging.getLogger(__name__)

Publish = Callable[[str, bytes], bool]


class Downlink:
    """Publishes to ``tgd/v1/{device}/down``; ``heard`` shortens the wait for new rows."""

    def __init__(self, database: Database, clock: Clock, publish: Publish) -> None:
        self._database = database
        self._clock = clock
        self._publish = publish
        self.heard = asyncio.Event()

    def settled(self, press: Press, outcome: Outcome) -> None:
        """Send the receipt of a committed press, by whichever path the press came."""
        if press.path == "mqtt":
            self._publish(down_topic(press.reply_to), receipt(press, outcome, self._clock))

    def opened(self, press: Press, outcome: Outcome) -> None:
        """Tell the phone that its press opened an alert, and ask where it is from now on.

        The receipt went before. She is asked only where she agreed to be located.
        """
        now, alert = self._clock.now(), str(outcome.alert_id)
        if outcome.opened:
            first = wire.state(alert, state="received", n=1, at=now)
            self._publish(down_topic(press.reply_to), first)
        if outcome.fresh and outcome.located:
            asked = live.report_location(alert, now, now + live.LIVE_FOR)
            self._publish(down_topic(press.reply_to), msgspec.json.encode(asked))

    async def run(self) -> None:
        """Publish committed states and commands, for ever."""
        while True:
            await self._clock.wait(self.heard, self._clock.now() + timedelta(seconds=SWEEP_S))
            self.heard.clear()
            try:
                await self._publish_waiting()
            except OUTAGE as error:
                _log.warning("states for phones wait for the database: %s", type(error).__name__)
                await asyncio.sleep(SWEEP_S)

    async def _publish_waiting(self) -> None:
        """Delete what is void, publish the rest; what cannot go now stays for the next look."""
        async with self._database.transaction() as transaction:
            void = self._clock.now() - VOID_AFTER
            done = []
            for row in await downlink.waiting(transaction):
                message = msgspec.json.encode(row.message)
                if row.at < void or self._publish(down_topic(row.reply_to), message):
                    done.append(row.no)
            if done:
                await downlink.remove(transaction, done)


def receipt(press: Press, outcome: Outcome, clock: Clock) -> bytes:
    """Write the receipt of a committed press."""
    return wire.receipt(
        press.sent_id,
        code="ok" if outcome.fresh else "duplicate",
        alert=None if outcome.alert_id is None else str(outcome.alert_id),
        at=clock.now(),
        listen=outcome.listen,
    )


def down_topic(reply_to: str) -> str:
    """Return the topic that a phone listens to."""
    return f"tgd/v1/{reply_to}/down"
