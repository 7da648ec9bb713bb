"""What every adapter owes to ``flow.sending``, whatever it speaks: a new one is held to it too.

Each line leads through the same proxy to a room that takes what it is sent: an HTTP server, or the
room's queue at a real RabbitMQ. What is particular to one is in its own file beside this.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cisu_messages import MESSAGE
from proxies import CUTS, GARBAGE, HANGS, HOST, LOSES, PASSES, Proxy
from rabbit import PASSWORD, ROOM, US, Rabbit

from tgd.errors import Rejected, Temporary
from tgd.platform.channels import Tried
from tgd.platform.channels.adapters import Adapter, Adapters
from tgd.platform.channels.cisu_message import CaseMessage
from tgd.store.rooms import ELECTRONIC

WITHIN_S = 60.0
SHORT_S = 0.3


class Line:
    """A line that works, with a room at its end; ``arrived`` is what the room has."""

    def __init__(self, url: Callable[[int], str], token: str, proxy: Proxy) -> None:
        self._url, self.token, self.proxy = url, token, proxy
        self.arrived: list[bytes] = []
        self.news = asyncio.Event()

    @property
    def url(self) -> str:
        return self._url(self.proxy.port)

    def take(self, body: bytes) -> None:
        self.arrived.append(body)
        self.news.set()

    async def has(self, count: int) -> list[bytes]:
        async with asyncio.timeout(WITHIN_S):
            while len(self.arrived) < count:
                await self.news.wait()
                self.news.clear()
        return self.arrived

    async def works(self) -> None:
        self.proxy.mode = PASSES
        await self.proxy.stop()
        await self.proxy.start()


@asynccontextmanager
async def posted(mark: bytes) -> AsyncIterator[Line]:
    lines: list[Line] = []

    async def take(request: web.Request) -> web.Response:
        if request.headers["Authorization"] != f"Bearer {PASSWORD}":
            return web.Response(status=401)
        body = await request.read()
        if ROOM.encode() not in body:
            return web.Response(status=404)
        lines[0].take(body)
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/in", take)
    async with TestServer(app) as server:
        proxy = Proxy(server.port or 0, mark)
        lines.append(Line(lambda port: f"http://{HOST}:{port}/in", PASSWORD, proxy))
        await proxy.start()
        yield lines[0]
        await proxy.stop()


@asynccontextmanager
async def queued(server: Rabbit, mark: bytes) -> AsyncIterator[Line]:
    proxy = Proxy(server.port, mark)
    line = Line(lambda port: server.url(port=port), PASSWORD, proxy)
    connection = await server.connect(ROOM)
    queue = await (await connection.channel()).get_queue(f"{ROOM}.message")
    await queue.purge()

    async def take(message) -> None:
        line.take(message.body)
        await message.ack()

    await queue.consume(take)
    await proxy.start()
    yield line
    await proxy.stop()
    await connection.close()


def message(number: int = 1, room: str = ROOM) -> CaseMessage:
    now = datetime.now(UTC)
    until = now + timedelta(hours=1)
    own = f"{US}_{number}"
    return replace(
        MESSAGE, distribution_id=own, sender_id=US, room=room, sent_at=now, expires_at=until
    )


@pytest.fixture
async def adapters() -> AsyncIterator[Adapters]:
    made = Adapters()
    yield made
    await made.close()


@pytest.fixture(params=["https", "cap", "amqp"])
async def way(
    request: pytest.FixtureRequest, adapters: Adapters
) -> AsyncIterator[tuple[Adapter, Line]]:
    mark = f"{US}_".encode()
    if request.param == "amqp":
        end = queued(request.getfixturevalue("rabbitmq"), mark)
    else:
        end = posted(mark)
    async with end as line:
        yield adapters.of(request.param), line


Way = tuple[Adapter, Line]


async def send(way: Way, body: bytes, within_s: float = WITHIN_S, token: str | None = None) -> None:
    adapter, line = way
    await adapter.channel.send(line.url, token or line.token, body, within_s)


def test_every_adapter_is_held_to_this() -> None:
    assert set(ELECTRONIC) == {"https", "cap", "amqp"}


async def test_the_room_has_the_very_bytes(way: Way) -> None:
    adapter, line = way
    body = adapter.written(message())
    await send(way, body)
    assert await line.has(1) == [body]


async def test_a_storm_arrives_whole(way: Way) -> None:
    adapter, line = way
    bodies = [adapter.written(message(n)) for n in range(100)]
    await asyncio.gather(*(send(way, body, 120) for body in bodies))
    assert sorted(await line.has(100)) == sorted(bodies)


async def test_a_room_that_is_not_there_is_rejected(way: Way) -> None:
    adapter, line = way
    with pytest.raises(Rejected) as error:
        await send(way, adapter.written(message(room="fr.police.nowhere")))
    assert error.value.__cause__ is None
    await send(way, adapter.written(message()))
    assert len(await line.has(1)) == 1


async def test_a_wrong_token_is_rejected_and_not_told(way: Way) -> None:
    adapter, line = way
    with pytest.raises(Rejected) as error:
        await send(way, adapter.written(message()), token="a-wrong-token")
    assert "a-wrong-token" not in str(error.value)
    assert line.arrived == []


@pytest.mark.parametrize("mode", [HANGS, GARBAGE])
async def test_what_does_not_answer_as_it_should_is_temporary(way: Way, mode: str) -> None:
    adapter, line = way
    body = adapter.written(message())
    line.proxy.mode = mode
    with pytest.raises(Temporary):
        await send(way, body, SHORT_S)
    assert line.arrived == []
    await line.works()
    await send(way, body)
    assert await line.has(1) == [body]


async def test_nobody_there_is_temporary(way: Way) -> None:
    adapter, line = way
    body = adapter.written(message())
    await send(way, body)
    await line.proxy.stop()
    with pytest.raises(Temporary):
        await send(way, body, SHORT_S)
    await line.works()
    await send(way, body)
    assert await line.has(2) == [body, body]


@pytest.mark.parametrize("mode", [LOSES, CUTS])
async def test_an_answer_that_is_lost_is_temporary_and_the_same_goes_again(
    way: Way, mode: str
) -> None:
    adapter, line = way
    body = adapter.written(message())
    line.proxy.mode = mode
    within_s = SHORT_S
    while not line.arrived:  # it is not the machine that is to be too slow for the message
        with pytest.raises(Temporary):
            await send(way, body, within_s)
        within_s *= 2
    await line.works()
    await send(way, body)
    assert set(await line.has(2)) == {body}


async def test_a_line_that_hangs_keeps_no_other_waiting(way: Way) -> None:
    adapter, line = way
    body = adapter.written(message())
    silent = Proxy(0, b"")
    silent.mode = HANGS
    await silent.start()
    url = line.url.replace(str(line.proxy.port), str(silent.port))
    hanging = [
        asyncio.create_task(adapter.channel.send(url, line.token, body, 300)) for _ in range(50)
    ]
    await send(way, body)
    assert await line.has(1) == [body]
    for task in hanging:
        assert not task.done()
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    await silent.stop()


async def test_a_probe_finds_out_and_delivers_nothing(way: Way) -> None:
    adapter, line = way
    await adapter.probe(Tried(line.url, line.token, ROOM, US, WITHIN_S))
    for mode in (HANGS, GARBAGE):
        line.proxy.mode = mode
        with pytest.raises(Temporary):
            await adapter.probe(Tried(line.url, line.token, ROOM, US, SHORT_S))
    await line.proxy.stop()
    with pytest.raises(Temporary):
        await adapter.probe(Tried(line.url, line.token, ROOM, US, SHORT_S))
    assert line.arrived == []


async def test_an_error_says_nothing_of_the_message(way: Way) -> None:
    adapter, line = way
    body = adapter.written(message(room="fr.police.nowhere"))
    for trouble in (PASSES, GARBAGE, HANGS):
        line.proxy.mode = trouble
        with pytest.raises((Temporary, Rejected)) as error:
            await send(way, body, SHORT_S)
        said = f"{error.value!r} {error.value}"
        for word in (MESSAGE.reason, MESSAGE.case_id, "46.57983", MESSAGE.device_label):
            assert word not in said
