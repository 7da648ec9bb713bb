"""The line between a browser and the server: real TCP, which a test cuts, holds or slows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Wire:
    """Passes bytes both ways. ``lose`` names a part of the address of the act whose answer is
    lost, once: the server has done it, and the connection breaks before a byte of it arrives.
    """

    def __init__(self) -> None:
        self.lose: bytes | None = None
        self.lost = asyncio.Event()
        self.slow_s = 0.0
        """How long each piece takes to reach the server."""
        self.requests: list[bytes] = []
        self._server: asyncio.Server
        self._to: int
        self._passing: set[asyncio.Task] = set()

    async def start(self, to: int) -> None:
        self._to = to
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()
        for task in list(self._passing):
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _connected(self, browser: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._pass_on(browser, back)
        finally:
            back.close()
            self._passing.discard(task)

    async def _pass_on(self, browser: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        server, on = await asyncio.open_connection("127.0.0.1", self._to)
        doomed = asyncio.Event()
        ways = [
            asyncio.create_task(self._to_server(browser, on, doomed)),
            asyncio.create_task(self._to_browser(server, back, doomed)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            on.close()

    async def _to_server(
        self, browser: asyncio.StreamReader, on: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        while piece := await browser.read(65536):
            line = piece.partition(b"\r\n")[0]
            if line.endswith(b"HTTP/1.1"):
                self.requests.append(line)
            if self.lose is not None and line.startswith(b"POST") and self.lose in line:
                self.lose = None
                doomed.set()
            if self.slow_s:
                await asyncio.sleep(self.slow_s)
            on.write(piece)
            await on.drain()

    async def _to_browser(
        self, server: asyncio.StreamReader, back: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        while piece := await server.read(65536):
            if doomed.is_set():
                self.lost.set()
                return
            back.write(piece)
            await back.drain()


@asynccontextmanager
async def wired(to: int) -> AsyncIterator[Wire]:
    wire = Wire()
    await wire.start(to)
    try:
        yield wire
    finally:
        await wire.stop()
