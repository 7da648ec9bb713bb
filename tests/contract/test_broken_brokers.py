"""Whatever stands where a room's RabbitMQ should be, nothing of the library's own leaves the link.

An error that is not ours would end the listening to every broker, and with the twentieth the
process: one room's broken machine must not cost the others theirs.
"""

import asyncio
import struct

import pytest

from tgd.errors import Rejected, Temporary
from tgd.platform.channels import amqp_address
from tgd.platform.channels.amqp_link import Link, Login


def frame(payload: bytes) -> bytes:
    return struct.pack(">BHI", 1, 0, len(payload)) + payload + b"\xce"


def text(said: bytes) -> bytes:
    return struct.pack(">I", len(said)) + said


def start(properties: bytes = b"", mechanisms: bytes = b"PLAIN") -> bytes:
    return frame(
        struct.pack(">HHBB", 10, 10, 0, 9) + text(properties) + text(mechanisms) + text(b"en_US")
    )


TUNE, OPEN_OK = (
    frame(struct.pack(">HHHIH", 10, 30, 10, 131072, 10)),
    frame(struct.pack(">HHB", 10, 41, 0)),
)
SAYS = {
    "nothing, and hangs up": b"",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "another version": b"AMQP\x00\x00\x09\x01",
    "zeros": bytes(64),
    "a method that there is not": frame(b"\xff\xff\xff\xff"),
    "a method cut short": frame(b"\x00\x0a\x00\x0a\x00\x09"),
    "no way in": start(mechanisms=b"FOO"),
    "properties of no type": start(b"\x01aZ"),
    "what it can do left out": start() + TUNE + OPEN_OK,
}


@pytest.mark.parametrize("says", SAYS.values(), ids=SAYS.keys())
async def test_it_is_away_or_it_says_no(says: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(says)
        if says:
            await over.wait()
        writer.close()

    over = asyncio.Event()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    login = Login(amqp_address.read(f"amqp://127.0.0.1:{port}/"), "fr.tgd.plateforme", "password")
    with pytest.raises((Temporary, Rejected, TimeoutError)):
        await looks(login)
    over.set()
    server.close()


async def looks(login: Login) -> None:
    async with asyncio.timeout(5):
        link = await Link.open(login)
        try:
            await link.check("fr.police.cic86.message")
        finally:
            await link.close()
