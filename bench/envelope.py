"""A real envelope and copies of it under other ids, posted as the server would post them.

The floor of everything that ends with a POST: the same bytes, the same room, the server's own
https line (``CisuHttps``), and nothing before it.
"""

import asyncio
import time
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

from bench.world import SECRET, World
from tgd.keys import KeyStore
from tgd.platform.channels.cisu_https import CisuHttps
from tgd.seal import Sealer

TIMEOUT_S = 30.0


class Envelopes:
    """Copies of one envelope of this world; ``learn`` after one was sent."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._line = CisuHttps()
        self._told = b""
        self.body = b""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._line.close()

    async def learn(self) -> None:
        """Take the bytes of an envelope that the server has sent."""
        row = (
            await self._world.fetch(
                "SELECT e.id, e.content, a.key FROM envelope e JOIN alert a ON a.id = e.alert_id "
                "WHERE e.content IS NOT NULL LIMIT 1"
            )
        )[0]
        sealer = Sealer(SECRET, KeyStore(self._world.key_dir))
        self.body = sealer.unwrap(row["key"]).open(row["content"], "envelope")
        self._told = str(row["id"]).encode()
        assert self._told in self.body

    def copy(self, envelope: UUID) -> bytes:
        """Return the bytes under another id."""
        return self.body.replace(self._told, str(envelope).encode())

    async def post(self, envelope: UUID) -> None:
        """Send one copy; returns when the room has taken it."""
        url, token = f"{self._world.room_url}/cisu", self._world.room_token
        await self._line.send(url, token, self.copy(envelope), TIMEOUT_S)

    async def post_all(self, n: int) -> list[float]:
        """Send ``n`` copies at once; return each one's seconds to its arrival at the room."""
        await self._world.arrivals()
        ids = [uuid4() for _ in range(n)]
        begin = time.time()
        await asyncio.gather(*(self.post(one) for one in ids))
        names = {str(one) for one in ids}
        times = [
            item["wall"] - begin
            for item in await self._world.arrivals()
            if item["distribution_id"].rpartition("_")[2] in names
        ]
        assert len(times) == n, "a copy never arrived"
        return sorted(times)
