"""The floor of press → receipt: one message to the broker and back, with the server's own client.

`Echo` publishes at QoS 1 on a topic that the same connection subscribes to, one message at a time,
and times each until it is back. Run as a script it also times the same bytes through a bare
blocking socket, which is what the broker and the kernel alone cost; with a name behind the address
it answers other processes' echoes (`respond`).
"""

import asyncio
import secrets
import socket
import statistics
import sys
import time
from typing import NoReturn, Self

import uvloop

from tgd.devices.mqtt import Arrived, MqttLink, State

WARM_UP = 50


class Echo:
    """A connection that hears what it says, by the server's own client. A context manager.

    With ``answered_by`` another process's connection hears it and says it again (``respond``
    below), so that the message crosses the broker twice, as a press and its receipt do.
    """

    def __init__(self, url: str, *, answered_by: str = "") -> None:
        name = f"echo-{secrets.token_hex(4)}"
        self._to = f"bench/{answered_by}/up/{name}" if answered_by else f"bench/{name}"
        back_on = f"bench/{answered_by}/down/{name}" if answered_by else self._to
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._back: asyncio.Future[float] = self._loop.create_future()
        self._link = MqttLink(
            name, [url], [(back_on, 1)], self._came, on_state=self._state, keep_session=False
        )
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._link.run())
        await asyncio.wait_for(self._ready, 10)
        return self

    async def __aexit__(self, *_failure: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def once(self, payload: bytes) -> float:
        """Return the seconds from saying this to hearing it."""
        self._back = self._loop.create_future()
        begin = time.perf_counter()
        if not self._link.publish(self._to, payload):
            raise ConnectionError("the broker went away during the echo")
        self._link.flush()
        return await asyncio.wait_for(self._back, 10) - begin

    def _came(self, batch: list[Arrived]) -> None:
        at = time.perf_counter()
        for message in batch:
            self._link.ack(message.token)
            if not self._back.done():
                self._back.set_result(at)

    def _state(self, now: State) -> None:
        if now is State.LISTENING and not self._ready.done():
            self._ready.set_result(None)


async def echo_floor(url: str, n: int, payload: bytes) -> list[float]:
    """Seconds from publish to delivery of each of `n` echoes through the broker at `url`."""
    async with Echo(url) as echo:
        return [await echo.once(payload) for _ in range(n + WARM_UP)][WARM_UP:]


async def respond(url: str, name: str) -> NoReturn:
    """Say again whatever is said under `bench/{name}/up/`; prints a line when it listens."""

    def came(batch: list[Arrived]) -> None:
        for message in batch:
            link.publish(message.topic.replace("/up/", "/down/", 1), message.payload)
            link.ack(message.token)
        link.flush()

    def state(now: State) -> None:
        if now is State.LISTENING:
            print("listening", flush=True)

    topics = [(f"bench/{name}/up/+", 1)]
    link = MqttLink(name, [url], topics, came, on_state=state, keep_session=False)
    await link.run()


def bare_floor(host: str, port: int, n: int, payload: bytes) -> list[float]:
    """Time the same echo by a blocking socket that speaks just enough MQTT 3.1.1."""
    name = f"bare-{secrets.token_hex(4)}".encode()
    topic = b"bench/" + name

    def text(value: bytes) -> bytes:
        return len(value).to_bytes(2, "big") + value

    def packet(head: int, rest: bytes) -> bytes:
        size, length = len(rest), b""
        while size >= 128:
            size, low = divmod(size, 128)
            length += bytes((low | 128,))
        return bytes((head,)) + length + bytes((size,)) + rest

    with socket.create_connection((host, port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(packet(0x10, text(b"MQTT") + b"\x04\x02\x00\x3c" + text(name)))
        assert sock.recv(4) == b"\x20\x02\x00\x00"
        sock.sendall(packet(0x82, b"\x00\x01" + text(topic) + b"\x01"))
        assert sock.recv(5)[0] == 0x90
        publish = packet(0x32, text(topic) + b"\x00\x02" + payload)
        times = []
        for _ in range(n + WARM_UP):
            begin = time.perf_counter()
            sock.sendall(publish)
            got, ended = b"", 0.0
            while len(got) < len(publish) + 4:  # the PUBLISH back and the PUBACK, in any order
                got += sock.recv(65536)
                if not ended and payload in got:
                    ended = time.perf_counter()
            mid = got.index(text(topic)) + 2 + len(topic)
            sock.sendall(b"\x40\x02" + got[mid : mid + 2])
            times.append(ended - begin)
    return times[WARM_UP:]


def main() -> None:
    """Print both floors of `mqtt://host:port` in milliseconds, or answer under a given name."""
    url = sys.argv[1] if len(sys.argv) > 1 else "mqtt://127.0.0.1:1883"
    if len(sys.argv) > 2:
        uvloop.run(respond(url, sys.argv[2]))
    host, _, port = url.removeprefix("mqtt://").partition(":")
    payload = b"x" * 150
    for what, times in (
        ("bare socket", bare_floor(host, int(port or 1883), 2000, payload)),
        ("this client", uvloop.run(echo_floor(url, 2000, payload))),
    ):
        cuts = statistics.quantiles(times, n=100)
        print(f"{what}: median {cuts[49] * 1e3:.3f} ms, p99 {cuts[98] * 1e3:.3f} ms")


if __name__ == "__main__":
    main()
