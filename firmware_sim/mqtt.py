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
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from firmware_sim import messages, packets
from firmware_sim.broker import Broker
from firmware_sim.events import Kind
from firmware_sim.line import Line, why
from firmware_sim.paths import Ear
from firmware_sim.times import Time

IN_FLIGHT = 64  # kept for sending again; more would only be old positions


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the path waits, in seconds: between attempts, for an answer, between pings."""

    least: float = 0.5
    most: float = 20.0
    connect: float = 10.0
    keepalive: int = 60


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
        self._line: Line | None = None
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

    def _acknowledged(self, number: int) -> None:
        self.in_flight.pop(number, None)

    async def _keep_connected(self, ear: Ear) -> None:
        """Try address after address for ever; every end of a connection is told."""
        turn, tried = 0, 0
        while True:
            broker = self._brokers[turn % len(self._brokers)]
            try:
                line = await self._connected(broker, ear)
            except (OSError, TimeoutError, packets.Broken) as fault:
                ear.path_told(self.name, Kind.PATH_FAILED, f"{broker}: {why(fault)}")
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

    async def _connected(self, broker: Broker, ear: Ear) -> Line:
        if self._gate is None:
            return await self._connect(broker, ear)
        async with self._gate:
            return await self._connect(broker, ear)

    async def _connect(self, broker: Broker, ear: Ear) -> Line:
        loop = asyncio.get_running_loop()
        context = (self._tls or ssl.create_default_context()) if broker.tls else None
        line = Line(self.name, ear, self.patience.keepalive, self._acknowledged)
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

    def _resume(self, line: Line, *, kept: bool) -> None:
        if not kept:
            self.in_flight.clear()
        for whole in self.in_flight.values():
            line.write(bytes((whole[0] | packets.DUP,)) + whole[1:])
