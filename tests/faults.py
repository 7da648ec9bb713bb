"""What can go wrong between us and a control room, and what must come of each, by any transport.

A transport derives ``Far``, the far end of one line: it carries what the room is sent to ``takes``,
hands the room's answers to the platform (``brings``), and can be broken in ways of its own. The
tables here say the rest: ``broken`` for whatever a line does, ``OF_ROOMS`` for whatever a room
does. Each fault ends in a hand-off that someone has acknowledged, and until then with a person's
task: none in silence, none in two cases (``never_silent``, ``acknowledged``, ``one_case``). The
clock is driven by hand; what takes real time (a time-out, a handshake) is waited for as a fact.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import msgspec
from ground import entry, put_rooms
from world import ADDRESS, LINE_TOKEN, ROOM, World

from tgd.config import Deadlines
from tgd.demo.salle_envelope import Envelope, Step, read_case, reply
from tgd.store import rooms

STRANGER = "fr.police.cic75"
TIMEOUT_S = 0.5
"""What a broken line is given to answer: of real time, so that a test need not wait for long."""
UNCERTAIN_S = 2.0
"""The same where the room is to have the message all the same: time for it to get there."""
WORKING_S = 30.0
"""What a line that works is given: the world's clock stands still, so nothing would come again."""
RECEIVED_S, ACKNOWLEDGED_S = 10.0, 60.0
PATIENT = Deadlines(contact=600.0)
"""The world's deadlines: no Update that contact is lost comes between the messages of a row."""


class Far(ABC):
    """The far end of one line: a room's machine, and whoever sits before it.

    ``told`` is every message that the room has, repetitions too, in the order of their arrival.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.told: list[Envelope] = []
        self.bytes_of: dict[str, set[bytes]] = {}
        self.arrived = asyncio.Event()
        self.timeout_s = WORKING_S

    @abstractmethod
    def line(self, number: int) -> rooms.LineEntry:
        """Return how the platform is to reach this end as the room's line ``number``.

        Asked again once the fault is mended: it may have been in the rooms file.
        """

    async def breaks(self, fault: str, *, uncertain: bool = False) -> None:
        """Begin one of this transport's faults. ``uncertain``: the room has the message."""
        self.timeout_s = UNCERTAIN_S if uncertain else TIMEOUT_S
        await self._breaks(fault)

    async def mends(self) -> None:
        """End it, as whoever keeps the line would."""
        self.timeout_s = WORKING_S
        await self._mends()

    @abstractmethod
    async def _breaks(self, fault: str) -> None: ...

    @abstractmethod
    async def _mends(self) -> None: ...

    @abstractmethod
    async def brings(self, body: bytes) -> str | None:
        """Bring an envelope of the room to the platform; return once that has done with it.

        None where it was taken, else the ``string`` of the RS-ERROR that came back.
        """

    def takes(self, raw: bytes) -> Envelope:
        """Keep a message, as the room's machine does."""
        told = read_case(raw)
        self.told.append(told)
        self.bytes_of.setdefault(told.distribution_id, set()).add(raw)
        self.arrived.set()
        return told

    def token(self, number: int) -> bytes:
        """Return the line's token, sealed as the rooms file's reader does."""
        return self.world.sealer.seal(LINE_TOKEN.encode(), rooms.token_purpose(ROOM, number))

    async def has(self, count: int = 1, what: str = "nothing arrives at the room") -> Envelope:
        """Wait until so many messages are there; return the last of these."""
        await self.world.until(lambda: len(self.told) >= count, what)
        return self.told[count - 1]

    async def says(
        self, told: Envelope, step: Step, *, sender: str = ADDRESS, about: str | None = None
    ) -> str | None:
        """Answer a message as a person or a machine of the room would; see ``brings``."""
        body = reply(told, step, self.world.clock.now())
        body["senderID"] = sender
        if about is not None:
            _message(body)["reference"]["distributionID"] = about
        return await self.brings(msgspec.json.encode(body))

    async def complains(self, told: Envelope, code: int, string: str) -> str | None:
        """Answer a message by an RS-ERROR, as a machine does that cannot use it."""
        body = reply(told, "ERREUR", self.world.clock.now())
        body["distributionKind"] = "Error"
        message = _message(body)
        del message["reference"]
        message["error"] = {
            "errorCode": {"statusCode": code, "statusString": string},
            "errorCause": "simulated",
            "referencedDistributionID": told.distribution_id,
        }
        return await self.brings(msgspec.json.encode(body))


def _message(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body["content"][0]["jsonContent"]["embeddedJsonContent"]["message"]
    return found


@dataclass(frozen=True)
class Fault:
    """One row: ``play`` conducts a room whose only line is ``far`` until someone there has it."""

    name: str
    play: Callable[["Case"], Awaitable[None]]

    def __str__(self) -> str:
        return self.name


@dataclass
class Case:
    """One alert that the police are sent for, and the far end that is to hear of it."""

    world: World
    far: Far
    alert: str = ""

    async def decided(self, *others: rooms.LineEntry) -> None:
        """Have the alert decided, with this line and these after it."""
        await self.is_reached_by(*others)
        press = await self.world.phone().press()
        self.alert = press.alert
        await self.world.operator().decides(self.alert, "police")

    async def is_reached_by(self, *others: rooms.LineEntry) -> None:
        """Import the room anew, as its lines are now."""
        room = entry(self.world, ROOM, ADDRESS, is_default=True)
        await put_rooms(self.world, replace(room, lines=(self.far.line(0), *others)))

    async def reads(self) -> dict[str, Any]:
        return await self.world.operator().reads(self.alert)

    async def dispatch(self) -> dict[str, Any]:
        [told] = (await self.reads())["dispatches"]
        return told

    async def journal(self, kind: str) -> list[dict[str, Any]]:
        return [e for e in await self.world.operator().journal(self.alert) if e["kind"] == kind]

    async def failed(self) -> None:
        """Wait until a sending has come to its end, whatever that was."""
        ended = (
            "SELECT EXISTS (SELECT FROM envelope e WHERE e.alert_id = $1::uuid AND e.attempts > 0 "
            "AND (e.error IS NOT NULL OR e.delivered_at IS NOT NULL))"
        )
        await self.world.until_sql(ended, self.alert, what="nothing became of the sending")

    async def arrived(self) -> Envelope:
        """Wait until the room has it, by whichever attempt: the machine may have been too slow."""
        while not self.far.told:
            await self.failed()
            await self.world.advance(1)
        return self.far.told[0]

    async def never_silent(self, *, red: bool = False) -> None:
        """Whoever has not acknowledged is to be called by a person, and a deadline runs."""
        if red:  # the deadline that does it passes over an alert that is being written just then
            called = "SELECT bool_or(red) FROM task WHERE alert_id = $1::uuid AND done_at IS NULL"
            await self.world.until_sql(called, self.alert, what="nobody is called in red")
        found = await self.reads()
        assert found["status"] == "police"
        running = {one["name"] for one in found["deadlines"]}
        for told in found["dispatches"]:
            if told["acknowledged_at"] is not None:
                continue
            calls = [task for task in found["tasks"] if task["room"] == told["room"]]
            assert calls, "nobody is asked to call the room"
            assert any(task["red"] for task in calls) or not red, "another room's call is red"
            assert "acknowledged" in running, running

    async def acknowledged(self, told: Envelope) -> None:
        """A person at the room looks at it; then the case can be closed, and only then."""
        await self.world.operator().closes(self.alert, 409)
        assert await self.far.says(told, "CONSULTE") is None
        dispatch = await self.dispatch()
        assert (dispatch["state"], dispatch["acknowledged_by"]) == ("seen", ADDRESS)
        assert len(await self.journal("acknowledged")) == 1
        self.one_case()
        assert (await self.world.operator().closes(self.alert))["status"] == "closed"

    def one_case(self) -> None:
        """Whatever has come to the room, by whichever line, is one case, and each id one text."""
        everything = [*self.far.told, *self.world.room.told]
        assert len({told.case.case_id for told in everything}) == 1
        assert {told.room for told in everything} == {ADDRESS}
        assert all(len(texts) == 1 for texts in self.far.bytes_of.values())


def broken(name: str, *, uncertain: bool = False) -> Fault:
    """Return the row of a line that is broken, until it is mended.

    The operator's screen says it in red once the room ought to have confirmed. What is sent again
    is the same, to the last byte. ``uncertain``: the room has it all the same.
    """

    async def play(case: Case) -> None:
        far, world = case.far, case.world
        await far.breaks(name, uncertain=uncertain)
        await case.decided()
        await case.failed()
        if uncertain:
            await case.arrived()
        assert bool(far.told) is uncertain
        await case.never_silent()
        await world.advance(RECEIVED_S + 1)
        await case.never_silent(red=True)
        await far.mends()
        before = len(far.told)
        await case.is_reached_by()
        await world.advance(RECEIVED_S + 1)
        told = await far.has(before + 1, "the mended line is not used")
        if uncertain:
            assert before > 0
        assert {one.distribution_id for one in far.told} == {told.distribution_id}
        await case.never_silent(red=True)
        await case.acknowledged(told)

    return Fault(name, play)


def beside_another(name: str) -> Fault:
    """Return the row of a line that is broken, with one that works after it.

    No person is waited for: what the first line does not take goes by the second.
    """

    async def play(case: Case) -> None:
        world = case.world
        await case.far.breaks(name)
        await case.decided(rooms.LineEntry("https", world.room.url, case.far.token(1), 5.0))
        await case.failed()
        if await world.value("SELECT bool_or(delivered_at IS NOT NULL AND line = 0) FROM envelope"):
            await world.advance(RECEIVED_S + 1)  # the line says that it has it: none confirms it
        told = await world.room.expects("Report", alert=case.alert)
        await case.never_silent()
        case.one_case()
        await world.room.says(told, "CONSULTE")
        assert (await case.dispatch())["acknowledged_by"] == ADDRESS
        await case.world.operator().closes(case.alert)

    return Fault(f"{name}, beside a line that works", play)


async def _silent(case: Case) -> None:
    await case.decided()
    first = await case.far.has()
    await case.world.advance(RECEIVED_S + 1)
    again = await case.far.has(2, "it is not sent again")
    assert again.distribution_id == first.distribution_id
    await case.never_silent(red=True)
    await case.world.advance(ACKNOWLEDGED_S)
    await case.far.has(3, "the round does not go on")
    await case.never_silent(red=True)
    await case.acknowledged(case.far.told[-1])


async def _refuses(case: Case) -> None:
    await case.decided()
    for count in range(1, 4):
        told = await _anew(case, count)
        assert await case.far.says(told, "ERREUR") is None
        await case.never_silent(red=True)
        await case.world.advance(5)
    await case.acknowledged(await _anew(case, 4))


async def _anew(case: Case, count: int) -> Envelope:
    """Wait for so many messages with ids of their own; return the last of these."""
    ids = case.far.bytes_of
    await case.world.until(lambda: len(ids) >= count, "a refusal ends it")
    last = list(ids)[count - 1]
    return next(one for one in case.far.told if one.distribution_id == last)


async def _refuses_for_good(case: Case) -> None:
    """Only the telephone is left, and a person's name ends it."""
    await case.decided()
    told = await case.far.has()
    await case.far.says(told, "ERREUR")
    await case.never_silent(red=True)
    await case.world.operator().closes(case.alert, 409)
    await case.world.operator().hands_off(case.alert)
    assert (await case.dispatch())["acknowledged_by"] == "brigadier de permanence"
    case.one_case()
    await case.world.operator().closes(case.alert)


async def _takes_back(case: Case) -> None:
    """Acknowledged, and then refused before a patrol left: nobody has it any more."""
    await case.decided()
    told = await case.far.has()
    await case.far.says(told, "CONSULTE")
    await case.far.says(told, "ERREUR")
    assert (await case.dispatch())["acknowledged_at"] is None
    await case.never_silent(red=True)
    again = await case.far.has(2, "a refusal ends it")
    assert again.distribution_id != told.distribution_id
    await case.far.says(again, "CONSULTE")
    assert (await case.dispatch())["acknowledged_by"] == ADDRESS
    case.one_case()
    await case.world.operator().closes(case.alert)


async def _cannot_read(case: Case) -> None:
    await case.decided()
    told = await case.far.has()
    assert await case.far.complains(told, 300, "INVALID_MESSAGE") is None
    await case.never_silent(red=True)
    again = await case.far.has(2, "an error ends it")
    assert again.distribution_id != told.distribution_id
    await case.acknowledged(again)


async def _twice(case: Case) -> None:
    await case.decided()
    told = await case.far.has()
    for step in ("RECU", "RECU", "INTEGRE", "RECU", "INTEGRE"):
        assert await case.far.says(told, step) is None
        await case.never_silent()
    await case.acknowledged(told)
    assert await case.far.says(told, "CONSULTE") is None  # of a case that is closed: taken
    assert len(await case.journal("acknowledged")) == 1


async def _after_expiry(case: Case) -> None:
    """What the room was sent first has expired when it is read; the person has it all the same."""
    await case.decided()
    told = await case.far.has()
    await _passes_expiry(case)
    await case.acknowledged(told)


async def _expired(case: Case) -> None:
    """Nobody has confirmed it within its hour: the same case under a new id, the old one mute."""
    await case.decided()
    old = await case.far.has()
    await _passes_expiry(case)
    await case.world.until(lambda: case.far.told[-1].distribution_id != old.distribution_id)
    await case.far.complains(old, 200, "EXPIRED_MESSAGE_BEFORE_ROUTING")
    await case.never_silent(red=True)
    assert (await case.dispatch())["state"] == "delivered"
    await case.acknowledged(case.far.told[-1])


async def _passes_expiry(case: Case) -> None:
    """An hour of the clock would be an hour of looking: its hour ends now."""
    await case.world.owner("UPDATE envelope SET expires_at = $1", case.world.clock.now())
    await case.world.advance(ACKNOWLEDGED_S + 1)
    await case.never_silent(red=True)


async def _wrong_sender(case: Case) -> None:
    await case.decided()
    told = await case.far.has()
    assert await case.far.says(told, "CONSULTE", sender=STRANGER) == "SENDER_INCONSISTENCY"
    assert (await case.dispatch())["acknowledged_at"] is None
    await case.never_silent()
    await case.acknowledged(told)


async def _wrong_reference(case: Case) -> None:
    await case.decided()
    told = await case.far.has()
    ours, _, _own = told.distribution_id.rpartition("_")
    for strange in (f"{ours}_{uuid4()}", f"{STRANGER}_1", told.case.case_id, "x" * 10_000):
        assert await case.far.says(told, "CONSULTE", about=strange) == "INVALID_MESSAGE"
        assert (await case.dispatch())["acknowledged_at"] is None
    await case.never_silent()
    await case.acknowledged(told)


async def _late_from_line_one(case: Case) -> None:
    """Line two has answered; what line one then says is written down and changes nothing else."""
    world = case.world
    await case.decided(rooms.LineEntry("https", world.room.url, case.far.token(1), 5.0))
    first = await case.far.has()
    await world.advance(RECEIVED_S + 1)
    second = await world.room.expects("Report", alert=case.alert)
    assert second.distribution_id != first.distribution_id
    await world.room.says(second, "CONSULTE")
    # A room may answer before our own record of the sending, which is an entry as well.
    sent = "SELECT count(DISTINCT details ->> 'message') = 2 FROM journal WHERE kind = 'sent'"
    await world.until_sql(sent, what="what went by each line is not recorded")
    before, entries = await case.reads(), await world.operator().journal(case.alert)
    assert before["dispatches"][0]["acknowledged_by"] == ADDRESS
    world.clock.set_on(1)
    for step in ("RECU", "CONSULTE"):
        assert await case.far.says(first, step) is None
    after, more = await case.reads(), await world.operator().journal(case.alert)
    ours = ("dispatches", "tasks", "deadlines", "status", "verdict")
    assert {key: after[key] for key in ours} == {key: before[key] for key in ours}
    assert [one["kind"] for one in more[len(entries) :]] == ["room_said"] * 2
    await world.advance(2 * ACKNOWLEDGED_S)
    assert len(case.far.told) == 1
    case.one_case()
    await world.operator().closes(case.alert)


OF_ROOMS = (
    Fault("the room is silent", _silent),
    Fault("the room refuses, and refuses again", _refuses),
    Fault("the room refuses for good", _refuses_for_good),
    Fault("the room takes its word back", _takes_back),
    Fault("the room's machine cannot read it", _cannot_read),
    Fault("the room answers twice", _twice),
    Fault("the room answers after expiry", _after_expiry),
    Fault("the message expired", _expired),
    Fault("the wrong sender answers", _wrong_sender),
    Fault("the answer has a wrong reference", _wrong_reference),
    Fault("line one answers after line two", _late_from_line_one),
)
"""What a room may do with a line that works: the same by every transport."""


async def tried(world: World, far: Far, fault: Fault) -> None:
    """Go through one row of a table."""
    await fault.play(Case(world, far))
