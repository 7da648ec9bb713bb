"""Many consoles as the server sees them, in a process of its own: each hears hints and reads.

Run as ``python -m bench.consoles PLAN.json``; it says "listening" when every stream stands. Each
console does what its page does: a reading of the open alerts at every hint and every two seconds,
of where the phone looked at is when its alert has changed and every ten, of who is there every four
or when the server asks; one reading of a kind at a time. The answers are counted
and thrown away: 200 operators' machines are not what is measured. Lines on its standard input:
``tell`` (says the readings, their bytes and the slowest since the last, as JSON).
"""

import asyncio
import contextlib
import json
import os
import random
import re
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import uvloop

HINT, HERE = b"event: alerts", b"event: here"
EVERY_S, PRESENT_S, WHERE_S = 2.0, 4.0, 10.0  # as static/api.js has them
NICENESS = 10
"""What 200 machines would do for themselves must not keep the server and the browser waiting."""
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_SINCE = re.compile(rb'"since":"([^"]+)"')


class Line(asyncio.Protocol):
    """One kept connection: one request at a time, the answer's body in bytes."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._wanted = -1  # bytes of head and body together, once the head is there
        self._body_from = 0
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: Any) -> None:
        """Note where to write."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Collect the answer."""
        self._held += data
        if self._wanted < 0:
            end = self._held.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(self._held, 0, end)
            assert length is not None, bytes(self._held[:end])
            self._body_from = end + 4
            self._wanted = self._body_from + int(length[1])
        if len(self._held) >= self._wanted:
            answer, self._answer = self._answer, None
            status, body = self._held[9:12], bytes(self._held[self._body_from : self._wanted])
            del self._held[: self._wanted]
            self._wanted = -1
            assert answer is not None
            assert status == b"200", (status, body)
            answer.set_result(body)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail whoever waits."""
        if self._answer is not None:
            self._answer.set_exception(error or ConnectionError("the server closed"))

    async def get(self, request: bytes) -> bytes:
        """Ask, and return the body."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer


class Told:
    """What was read since the last telling."""

    def __init__(self) -> None:
        self.readings, self.read_bytes, self.slowest = 0, 0, 0.0

    def add(self, body: bytes, took_s: float) -> None:
        """Count an answer."""
        self.readings += 1
        self.read_bytes += len(body)
        self.slowest = max(self.slowest, took_s)


class Console:
    """One console with a token of its own."""

    def __init__(self, plan: dict[str, Any], token: str, looked_at: str, told: Told) -> None:
        self._host, self._port = plan["host"], plan["port"]
        self._head = f" HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
        self._looked_at, self._told = looked_at.encode(), told
        self._hinted, self._changed, self._called = (asyncio.Event() for _ in range(3))
        self._since = "&since="

    async def live(self, listening: asyncio.Semaphore) -> NoReturn:
        """Hear and read, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(listening))
            group.create_task(self._repeated(self._alerts, EVERY_S, self._hinted))
            group.create_task(self._repeated(self._where, WHERE_S, self._changed))
            group.create_task(self._repeated(self._present, PRESENT_S, self._called))
        raise AssertionError

    async def _line(self) -> Line:
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(Line, self._host, self._port))[1]

    async def _listen(self, listening: asyncio.Semaphore) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write(f"GET /api/v1/stream{self._head}".encode())
        async for line in reader:
            if line.startswith(HINT):
                self._hinted.set()
            elif line.startswith(HERE):
                self._called.set()
            elif line.startswith(b"retry"):
                listening.release()
        raise ConnectionError("the server ended the stream")

    async def _repeated(self, read: Any, every_s: float, told: asyncio.Event) -> None:
        """Read every ``every_s`` from a moment of this console's own, and when told to."""
        line, due = await self._line(), time.monotonic() + random.random() * every_s
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(due - time.monotonic()):
                    await told.wait()
            told.clear()  # what comes during the reading asks for another
            await read(line)
            if time.monotonic() >= due:
                due += every_s

    async def _alerts(self, line: Line) -> None:
        body = await self._get(line, f"alerts?status=open&limit=500{self._since}")
        since = _SINCE.search(body, max(0, len(body) - 200))
        assert since is not None
        if self._looked_at in body:
            self._changed.set()
        self._since = f"&since={since[1].decode()}"

    async def _where(self, line: Line) -> None:
        await self._get(line, f"alerts/{self._looked_at.decode()}/whereabouts")

    async def _present(self, line: Line) -> None:
        await self._get(line, "presence")

    async def _get(self, line: Line, path: str) -> bytes:
        begin = time.perf_counter()
        body = await line.get(f"GET /api/v1/{path}{self._head}".encode())
        self._told.add(body, time.perf_counter() - begin)
        return body


async def _main(plan: dict[str, Any]) -> None:
    told, listening = Told(), asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        for number, token in enumerate(plan["tokens"]):
            looked_at = plan["looked_at"][number % len(plan["looked_at"])]
            group.create_task(Console(plan, token, looked_at, told).live(listening))
        for _ in plan["tokens"]:
            await listening.acquire()
        print("listening", flush=True)
        while (await asyncio.to_thread(sys.stdin.readline)).strip():
            print(json.dumps(vars(told)), flush=True)
            told.__init__()  # type: ignore[misc]
    raise AssertionError


if __name__ == "__main__":
    os.nice(NICENESS)
    uvloop.run(_main(json.loads(Path(sys.argv[1]).read_text())))
