"""Addresses at which no control room is: refusing, hanging, and resetting whoever comes.

In the process of whoever uses them; they do nothing but accept. A connection that hangs ends with
the block, one that is reset before a byte of it was read.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import NamedTuple

_AT_ONCE = struct.pack("ii", 1, 0)


class DeadEnds(NamedTuple):
    """Their addresses."""

    refusing: str
    hanging: str
    resetting: str


@contextlib.asynccontextmanager
async def dead_ends() -> AsyncIterator[DeadEnds]:
    """Lend the three for the length of the block."""
    held: list[asyncio.StreamWriter] = []

    def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        writer.transport.abort()

    with socket.socket() as nobody:  # bound and not listening: whoever comes is refused
        nobody.bind(("127.0.0.1", 0))
        servers = [
            await asyncio.start_server(one, "127.0.0.1", 0, backlog=1024) for one in (hang, reset)
        ]
        try:
            ports = [nobody.getsockname()[1]]
            ports += [one.sockets[0].getsockname()[1] for one in servers]
            yield DeadEnds(*(f"http://127.0.0.1:{port}/cisu" for port in ports))
        finally:
            for server in servers:
                server.close()
            for writer in held:
                writer.transport.abort()
