"""The table of faults over a real RabbitMQ; the room consumes its queue and answers in ours.

Each row is in ``faults``; here is what a broker can do (``LINES``): by its own means, or by a proxy
before it that loses what it is told to lose.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import aio_pika
import msgspec
import pytest
from faults import OF_ROOMS, PATIENT, TIMEOUT_S, Case, Far, Fault, beside_another, broken, tried
from ground import entry, put_rooms
from proxies import CUTS, GARBAGE, HANGS, LOSES, PASSES, Proxy
from rabbit import ADMIN, OTHER_ROOM, PASSWORD, ROOM, SHUT, STRANGER, US, Rabbit
from world import BY_HAND, World, worlds
from world import ROOM as ROOM_ID

from tgd.demo.salle_envelope import reply
from tgd.errors import Invalid
from tgd.platform.channels.cisu_amqp import label, queues
from tgd.platform.channels.cisu_inbound import ErrorReport, read
from tgd.platform.complaining import WAITING
from tgd.platform.flow.hearing import Receive
from tgd.store import rooms

OURS, THEIRS = queues(US), queues(ROOM)
CASES, _, ERRORS = THEIRS

KILLED = "the broker is killed between publish and confirmation"
CUT = "the connection is cut between publish and confirmation"
UNCONFIRMED = "the confirmation never comes"
RESTARTED = "the broker is stopped in order"
REFUSED, MUTE, NO_AMQP = "connection refused", "accepts and hangs", "no AMQP at all"
NO_QUEUE, FULL, ALARM = "the queue is missing", "the queue is full", "the memory alarm is raised"
NO_RIGHT, NO_PASSWORD = "permission refused", "the password is wrong"
FORGED, UNTRUSTED = "our certificate is not theirs", "their certificate is not trusted"
UNCERTAIN = (KILLED, CUT, UNCONFIRMED)
MODES = {KILLED: LOSES, UNCONFIRMED: LOSES, CUT: CUTS, MUTE: HANGS, NO_AMQP: GARBAGE}
LINES = (RESTARTED, REFUSED, MUTE, NO_AMQP, NO_QUEUE, FULL, ALARM, NO_RIGHT, NO_PASSWORD)
LINES += (FORGED, UNTRUSTED)


class Amqp(Far):
    """A room behind a broker: it consumes its own queue of cases, and reads its RS-ERROR."""

    def __init__(self, world: World, server: Rabbit) -> None:
        super().__init__(world)
        self.server = server
        self.proxy = Proxy(server.port, CASES.encode())
        self.errors: list[ErrorReport] = []
        self._fault = ""
        self._mend: Callable[[], Awaitable[None]] | None = None
        self._connection: aio_pika.abc.AbstractConnection | None = None
        self._killer: asyncio.Task[None] | None = None

    def line(self, number: int) -> rooms.LineEntry:
        password = "wrong" if self._fault == NO_PASSWORD else PASSWORD
        url = self.server.url(SHUT if self._fault == NO_RIGHT else "/", port=self.proxy.port)
        if self._fault in {FORGED, UNTRUSTED}:
            other = self.server.folder / "other.pem"
            url = (
                self.server.tls_url("forged")
                if self._fault == FORGED
                else self.server.tls_url(ca=other)
            )
            return rooms.LineEntry("amqp", url, None, self.timeout_s)
        purpose = rooms.token_purpose(ROOM_ID, number)
        token = self.world.sealer.seal(password.encode(), purpose)
        return rooms.LineEntry("amqp", url, token, self.timeout_s)

    async def start(self) -> None:
        await self.proxy.start()
        admin = await self.server.connect()
        channel = await admin.channel()
        for name in (*OURS, *THEIRS):
            await (await channel.get_queue(name)).purge()
        await admin.close()
        await self.consume()

    async def stop(self) -> None:
        await self.mends()
        await self.leave()
        await self.proxy.stop()

    async def consume(self) -> None:
        """Come to work: take what is in our queues, and what comes."""
        self._connection = await self.server.connect(ROOM)
        channel = await self._connection.channel()
        for name, take in ((CASES, self._case), (ERRORS, self._error)):
            queue = await channel.get_queue(name, ensure=False)
            await queue.consume(take)

    async def leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*aio_pika.exceptions.CONNECTION_EXCEPTIONS):
                await connection.close()

    async def brings(self, body: bytes) -> str | None:
        """Publish to the platform's queue, as ourselves; wait until it has been taken in."""
        before = self._outcomes()
        errors = len(self.errors)
        await self.publish(body)
        await self.world.until(lambda: self._outcomes() != before, "nobody has taken it")
        [outcome] = [name for name, n in self._outcomes().items() if n != before[name]]
        if outcome == "taken":
            return None
        assert outcome == "refused"
        if label(body).queue.endswith("info"):
            return outcome
        await self.world.until(lambda: len(self.errors) > errors, "the room is not told of it")
        return self.errors[-1].string

    async def publish(
        self,
        body: bytes,
        *,
        user: str = ROOM,
        user_id: str | None = ROOM,
        queue: str = OURS[1],
        times: int = 1,
    ) -> None:
        connection = await self.server.connect(user)
        channel = await connection.channel(on_return_raises=True)
        exchange = await channel.get_exchange("cisu", ensure=False)
        with contextlib.suppress(Invalid):
            queue = label(body).queue
        for _ in range(times):
            await exchange.publish(aio_pika.Message(body, user_id=user_id), queue)
        await connection.close()

    async def _breaks(self, fault: str) -> None:
        self._fault, self.proxy.mode = fault, MODES.get(fault, PASSES)
        if fault == REFUSED:
            await self.proxy.stop()
        elif fault == KILLED:
            self._killer = asyncio.create_task(self._kills())
        elif fault == RESTARTED:
            await self.leave()
            await asyncio.to_thread(self.server.control, "stop_app")
            self._mend = self._starts_app
        elif fault == ALARM:
            await asyncio.to_thread(self.server.alarm, raised=True)
            self._mend = self._calms
        elif fault in {NO_QUEUE, FULL}:
            await self.leave()
            await self._remakes({"x-max-length": 1} if fault == FULL else None)
            self._mend = self._restores

    async def _mends(self) -> None:
        killer, self._killer = self._killer, None
        if killer is not None:
            await killer
            self._mend = self._starts
        self._fault, self.proxy.mode = "", PASSES
        mend, self._mend = self._mend, None
        if mend is not None:
            await mend()
        await self.proxy.stop()
        await self.proxy.start()

    async def _case(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        assert message.user_id == US
        told = self.takes(message.body)
        assert message.message_id == told.distribution_id
        await message.ack()

    async def _error(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        told = read(message.body)
        assert isinstance(told, ErrorReport)
        self.errors.append(told)
        await message.ack()

    async def _kills(self) -> None:
        """It is published, and the room has it; then the lights go out."""
        await self.proxy.marked.wait()
        await self.has()
        await asyncio.to_thread(self.server.kill)
        await self.proxy.stop()

    async def _starts(self) -> None:
        await asyncio.to_thread(self.server.start)
        await self.leave()
        await self.consume()

    async def _starts_app(self) -> None:
        await asyncio.to_thread(self.server.control, "start_app")
        await self.consume()

    async def _calms(self) -> None:
        await asyncio.to_thread(self.server.alarm, raised=False)

    async def _restores(self) -> None:
        await self._remakes({})
        await self.consume()

    async def _remakes(self, arguments: dict[str, int] | None) -> None:
        """Have the room's queue of cases be gone, or be another; one that is bounded is full."""
        admin = await self.server.connect(ADMIN)
        channel = await admin.channel()
        await channel.queue_delete(CASES)
        if arguments is not None:
            made = await channel.declare_queue(
                CASES, durable=True, arguments={"x-overflow": "reject-publish", **arguments}
            )
            await made.bind("cisu", CASES)
            if arguments:
                await channel.default_exchange.publish(aio_pika.Message(b"{}"), CASES)
        await admin.close()

    def _outcomes(self) -> dict[str, float]:
        counted = self.world.app.metrics.amqp_messages
        return {str(name): one._value.get() for name, one in counted.items()}


@pytest.fixture
async def far(database: str, tmp_path: Path, rabbitmq: Rabbit) -> AsyncIterator[Amqp]:
    async with worlds(database, tmp_path, behaviour=BY_HAND, deadlines=PATIENT) as world:
        made = Amqp(world, rabbitmq)
        await made.start()
        try:
            yield made
        finally:
            await made.stop()


async def _before_our_record(case: Case) -> None:
    """The room looks at it while we still wait to hear that it was delivered."""
    await case.far.breaks(UNCONFIRMED, uncertain=True)
    await case.decided()
    told = await case.arrived()
    await case.acknowledged(told)
    await case.world.until(lambda: not case.world.app.sending._under_way)
    await case.world.app.sending.record()
    assert (await case.dispatch())["state"] == "seen"


async def _unreadable(case: Case) -> None:
    """What cannot be used is refused once, is answered, and keeps nobody from being heard."""
    far = case.far
    assert isinstance(far, Amqp)
    await case.decided()
    told = await far.has()
    for body, string in (
        (b"\xff\xfe", "UNRECOGNIZED_MESSAGE_FORMAT"),
        (b"", "UNRECOGNIZED_MESSAGE_FORMAT"),
        (b"[]", "INVALID_MESSAGE"),
        (b"[" * 9_000, "UNRECOGNIZED_MESSAGE_FORMAT"),
        (b"x" * 70_000, "INVALID_MESSAGE"),
    ):
        errors = len(far.errors)
        await far.publish(body)
        await case.world.until(lambda before=errors: len(far.errors) > before)
        assert far.errors[-1].string == string
    assert len(far.errors) == 5
    await case.never_silent()
    await case.acknowledged(told)


async def _nobody_we_know(case: Case) -> None:
    """Who speaks is whom the broker has checked; the envelope's own word counts for nothing."""
    far = case.far
    assert isinstance(far, Amqp)
    await case.decided()
    told = await far.has()
    body = msgspec.json.encode(reply(told, "CONSULTE", case.world.clock.now()))
    counted = case.world.app.metrics.amqp_messages["stranger"]
    for count, (user, user_id) in enumerate(((STRANGER, STRANGER), (ROOM, None), (STRANGER, None))):
        await far.publish(body, user=user, user_id=user_id)
        await case.world.until(lambda n=count: counted._value.get() > n)
    assert (await case.dispatch())["acknowledged_at"] is None
    await case.never_silent()
    # The room that it names hears nothing of it; the supervisors do.
    assert await far.says(told, "CONSULTE", about="unknown") == "INVALID_MESSAGE"
    assert [error.string for error in far.errors] == ["INVALID_MESSAGE"]
    case.world.app.hearing.heard.set()
    await case.world.until_sql("SELECT bool_or(stranger_at IS NOT NULL) FROM room_line")
    [room] = (await case.world.operator().call("GET", "rooms", None, 200))["items"]
    assert [alarm["code"] for alarm in room["lines"][0]["alarms"]] == ["stranger"]
    await case.acknowledged(told)


async def _our_queue_is_deleted(case: Case) -> None:
    """Nobody may do so; and if somebody does, we listen again once it is there again."""
    far = case.far
    assert isinstance(far, Amqp)
    await case.decided()
    told = await far.has()
    away = case.world.app.metrics.amqp_brokers_away
    admin = await far.server.connect(ADMIN)
    channel = await admin.channel()
    await channel.queue_delete(OURS[1])
    await case.world.until(lambda: away._value.get() == 1, "it is not said")
    assert not case.world.app.ready()["amqp"]
    made = await channel.declare_queue(
        OURS[1], durable=True, arguments={"x-overflow": "reject-publish"}
    )
    await made.bind("cisu", OURS[1])
    await admin.close()
    await case.acknowledged(told)
    assert case.world.app.ready()["amqp"]


async def _while_we_are_down(case: Case) -> None:
    """What the room says while our server is down waits for it in our queue."""
    far = case.far
    assert isinstance(far, Amqp)
    await case.decided()
    told = await far.has()
    await case.world.stop_server()
    body = msgspec.json.encode(reply(told, "CONSULTE", case.world.clock.now()))
    await far.publish(body)
    await case.world.start_server()
    await case.world.until_sql("SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch")
    case.one_case()
    await case.world.operator().closes(case.alert)


OF_BROKERS = (
    Fault("the room answers before our own record", _before_our_record),
    Fault("garbage and endless answers", _unreadable),
    Fault("somebody else answers in the room's name", _nobody_we_know),
    Fault("our own queue is deleted", _our_queue_is_deleted),
    Fault("the room answers while we are down", _while_we_are_down),
)
ROWS = [
    *(broken(name, uncertain=True) for name in UNCERTAIN),
    *(broken(name) for name in LINES),
    *(beside_another(name) for name in (UNCONFIRMED, REFUSED, NO_QUEUE)),
    *OF_ROOMS,
    *OF_BROKERS,
]


@pytest.mark.parametrize("fault", ROWS, ids=str)
async def test_no_fault_ends_in_silence_and_none_in_two_cases(far: Amqp, fault: Fault) -> None:
    await tried(far.world, far, fault)


async def test_a_probe_by_tls_notes_when_both_certificates_end(far: Amqp) -> None:
    world = far.world
    room = entry(world, ROOM_ID, ROOM, is_default=True)
    way = rooms.LineEntry("amqp", far.server.tls_url(), None, 5.0)
    await put_rooms(world, replace(room, lines=(way,)))
    world.app.probing.heard.set()
    await world.until_sql("SELECT own_certificate_until IS NOT NULL FROM room_line")
    gauges = world.app.metrics.line_certificate
    ends = "SELECT certificate_until AS theirs, own_certificate_until AS ours FROM room_line"
    [row] = await world.rows(ends)
    for whose, until in row.items():
        assert gauges[ROOM_ID, "0", "amqp", whose]._value.get() == until.timestamp()
    [told] = (await world.operator().call("GET", "rooms", None, 200))["items"]
    # By the world's clock, which is years ahead of those who made them.
    over = ["certificate_over", "own_certificate_over"]
    assert [alarm["code"] for alarm in told["lines"][0]["alarms"]] == over


@pytest.mark.expects_errors
async def test_a_message_that_provokes_a_fault_of_ours_comes_twice_and_no_more(far: Amqp) -> None:
    case = Case(far.world, far)
    await case.decided()
    told = await far.has()
    hearing = far.world.app.hearing
    taking, seen = hearing._receive, []

    async def breaks(room: str, address: str, raw: bytes) -> None:
        seen.append(raw)
        if raw.endswith(b" "):
            raise ZeroDivisionError
        await taking(room, address, raw)

    hearing._receive = breaks
    body = msgspec.json.encode(reply(told, "RECU", far.world.clock.now()))
    failed = far.world.app.metrics.amqp_messages["failed"]
    await far.publish(body + b" ")
    await far.world.until(lambda: failed._value.get() == 2)
    await case.acknowledged(told)
    assert [raw.endswith(b" ") for raw in seen] == [True, True, False]


def answers_never(world: World, first: Receive | None = None) -> asyncio.Event:
    """Have what a room says taken by ``first``, if by anybody, and never answered for.

    The event is set once it has come so far.
    """
    reached = asyncio.Event()

    async def never(room: str, address: str, raw: bytes) -> None:
        if first is not None:
            await first(room, address, raw)
        reached.set()
        await asyncio.Event().wait()

    world.app.hearing._receive = never
    return reached


@pytest.mark.expects_errors
async def test_an_answer_whose_taking_fails_once_is_taken_also_when_it_had_come_before(
    far: Amqp,
) -> None:
    """It had come to a server that ended without a look at it: that was no try."""
    case, world = Case(far.world, far), far.world
    await case.decided()
    told = await far.has()
    begun = answers_never(world)
    await far.publish(msgspec.json.encode(reply(told, "CONSULTE", world.clock.now())))
    await begun.wait()
    await world.stop_server()
    await world.owner("CREATE SEQUENCE times")
    await world.owner(
        "CREATE FUNCTION fails_once() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$"
        " BEGIN IF nextval('times') = 1 THEN RAISE EXCEPTION 'once'; END IF; RETURN new; END $$"
    )
    await world.owner(
        "CREATE TRIGGER fails_once BEFORE INSERT ON journal FOR EACH ROW"
        " WHEN (new.kind = 'room_said') EXECUTE FUNCTION fails_once()"
    )
    await world.start_server()
    await world.until_sql("SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch")
    assert world.app.metrics.amqp_messages["failed"]._value.get() == 1
    await world.operator().closes(case.alert)


async def test_what_the_broker_brings_again_after_a_further_press_does_not_answer_that(
    far: Amqp,
) -> None:
    """The server ends after the commit and before its word to the broker; meanwhile she presses."""
    case = Case(far.world, far)
    await case.decided()
    told = await far.has()
    committed = answers_never(far.world, far.world.app.hearing._receive)
    await far.publish(msgspec.json.encode(reply(told, "engaged", far.world.clock.now())))
    await committed.wait()
    assert (await case.dispatch())["state"] == "engaged"
    await far.world.advance(31)
    await far.world.phone().press()
    await far.has(2)
    await far.world.stop_server()
    await far.world.start_server()
    again = far.world.app.metrics.room_messages["again"]
    await far.world.until(lambda: again._value.get() == 1, "the broker does not bring it again")
    assert (await case.dispatch())["acknowledged_at"] is None
    assert len(await case.journal("patrol")) == 1
    await case.never_silent()
    await far.says(far.told[-1], "CONSULTE")
    assert (await case.dispatch())["acknowledged_at"] is not None


async def test_a_room_that_floods_us_and_takes_nothing_holds_up_no_other(far: Amqp) -> None:
    """A hundred messages that are refused, and no RS-ERROR can leave: the other room is heard."""
    case, world, many = Case(far.world, far), far.world, 100
    await case.decided()
    told = await far.has()
    other = entry(world, "corg86", OTHER_ROOM)
    token = world.sealer.seal(PASSWORD.encode(), rooms.token_purpose("corg86", 0))
    way = rooms.LineEntry("amqp", far.server.url("/", port=far.proxy.port), token, TIMEOUT_S)
    await put_rooms(world, replace(other, lines=(way,)))
    await world.stop_server()
    await far.publish(b"{}", user=OTHER_ROOM, user_id=OTHER_ROOM, times=many)
    await far.publish(msgspec.json.encode(reply(told, "CONSULTE", world.clock.now())))
    await far.breaks(ALARM)
    await world.start_server()
    heard, errors = world.app.metrics.amqp_messages, world.app.metrics.room_errors
    await world.until(lambda: heard["taken"]._value.get() == 1, "the other room is not heard")
    assert errors["sent"]._value.get() == 0
    await world.until(lambda: heard["refused"]._value.get() == many)
    accepted = many - errors["dropped"]._value.get()
    assert accepted <= WAITING + errors["failed"]._value.get()
    assert (await case.dispatch())["acknowledged_by"] == ROOM
    await far.mends()


async def test_an_answer_is_given_back_to_the_broker_only_once_it_is_committed(far: Amqp) -> None:
    """A server that ends while it takes an answer has not taken it; another does."""
    case = Case(far.world, far)
    await case.decided()
    told = await far.has()
    begun = answers_never(far.world)
    await far.publish(msgspec.json.encode(reply(told, "CONSULTE", far.world.clock.now())))
    await begun.wait()
    await far.world.stop_server()
    await far.world.start_server()
    await far.world.until_sql("SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch")
    await far.world.operator().closes(case.alert)
