"""The embedded broker keeps to the same rights: who comes in, and what on which topics."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from commands import eventually

from tgd.demo import amqtt_rights
from tgd.demo.broker import Broker, start_broker
from tgd.devices import dynsec
from tgd.devices.dynsec import Wanted
from tgd.devices.mqtt import Arrived, MqttLink, State
from tgd.devices.rights_file import RightsFile

SERVER = dynsec.server("tgd-server", "ours", "1")
ONE = dynsec.phone("tgd-86-01", "1", "one's", enabled=True)
OTHER = dynsec.phone("tgd-86-02", "2", "other's", enabled=True)
UP = "tgd/v1/tgd-86-01/up/press"


async def write(path: Path, *wanted: Wanted) -> None:
    """Have the file say what is wanted, as a server does."""
    file = RightsFile(path.as_uri(), lambda: None)
    for mending in dynsec.mend(await file.found(), wanted, ""):
        await file.order(mending.orders)
    assert dynsec.mend(await file.found(), wanted, "") == []


@pytest.fixture
def broker(tmp_path: Path):
    file = tmp_path / "rights.json"
    asyncio.run(write(file, SERVER, ONE, OTHER))
    running = start_broker(0, tmp_path / "amqtt", kind="amqtt", rights=file)
    yield running
    running.kill()


class Client:
    def __init__(self, broker: Broker, user: str, password: str, topic: str, name: str) -> None:
        self.heard: list[Arrived] = []
        url = f"{broker.url_of(f'{user}:{password}')}?version=3.1.1"
        self.link = MqttLink(name, [url], [(topic, 1)], self.heard.extend, keep_session=False)

    async def until(self, state: State) -> None:
        await eventually(lambda: self.link.state is state, 10)

    async def hears(self, count: int) -> list[bytes]:
        await eventually(lambda: len(self.heard) >= count, 10)
        return [one.payload for one in self.heard]


@asynccontextmanager
async def client(
    broker: Broker, user: str, password: str, topic: str, *, name: str = ""
) -> AsyncIterator[Client]:
    made = Client(broker, user, password, topic, name or user)
    task = asyncio.create_task(made.link.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_phone_is_heard_on_its_own_topic_only(broker: Broker) -> None:
    down = "tgd/v1/tgd-86-01/down"
    async with (
        client(broker, "tgd-server", "ours", "tgd/v1/+/up/press", name="server") as server,
        client(broker, "tgd-86-01", "one's", down) as one,
        client(broker, "tgd-86-02", "other's", "tgd/v1/tgd-86-02/down") as other,
    ):
        for each in (server, one, other):
            await each.until(State.LISTENING)
        other.link.publish(UP, b"not hers")
        one.link.publish(UP, b"hers")
        assert await server.hears(1) == [b"hers"]
        server.link.publish(UP, b"under up")
        server.link.publish(down, b"receipt")
        assert await one.hears(1) == [b"receipt"]
        other.link.publish("tgd/v1/tgd-86-02/up/press", b"its own")
        assert await server.hears(2) == [b"hers", b"its own"]


@pytest.mark.expects_errors
async def test_another_s_answers_are_not_read(broker: Broker) -> None:
    async with client(broker, "tgd-86-02", "other's", "tgd/v1/tgd-86-01/down") as other:
        await other.until(State.CONNECTED)
        async with client(broker, "tgd-86-01", "one's", "tgd/v1/tgd-86-01/down") as one:
            await one.until(State.LISTENING)
        assert other.link.state is not State.LISTENING


@pytest.mark.parametrize(
    ("user", "password", "name"),
    [
        ("tgd-86-01", "guessed", "tgd-86-01"),
        ("tgd-86-01", "one's", "tgd-86-02"),
        ("nobody", "x", "nobody"),
    ],
)
async def test_nobody_else_comes_in(
    broker: Broker, user: str, password: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with client(broker, user, password, "tgd/v1/tgd-86-01/down", name=name) as stranger:
        await eventually(lambda: "refused" in caplog.text or "closed" in caplog.text, 10)
        assert stranger.link.counts.connections == 0


async def test_who_is_taken_out_is_mute_at_once(broker: Broker, tmp_path: Path) -> None:
    async with (
        client(broker, "tgd-server", "ours", "tgd/v1/+/up/press", name="server") as server,
        client(broker, "tgd-86-01", "one's", "tgd/v1/tgd-86-01/down") as one,
        client(broker, "tgd-86-02", "other's", "tgd/v1/tgd-86-02/down") as other,
    ):
        for each in (server, one, other):
            await each.until(State.LISTENING)
        muted = dynsec.phone("tgd-86-01", "1", None, enabled=False)
        await write(tmp_path / "rights.json", SERVER, muted, OTHER)
        one.link.publish(UP, b"not any more")
        other.link.publish("tgd/v1/tgd-86-02/up/press", b"still")
        assert await server.hears(1) == [b"still"]


@pytest.mark.parametrize(
    ("topic", "allowed"),
    [
        ("tgd/v1/+/up/press", True),
        ("tgd/v1/+/up/#", True),
        ("tgd/v1/x/up/press", True),
        ("tgd/v1/+/down", False),
        ("tgd/v1/#", False),
        ("#", False),
        ("tgd/v1/x/up", True),
    ],
)
def test_a_filter_is_within_the_server_s_rule(topic: str, *, allowed: bool) -> None:
    assert amqtt_rights._within(topic.split("/"), ["tgd", "v1", "+", "up", "#"]) is allowed
