"""What may stand between us and a room, and lose what it is told to lose, by any protocol."""

import asyncio
import contextlib

HOST = "127.0.0.1"
PASSES, HANGS, GARBAGE = "passes", "accepts and hangs", "garbage"
LOSES, CUTS = "loses what is answered", "cuts the connection instead of an answer"
"""From the first bytes that have the mark on."""


class Proxy:
    """Stands before the port ``target``; ``mark`` are bytes that only what is delivered has."""

    def __init__(self, target: int, mark: bytes) -> None:
        self._target, self._mark = target, mark
        self.mode = PASSES
        self.port = 0
        self.marked = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections, and break those off that there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        others: list[asyncio.StreamWriter] = [writer]
        try:
            with contextlib.suppress(OSError):
                if self.mode == HANGS:
                    await asyncio.Event().wait()
                if self.mode == GARBAGE:
                    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
                    await writer.drain()
                    return
                far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
                others.append(far_writer)
                lost = asyncio.Event()
                await asyncio.wait(
                    [
                        asyncio.create_task(self._there(reader, far_writer, lost)),
                        asyncio.create_task(self._back(far_reader, writer, lost)),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            for one in others:
                one.close()

    async def _there(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65536):
                if self.mode in {LOSES, CUTS} and self._mark in chunk:
                    lost.set()
                writer.write(chunk)
                await writer.drain()
                if lost.is_set():
                    self.marked.set()

    async def _back(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65536):
                if lost.is_set():
                    if self.mode == CUTS:
                        return
                    continue
                writer.write(chunk)
                await writer.drain()
