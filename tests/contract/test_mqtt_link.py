"""The MQTT link against a real Mosquitto: what it promises when things break."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from commands import free_port

from tgd.demo.broker import find_mosquitto
from tgd.devices.mqtt import Arrived, MqttLink, State

MOSQUITTO = find_mosquitto()
PRESSES = "tgd/v1/+/up/press"
PRESS = "tgd/v1/tgd-86-01/up/press"

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.needs_mosquitto_pub]


async def until(fact: Callable[[], object], what: str = "the fact") -> None:
    deadline = time.monotonic() + 120
    while not fact():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.005)


class Broker:
    """A real Mosquitto on a port of its own, to be killed and started again."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.conf = folder / f"mosquitto-{self.port}.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        self.conf.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
            f"max_queued_messages 0\nlog_type all\n{user}{extra}\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self.spawn()
        await until(self.answers, "Mosquitto to listen")

    def spawn(self) -> None:
        assert MOSQUITTO
        with self.conf.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-c", self.conf], stdout=log, stderr=log)

    def answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, self.conf.with_suffix(".log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def publish(self, topic: str, payload: str, *more: str) -> None:
        where = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.port), "-q", "1"]
        subprocess.run([*where, "-t", topic, "-m", payload, *more], check=True, timeout=120)


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    brokers: list[Broker] = []

    def make(extra: str = "") -> Broker:
        brokers.append(Broker(tmp_path, extra))
        return brokers[-1]

    yield make
    for broker in brokers:
        broker.kill()


@pytest.fixture
async def broker(make_broker: Callable[..., Broker]) -> Broker:
    started = make_broker()
    await started.start()
    return started


class Ear:
    """A link that remembers what it heard."""

    def __init__(
        self,
        *urls: str,
        name: str = "tgd-test",
        filters: tuple[str, ...] = (PRESSES,),
        **more: object,
    ) -> None:
        self.heard: list[Arrived] = []
        self.states: list[State] = []
        self.link = MqttLink(
            name,
            urls,
            [(filter_, 1) for filter_ in filters],
            self.heard.extend,
            on_state=self.states.append,
            **more,
        )

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.heard]

    def listening(self) -> bool:
        return self.link.state is State.LISTENING

    @contextlib.asynccontextmanager
    async def run(self, *, listening: bool = True) -> AsyncIterator["Ear"]:
        task = asyncio.create_task(self.link.run())
        try:
            if listening:
                await until(self.listening, "the link to listen")
            yield self
        finally:
            assert not task.done(), task.exception()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def test_a_message_reaches_the_callback_and_its_acknowledgement_the_broker(broker: Broker):
    async with Ear(broker.url).run() as ear:
        broker.publish(PRESS, "help")
        await until(lambda: ear.heard)
        message = ear.heard[0]
        assert (message.topic, message.payload, message.retain) == (PRESS, b"help", False)
        ear.link.ack(message.token)
    async with Ear(broker.url).run() as again:
        broker.publish(PRESS, "second")
        await until(lambda: again.heard)
        assert again.payloads == [b"second"]
        assert ear.link.counts.stale_acks == 0


async def test_what_is_not_acknowledged_comes_again(broker: Broker):
    async with Ear(broker.url).run() as ear:
        for n in range(3):
            broker.publish(PRESS, f"p{n}")
        await until(lambda: len(ear.heard) == 3)
        ear.link.ack(ear.heard[0].token)
    async with Ear(broker.url).run() as again:
        await until(lambda: len(again.heard) == 2)
        assert again.payloads == [b"p1", b"p2"]


async def test_acknowledgements_leave_in_order_of_arrival(broker: Broker):
    async with Ear(broker.url).run() as ear:
        for n in range(3):
            broker.publish(PRESS, f"p{n}")
        await until(lambda: len(ear.heard) == 3)
        ear.link.ack(ear.heard[2].token)
        ear.link.ack(ear.heard[1].token)
    async with Ear(broker.url).run() as again:
        await until(lambda: len(again.heard) == 3)
        assert again.payloads == [b"p0", b"p1", b"p2"]
        for message in reversed(again.heard):
            again.link.ack(message.token)
    async with Ear(broker.url).run() as last:
        broker.publish(PRESS, "p3")
        await until(lambda: last.heard)
        assert last.payloads == [b"p3"]


async def test_a_token_of_an_earlier_connection_does_nothing(broker: Broker):
    async with Ear(broker.url).run() as ear:
        broker.publish(PRESS, "before")
        await until(lambda: ear.heard)
        cut(ear.link)
        await until(lambda: len(ear.heard) == 2 and ear.listening())
        old, new = ear.heard
        assert old.payload == new.payload == b"before"
        assert old.token != new.token
        ear.link.ack(old.token)
        assert ear.link.counts.stale_acks == 1
    async with Ear(broker.url).run() as again:
        await until(lambda: again.heard)
        assert again.payloads == [b"before"]


def cut(link: MqttLink) -> None:
    """Break the connection under the link, as a network does."""
    assert link._wire
    link._wire.abort()


async def test_a_killed_and_restarted_broker_is_found_again(broker: Broker):
    async with Ear(broker.url).run() as ear:
        for turn in range(3):
            broker.publish(PRESS, f"turn {turn}")
            await until(lambda: len(ear.heard) == turn + 1)  # noqa: B023  awaited in the turn
            ear.link.ack(ear.heard[-1].token)
            broker.kill()
            await until(lambda: not ear.link.connected)
            assert ear.link.publish("tgd/v1/x/down", b"lost") is False
            await broker.start()
            await until(ear.listening)
        assert ear.payloads == [b"turn 0", b"turn 1", b"turn 2"]
    assert ear.states.count(State.DOWN) == 4


async def test_a_dead_first_address_does_not_matter(broker: Broker):
    async with Ear(f"mqtt://127.0.0.1:{free_port()}", broker.url).run() as ear:
        broker.publish(PRESS, "over the second")
        await until(lambda: ear.heard)


async def test_a_link_waits_for_a_broker_that_comes_later(make_broker: Callable[..., Broker]):
    late = make_broker()
    async with Ear(late.url).run(listening=False) as ear:
        assert ear.link.publish("tgd/v1/x/down", b"early") is False
        assert ear.link.counts.refused == 1
        await late.start()
        await until(ear.listening)
        assert ear.link.publish("tgd/v1/x/down", b"now") is True
        await until(lambda: ear.link.pending == 0)


async def test_the_retained_flag_is_passed(broker: Broker):
    broker.publish(PRESS, "kept", "-r")
    async with Ear(broker.url).run() as ear:
        await until(lambda: ear.heard)
        assert ear.heard[0].retain is True
        broker.publish(PRESS, "live")
        await until(lambda: len(ear.heard) == 2)
        assert ear.heard[1].retain is False


async def test_a_burst_arrives_whole_and_is_answered_through_a_narrow_window(
    make_broker: Callable[..., Broker],
):
    narrow = make_broker("max_inflight_messages 20")
    await narrow.start()
    phone = Ear(narrow.url, name="phone", filters=("tgd/v1/+/down",), keep_session=False)
    async with Ear(narrow.url).run() as server, phone.run():
        for n in range(2000):
            assert phone.link.publish(f"tgd/v1/d{n}/up/press", f"{n}".encode())
        answered = 0
        while answered < 2000:
            await until(lambda: len(server.heard) > answered)  # noqa: B023  awaited in the turn
            for message in server.heard[answered:]:
                server.link.ack(message.token)
                device = message.topic.split("/")[2]
                assert server.link.publish(f"tgd/v1/{device}/down", message.payload)
                answered += 1
        await until(lambda: len(phone.heard) >= 20)
        while len(phone.heard) < 2000:
            done = len(phone.heard)
            for message in phone.heard:
                phone.link.ack(message.token)
            await until(lambda: len(phone.heard) > done)  # noqa: B023  awaited in the turn
        assert server.payloads == phone.payloads == [f"{n}".encode() for n in range(2000)]
        await until(lambda: not server.link.pending and not phone.link.pending)


async def test_unacknowledged_publishes_are_sent_again_and_bounded(broker: Broker):
    listener = Ear(broker.url, name="phone", filters=("tgd/v1/+/down",))
    talker = Ear(broker.url, limit=5)
    async with listener.run(), talker.run():
        broker.process.send_signal(signal.SIGSTOP)  # it answers nothing
        sent = [talker.link.publish("tgd/v1/x/down", b"%d" % n) for n in range(7)]
        assert sent == [True] * 5 + [False] * 2
        assert talker.link.pending == 5
        cut(talker.link)
        await until(lambda: not talker.link.connected)
        broker.process.send_signal(signal.SIGCONT)
        await until(lambda: talker.link.pending == 0 and talker.link.connected)
        assert talker.link.counts.repeated >= 5
        await until(lambda: {b"%d" % n for n in range(5)} <= set(listener.payloads))


@pytest.mark.expects_errors
@pytest.mark.parametrize("topic", ["", "tgd/+/down", "tgd/#", "tgd/\0/down", "x" * 65536, "\udc80"])
async def test_an_illegal_topic_is_refused_and_harms_nothing(broker: Broker, topic: str):
    async with Ear(broker.url).run() as ear:
        assert ear.link.publish(topic, b"x") is False
        assert ear.link.publish("tgd/v1/x/down", b"x") is True
        await until(lambda: ear.link.pending == 0)


async def test_qos_0_passes_in_both_directions(broker: Broker):
    async with Ear(broker.url).run() as ear:
        assert ear.link.publish(PRESS, b"light", qos=0)
        await until(lambda: ear.heard)
        assert ear.heard[0].token == 0
        ear.link.ack(0)
        assert ear.link.counts.stale_acks == 0


async def test_messages_of_every_size_pass(broker: Broker):
    sizes = [0, 1, 100, 127, 128, 5000, 16383, 16384, 100_000, 300_000]
    async with Ear(broker.url).run() as ear:
        for size in sizes:
            assert ear.link.publish(PRESS, b"x" * size)
        await until(lambda: len(ear.heard) == len(sizes))
        assert [len(payload) for payload in ear.payloads] == sizes


async def test_properties_of_a_message_are_stepped_over(broker: Broker):
    async with Ear(broker.url).run() as ear:
        for n in (1, 200):
            prop = ["-V", "5", "-D", "publish", "user-property", "k" * n, "v"]
            broker.publish(PRESS, f"with {n}", *prop)
        await until(lambda: len(ear.heard) == 2)
        assert ear.payloads == [b"with 1", b"with 200"]


@pytest.mark.expects_errors
async def test_a_failing_callback_keeps_its_messages_with_the_broker(
    broker: Broker, caplog: pytest.LogCaptureFixture
):
    ear = Ear(broker.url)
    ear.link._on_messages = lambda _: 1 // 0
    async with ear.run():
        broker.publish(PRESS, "bad")
        await until(lambda: ear.link.counts.received == 1)
        ear.link._on_messages = ear.heard.extend
        broker.publish(PRESS, "good")
        await until(lambda: ear.heard)
        ear.link.ack(ear.heard[0].token)
    assert "taking 1 messages failed" in caplog.text
    async with Ear(broker.url).run() as again:
        await until(lambda: again.heard)
        assert again.payloads == [b"bad"]


DYNSEC = Path("/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so")


@pytest.mark.expects_errors
@pytest.mark.skipif(not DYNSEC.exists(), reason="Mosquitto's dynamic security is missing here")
async def test_what_the_broker_refuses_is_said_aloud_and_asked_again(
    make_broker: Callable[..., Broker],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    rules = tmp_path / "dynsec.json"
    access = {"publishClientSend": False, "publishClientReceive": True, "subscribe": False}
    rules.write_text(json.dumps({"defaultACLAccess": access, "clients": [], "roles": []}))
    strict = make_broker(f"plugin {DYNSEC}\nplugin_opt_config_file {rules}")
    await strict.start()
    monkeypatch.setattr("tgd.devices.mqtt.RESUBSCRIBE_S", 0.0)
    # Only in MQTT 5 a broker says what it refuses: it has time to answer in that.
    monkeypatch.setattr("tgd.devices.mqtt.PROBE_S", 60.0)
    async with Ear(strict.url).run(listening=False) as ear:
        await until(lambda: caplog.text.count(f"refuses {PRESSES}: Not authorized") >= 2)
        assert ear.link.state is State.CONNECTED
        assert ear.link.publish("tgd/v1/x/down", b"x")
        await until(lambda: ear.link.counts.denied)
        assert "refuses to publish on tgd/v1/x/down: Not authorized" in caplog.text
        strict.kill()
        rules.write_text(json.dumps({"defaultACLAccess": dict.fromkeys(access, True)}))
        await strict.start()
        await until(ear.listening)


async def test_a_wrong_password_is_logged_without_it(
    make_broker: Callable[..., Broker], caplog: pytest.LogCaptureFixture
):
    strict = make_broker()
    strict.conf.write_text(strict.conf.read_text().replace("anonymous true", "anonymous false"))
    await strict.start()
    url = strict.url.replace("//", "//server:very-secret@")
    async with Ear(url).run(listening=False) as ear:
        await until(lambda: "refused: Not authorized" in caplog.text)
        assert not ear.link.connected
    assert "very-secret" not in caplog.text
    assert "very-secret" not in repr(ear.link._addresses)


@pytest.mark.expects_errors  # of amqtt's, about a CONNECT that it cannot read
@pytest.mark.parametrize("settled", ["", "?version=3.1.1"])
async def test_a_broker_of_version_311_is_spoken_to_in_311(settled: str):
    amqtt_broker = pytest.importorskip("amqtt.broker", reason="amqtt is missing here")
    port = free_port()
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    old = amqtt_broker.Broker({"listeners": listeners, "plugins": plugins})
    await old.start()
    try:
        async with Ear(f"mqtt://127.0.0.1:{port}{settled}").run() as ear:
            assert ear.link._wire
            assert ear.link._wire.v5 is False
            assert ear.link.publish(PRESS, b"in 3.1.1")
            await until(lambda: ear.heard)
            ear.link.ack(ear.heard[0].token)
            await until(lambda: ear.link.pending == 0)
            cut(ear.link)
            await until(lambda: ear.link.counts.connections == 2 and ear.listening())
            assert ear.link._addresses[0].v5 is False
    finally:
        await old.shutdown()


@pytest.mark.parametrize("answer", [b"\x20\x03\x00\x84\x00", b"\x20\x02\x00\x01", b""])
async def test_a_refused_version_is_changed_at_once(broker: Broker, answer: bytes):
    """A door that knows no MQTT 5, in the three ways that brokers have of saying so."""
    versions: list[int] = []
    done: list[bool] = []

    async def door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.read(1000)
        versions.append(hello[hello.index(b"MQTT") + 4])
        if versions[-1] == 5:
            writer.write(answer)
        else:
            beyond_reader, beyond = await asyncio.open_connection("127.0.0.1", broker.port)
            beyond.write(hello)
            await asyncio.gather(carry(reader, beyond), carry(beyond_reader, writer))
        writer.close()
        await writer.wait_closed()
        done.append(True)

    server = await asyncio.start_server(door, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with Ear(f"mqtt://127.0.0.1:{port}").run() as ear:
            assert versions == [5, 4]
            assert ear.link._addresses[0].v5 is False
        await until(lambda: len(done) == 2)


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
    writer.close()
    await writer.wait_closed()


async def test_a_broker_that_falls_silent_is_given_up(make_broker: Callable[..., Broker]):
    silent, spare = make_broker(), make_broker()
    await silent.start()
    await spare.start()
    async with Ear(silent.url, spare.url, keepalive_s=1).run() as ear:
        silent.process.send_signal(signal.SIGSTOP)
        await until(lambda: State.DOWN in ear.states, "the silence to be noticed")
        await until(ear.listening, "the second address")
        spare.publish(PRESS, "over the second")
        await until(lambda: ear.heard)
        silent.process.send_signal(signal.SIGCONT)


async def test_a_busy_link_outlives_its_keepalive(broker: Broker):
    """Messages pass paho by: its keepalive must still see a living connection."""
    log = broker.conf.with_suffix(".log")

    def outlived() -> int:
        """How often, on the connection that it has now: a busy machine may cost it one."""
        return log.read_text().rpartition("New client connected")[2].count("PINGREQ")

    async with asyncio.timeout(120), Ear(broker.url, keepalive_s=1).run() as ear:
        seen = 0
        while seen < 4 or outlived() < 3:
            if ear.link.publish(PRESS, b"tick"):
                await until(lambda: len(ear.heard) > seen or not ear.listening())  # noqa: B023  awaited in the turn
            else:
                await until(ear.listening)
            for message in ear.heard[seen:]:
                ear.link.ack(message.token)
                seen += 1


def test_the_link_runs_on_uvloop(make_broker: Callable[..., Broker], tmp_path: Path):
    async def story() -> None:
        context = certificates(tmp_path)
        files = f"certfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key"
        plain, sealed = make_broker(), make_broker(files)
        for broker, scheme, more in ((plain, "mqtt", {}), (sealed, "mqtts", {"tls": context})):
            await broker.start()
            url = broker.url.replace("mqtt://127.0.0.1", f"{scheme}://localhost")
            async with Ear(url, **more).run() as ear:
                assert ear.link.publish(PRESS, b"over uvloop")
                await until(lambda: ear.heard)
                broker.kill()
                await until(lambda: not ear.link.connected)
                await broker.start()
                await until(ear.listening)

    uvloop = pytest.importorskip("uvloop", reason="uvloop is missing here")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())


async def test_the_link_speaks_tls(make_broker: Callable[..., Broker], tmp_path: Path):
    context = certificates(tmp_path)
    sealed = make_broker(f"certfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key")
    await sealed.start()
    url = sealed.url.replace("mqtt://127.0.0.1", "mqtts://localhost")
    async with Ear(url, tls=context).run() as ear:
        for n in range(500):
            assert ear.link.publish(PRESS, b"%d" % n + b"x" * 500)
        await until(lambda: len(ear.heard) == 500)
        assert [int(payload.rstrip(b"x")) for payload in ear.payloads] == list(range(500))
        sealed.kill()
        await until(lambda: not ear.link.connected)


async def test_a_certificate_that_nobody_signed_is_refused(
    make_broker: Callable[..., Broker], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    certificates(tmp_path)
    sealed = make_broker(f"certfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key")
    await sealed.start()
    url = sealed.url.replace("mqtt://127.0.0.1", "mqtts://localhost")
    async with Ear(url).run(listening=False) as ear:
        await until(lambda: "CERTIFICATE_VERIFY_FAILED" in caplog.text)
        assert not ear.link.connected


def certificates(folder: Path) -> ssl.SSLContext:
    """Writes server.pem and server.key for localhost; the context that trusts them."""
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", folder / "server.key", "-out", folder / "server.pem"]
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*new, *name, *files], check=True, capture_output=True)
    (folder / "server.key").chmod(0o644)
    return ssl.create_default_context(cafile=folder / "server.pem")
