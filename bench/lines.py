"""The lines by which a decision is measured: what each needs, sends a copy by, and has arrived.

By ``https`` the world's own room, a process of its own. By ``amqp`` a RabbitMQ of the bench's own,
and a consumer of the room's queue in this process, which notes each message as the library hands it
over. Each sends by the server's own adapter. A new adapter is one entry of ``WAYS``.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias
from uuid import UUID

import msgspec

from bench.envelope import TIMEOUT_S, Envelopes
from bench.world import ADDRESS, ROOM, SECRET, World
from tgd.clock import Clock
from tgd.geo.synthetic import SERVICES
from tgd.platform.channels.cisu_amqp import CisuAmqp
from tgd.seal import Sealer
from tgd.store import rooms
from tgd.store.db import Database

_TESTS = Path(__file__).parents[1] / "tests"


class Missing(Exception):
    """This machine lacks what the adapter needs."""


class Line(Protocol):
    """One line of the world's room."""

    async def send(self, envelope: UUID) -> None:
        """Send one copy; returns when the other side has taken it."""
        ...

    async def arrivals(self) -> list[dict[str, Any]]:
        """Return what has arrived: ``distribution_id``, ``monotonic`` and ``wall`` in seconds."""
        ...


Way: TypeAlias = Callable[[World, Envelopes], AbstractAsyncContextManager[Line]]


class _Https:
    def __init__(self, world: World, envelopes: Envelopes) -> None:
        self.send = envelopes.post
        self.arrivals = world.arrivals


@contextlib.asynccontextmanager
async def _https(world: World, envelopes: Envelopes) -> AsyncIterator[Line]:
    yield _Https(world, envelopes)


class _Amqp:
    def __init__(self, envelopes: Envelopes, url: str, password: str) -> None:
        self._envelopes = envelopes
        self._url, self._password = url, password
        self.channel = CisuAmqp(Clock())
        self._arrived: list[dict[str, Any]] = []

    async def send(self, envelope: UUID) -> None:
        body = self._envelopes.copy(envelope)
        await self.channel.send(self._url, self._password, body, TIMEOUT_S)

    async def arrivals(self) -> list[dict[str, Any]]:
        return self._arrived

    async def came(self, message: Any) -> None:
        """Note a message as the library hands it over."""
        monotonic, wall = time.monotonic(), time.time()
        told = msgspec.json.decode(message.body)["distributionID"]
        self._arrived.append({"distribution_id": told, "monotonic": monotonic, "wall": wall})


@contextlib.asynccontextmanager
async def _amqp(world: World, envelopes: Envelopes) -> AsyncIterator[Line]:
    sys.path.append(str(_TESTS))  # the tests' RabbitMQ, with the sample's settings and rights
    import rabbit  # noqa: PLC0415  only where it is measured

    if not rabbit.found():
        raise Missing("there is no RabbitMQ here")
    with tempfile.TemporaryDirectory() as folder:
        server = await asyncio.to_thread(rabbit.Rabbit, Path(folder))
        try:
            line = _Amqp(envelopes, server.url(), rabbit.PASSWORD)
            await _by_amqp(world, server.url(), rabbit.PASSWORD)
            connection = await server.connect(ADDRESS)
            async with connection, connection.channel() as channel:
                queue = await channel.get_queue(f"{ADDRESS}.message", ensure=False)
                await queue.consume(line.came, no_ack=True)
                yield line
            await line.channel.close()
        finally:
            await asyncio.to_thread(server.stop)


async def _by_amqp(world: World, url: str, password: str) -> None:
    """Have the world's room reached by this line and no other."""
    token = Sealer(SECRET).seal(password.encode(), rooms.token_purpose(ROOM, 0))
    told = rooms.RoomEntry(
        *(ROOM, "Salle simulée", "PN", ADDRESS),
        services=tuple(SERVICES),
        phone="+33549000017",
        is_default=True,
        lines=(rooms.LineEntry("amqp", url, token, 5.0),),
    )
    database = Database(world.database_url, size=1, name="bench")
    await database.open()
    try:
        async with database.transaction() as transaction:
            await rooms.replace(transaction, [told])
    finally:
        await database.close()


WAYS: MappingProxyType[str, Way] = MappingProxyType({"https": _https, "amqp": _amqp})
