"""The phones' own keys in memory: whatever is said to a phone is signed on its way out.

Serves every arrow towards the protected person. Promises: a receipt waits for no key. All keys are
opened once, at the start and when the register says that they changed; a message to a phone whose
key is not here (none was ever given, or it could not be read) goes without a MAC. Keys are in no
log and no error. Leaves giving and ending them to the prosecutor's office.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from uuid import UUID

from tgd.clock import Clock
from tgd.devices import mac
from tgd.seal import SealBroken, Sealer
from tgd.store import credentials
from tgd.store.db import OUTAGE, Database

SWEEP = timedelta(minutes=5)
RETRY = timedelta(seconds=2)
Publish = Callable[[str, bytes], bool]
_log = logging.getLogger(__name__)


def about(credential: UUID) -> str:
    """Return what a key is sealed for."""
    return f"phone mac key {credential}"


class PhoneKeys:
    """The keys by device; ``load`` once before phones are answered, ``run`` for ever after."""

    def __init__(self, database: Database, clock: Clock, sealer: Sealer) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer
        self._keys: Mapping[str, bytes] = {}
        self.heard = asyncio.Event()

    def __len__(self) -> int:
        return len(self._keys)

    def sign(self, topic: str, message: bytes) -> bytes:
        """Return a message for ``tgd/v1/{device}/down`` with its MAC, if that phone has a key."""
        key = self._keys.get(topic[7:-5])
        return message if key is None else mac.signed(key, topic, message)

    def signing(self, publish: Publish) -> Publish:
        """Return ``publish`` with every message signed."""
        return lambda topic, message: publish(topic, self.sign(topic, message))

    async def load(self) -> bool:
        """Read every key anew; the former ones stay where that fails."""
        try:
            async with self._database.connection() as connection:
                rows = await credentials.mac_keys(connection)
        except OUTAGE as error:
            _log.warning("the phones' keys wait for the database: %s", type(error).__name__)
            return False
        keys, broken = {}, 0
        for row in rows:
            try:
                keys[row.device] = self._sealer.open(row.sealed, about(row.id))
            except SealBroken:
                broken += 1
        if broken:
            _log.error("%d phones' keys do not open: what they are told carries no MAC", broken)
        self._keys = keys
        return True

    async def run(self) -> None:
        """Follow the register, for ever."""
        pause = SWEEP
        while True:
            await self._clock.wait(self.heard, self._clock.now() + pause)
            self.heard.clear()
            pause = SWEEP if await self.load() else RETRY
