"""A phone's second path: the same press by HTTPS, the answer is the receipt (protocol, rule 8).

Serves arrow 1 where the broker cannot be reached. Carries presses only. Promises one POST per
sending, bounded in time, and that a failure is told and never raised: the machine repeats anyway.
"""

from __future__ import annotations

import asyncio
import ssl

import aiohttp

from firmware_sim.events import Kind
from firmware_sim.paths import Ear

PATIENCE_S = 10.0


class HttpsPath:
    """POST /api/v1/presses with the phone's bearer token. `url` is the server's root.

    `session` may be shared by many phones; without one the path opens and closes its own.
    """

    name = "https"

    def __init__(
        self,
        url: str,
        token: str,
        *,
        session: aiohttp.ClientSession | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url = f"{url.rstrip('/')}/api/v1/presses"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._session = session
        self._own = session is None
        self._tls = tls
        self._ear: Ear | None = None
        self._posts: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Always worth trying once started: a POST needs no standing connection."""
        return self._ear is not None

    def carries(self, leaf: str) -> bool:
        """Presses and nothing else."""
        return leaf == "press"

    def start(self, ear: Ear) -> None:
        """Be ready from now on."""
        self._ear = ear
        ear.path_opened(self.name, self._url)

    def send(self, leaf: str, payload: bytes) -> None:
        """Begin one POST; its answer comes down as a receipt."""
        if self._ear is None or not self.carries(leaf):
            return
        post = asyncio.get_running_loop().create_task(self._post(self._ear, payload))
        self._posts.add(post)
        post.add_done_callback(self._posts.discard)

    def hurry(self) -> None:
        """Nothing to hurry: a POST connects by itself."""

    def abort(self) -> None:
        """Drop what is under way."""
        self._ear = None
        for post in self._posts:
            post.cancel()

    async def stop(self) -> None:
        """Drop what is under way and close."""
        self.abort()
        await asyncio.gather(*self._posts, return_exceptions=True)
        if self._own and self._session:
            await self._session.close()
            self._session = None

    async def _post(self, ear: Ear, payload: bytes) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            answer = await self._exchange(self._session, payload)
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            ear.path_told(self.name, Kind.PATH_FAILED, type(fault).__name__)
            return
        status, body = answer
        if 200 <= status < 300:
            ear.came_down(self.name, body)
        else:
            ear.path_told(self.name, Kind.PATH_FAILED, f"answered {status}")

    async def _exchange(self, session: aiohttp.ClientSession, payload: bytes) -> tuple[int, bytes]:
        async with session.post(
            self._url,
            data=payload,
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=PATIENCE_S),
            ssl=self._tls or True,
        ) as answer:
            return answer.status, await answer.read()
