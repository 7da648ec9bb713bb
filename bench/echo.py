"""The floor of press → receipt: one message to the broker and back, with the server's own client.

`echo_floor` publishes at QoS 1 on a topic that the same connection subscribes to, one message at
a time, and times each until it is back. Run as a script it also times the same bytes through a
bare blocking socket, which is what the broker and the kernel alone cost.
"""

import asyncio
import secrets
import socket
import statistics
import sys
import time

from tgd.devices.mqtt import Arrived, MqttLink, State

WARM_UP = 50


async def echo_floor(url: str, n: int, payload: bytes) -> list[float]:
    """Seconds from publish to delivery of each of `n` echoes through the broker at `url`."""
    name = f"echo-{secrets.token_hex(4)}"
    topic = f"bench/{name}"
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    back: asyncio.Future[float] = loop.create_future()

    def came(batch: list[Arrived]) -> None:
        at = time.perf_counter()
        for message in batch:
            assert message.payload == payload
            link.ack(message.token)
            back.set_result(at)

    def state(now: State) -> None:
        if now is State.LISTENING and not ready.done():
            ready.set_result(None)

    link = MqttLink(name, [url], [(topic, 1)], came, on_state=state, keep_session=False)
    task = asyncio.create_task(link.run())
    try:
        await asyncio.wait_for(ready, 10)
        times = []
        for _ in range(n + WARM_UP):
            back = loop.create_future()
            begin = time.perf_counter()
            if not link.publish(topic, payload):
                raise ConnectionError("the broker went away during the echo")
            link.flush()
            times.append(await asyncio.wait_for(back, 10) - begin)
        return times[WARM_UP:]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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
    """Print both floors of `mqtt://host:port`, in milliseconds."""
    url = sys.argv[1] if len(sys.argv) > 1 else "mqtt://127.0.0.1:1883"
    host, _, port = url.removeprefix("mqtt://").partition(":")
    payload = b"x" * 150
    for what, times in (
        ("bare socket", bare_floor(host, int(port or 1883), 2000, payload)),
        ("this client", asyncio.run(echo_floor(url, 2000, payload))),
    ):
        cuts = statistics.quantiles(times, n=100)
        print(f"{what}: median {cuts[49] * 1e3:.3f} ms, p99 {cuts[98] * 1e3:.3f} ms")


if __name__ == "__main__":
    main()
