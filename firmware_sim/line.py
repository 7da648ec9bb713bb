"""One TCP connection to the broker, and what of MQTT is said on it.

Serves `mqtt.py`, which decides when there is one. Promises: no delay by Nagle, a ping at half the
keepalive, a connection without an answer broken off, and a message from above acknowledged only
after it was acted upon. Leaves addresses, pauses and repetition to the path.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from firmware_sim import packets
from firmware_sim.events import Kind
from firmware_sim.paths import Ear

GOODBYE_S = 2.0


class Refused(ConnectionError):
    """The broker answered CONNECT with a refusal (3.2.2.3)."""


class Line(asyncio.Protocol):
    """One TCP connection, called `path` in what it tells `ear`.

    `accepted` is whether the broker had kept the session, or Refused, or ConnectionError;
    `ended` why the connection is over; `acknowledged` is called with a PUBACK's number.
    """

    __slots__ = (
        "_acknowledged",
        "_ear",
        "_keepalive",
        "_path",
        "_ping",
        "_quiet",
        "_reader",
        "_transport",
        "accepted",
        "ended",
    )

    def __init__(
        self, path: str, ear: Ear, keepalive: int, acknowledged: Callable[[int], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        self._path = path
        self._ear = ear
        self._keepalive = keepalive
        self._acknowledged = acknowledged
        self._reader = packets.Reader()
        self._transport: asyncio.Transport | None = None
        self._ping: asyncio.TimerHandle | None = None
        self._quiet = False
        self.accepted: asyncio.Future[bool] = loop.create_future()
        self.ended: asyncio.Future[str] = loop.create_future()

    def write(self, whole: bytes) -> None:
        """Send one packet."""
        if self._transport and not self._transport.is_closing():
            self._transport.write(whole)

    def abort(self) -> None:
        """Drop the connection on the floor."""
        if self._transport:
            self._transport.abort()

    async def close(self) -> None:
        """Say goodbye and wait until it has gone out."""
        self.write(packets.DISCONNECT)
        if self._transport:
            self._transport.close()
        try:
            async with asyncio.timeout(GOODBYE_S):
                await asyncio.shield(self.ended)
        except TimeoutError:
            self.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: no delay by Nagle, the first ping set."""
        # Not an instance check: uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        plain = transport.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and tell whoever waits why."""
        if self._ping:
            self._ping.cancel()
        reason = why(exc) if exc else "closed"
        if not self.accepted.done():
            self._refuse(ConnectionError(f"before CONNACK: {reason}"))
        if not self.ended.done():
            self.ended.set_result(reason)

    def data_received(self, data: bytes) -> None:
        """Take each whole packet; break off what is no MQTT."""
        self._quiet = False
        try:
            for found in self._reader.feed(data):
                self._take(found)
        except packets.Broken:
            self.abort()

    def _take(self, found: packets.Packet) -> None:
        match found.kind:
            case packets.PUBLISH:
                number, payload = packets.published(found)
                self._ear.came_down(self._path, payload)
                # Acknowledged when acted upon: a phone that crashes first is told again.
                if number is not None:
                    self.write(packets.puback(number))
            case packets.PUBACK:
                self._acknowledged(int.from_bytes(found.body[:2], "big"))
            case packets.CONNACK:
                self._answered(found)
            case packets.SUBACK if found.body[2:3] == b"\x80":
                self._ear.path_told(self._path, Kind.PATH_FAILED, "subscription refused")
            case _:
                return

    def _answered(self, found: packets.Packet) -> None:
        if self.accepted.done():
            return
        if found.body[1:2] == b"\x00":
            self.accepted.set_result(bool(found.body[0] & 1))
        else:
            code = found.body[1:2].hex()
            self._refuse(Refused(f"refused by the broker, code {code}"))

    def _refuse(self, fault: Exception) -> None:
        self.accepted.set_exception(fault)
        self.accepted.exception()  # marked as seen: a cancelled attempt no longer asks

    def _arm(self) -> None:
        # Half the keepalive: one answer may go missing before the broker gives the phone up.
        wait = self._keepalive / 2
        self._ping = asyncio.get_running_loop().call_later(wait, self._beat)

    def _beat(self) -> None:
        if self._quiet:
            self.abort()
            return
        self._quiet = True
        self.write(packets.PINGREQ)
        self._arm()


def why(fault: BaseException) -> str:
    """Say a fault in a few words."""
    return str(fault) or type(fault).__name__
