"""The table of faults over ``https``: a real server, a real TLS, and every way to fail at it.

Each row is in ``faults``; here is what a line of this kind can do (``LINES``), by a server that
reads a request and then does as it was told, byte by byte.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from commands import free_port
from faults import OF_ROOMS, PATIENT, Far, Fault, beside_another, broken, tried
from world import BY_HAND, LINE_TOKEN, ROOM, ROOM_TOKEN, World, worlds

from tgd.devices.authority import Authority
from tgd.platform.channels.cisu_https import CisuHttps
from tgd.platform.channels.cisu_inbound import ErrorReport, read
from tgd.seal import Sealer
from tgd.store.rooms import LineEntry

HOST = "127.0.0.1"
OK = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_DRIP_S = 0.02


class Authorities:
    """Who signs the servers' certificates: one that is trusted, and one that nobody knows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sealer = Sealer("7d" * 32)
        self._long_ago = datetime.now(UTC) - timedelta(days=5 * 365)
        self.trusted = Authority.create(folder / "trusted", self._sealer, self._long_ago)
        self.stranger = Authority.create(folder / "stranger", self._sealer, self._long_ago)

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.trusted.pem)

    def serves(
        self, name: str = HOST, *, expired: bool = False, known: bool = True
    ) -> ssl.SSLContext:
        """A server's context with a certificate for that name."""
        signer = self.trusted if known else self.stranger
        made = signer.server([name], self._long_ago if expired else datetime.now(UTC))
        file = self._folder / f"{made.serial}.pem"
        file.write_text(made.pem + made.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


class Post:
    """One POST that the server reads by itself: ``body`` is what it brought."""

    def __init__(
        self, far: "Https", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.far, self.reader, self.writer = far, reader, writer
        self.length = 0

    async def head(self) -> bool:
        """Read as far as the body; a POST must have the line's token. False: it is a probe."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"OPTIONS "):
            return False
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        assert fields[b"Authorization"] == b"Bearer " + LINE_TOKEN.encode()
        self.length = int(fields[b"Content-Length"])
        return True

    async def body(self) -> bytes:
        return await self.reader.readexactly(self.length)

    async def answer(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    def reset(self) -> None:
        """Break the connection off so that the other side is told so (RST)."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Act = Callable[[Post], Awaitable[None]]


async def well(post: Post) -> None:
    post.far.takes(await post.body())
    await post.answer(OK)


async def hangs(post: Post) -> None:
    await post.body()
    await asyncio.Event().wait()


async def resets(post: Post) -> None:
    await post.body()
    post.reset()


async def resets_before_the_body(post: Post) -> None:
    post.reset()


async def breaks_off_its_answer(post: Post) -> None:
    await post.body()
    await post.answer(b"HTTP/1.1 20")
    post.reset()


def says(status: str, *fields: str, body: bytes = b"") -> Act:
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "Connection: close"]
    raw = "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    async def act(post: Post) -> None:
        await post.body()
        await post.answer(raw)

    return act


def redirects(status: str) -> Act:
    async def act(post: Post) -> None:
        await says(status, f"Location: {post.far.elsewhere}")(post)

    return act


async def answers_too_late(post: Post) -> None:
    """It has the message; what it says of that comes once nobody listens any more."""
    post.far.takes(await post.body())
    await post.reader.read()  # ends with the connection
    with contextlib.suppress(ConnectionError):
        await post.answer(OK)


async def drips(post: Post) -> None:
    await post.body()
    await post.answer(b"HTTP/1.1 200 OK\r\n")
    while True:
        await post.answer(b"X-More: and more\r\n")
        await asyncio.sleep(_DRIP_S)


def pours(status: str) -> Act:
    """Answer with a body that never ends."""

    async def act(post: Post) -> None:
        await post.body()
        await post.answer(f"HTTP/1.1 {status}\r\nContent-Length: {10**12}\r\n\r\n".encode())
        while True:
            await post.answer(b"x" * 65536)

    return act


async def pours_fields(post: Post) -> None:
    await post.body()
    await post.answer(b"HTTP/1.1 200 OK\r\n")
    while True:
        await post.answer(b"X-More: " + b"x" * 65536 + b"\r\n")


ACTS: dict[str, Act] = {
    "accepts and hangs": hangs,
    "accepts and resets": resets,
    "resets before the body": resets_before_the_body,
    "breaks off its answer": breaks_off_its_answer,
    "500": says("500 Internal Server Error"),
    "503": says("503 Service Unavailable"),
    "429 with Retry-After": says("429 Too Many Requests", "Retry-After: 1"),
    "429, to be spared for an hour": says("429 Too Many Requests", "Retry-After: 3600"),
    "401": says("401 Unauthorized"),
    "301": redirects("301 Moved Permanently"),
    "302": redirects("302 Found"),
    "307": redirects("307 Temporary Redirect"),
    "308": redirects("308 Permanent Redirect"),
    "200 with invalid JSON": says("200 OK", "Content-Type: application/json", body=b"{not json"),
    "slow drip of headers": drips,
    "endless headers": pours_fields,
    "200 with an endless body": pours("200 OK"),
    "422 with an endless body": pours("422 Unprocessable Content"),
    "no HTTP at all": lambda post: post.answer(b"SSH-2.0-OpenSSH_9.6\r\n"),
}
UNCERTAIN: dict[str, Act] = {"200 after the time-out": answers_too_late}
CERTIFICATES = {
    "a certificate that expired": {"expired": True},
    "a certificate of another name": {"name": "salle.example"},
    "a certificate nobody has signed for": {"known": False},
}
REFUSED, NO_NAME = "connection refused", "no such name"
LINES = (*ACTS, *CERTIFICATES, REFUSED, NO_NAME)
ONE_OF_EACH = ("accepts and hangs", "accepts and resets", "503", "301", "200 with invalid JSON")
ONE_OF_EACH += ("200 after the time-out", "a certificate that expired", REFUSED)
"""Of those that look alike to a line beside them."""


class Https(Far):
    """A room's line by ``https``: our own server, with TLS, on one port for its whole life."""

    def __init__(self, world: World, authorities: Authorities) -> None:
        super().__init__(world)
        self._authorities = authorities
        self._port, self._server = free_port(), None
        self._act, self._host = well, HOST
        self._posts: set[asyncio.Task[None]] = set()
        self.followed: list[bytes] = []
        self._other = None
        self.elsewhere = ""

    def line(self, number: int) -> LineEntry:
        url = f"https://{self._host}:{self._port}/cisu"
        return LineEntry("https", url, self.token(number), self.timeout_s)

    async def start(self) -> None:
        self._other = await asyncio.start_server(self._follows, HOST, 0)
        port = self._other.sockets[0].getsockname()[1]
        self.elsewhere = f"http://{HOST}:{port}/cisu"
        await self._listens(self._authorities.serves())

    async def stop(self) -> None:
        """Stop; nobody may have been followed elsewhere, least of all with the token."""
        await self._goes()
        self._other.close()
        assert self.followed == []

    async def _breaks(self, fault: str) -> None:
        if fault == NO_NAME:
            self._host = "nowhere.invalid"
        elif fault == REFUSED:
            await self._goes()
        elif fault in CERTIFICATES:
            await self._goes()
            await self._listens(self._authorities.serves(**CERTIFICATES[fault]))
        else:
            self._act = (ACTS | UNCERTAIN)[fault]

    async def _mends(self) -> None:
        self._act, self._host = well, HOST
        await self._goes()
        await self._listens(self._authorities.serves())

    async def brings(self, body: bytes) -> str | None:
        headers = {"Authorization": f"Bearer {ROOM_TOKEN}-{ROOM}"}
        url = f"{self.world.base}/api/v1/cisu/inbound"
        async with self.world.http.post(url, data=body, headers=headers) as answer:
            raw = await answer.read()
        if answer.status == 202:
            return None
        told = read(raw)
        assert isinstance(told, ErrorReport)
        assert answer.status == {200: 403, 300: 422}[told.code]
        return told.string

    async def _listens(self, context: ssl.SSLContext) -> None:
        self._server = await asyncio.start_server(self._post, HOST, self._port, ssl=context)

    async def _goes(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._posts:
            task.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)

    def _post(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(Post(self, reader, writer)))
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    async def _serve(self, post: Post) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await (self._act(post) if await post.head() else post.answer(OK))
        finally:
            post.writer.close()

    async def _follows(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.followed.append(await reader.read(4096))
        writer.close()


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    return Authorities(tmp_path_factory.mktemp("authorities"))


@pytest.fixture
async def far(database: str, tmp_path: Path, authorities: Authorities) -> AsyncIterator[Https]:
    """A world in which the platform trusts the room's authority, and the far end of its line."""
    channel = CisuHttps(trust=authorities.trust())
    settings = {"behaviour": BY_HAND, "deadlines": PATIENT, "options": {"channel": channel}}
    # Closed last: what is still sent meanwhile would open it again.
    async with channel, worlds(database, tmp_path, **settings) as world:
        made = Https(world, authorities)
        await made.start()
        try:
            yield made
        finally:
            await made.stop()


ROWS = [
    *(broken(name) for name in LINES),
    *(broken(name, uncertain=True) for name in UNCERTAIN),
    *(beside_another(name) for name in ONE_OF_EACH),
    *OF_ROOMS,
]


@pytest.mark.parametrize("fault", ROWS, ids=str)
async def test_no_fault_ends_in_silence_and_none_in_two_cases(far: Https, fault: Fault) -> None:
    await tried(far.world, far, fault)
