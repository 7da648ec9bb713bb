"""Commands run as an administrator runs them: processes of their own, read to the end."""

import asyncio
import os
import random
import re
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle

KEY = "5a" * 32
NOWHERE = "mqtt://127.0.0.1:1"
PORTS = range(20_000, 32_000)
ROOMS = """
[[room]]
id = "cic"
name = "CIC"
institution = "PN"
default = true
[[room.line]]
adapter = "https"
url = "http://127.0.0.1:{port}/cisu"
token = "we-call-with-this"
[[room.line]]
adapter = "voice"
"""


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def refusal(self) -> str:
        """The one line by which a command has failed."""
        assert (self.code, self.out) == (1, "")
        assert re.fullmatch(r"tgd: [^\n]+\n", self.err), self.err
        return self.err[5:-1]


Run = Callable[..., Awaitable[Done]]


def environment(**settings: str) -> dict[str, str]:
    """Ours without TGD_*; a hundred commands do not each compile the same modules anew."""
    left = ("TGD_", "PYTHONDONTWRITEBYTECODE")
    own = {name: text for name, text in os.environ.items() if not name.startswith(left)}
    return own | {"COLUMNS": "100", "PYTHONUNBUFFERED": "1"} | settings


async def command(*words: str, given: str = "", **settings: str) -> Done:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tgd", *words),
        env=environment(**settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(300):
        out, err = await process.communicate(given.encode())
    return Done(process.returncode or 0, out.decode(), err.decode())


def on(database: str) -> Run:
    """Return what runs a command on this database."""

    async def run(*words: str, given: str = "", **more: str) -> Done:
        settings = {"TGD_DATABASE_URL": database, "TGD_SECRET_KEY": KEY, "TGD_MQTT_URL": NOWHERE}
        return await command(*words, given=given, **settings | more)

    return run


async def eventually(fact: Callable[[], bool], timeout_s: float = 120) -> None:
    async with asyncio.timeout(timeout_s):
        while not fact():  # noqa: ASYNC110  another process's facts come without an event
            await asyncio.sleep(0.02)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nobody listens on, out of the range that the system gives to connections.

    Until it is listened on nobody else is given it: each worker has a part of the range, and begins
    it anew only when it has come to its end.
    """
    while True:
        port = next(_OURS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _parts() -> Iterator[int]:
    """Go round this worker's part for ever, from anywhere: another suite may run here, too."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    parts = max(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), worker + 1)
    ours = list(PORTS[worker::parts])
    begin = random.randrange(len(ours))
    return cycle(ours[begin:] + ours[:begin])


_OURS = _parts()
