"""Simulated phones against a real Mosquitto and a small platform that receipts late or never."""

import asyncio
import contextlib
import json
import os
import shutil
import ssl
import sys
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import test_utils, web
from commands import free_port
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from firmware_sim import (
    CLOCK_1970,
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
from firmware_sim.broker import Broker
from firmware_sim.times import LoopTime

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
pytestmark = pytest.mark.needs_mosquitto
QUICK = Timing(repeat_after=(0.05, 0.05), repeat_every=0.05, dial_after=0.3, moving_every=0.05)
EAGER = Patience(least=0.05, most=0.2, connect=5, keepalive=10)


class RealBroker:
    """A Mosquitto on a free port, that can be killed and started again."""

    def __init__(self, folder: Path, more: str = "allow_anonymous true\n"):
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nset_tcp_nodelay true\n{more}")
        self._process = None

    async def start(self):
        self._process = await asyncio.create_subprocess_exec(
            MOSQUITTO,
            "-c",
            str(self._config),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
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

    async def until(self, fact, within_s: float = 60):
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
            {
                "_type": "receipt",
                "id": press,
                "code": "ok",
                "alert": f"a-{device}",
                "at": LoopTime().now(),
            },
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
        await fleet.connected(within_s=60)
        yield fleet, seen


async def test_a_press_is_receipted_and_stops(broker, platform):
    async with phones(broker) as (fleet, seen):
        press = await fleet["tgd-86-01"].press()
        receipt = await press.receipted(within_s=60)
        assert receipt["alert"] == "a-tgd-86-01"
        assert receipt["path"] == "mqtt"
        assert fleet["tgd-86-01"].unreceipted == ()
        heard = platform.messages("tgd-86-01", "press")
        assert {message["id"] for message in heard} == {press.id}
        assert seen.all(Kind.RECEIPT)[0].details["latency_s"] > 0


async def test_eight_phones_press_at_once(broker, platform):
    async with phones(broker, 8) as (fleet, _):
        presses = [phone.press_now() for phone in fleet]
        await asyncio.gather(*(press.receipted(within_s=60) for press in presses))
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
        assert (await press.receipted(within_s=60))["code"] == "ok"


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
        receipt = await press.receipted(within_s=60)
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
        receipt = await press.receipted(within_s=60)
        assert receipt["attempt"] >= 4


async def test_positions_leave_from_the_receipt_to_the_close_and_never_else(broker, platform):
    async with phones(broker) as (fleet, seen):
        phone = fleet["tgd-86-01"]
        phone.move(speed_kmh=5, bearing=90)
        press = await phone.press()
        await press.receipted(within_s=60)
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


async def test_followed_into_a_dead_zone_and_out_of_it_with_a_clock_in_1970(broker, platform):
    async with phones(broker, timing=Timing()) as (fleet, seen):
        phone = fleet["tgd-86-01"]
        phone.set_clock(CLOCK_1970)
        phone.move(speed_kmh=50, streets=True)
        await (await phone.press()).receipted(within_s=60)
        now = LoopTime().now()
        order = {"_type": "cmd", "id": "c-1", "at": now, "action": "reportLocation"}
        fields = {"alert": "a-tgd-86-01", "moving_s": 1, "still_s": 1, "until": now + 60}
        platform.say("tgd-86-01", order | fields)
        await seen.first(Kind.COMMAND)
        await seen.first(Kind.POSITION, count=3)
        phone.network(on=False)
        silent = len(seen.all(Kind.POSITION))
        phone.press_now()  # it cannot leave: that the phone is silent is seen by its being unsent
        await seen.first(Kind.UNSENT, count=2)
        assert len(seen.all(Kind.POSITION)) == silent
        phone.network(on=True)
        await seen.first(Kind.POSITION, count=silent + 1)
        reports = await platform.until(
            lambda: (
                platform.messages("tgd-86-01", "position")[silent:]
                and platform.messages("tgd-86-01", "position")
            )
        )
        assert [report["tst"] for report in reports] == sorted(r["tst"] for r in reports)
        assert all(0 <= report["created_at"] < 1e6 for report in reports)
        platform.say("tgd-86-01", order | {"id": "c-2", "action": "endAlert", **fields})
        await seen.first(Kind.ALERT_ENDED, reason="endAlert")


async def test_a_garbled_press_is_stopped_by_a_receipt_without_id(broker, platform):
    async with phones(broker) as (fleet, _):
        phone = fleet["tgd-86-01"]
        phone.faults.garble_next = 1
        press = await phone.press()
        assert (await press.receipted(within_s=60))["code"] == "ok"


async def test_loss_doubling_and_reordering_delay_a_receipt_and_no_more(broker, platform):
    async with phones(broker, 4, seed=7) as (fleet, seen):
        for phone in fleet:
            phone.faults = Faults(
                loss=0.4, duplicate=0.4, reorder=0.4, reorder_s=0.1, delay=(0, 0.05)
            )
            phone.reception(Reception.CELL)
        presses = [phone.press_now() for phone in fleet for _ in range(3)]
        await asyncio.gather(*(press.receipted(within_s=60) for press in presses))
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
            await press.receipted(within_s=60)
        finally:
            await back.stop()


async def test_the_second_address_is_tried_when_the_first_is_dead(broker, platform):
    dead = f"mqtt://127.0.0.1:{free_port()}"
    async with phones(broker, brokers=[dead, broker.url]) as (fleet, seen):
        assert seen.all(Kind.PATH_FAILED)
        await (await fleet["tgd-86-01"].press()).receipted(within_s=60)


async def test_rubbish_from_above_harms_nothing(broker, platform):
    async with phones(broker) as (fleet, seen):
        for rubbish in (b"", b"\xff\xfe", b"[" * 8000, b"[]", b'{"_type":"receipt"}', b'{"n":1}'):
            platform.say("tgd-86-01", rubbish)
        await seen.first(Kind.UNREADABLE, count=6)
        await (await fleet["tgd-86-01"].press()).receipted(within_s=60)


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


@contextlib.asynccontextmanager
async def press_server(answers):
    """The HTTPS route: takes presses, answers with the next of `answers` (status, body)."""
    heard = []

    async def take(request):
        heard.append((request.headers["Authorization"], await request.json()))
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        if body is None:
            body = {"_type": "receipt", "id": heard[-1][1]["id"], "code": "ok", "alert": "a-1"}
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_post("/api/v1/presses", take)
    async with test_utils.TestServer(app) as server:
        yield str(server.make_url("/")), heard


async def test_by_https_the_answer_is_the_receipt():
    async with (
        press_server([(503, {}), (401, {}), (200, {"_type": "nonsense"}), (200, None)]) as served,
        Fleet(1, http=served[0], tokens={"tgd-86-01": "t"}, timing=QUICK) as fleet,
    ):
        press = await fleet["tgd-86-01"].press()
        receipt = await press.receipted(within_s=60)
        assert receipt["path"] == "https"
        assert {token for token, _ in served[1]} == {"Bearer t"}
        assert [message["attempt"] for _, message in served[1]][:4] == [1, 2, 3, 4]
        assert fleet.tally.failed >= 2


async def test_with_a_dead_broker_the_press_goes_by_https():
    async with (
        press_server([(200, None)]) as (url, _),
        Fleet(
            1,
            brokers=[f"mqtt://127.0.0.1:{free_port()}"],
            http=url,
            tokens="t",
            timing=QUICK,
            patience=EAGER,
        ) as fleet,
    ):
        receipt = await (await fleet["tgd-86-01"].press()).receipted(within_s=60)
        assert receipt["path"] == "https"


async def test_over_tls_with_a_password_of_its_own(tmp_path):
    authority, certificate, key = self_signed(tmp_path)
    passwords = tmp_path / "passwords"
    passwords.write_text("tgd-86-01:right\n")
    hashing = await asyncio.create_subprocess_exec("mosquitto_passwd", "-U", str(passwords))
    assert await hashing.wait() == 0
    config = (
        f"certfile {certificate}\nkeyfile {key}\nallow_anonymous false\n"
        f"password_file {passwords}\nuser root\n"
    )
    broker = RealBroker(tmp_path, config)
    await broker.start()
    trust = ssl.create_default_context(cafile=str(authority))
    seen = Recorder()
    options = {"brokers": [broker.url.replace("mqtt:", "mqtts:")], "patience": EAGER}
    try:
        async with Fleet(1, passwords="right", tls=trust, listeners=[seen], **options):
            await seen.first(Kind.CONNECTED)
        async with Fleet(1, passwords="wrong", tls=trust, listeners=[seen], **options):
            refused = await seen.first(Kind.PATH_FAILED)
            assert "code 05" in str(refused.details["reason"])
        async with Fleet(1, passwords="right", listeners=[seen], **options):
            await seen.first(Kind.PATH_FAILED, count=len(seen.all(Kind.PATH_FAILED)) + 1)
        assert len(seen.all(Kind.CONNECTED)) == 1
    finally:
        await broker.stop()


def self_signed(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, certificate, private


async def program(*arguments, keys=b""):
    """Run the command line whole; its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "firmware_sim",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"COLUMNS": "200"},
    )
    async with asyncio.timeout(120):
        if not keys:
            printed, _ = await process.communicate()
            return process.returncode, printed.decode()
        printed = b""
        for key, until in keys:
            while until not in printed:
                line = await process.stdout.readline()
                assert line, printed.decode()
                printed += line
            process.stdin.write(key)
        printed += await process.stdout.read()
        process.stdin.close()
        return await process.wait(), printed.decode()


async def test_without_a_broker_the_program_says_so_and_fails():
    nowhere = ("--broker", f"mqtt://127.0.0.1:{free_port()}", "--duration", "1")
    for more in ((), ("--press-rate", "5")):
        code, printed = await program("--phones", "2", *nowhere, *more)
        assert code == 1
        assert "no phone reaches 127.0.0.1:" in printed
        assert "Traceback" not in printed


async def test_the_program_plays_a_scenario_and_ends_well(broker, platform, tmp_path):
    steps = tmp_path / "story.toml"
    steps.write_text(
        '[[step]]\nphone = "all"\naction = "press"\n'
        "[[step]]\nat = 0.2\nphone = 2\naction = 'crash'\nreboot_s = 0.1\n"
    )
    code, printed = await program(
        "--broker", broker.url, "--phones", "3", "--scenario", str(steps), "--store", str(tmp_path)
    )
    assert code == 0, printed
    assert printed.count("  receipt  ") == 3
    assert "crashed" in printed
    assert (tmp_path / "tgd-86-03.json").exists()


async def test_the_program_says_by_its_exit_code_that_a_receipt_is_missing(broker):
    code, printed = await program(
        "--broker", broker.url, "--phones", "2", "--press-rate", "100", "--settle", "1"
    )
    assert code == 1, printed
    assert "missing" in printed


async def test_keys_press_and_quit(broker, platform):
    keys = [(b"2", b"tgd-86-02  connected"), (b"n1", b"receipt "), (b"q", b"on=False")]
    code, printed = await program("--broker", broker.url, keys=keys)
    assert code == 0, printed
    assert "tgd-86-02  pressed" in printed


def test_a_broker_address_is_read_or_refused_in_one_line():
    assert Broker.parse("mqtts://host").port == 8883
    assert Broker.parse("mqtt://:pw%21@[::1]:99") == Broker("::1", 99, False, "pw!")
    with pytest.raises(ValueError, match="mqtt://HOST"):
        Broker.parse("http://host")
    assert MqttPath.name == "mqtt"
