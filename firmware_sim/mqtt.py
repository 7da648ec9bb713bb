"""A phone's MQTT path: one connection, kept up for as long as the phone lives.

Serves arrow 1's first metre. Speaks MQTT 3.1.1 with a kept session, user name = device id, a last
will, QoS 1 both ways; tries its broker addresses in turn with a jittered pause that a press cuts
short. Promises: what is unacknowledged at a reconnection into the kept session goes again, marked
DUP (3.1.1, 4.4), and what came down is acknowledged only once acted upon. Leaves repeating a press
to the machine: the broker's PUBACK means nothing to a phone.

Not the server's client library, though that would be light enough (measured: 5,000 connections take
about a second of CPU either way): a misreading of MQTT shared by both ends would not show, and a
phone has to be able to vanish without a goodbye.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import cast
from urllib.parse import unquote, urlsplit

from firmware_sim import messages, packets
from firmware_sim.events import Kind
from firmware_sim.paths import Ear
from firmware_sim.times import Time

GOODBYE_S = 2.0
IN_FLIGHT = 64  # kept for sending again; more would only be old positions


@dataclass(frozen=True, slots=True)
class Broker:
    """One address of the broker, from `mqtt://` or `mqtts://` `[:PASSWORD@]HOST[:PORT]`."""

    host: str
    port: int
    tls: bool
    password: str | None

    @classmethod
    def parse(cls, url: str) -> Broker:
        """Read one address; ValueError with one clear line. A user in it is not used."""
        parts = urlsplit(url if "://" in url else f"mqtt://{url}")
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise ValueError("a broker is mqtt://HOST[:PORT] or mqtts://HOST[:PORT]")
        tls = parts.scheme == "mqtts"
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname, parts.port or (8883 if tls else 1883), tls, password)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the path waits, in seconds: between attempts, for an answer, between pings."""

    least: float = 0.5
    most: float = 20.0
    connect: float = 10.0
    keepalive: int = 60


class Refused(ConnectionError):
    """The broker answered CONNECT with a refusal (3.2.2.3)."""


class MqttPath:
    """The MQTT path of one phone. `gate` bounds how many phones connect at the same moment."""

    name = "mqtt"

    def __init__(
        self,
        device: str,
        brokers: Sequence[Broker],
        *,
        random: Random,
        time: Time,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        patience: Patience | None = None,
        gate: asyncio.Semaphore | None = None,
    ) -> None:
        self.device = device
        self._brokers = tuple(brokers)
        self._random = random
        self._time = time
        self._password = password
        self._tls = tls
        self.patience = patience or Patience()
        self._gate = gate
        self._ear: Ear | None = None
        self._line: _Line | None = None
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._numbers = 0
        self.in_flight: dict[int, bytes] = {}

    @property
    def ready(self) -> bool:
        """Connected, and accepted by the broker."""
        return self._line is not None

    def carries(self, leaf: str) -> bool:
        """Everything goes this way."""
        return bool(leaf)

    def start(self, ear: Ear) -> None:
        """Begin to connect; harmless if begun."""
        self._ear = ear
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(
                self._keep_connected(ear), name=f"phone {self.device} mqtt"
            )

    def send(self, leaf: str, payload: bytes) -> None:
        """Publish under the phone's own `up/`."""
        if self._line is None:
            return
        self._numbers = self._numbers % 65_535 + 1
        whole = packets.publish(self._numbers, f"tgd/v1/{self.device}/up/{leaf}", payload)
        if len(self.in_flight) >= IN_FLIGHT:
            self.in_flight.pop(next(iter(self.in_flight)))
        self.in_flight[self._numbers] = whole
        self._line.write(whole)

    def hurry(self) -> None:
        """Cut the pause between two attempts to connect."""
        self._hurry.set()

    def abort(self) -> None:
        """Break off without DISCONNECT, so that the broker publishes the last will."""
        self.in_flight.clear()
        task, self._task = self._task, None
        line, self._line = self._line, None
        if task:
            task.cancel()
        if line:
            line.abort()

    async def stop(self) -> None:
        """Say DISCONNECT (the last will is then not published) and close."""
        task, self._task = self._task, None
        line, self._line = self._line, None
        if line:
            await line.close()
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep_connected(self, ear: Ear) -> None:
        """Try address after address for ever; every end of a connection is told."""
        turn, tried = 0, 0
        while True:
            broker = self._brokers[turn % len(self._brokers)]
            try:
                line = await self._connected(broker, ear)
            except (OSError, TimeoutError, packets.Broken) as fault:
                ear.path_told(self.name, Kind.PATH_FAILED, f"{broker}: {_why(fault)}")
            else:
                tried = 0
                reason = await line.ended
                self._line = None
                ear.path_told(self.name, Kind.DISCONNECTED, reason)
            turn, tried = turn + 1, tried + 1
            await self._pause(tried)

    async def _pause(self, tried: int) -> None:
        patience = self.patience
        most = min(patience.most, patience.least * 2 ** min(tried, 10))
        self._hurry.clear()
        try:
            async with asyncio.timeout(self._random.uniform(patience.least / 2, most)):
                await self._hurry.wait()
        except TimeoutError:
            return  # nobody pressed meanwhile: the pause is over by itself

    async def _connected(self, broker: Broker, ear: Ear) -> _Line:
        if self._gate is None:
            return await self._connect(broker, ear)
        async with self._gate:
            return await self._connect(broker, ear)

    async def _connect(self, broker: Broker, ear: Ear) -> _Line:
        loop = asyncio.get_running_loop()
        context = (self._tls or ssl.create_default_context()) if broker.tls else None
        line = _Line(self, ear)
        async with asyncio.timeout(self.patience.connect):
            await loop.create_connection(lambda: line, broker.host, broker.port, ssl=context)
            try:
                line.write(self._hello(broker))
                kept = await line.accepted
            except BaseException:
                line.abort()
                raise
        line.write(packets.subscribe(65_535, f"tgd/v1/{self.device}/down"))
        self._resume(line, kept=kept)
        self._line = line
        ear.path_opened(self.name, str(broker))
        return line

    def _hello(self, broker: Broker) -> bytes:
        will = messages.last_will(self._time.now())
        return packets.connect(
            self.device,
            password=self._password if self._password is not None else broker.password,
            keepalive=self.patience.keepalive,
            will=(f"tgd/v1/{self.device}/up/lwt", will),
        )

    def _resume(self, line: _Line, *, kept: bool) -> None:
        if not kept:
            self.in_flight.clear()
        for whole in self.in_flight.values():
            line.write(bytes((whole[0] | packets.DUP,)) + whole[1:])


class _Line(asyncio.Protocol):
    """One TCP connection."""

    __slots__ = (
        "_ear",
        "_path",
        "_ping",
        "_quiet",
        "_reader",
        "_transport",
        "accepted",
        "ended",
    )

    def __init__(self, path: MqttPath, ear: Ear) -> None:
        loop = asyncio.get_running_loop()
        self._path = path
        self._ear = ear
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
        # Not an instance check: uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        plain = transport.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ping:
            self._ping.cancel()
        reason = _why(exc) if exc else "closed"
        if not self.accepted.done():
            self._refuse(ConnectionError(f"before CONNACK: {reason}"))
        if not self.ended.done():
            self.ended.set_result(reason)

    def data_received(self, data: bytes) -> None:
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
                self._ear.came_down(self._path.name, payload)
                # Acknowledged when acted upon: a phone that crashes first is told again.
                if number is not None:
                    self.write(packets.puback(number))
            case packets.PUBACK:
                self._path.in_flight.pop(int.from_bytes(found.body[:2], "big"), None)
            case packets.CONNACK:
                self._answered(found)
            case packets.SUBACK if found.body[2:3] == b"\x80":
                self._ear.path_told(self._path.name, Kind.PATH_FAILED, "subscription refused")
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
        wait = self._path.patience.keepalive / 2
        self._ping = asyncio.get_running_loop().call_later(wait, self._beat)

    def _beat(self) -> None:
        if self._quiet:
            self.abort()
            return
        self._quiet = True
        self.write(packets.PINGREQ)
        self._arm()


def _why(fault: BaseException) -> str:
    return str(fault) or type(fault).__name__
