"""Arrow 3's way back by RabbitMQ: our own queues are listened to at every broker that a line names.

Promises: a message is acknowledged to its broker only once what it says is committed, or once it
is refused for good, and then its room is told (``platform.complaining``); a room is whoever the
broker has checked to have published (``user_id``), and only at a broker by which we reach that
room, so that nobody's broker can speak for another's; whoever else writes is put aside, counted and
shown to the supervisors, and nobody is answered: what a message says of its sender may be forged.
No room takes the place of the others: few of its messages are in work at once, and telling it of an
error holds up nobody. A broker that is away is called again for ever, and that is said. What an
answer changes is ``inbound``'s; who publishes there, and may, is the broker's.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import cycle

from tgd.clock import Clock
from tgd.errors import Invalid, Rejected, Temporary
from tgd.log import fault
from tgd.metrics import Metrics
from tgd.platform.channels import amqp_address
from tgd.platform.channels.adapters import Adapters
from tgd.platform.channels.amqp_link import Delivery, Link, Login, Verdict
from tgd.platform.channels.cisu_amqp import label, queues
from tgd.platform.channels.cisu_inbound import BadEnvelope
from tgd.platform.channels.script import Sender
from tgd.platform.complaining import Complaining, Way
from tgd.seal import SealBroken, Sealer
from tgd.store import rooms
from tgd.store.db import OUTAGE, Database

AT_ONCE = 60
"""Messages of one queue that are here; what more there is waits in it."""
OF_ONE_ROOM = 4
"""Of these in work at once, of one room: the database has other work."""
FAILED_KEPT = 1000
OPEN_S = 10.0
SWEEP = timedelta(seconds=5)
FIRST_RETRY_S, LONGEST_RETRY_S = 0.25, 2.0
_log = logging.getLogger(__name__)

Place = tuple[str, int, str]
Receive = Callable[[str, str, bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Station:
    """One broker: who may speak there, and as which rooms."""

    where: str
    rooms: tuple[Way, ...]

    def room(self, address: str | None) -> Way | None:
        return next((room for room in self.rooms if room.address == address), None)


class Hearing:
    """One loop that keeps listening to every broker; ``heard`` has it look at the rooms again."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sealer: Sealer,
        metrics: Metrics,
        adapters: Adapters,
        sender: Sender,
        receive: Receive,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sealer = sealer
        self._metrics = metrics
        self._receive = receive
        self._sender_id = sender.sender_id
        self._listening: dict[Place, tuple[_Station, asyncio.Task[None]]] = {}
        self._away: set[str] = set()
        self._unusable: set[rooms.LineRow] = set()
        self._failed: set[bytes] = set()
        self._in_work: dict[Way, asyncio.Semaphore] = {}
        self._strangers: set[_Station] = set()
        self._complaining = Complaining(adapters.amqp, clock, metrics, sender.sender_id)
        self.heard = asyncio.Event()

    @property
    def all_heard(self) -> bool:
        """Whether every broker is listened to; true where there is none."""
        return not self._away

    async def run(self) -> None:
        """Listen to every broker that a room's line names, for ever."""
        try:
            while True:
                try:
                    await self._tell_of_strangers()
                    await self._follow(await self._stations())
                except OUTAGE as error:
                    _log.warning("the brokers' list waits for the database: %s", _name(error))
                await self._clock.wait(self.heard, self._clock.now() + SWEEP)
                self.heard.clear()
        finally:
            await self._follow({})
            await self._complaining.close()

    async def _tell_of_strangers(self) -> None:
        """Note at the lines of a broker that somebody writes there who is none of its rooms."""
        while self._strangers:
            station = next(iter(self._strangers))
            urls = sorted({room.url for room in station.rooms})
            async with self._database.connection() as connection:
                await rooms.stranger(connection, urls, self._clock.now())
            self._strangers.discard(station)

    async def _stations(self) -> dict[Place, _Station]:
        """Return every broker with its rooms; a line that cannot be used is the doctor's."""
        async with self._database.connection() as connection:
            lines = [one for one in await rooms.lines(connection) if one.adapter == "amqp"]
        found: dict[Place, list[Way]] = {}
        for line in lines:
            try:
                place = amqp_address.read(line.url or "").place
                token = self._token(line)
            except (Invalid, SealBroken) as error:
                if line not in self._unusable:
                    self._unusable.add(line)
                    _log.warning("room %s, line %d: %s", line.room_id, line.line, _name(error))
                continue
            room = Way(line.room_id, line.address, line.url or "", token)
            found.setdefault(place, []).append(room)
        return {place: _Station(_where(place), tuple(those)) for place, those in found.items()}

    def _token(self, line: rooms.LineRow) -> str | None:
        if line.token is None:
            return None
        purpose = rooms.token_purpose(line.room_id, line.line)
        return self._sealer.open(line.token, purpose).decode()

    async def _follow(self, stations: Mapping[Place, _Station]) -> None:
        """End what is not wanted as it is, begin what is; raise what has ended a listener."""
        for place, (station, task) in list(self._listening.items()):
            if task.done() or stations.get(place) != station:
                del self._listening[place]
                task.cancel()
                await asyncio.wait({task})
                self._stands(station, heard=True)
                if not task.cancelled():
                    task.result()
        for place, station in stations.items():
            if place not in self._listening:
                task = asyncio.create_task(self._listen(station), name="hear")
                self._listening[place] = (station, task)

    async def _listen(self, station: _Station) -> None:
        """Listen to one broker for ever, by each of its lines in turn."""
        wait_s = FIRST_RETRY_S
        for way in cycle(station.rooms):
            try:
                await self._by(station, way)
                wait_s = FIRST_RETRY_S
            except (TimeoutError, Temporary, Rejected) as error:
                if station.where not in self._away:
                    _log.warning("the broker %s is not heard: %s", station.where, _told(error))
                self._stands(station, heard=False)
                wait_s = min(2 * wait_s, LONGEST_RETRY_S)
            except Exception as failure:  # noqa: BLE001  one broker must not end the listening to others
                if station.where not in self._away:
                    fault(_log, f"listening to the broker {station.where}", failure)
                self._stands(station, heard=False)
                wait_s = LONGEST_RETRY_S
            await asyncio.sleep(wait_s)

    async def _by(self, station: _Station, way: Way) -> None:
        login = Login(amqp_address.read(way.url), self._sender_id, way.token)
        link: Link | None = None
        try:
            async with asyncio.timeout(OPEN_S):
                link = await Link.open(login)
                take = partial(self._take, station)
                gone = await link.listen(queues(self._sender_id), AT_ONCE, take)
            self._stands(station, heard=True)
            await gone.wait()
            self._stands(station, heard=False)
        finally:
            if link is not None:
                await link.close()

    def _stands(self, station: _Station, *, heard: bool) -> None:
        if heard and station.where in self._away:
            _log.info("the broker %s is heard again", station.where)
        (self._away.discard if heard else self._away.add)(station.where)
        self._metrics.amqp_brokers_away.set(len(self._away))

    async def _take(self, station: _Station, delivery: Delivery) -> Verdict:
        """Take one message, once what it says is committed or refused."""
        room = station.room(delivery.user)
        if room is None:
            self._put_aside(station)
            return Verdict.DONE
        try:
            async with self._in_work.setdefault(room, asyncio.Semaphore(OF_ONE_ROOM)):
                outcome = await self._taken(room, delivery)
        except BadEnvelope as bad:
            outcome = "refused"
            _log.warning("%s: refused: %d %s", room.id, bad.code, bad.string)
            if not _is_error(delivery):  # or two machines would tell each other without end
                self._complaining.tell(room, bad)
        except Exception as failure:  # noqa: BLE001  one message must not end the listening
            outcome = "failed"
            fault(_log, "taking a room's message", failure)
        self._metrics.amqp_messages[outcome].inc()
        return Verdict.AGAIN if outcome == "failed" and self._first_time(delivery) else Verdict.DONE

    def _first_time(self, delivery: Delivery) -> bool:
        """Say whether a fault of ours is tried once more: what provokes it does not come for ever.

        That it comes again is no sign: a server that ended may have had it and never looked at it.
        """
        digest = hashlib.sha256(delivery.body).digest()
        if digest in self._failed:
            self._failed.discard(digest)
            return False
        if len(self._failed) >= FAILED_KEPT:
            self._failed.clear()
        self._failed.add(digest)
        return True

    def _put_aside(self, station: _Station) -> None:
        """Count what nobody of this broker's rooms has written; it is answered to nobody."""
        self._metrics.amqp_messages["stranger"].inc()
        if station not in self._strangers:
            self._strangers.add(station)
            _log.warning("the broker %s: somebody writes to us who is no room of it", station.where)

    async def _taken(self, room: Way, delivery: Delivery) -> str:
        while True:
            try:
                await self._receive(room.id, room.address, delivery.body)
            except OUTAGE as error:
                _log.warning("a room's message waits for the database: %s", _name(error))
                await asyncio.sleep(FIRST_RETRY_S)
            else:
                return "taken"


def _is_error(delivery: Delivery) -> bool:
    try:
        return label(delivery.body).queue.endswith(".info")
    except Invalid:
        return delivery.queue.endswith(".info")


def _where(place: Place) -> str:
    host, port, vhost = place
    return f"{host}:{port}" if vhost == "/" else f"{host}:{port}/{vhost}"


def _name(error: BaseException) -> str:
    return type(error).__name__


def _told(error: Exception) -> str:
    return str(error) or f"no answer within {OPEN_S:g} s"
