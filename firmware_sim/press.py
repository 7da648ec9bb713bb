"""A gesture as its maker sees it, beside the phone that carries it.

Serves tests and stories: they hold on to it while the phone crashes and comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any


class PhoneOff(RuntimeError):
    """The phone is switched off, has crashed, or its battery is flat: the button does nothing."""


class Press:
    """A gesture as its maker sees it; outlives the phone's crashes.

    `receipt` holds the details of its receipt event (code, alert, path, attempt, latency_s), None
    until then.
    """

    __slots__ = ("_done", "id", "phone", "receipt")

    def __init__(self, phone: str, press_id: str) -> None:
        self.phone = phone
        self.id = press_id
        self.receipt: Mapping[str, Any] | None = None
        self._done: asyncio.Event | None = None

    async def receipted(self, within_s: float | None = None) -> Mapping[str, Any]:
        """Wait for the platform's receipt; TimeoutError after `within_s` seconds."""
        if self._done is None:
            self._done = asyncio.Event()
        async with asyncio.timeout(within_s):
            while self.receipt is None:
                await self._done.wait()
        return self.receipt

    def settle(self, details: Mapping[str, Any]) -> None:
        """Note the receipt and wake whoever waits."""
        self.receipt = details
        if self._done:
            self._done.set()
