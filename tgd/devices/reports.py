"""What phones say besides presses: positions, heartbeats, last wills, on a connection of their own.

Serves arrow 1 from the side: nothing here can delay a press. A position is kept, sealed, only for
an open alert of a holder who agreed; one that arrives up to 60 s before its press is held in memory
and nowhere else. Any word from a phone is contact. What cannot be read is quarantined: hash, size
and reason. These are acknowledged on arrival: they are worth nothing a minute later. What the
database refuses is tried one by one, so that one of them costs no other its place.
"""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar
from uuid import UUID

import msgspec

from tgd.clock import Clock
from tgd.devices import live, wire
from tgd.devices.downlink import Publish, down_topic
from tgd.devices.messages import Heartbeat, LastWill, PositionReport, Quarantined
from tgd.devices.mqtt import Arrived
from tgd.geo.sealed import seal_fix
from tgd.metrics import Metrics
from tgd.seal import DataKey, Sealer
from tgd.store import health, presses
from tgd.store.db import OUTAGE, REFUSED, Connection, Database

HELD_FOR = timedelta(seconds=60)
MOST_HELD = 10_000
MOST_WAITING = 10_000
EVERY_S = 0.25
QUARANTINED_PER_MINUTE = 600
"""More are only counted: a flood of rubbish must not fill the disk."""
_Row = TypeVar("_Row")
_Write: TypeAlias = Callable[[Connection, Sequence[_Row]], Awaitable[list[int]]]
_log = logging.getLogger(__name__)


class Reports:
    """Takes messages of ``up/position``, ``up/heartbeat`` and ``up/lwt``."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sealer: Sealer,
        metrics: Metrics,
        publish: Publish = lambda _topic, _message: True,
    ) -> None:
        self._database = database
        self._publish = publish
        self._ended: dict[str, datetime] = {}
        self._clock = clock
        self._sealer = sealer
        self._metrics = metrics
        self._positions: deque[PositionReport] = deque(maxlen=MOST_HELD)
        self._held: deque[PositionReport] = deque(maxlen=MOST_HELD)
        self._health: deque[Heartbeat | LastWill] = deque(maxlen=MOST_WAITING)
        self._bad: deque[tuple[str, str, int, bytes]] = deque()
        self._words: set[str] = set()
        self._arrived = asyncio.Event()
        self._minute: datetime | None = None
        self._this_minute = 0

    def arrived(self, messages: Sequence[Arrived]) -> None:
        """Take note of messages; nothing is written here."""
        now = self._clock.now()
        for message in messages:
            _, _, device, _, kind = message.topic.split("/")
            try:
                self._read(device, kind, message.payload, now)
            except Quarantined as why:
                self._quarantine(kind, why.reason, message.payload, now)
        self._arrived.set()

    async def run(self) -> None:
        """Write what has arrived, four times a second at most, for ever."""
        while True:
            await self._clock.wait(
                self._arrived, self._clock.now() + timedelta(seconds=1) if self._held else None
            )
            self._arrived.clear()
            try:
                await self.write()
            except OUTAGE as error:
                _log.warning("positions wait for the database: %s", type(error).__name__)
                await asyncio.sleep(1)
            await asyncio.sleep(EVERY_S)

    async def write(self) -> None:
        """Write everything that waits; positions without an open alert are held a minute."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            if self._words:
                await presses.word_from(connection, sorted(self._words), now)
                self._words.clear()
            await self._keep_positions(connection, now)
            waiting = len(self._health)
            await self._one_by_one(_note, connection, [_health_row(one) for one in self._health])
            for _ in range(waiting):
                self._health.popleft()
            while self._bad:
                await presses.quarantine(connection, *self._bad[0], now)
                self._bad.popleft()

    async def _keep_positions(self, connection: Connection, now: datetime) -> None:
        """Keep what has an open alert; hold the rest for its minute."""
        fresh = len(self._positions)
        batch = [report for report in self._held if now - report.received_at < HELD_FOR]
        stray = {report.device for report in self._held} - {report.device for report in batch}
        batch += self._positions
        held = await self._placed(connection, batch, now) if batch else []
        await self._end(connection, stray | {report.device for report in held}, now)
        for _ in range(fresh):
            self._positions.popleft()
        self._held.clear()
        self._held.extend(held)

    async def _end(self, connection: Connection, devices: set[str], now: datetime) -> None:
        """Tell phones that report although their alert is closed that it is; once a minute each.

        They were away when they were told. A position that crosses its own press comes in here as
        well: what it is told is about an alert that the phone has not got.
        """
        self._ended = {d: at for d, at in self._ended.items() if now - at < HELD_FOR}
        devices = devices - self._ended.keys()
        if not devices:
            return
        for device, alert_id in (await presses.last_closed(connection, sorted(devices))).items():
            told = msgspec.json.encode(live.end_alert(str(alert_id), now))
            self._publish(down_topic(device), told)
        self._ended |= dict.fromkeys(devices, now)

    async def _placed(
        self, connection: Connection, batch: list[PositionReport], now: datetime
    ) -> list[PositionReport]:
        """Write positions to their alerts; return those that have none, or none any more."""
        found = await presses.standing(connection, sorted({report.device for report in batch}))
        alerts = {device: (alert_id, self._sealer.new_key()) for device, alert_id in found.items()}
        placed = [report for report in batch if report.device in alerts]
        rows = [_position_row(report, *alerts[report.device]) for report in placed]

        async def add(connection: Connection, some: Sequence[presses.Position]) -> list[int]:
            return await presses.add_positions(connection, some, now)

        again = await self._one_by_one(add, connection, rows)
        without = [report for report in batch if report.device not in alerts]
        return without + [placed[index] for index in again]

    async def _one_by_one(
        self, write: _Write[_Row], connection: Connection, rows: Sequence[_Row]
    ) -> list[int]:
        """Write rows together, and where one of them does not fit, each alone; return indexes."""
        if not rows:
            return []
        try:
            return await write(connection, rows)
        except OUTAGE:
            raise
        except REFUSED:
            self._metrics.intake_faults["batch"].inc()
            _log.exception("a batch of positions or heartbeats was refused: one by one")
        found = []
        for index, row in enumerate(rows):
            try:
                found += [index for _ in await write(connection, [row])]
            except OUTAGE:
                raise
            except REFUSED:
                self._metrics.intake_faults["single"].inc()
        return found

    def _quarantine(self, kind: str, reason: str, payload: bytes, now: datetime) -> None:
        """Put a message aside: counted always, kept within the rate."""
        self._metrics.quarantined[kind, reason].inc()
        if self._minute is None or now - self._minute > timedelta(seconds=60):
            self._minute, self._this_minute = now, 0
        self._this_minute += 1
        if self._this_minute <= QUARANTINED_PER_MINUTE:
            self._bad.append((kind, reason, len(payload), hashlib.sha256(payload).digest()))

    def _read(self, device: str, kind: str, payload: bytes, now: datetime) -> None:
        self._words.add(device)
        if kind == "position":
            self._positions.append(wire.position(device, payload, now))
        elif kind == "heartbeat":
            self._health.append(wire.heartbeat(device, payload, now))
        elif kind == "lwt":
            self._words.discard(device)
            self._health.append(wire.last_will(device, payload, now))
        else:
            raise Quarantined("topic")


def _position_row(report: PositionReport, alert_id: UUID, key: DataKey) -> presses.Position:
    fix = report.fix
    return presses.Position(
        *(alert_id, key.wrapped, fix.tst, seal_fix(fix, key)),
        *(report.received_at, ",".join(report.doubts), report.fixed_at),
    )


async def _note(connection: Connection, rows: Sequence[health.Health]) -> list[int]:
    await health.note(connection, rows)
    return []


def _health_row(one: Heartbeat | LastWill) -> health.Health:
    if isinstance(one, LastWill):
        return health.Health(one.device, None, None, None, None, None, one.received_at)
    return health.Health(one.device, one.received_at, one.batt, one.bs, one.conn, one.fw, None)
