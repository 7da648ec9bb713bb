"""A press by HTTPS: with a phone's token any body is a press (PROTOCOL §2 rule 8).

Serves arrow 1. Promises: what arrived is handed to the intake whatever it is: unreadable, too long
(the first 256 KiB count), cut off by a lost network. The answer is the receipt, written after the
commit, as over MQTT. Which phone it is, the token says, never the body.
"""

import asyncio
import contextlib

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from tgd.devices import wire
from tgd.devices.downlink import down_topic
from tgd.errors import Temporary
from tgd.web.access import CALLER
from tgd.web.answers import said
from tgd.web.context import Context
from tgd.web.errors import outage

PRESS_MAX = 256 * 1024
_READ_S = 10.0  # a body that trickles: what has come by then is the press
_COMMIT_S = 15.0
_REST_MAX = 16 * 1024 * 1024
_CUT_OFF = (TimeoutError, ConnectionError, HttpProcessingError, web.RequestPayloadError)


class Presses:
    """The route ``POST /presses``."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._ingest = context.ingest
        self._sign = context.sign

    async def take(self, request: web.Request) -> web.Response:
        """Answer the receipt of a committed press."""
        raw = await _whatever_comes(request)
        device = request[CALLER].name
        press = wire.press(device, raw, received_at=self._clock.now(), path="https")
        try:
            async with asyncio.timeout(_COMMIT_S):
                outcome = await self._ingest.submit(press)
        except (TimeoutError, Temporary):
            # It stays in the queue (or cannot be kept just now): the phone repeats.
            raise outage() from None
        receipt = wire.receipt(
            press.sent_id,
            code="ok" if outcome.fresh else "duplicate",
            alert=str(outcome.alert_id) if outcome.alert_id else None,
            at=self._clock.now(),
            listen=outcome.listen,
        )
        receipt = self._sign(down_topic(device), receipt)
        return said(receipt)


async def _whatever_comes(request: web.Request) -> bytes:
    """Return the body, or as much of it as there is, up to the limit; never raises for a body."""
    kept = bytearray()
    with contextlib.suppress(*_CUT_OFF):
        async with asyncio.timeout(_READ_S):
            while len(kept) < PRESS_MAX:
                chunk = await request.content.read(PRESS_MAX - len(kept))
                if not chunk:
                    break
                kept += chunk
            await _drain(request)
    return bytes(kept)


async def _drain(request: web.Request) -> None:
    """Let the rest go by: a sender that is not heard out does not hear the receipt."""
    dropped = 0
    while dropped < _REST_MAX:
        chunk = await request.content.readany()
        if not chunk:
            return
        dropped += len(chunk)
