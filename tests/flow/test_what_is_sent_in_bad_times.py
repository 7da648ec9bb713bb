"""Bare alerts reach the rooms, rooms that are away or refuse for ever stop nothing (arrow 3)."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from breaking import refuses

from tgd.clock import Clock
from tgd.config import Deadlines
from tgd.devices import wire
from tgd.devices.messages import Press
from tgd.errors import Temporary
from tgd.metrics import Metrics
from tgd.platform.channels.adapters import Adapters
from tgd.platform.channels.script import Sender
from tgd.platform.competence import Competence
from tgd.platform.domain import decision, dispatch
from tgd.platform.domain.alert import Alert, Plan
from tgd.platform.domain.deadlines import plan
from tgd.platform.flow.intake import Intake, Opening
from tgd.platform.flow.rescue import Rescue
from tgd.platform.flow.sending import Sending
from tgd.platform.flow.watch import Auditor, Watch
from tgd.platform.holding import as_text
from tgd.platform.territory import Territories
from tgd.platform.whereabouts import Whereabouts
from tgd.platform.writing import Writing
from tgd.seal import Sealer
from tgd.store import register, rooms
from tgd.store.db import Connection, Database

START = datetime(2030, 1, 15, 9, tzinfo=UTC)
PLAN = plan(Deadlines(), forward_unverified=True)


class Turned:
    """The machine's time sources, turned by hand; the clock that reads them is the real one."""

    def __init__(self) -> None:
        self.ns = 0

    def wall(self) -> int:
        return int(START.timestamp()) * 10**9 + self.ns

    def on(self, seconds: float) -> None:
        self.ns += int(seconds * 1e9)


@dataclass
class Room:
    """The world's end of the line."""

    away: bool = False
    sent: list[bytes] = field(default_factory=list)

    async def send(self, url: str, token: str | None, body: bytes, timeout_s: float) -> None:
        _ = url, token, timeout_s
        if self.away:
            raise Temporary("HTTP 503")
        self.sent.append(body)


class Platform:
    """The flows of one server over a real database, run step by step."""

    def __init__(self, database: Database) -> None:
        self.time, self.room, self.metrics = Turned(), Room(), Metrics()
        self.clock = Clock(self.time.wall, lambda: self.time.ns)
        self.database, self.sealer = database, Sealer("7d" * 32)
        parts = database, self.clock, self.metrics
        territory = Territories(database, self.clock)
        competence = Competence(territory, Whereabouts(self.sealer), self.sealer)
        self.watch, self.auditor = Watch(*parts, competence), Auditor(*parts)
        self.rescue = Rescue(*parts, as_text(PLAN))
        sender = Sender("fr.tgd.plateforme", None, "C02.15.04")
        adapters = Adapters(self.room)
        self.sending = Sending(
            *(database, self.clock, self.sealer, self.metrics, adapters),
            Writing(self.sealer, adapters, sender),
        )

    async def press(self, opening: Opening, device: str = "tgd-86-01") -> None:
        at = self.clock.now().timestamp()
        said = {"_type": "press", "id": str(uuid4()), "seq": 1, "tst": at, "created_at": at}
        press = wire.press(device, json.dumps(said).encode(), received_at=self.clock.now())
        intake = Intake(
            self.database, self.clock, self.sealer, self.metrics, opening, group_from=20
        )
        await intake.take([press])

    async def passes(self, seconds: int) -> int:
        """Let so many seconds pass; returns what the auditor has found meanwhile."""
        findings = 0
        for _ in range(seconds):
            self.time.on(1)
            await self.rescue.look()
            await self.watch.look()
            await self.sending.claim_and_send()
            await asyncio.gather(*self.sending._under_way)
            await self.sending.record()
            findings += await self.auditor.audit()
        return findings


@pytest.fixture
async def platform(database: str) -> AsyncIterator[Platform]:
    opened = Database(database)
    await opened.open()
    line = rooms.LineEntry("https", "http://127.0.0.1:1/cisu", None, 5.0)
    room = rooms.RoomEntry("cic86", "CIC", "PN", "fr.police.cic86", is_default=True, lines=(line,))
    async with opened.transaction() as transaction:
        await register.seed(transaction, START)
        await rooms.replace(transaction, [room])
    yield Platform(opened)
    await opened.close()


async def as_owner(connection: Connection, statement: str) -> None:
    await connection.execute("SET ROLE NONE")
    await connection.execute(statement)
    await connection.execute("SET ROLE tgd_app")


def fails(_press: Press, _now: datetime) -> Plan:
    raise ZeroDivisionError


@pytest.mark.expects_errors
async def test_a_rescued_alert_reaches_the_room_and_claims_no_refusal(platform: Platform) -> None:
    await platform.press(fails)
    await platform.passes(25)
    assert len(platform.room.sent) == 1
    assert "Aucune position." in platform.room.sent[0].decode()
    assert "refusée" not in platform.room.sent[0].decode()


async def test_a_room_that_is_away_is_no_finding_of_the_auditor(platform: Platform) -> None:
    platform.room.away = True
    await platform.press(lambda _press, _now: PLAN)
    assert await platform.passes(120) == 0
    async with platform.database.connection() as connection:
        purposes = await connection.fetch("SELECT DISTINCT purpose FROM envelope")
    assert {row["purpose"] for row in purposes} == {"report", "contact"}


@pytest.mark.expects_errors
async def test_a_message_that_cannot_be_written_holds_up_no_other(platform: Platform) -> None:
    for device in ("tgd-86-01", "tgd-86-02"):
        await platform.press(lambda _press, _now: PLAN, device)
    async with platform.database.connection() as connection:
        spoil = "UPDATE alert SET case_id = $1 WHERE device = 'tgd-86-01'"
        await connection.execute(spoil, "no case number: " * 20)
    await platform.passes(40)
    assert {b"tgd-86-02" in body for body in platform.room.sent} == {True}
    outcomes = platform.metrics.dispatch_attempts
    assert outcomes["cic86", "https", "rejected"]._value.get() >= 2


@pytest.mark.expects_errors
async def test_what_cannot_be_known_of_one_alert_holds_up_no_message(platform: Platform) -> None:
    for device in ("tgd-86-01", "tgd-86-01", "tgd-86-02"):
        await platform.press(lambda _press, _now: PLAN, device)
    async with platform.database.connection() as connection:
        spoil = "UPDATE press SET pressed_at = 'infinity' WHERE no = (SELECT min(no) FROM press)"
        await as_owner(connection, spoil)
    await platform.passes(25)
    assert len([body for body in platform.room.sent if b"tgd-86-02" in body]) == 1
    assert len([body for body in platform.room.sent if b"tgd-86-01" in body]) == 1


REFUSES = """
CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF new.alert_id = (SELECT id FROM alert WHERE device = 'tgd-86-01') THEN
        RAISE EXCEPTION 'this one alone';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER refuses BEFORE INSERT ON journal FOR EACH ROW
    WHEN (new.kind IN ('sent', 'not_sent')) EXECUTE FUNCTION refuses();
"""


@pytest.mark.expects_errors
async def test_what_cannot_be_recorded_of_one_alert_holds_up_no_other_s_record(
    platform: Platform,
) -> None:
    for device in ("tgd-86-01", "tgd-86-02"):
        await platform.press(lambda _press, _now: PLAN, device)
    async with platform.database.connection() as connection:
        await as_owner(connection, REFUSES)
    await platform.passes(40)
    of_it = [body for body in platform.room.sent if b"tgd-86-01" in body]
    assert len(of_it) >= 2  # nobody knows that it arrived: its lease brings it again
    assert len(set(of_it)) == 1  # to the letter
    async with platform.database.connection() as connection:
        rows = await connection.fetch(
            "SELECT a.device, e.state FROM envelope e JOIN alert a ON a.id = e.alert_id"
            " WHERE e.purpose = 'report' ORDER BY a.device"
        )
    assert [tuple(row) for row in rows] == [("tgd-86-01", "sending"), ("tgd-86-02", "delivered")]
    assert platform.sending._done == []


@pytest.mark.expects_errors
async def test_a_message_that_cannot_say_all_says_what_it_can(platform: Platform) -> None:
    await platform.press(lambda _press, _now: PLAN)
    async with platform.database.connection() as connection:
        alert = await connection.fetchrow("SELECT id, key FROM alert")
        assert alert is not None
        text = platform.sealer.unwrap(alert["key"]).seal(b"Elle chuchote.", f"note {alert['id']}")
        await connection.execute(
            "INSERT INTO note (alert_id, at, author, text, for_rooms)"
            " VALUES ($1, 'infinity', 'operateur-1', $2, true)",
            *(alert["id"], text),
        )
    await platform.passes(25)
    assert len(platform.room.sent) == 1
    assert b"tgd-86-01" in platform.room.sent[0]


@pytest.mark.expects_errors
async def test_a_key_that_is_away_stops_no_message(platform: Platform) -> None:
    await platform.press(lambda _press, _now: PLAN)
    async with platform.database.connection() as connection:
        await connection.execute("UPDATE alert SET key = $1", b"sealed under another secret")
    await platform.passes(40)
    assert b"tgd-86-01" in platform.room.sent[0]
    async with platform.database.connection() as connection:
        assert await connection.fetchval("SELECT count(content) FROM envelope") == 0


@pytest.mark.expects_errors
async def test_an_alert_that_breaks_stops_no_other_deadline(platform: Platform) -> None:
    for device in ("tgd-86-01", "tgd-86-02"):
        await platform.press(lambda _press, _now: PLAN, device)
    async with platform.database.connection() as connection:
        await connection.execute("SET ROLE NONE")
        await connection.execute(refuses("UPDATE ON alert", "OLD.device = 'tgd-86-01'"))
        await connection.execute("SET ROLE tgd_app")
    assert await platform.passes(30) > 0  # the auditor has found it
    platform.time.on(60)  # an interruption of ours, and the same again
    await platform.passes(1)
    async with platform.database.connection() as connection:
        rows = await connection.fetch("SELECT device, status FROM alert")
    assert dict(map(tuple, rows)) == {"tgd-86-01": "ringing", "tgd-86-02": "police"}


def test_a_room_may_refuse_for_ever() -> None:
    room = [dispatch.Room("cic86", "CIC", None, (0,), is_default=True)]
    alert = Alert(
        id=uuid4(),
        case_id="20300115-000001",
        device="tgd-86-01",
        reply_to="tgd-86-01",
        known=True,
        consent="given",
        located=True,
        listen="mic_only",
        plan=PLAN,
        opened_at=START,
        pressed_at=START,
        last_press_id=uuid4(),
        last_press_at=START,
    )
    decision.forward(alert, "press, not answered", START, room)
    for _ in range(1200):  # five hours of it
        dispatch.room_refused(alert, alert.envelopes[-1].id, "cic86", START, cause="refused")
        alert.envelopes = alert.envelopes[-1:]
    assert alert.envelopes[0].next_at == START + timedelta(seconds=dispatch.LONGEST_PAUSE_S)
