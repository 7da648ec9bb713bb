"""Simulated phones against a real Mosquitto and a small platform that receipts late or never."""

import asyncio
import contextlib
import json
import shutil
import socket
import time
from pathlib import Path

import pytest

from firmware_sim import (
    Faults,
    Fleet,
    Kind,
    MqttPath,
    Patience,
    Reception,
    Recorder,
    Timing,
    packets,
)
from firmware_sim.mqtt import Broker
from firmware_sim.times import LoopTime

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
pytestmark = pytest.mark.needs_mosquitto
QUICK = Timing(repeat_after=(0.05, 0.05), repeat_every=0.05, dial_after=0.3, moving_every=0.05)
EAGER = Patience(least=0.05, most=0.2, connect=5, keepalive=10)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RealBroker:
    """A Mosquitto on a free port, that can be killed and started again."""

    def __init__(self, folder: Path):
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
        )
        self._process = None

    async def start(self):
        self._process = await asyncio.create_subprocess_exec(
            MOSQUITTO,
            "-c",
            str(self._config),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                await writer.wait_closed()
                return
            assert time.monotonic() < deadline, "mosquitto did not come up"
            await asyncio.sleep(0.02)

    async def stop(self):
        if self._process and self._process.returncode is None:
            self._process.kill()
        if self._process:
            await self._process.wait()


class Platform:
    """Hears everything under `up/`; answers a press as it is told to. A bare MQTT client."""

    def __init__(self, port: int):
        self.heard: list[tuple[str, bytes]] = []
        self.silent = False
        self.news = asyncio.Event()
        self._port = port

    async def start(self):
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        hello = packets.connect("platform", password=None, keepalive=0, will=("nowhere", b"x"))
        self._writer.write(hello + packets.subscribe(1, "tgd/v1/+/up/+"))
        self._task = asyncio.create_task(self._listen())

    async def stop(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    def say(self, device: str, message: dict | bytes):
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        self._writer.write(packets.publish(7, f"tgd/v1/{device}/down", raw))

    def messages(self, device: str, leaf: str) -> list[dict]:
        topic = f"tgd/v1/{device}/up/{leaf}"
        return [json.loads(raw) for where, raw in self.heard if where == topic]

    async def until(self, fact, within_s: float = 10):
        async with asyncio.timeout(within_s):
            while not (found := fact()):
                self.news.clear()
                await self.news.wait()
        return found

    async def _listen(self):
        cutter = packets.Reader()
        while data := await self._reader.read(65_536):
            for found in cutter.feed(data):
                if found.kind == packets.PUBLISH:
                    self._take(found)

    def _take(self, found):
        number, payload = packets.published(found)
        self._writer.write(packets.puback(number))
        topic = found.body[2 : 2 + int.from_bytes(found.body[:2], "big")].decode()
        self.heard.append((topic, payload))
        self.news.set()
        if topic.endswith("/up/press") and not self.silent:
            self.receipt(topic.split("/")[2], payload)

    def receipt(self, device: str, payload: bytes):
        try:
            press = json.loads(payload)["id"]
        except (ValueError, KeyError):
            press = None
        self.say(
            device,
            {"_type": "receipt", "id": press, "code": "ok", "alert": f"a-{device}", "at": 0.0},
        )


@pytest.fixture(name="broker")
async def real_broker(tmp_path):
    started = RealBroker(tmp_path)
    await started.start()
    yield started
    await started.stop()


@pytest.fixture(name="platform")
async def small_platform(broker):
    heard = Platform(broker.port)
    await heard.start()
    yield heard
    await heard.stop()


@contextlib.asynccontextmanager
async def phones(broker, count=1, **more):
    more = {"timing": QUICK, "patience": EAGER, "brokers": [broker.url]} | more
    seen = Recorder()
    async with Fleet(count, listeners=[seen], **more) as fleet:
        await fleet.connected(within_s=10)
        yield fleet, seen


async def test_a_press_is_receipted_and_stops(broker, platform):
    async with phones(broker) as (fleet, seen):
        press = await fleet["tgd-86-01"].press()
        receipt = await press.receipted(within_s=10)
        assert receipt["alert"] == "a-tgd-86-01"
        assert receipt["path"] == "mqtt"
        assert fleet["tgd-86-01"].unreceipted == ()
        heard = platform.messages("tgd-86-01", "press")
        assert {message["id"] for message in heard} == {press.id}
        assert seen.all(Kind.RECEIPT)[0].details["latency_s"] > 0


async def test_eight_phones_press_at_once(broker, platform):
    async with phones(broker, 8) as (fleet, _):
        presses = [phone.press_now() for phone in fleet]
        await asyncio.gather(*(press.receipted(within_s=10) for press in presses))
        assert fleet.tally.pressed == fleet.tally.receipted == 8


async def test_without_receipt_it_repeats_dials_112_and_keeps_sending(broker, platform):
    platform.silent = True
    async with phones(broker) as (fleet, seen):
        press = await fleet["tgd-86-01"].press()
        dialled = await seen.first(Kind.DIAL_112)
        assert dialled.details["press"] == press.id
        count = len(platform.messages("tgd-86-01", "press"))
        heard = await platform.until(
            lambda: platform.messages("tgd-86-01", "press")[count + 2 :] and platform.heard
        )
        attempts = [m["attempt"] for m in platform.messages("tgd-86-01", "press")]
        assert attempts == list(range(1, len(attempts) + 1))
        assert {m["seq"] for m in platform.messages("tgd-86-01", "press")} == {1}
        platform.receipt("tgd-86-01", heard[-1][1])
        assert (await press.receipted(within_s=10))["code"] == "ok"


async def test_a_crash_between_sending_and_receipt_loses_nothing(broker, platform):
    platform.silent = True
    async with phones(broker) as (fleet, seen):
        phone = fleet["tgd-86-01"]
        phone.faults.crash_after_send = 0.2
        press = await phone.press()
        await seen.first(Kind.CRASHED)
        assert not phone.alive
        await platform.until(lambda: platform.messages("tgd-86-01", "lwt"))
        platform.silent = False
        receipt = await press.receipted(within_s=10)
        assert receipt["attempt"] > 1
        assert {m["id"] for m in platform.messages("tgd-86-01", "press")} == {press.id}
        assert seen.all(Kind.REBOOTED)[0].details["presses"] == 1


async def test_a_press_in_a_dead_zone_goes_out_when_the_network_is_back(broker, platform):
    async with phones(broker) as (fleet, seen):
        phone = fleet["tgd-86-01"]
        phone.network(on=False)
        press = await phone.press()
        await seen.first(Kind.UNSENT, count=3)
        assert platform.messages("tgd-86-01", "press") == []
        phone.network(on=True)
        receipt = await press.receipted(within_s=10)
        assert receipt["attempt"] >= 4


async def test_positions_leave_from_the_receipt_to_the_close_and_never_else(broker, platform):
    async with phones(broker) as (fleet, seen):
        phone = fleet["tgd-86-01"]
        phone.move(speed_kmh=5, bearing=90)
        press = await phone.press()
        await press.receipted(within_s=10)
        await seen.first(Kind.POSITION, count=3)
        now = LoopTime().now()
        platform.say(
            "tgd-86-01",
            {"_type": "state", "alert": "a-tgd-86-01", "state": "closed", "n": 5, "at": now},
        )
        await seen.first(Kind.ALERT_ENDED, reason="closed")
        assert phone.glance() == "closed"
        platform.say(
            "tgd-86-01", {"_type": "cmd", "id": "c-1", "at": now, "action": "reportLocation"}
        )
        ignored = await seen.first(Kind.COMMAND_IGNORED)
        assert ignored.details["reason"] == "no press open"
        ended = seen.events.index(seen.all(Kind.ALERT_ENDED)[0])
        assert all(event.kind is not Kind.POSITION for event in seen.events[ended:])
        for message in platform.messages("tgd-86-01", "position"):
            assert message["_type"] == "location"
            assert abs(message["lat"] - 46.58) < 0.2


async def test_a_garbled_press_is_stopped_by_a_receipt_without_id(broker, platform):
    async with phones(broker) as (fleet, _):
        phone = fleet["tgd-86-01"]
        phone.faults.garble_next = 1
        press = await phone.press()
        assert (await press.receipted(within_s=10))["code"] == "ok"


async def test_loss_doubling_and_reordering_delay_a_receipt_and_no_more(broker, platform):
    async with phones(broker, 4, seed=7) as (fleet, seen):
        for phone in fleet:
            phone.faults = Faults(
                loss=0.4, duplicate=0.4, reorder=0.4, reorder_s=0.1, delay=(0, 0.05)
            )
            phone.reception(Reception.CELL)
        presses = [phone.press_now() for phone in fleet for _ in range(3)]
        await asyncio.gather(*(press.receipted(within_s=20) for press in presses))
        assert len({press.id for press in presses}) == fleet.tally.receipted == 12
        assert {e.details["what"] for e in seen.all(Kind.FAULT)} >= {"loss", "duplicate"}


async def test_the_broker_killed_and_started_again(broker, tmp_path):
    async with phones(broker) as (fleet, seen):
        await broker.stop()
        await seen.first(Kind.DISCONNECTED)
        press = await fleet["tgd-86-01"].press()
        await seen.first(Kind.PATH_FAILED)
        await broker.start()
        back = Platform(broker.port)
        await back.start()
        try:
            await press.receipted(within_s=10)
        finally:
            await back.stop()


async def test_the_second_address_is_tried_when_the_first_is_dead(broker, platform):
    dead = f"mqtt://127.0.0.1:{free_port()}"
    async with phones(broker, brokers=[dead, broker.url]) as (fleet, seen):
        assert seen.all(Kind.PATH_FAILED)
        await (await fleet["tgd-86-01"].press()).receipted(within_s=10)


async def test_rubbish_from_above_harms_nothing(broker, platform):
    async with phones(broker) as (fleet, seen):
        for rubbish in (b"", b"\xff\xfe", b"[" * 8000, b"[]", b'{"_type":"receipt"}', b'{"n":1}'):
            platform.say("tgd-86-01", rubbish)
        await seen.first(Kind.UNREADABLE, count=6)
        await (await fleet["tgd-86-01"].press()).receipted(within_s=10)


async def test_a_heartbeat_shows_health_and_no_position(broker, platform):
    timing = Timing(heartbeat=0.2)
    async with phones(broker, timing=timing):
        await platform.until(lambda: len(platform.messages("tgd-86-01", "heartbeat")) > 2)
        for beat in platform.messages("tgd-86-01", "heartbeat"):
            assert set(beat) == {"_type", "seq", "tst", "batt", "bs", "conn", "net", "fw"}


async def test_a_refusing_server_is_told_and_tried_again(broker):
    """A socket that answers CONNECT with code 5 (not authorised) is no connection."""

    async def refuse(reader, writer):
        await reader.read(100)
        writer.write(b"\x20\x02\x00\x05")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    seen = Recorder()
    async with Fleet(
        1, brokers=[f"mqtt://127.0.0.1:{port}"], patience=EAGER, listeners=[seen]
    ) as fleet:
        failed = await seen.first(Kind.PATH_FAILED, count=2)
        assert "code 05" in str(failed.details["reason"])
        assert not fleet["tgd-86-01"].connected
    server.close()
    await server.wait_closed()


def test_a_broker_address_is_read_or_refused_in_one_line():
    assert Broker.parse("mqtts://host").port == 8883
    assert Broker.parse("mqtt://:pw%21@[::1]:99") == Broker("::1", 99, False, "pw!")
    with pytest.raises(ValueError, match="mqtt://HOST"):
        Broker.parse("http://host")
    assert MqttPath.name == "mqtt"
