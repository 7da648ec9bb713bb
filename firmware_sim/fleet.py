"""Many phones in one process, and the count of what became of their presses.

Serves the demo (8), the acceptance tests and the benchmark (5,000). Promises: the same seed gives
the same phones, places and misfortunes; one connection each; the tally misses no event. Leaves
what the phones are made to do to whoever holds the fleet.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

import aiohttp

from firmware_sim.broker import Broker
from firmware_sim.effects import Timing
from firmware_sim.events import Event, Kind, Listener
from firmware_sim.https import HttpsPath
from firmware_sim.mqtt import MqttPath, Patience
from firmware_sim.paths import PhonePath
from firmware_sim.phone import Phone
from firmware_sim.place import POITIERS, Place
from firmware_sim.provision import Provision
from firmware_sim.store import FileStore
from firmware_sim.times import LoopTime, Time

CONNECTING = 100  # phones connecting at one moment: under a listening socket's usual backlog


def names(count: int) -> list[str]:
    """Ids of the Vienne's phones: `tgd-86-01` …, with as many digits as the last one needs."""
    width = max(2, len(str(count)))
    return [f"tgd-86-{number:0{width}}" for number in range(1, count + 1)]


@dataclass(slots=True)
class Tally:
    """A listener that counts: presses, receipts with their latencies (s), calls to 112."""

    pressed: int = 0
    receipted: int = 0
    sent: int = 0
    dialled: int = 0
    connected: int = 0
    failed: int = 0
    latencies: list[float] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Count one event."""
        match event.kind:
            case Kind.PRESSED:
                self.pressed += 1
            case Kind.SENT:
                self.sent += 1
            case Kind.RECEIPT:
                self.receipted += 1
                self.latencies.append(float(str(event.details["latency_s"])))
            case Kind.DIAL_112:
                self.dialled += 1
            case Kind.CONNECTED:
                self.connected += 1
            case Kind.PATH_FAILED:
                self.failed += 1
            case _:
                return

    def percentile(self, percent: float) -> float | None:
        """Gesture to receipt in seconds, by nearest rank; None before the first receipt."""
        ordered = sorted(self.latencies)
        if not ordered:
            return None
        return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


class Fleet:
    """Phones by id. `async with Fleet(8, brokers=["mqtt://127.0.0.1:1883"]) as fleet: …`"""

    def __init__(
        self,
        phones: int | Sequence[str],
        *,
        brokers: Sequence[str] = (),
        http: str | None = None,
        tokens: str | Mapping[str, str] | None = None,
        passwords: str | Mapping[str, str] | None = None,
        seed: int = 0,
        store: Path | None = None,
        timing: Timing | None = None,
        centre: tuple[float, float] = POITIERS,
        spread_m: float = 8_000.0,
        tls: ssl.SSLContext | None = None,
        patience: Patience | None = None,
        time: Time | None = None,
        listeners: Sequence[Listener] = (),
        provisions: Mapping[str, Provision] | None = None,
    ) -> None:
        if http and not tokens:
            raise ValueError("presses by HTTPS need each phone's token")
        self.tally = Tally()
        self.seed = seed
        self._brokers = [Broker.parse(url) for url in brokers]
        self._http, self._tokens, self._passwords = http, tokens, passwords
        self._store, self._timing = store, timing
        self._centre, self._spread_m = centre, spread_m
        self._tls, self._patience = tls, patience
        self._provisions = provisions or {}
        self._time: Time = time or LoopTime()
        self._listeners: list[Listener] = [self.tally, self._watch, *listeners]
        self._up: set[str] = set()
        self._changed = asyncio.Event()
        self._ids = names(phones) if isinstance(phones, int) else list(phones)
        self._phones: dict[str, Phone] = {}
        self._session: aiohttp.ClientSession | None = None

    def start(self) -> None:
        """Switch every phone on; they connect in the background, a hundred at a time."""
        if self._store:
            self._store.mkdir(parents=True, exist_ok=True)
        if self._http:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTING))
        gate = asyncio.Semaphore(CONNECTING)
        self._phones = {device: self._phone(device, gate) for device in self._ids}
        for phone in self:
            phone.start()

    async def stop(self) -> None:
        """Switch every phone off, in good order."""
        await asyncio.gather(*(phone.stop() for phone in self))
        if self._session:
            await self._session.close()

    def listen(self, listener: Listener) -> None:
        """Tell `listener` everything that happens to any phone from now on."""
        self._listeners.append(listener)
        for phone in self:
            phone.listeners.append(listener)

    async def connected(self, count: int | None = None, *, within_s: float = 30.0) -> None:
        """Wait until `count` phones (all, if unsaid) could send; TimeoutError after `within_s`."""
        wanted = len(self) if count is None else count
        async with asyncio.timeout(within_s):
            while len(self._up) < wanted:
                self._changed.clear()
                await self._changed.wait()

    @property
    def up(self) -> int:
        """How many phones could send now."""
        return len(self._up)

    @property
    def ways(self) -> str:
        """Where the phones send to, in words."""
        given = [str(Broker.parse(url)) for one in self._provisions.values() for url in one.brokers]
        known = given or [str(one) for one in self._brokers]
        return " or ".join(dict.fromkeys([*known, *([self._http] if self._http else [])]))

    def __getitem__(self, device: str) -> Phone:
        return self._phones[device]

    def __contains__(self, device: object) -> bool:
        return device in self._phones

    def __iter__(self) -> Iterator[Phone]:
        return iter(self._phones.values())

    def __len__(self) -> int:
        return len(self._ids)

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _watch(self, event: Event) -> None:
        if event.kind not in {Kind.CONNECTED, Kind.DISCONNECTED, Kind.NETWORK}:
            return
        if self._phones[event.phone].connected:
            self._up.add(event.phone)
        else:
            self._up.discard(event.phone)
        self._changed.set()

    def _phone(self, device: str, gate: asyncio.Semaphore) -> Phone:
        random = Random(f"{self.seed}:{device}")
        return Phone(
            device,
            paths=self._paths(device, random, gate),
            random=random,
            store=FileStore(self._store / f"{device}.json") if self._store else None,
            place=Place(random, centre=self._centre, spread_m=self._spread_m),
            time=self._time,
            timing=self._timing,
            listeners=self._listeners,
            key=self._provisions[device].mac_key if device in self._provisions else None,
        )

    def _paths(self, device: str, random: Random, gate: asyncio.Semaphore) -> list[PhonePath]:
        paths: list[PhonePath] = []
        given = self._provisions.get(device)
        if given or self._brokers:
            brokers = [Broker.parse(url) for url in given.brokers] if given else self._brokers
            password = given.password if given else _for(device, self._passwords)
            paths.append(
                MqttPath(
                    device,
                    brokers,
                    random=random,
                    time=self._time,
                    password=password,
                    tls=given.tls() if given else self._tls,
                    patience=self._patience,
                    gate=gate,
                )
            )
        token = _for(device, self._tokens)
        if self._http and token:
            paths.append(HttpsPath(self._http, token, session=self._session, tls=self._tls))
        return paths


def _for(device: str, given: str | Mapping[str, str] | None) -> str | None:
    return given if given is None or isinstance(given, str) else given.get(device)
