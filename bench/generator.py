"""Offered load: a thousand phones' connections in one lean process, at a rate that never yields.

An open loop: each press has its due time, and its latency counts from there, so that a slow server
shows as latency and not as fewer presses. MQTT 3.1.1 is spoken by hand over non-blocking sockets
with every press encoded beforehand; each connection subscribes, at QoS 1, to what is sent down to
its own phones, as phones do. Nothing is repeated: whatever is lost stays visible.

Run as a process of its own: ``python -m bench.generator PLAN.json``. It says "ready" when all are
connected, starts at the moment (monotonic clock, seconds) that it reads from its standard input,
and writes what came of each press, and the processor time that offering it took, beside the plan,
as ``PLAN.out.json``.
"""

import json
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from bench.packets import CONNACK, PUBACK, PUBLISH, SUBACK, connect, expect, packet, publish, text
from bench.phones import press_bytes

RECEIPT = b'{"_type":"receipt","id":"'
ID = slice(len(RECEIPT), len(RECEIPT) + 36)
PATIENCE_S = 20.0
SUBSCRIBED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Plan:
    """One process's part of a load. ``presses`` are (device, seconds after the start)."""

    host: str
    port: int
    name: str
    connections: int
    presses: list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one press: seconds after the start, None where nothing came."""

    id: str
    device: str
    due: float
    sent: float
    acknowledged: bool
    receipted: float | None
    code: str


class _Line:
    """One connection: its socket, what is half read, and what could not be written yet."""

    __slots__ = ("inbox", "mid", "outbox", "sock", "waiting")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.inbox = b""
        self.outbox = b""
        self.mid = 0
        self.waiting: dict[int, int] = {}


class Generator:
    """The load of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        n = len(plan.presses)
        self._lines: list[_Line] = []
        self._poll = select.epoll()
        self._of: dict[int, _Line] = {}
        at = time.time()
        self.ids = [str(uuid4()) for _ in range(n)]
        self._index = {one.encode(): k for k, one in enumerate(self.ids)}
        self._frames: list[tuple[bytes, bytes]] = []
        for k, (device, _) in enumerate(plan.presses):
            payload = press_bytes(self.ids[k], k + 1, at)
            self._frames.append(publish(f"tgd/v1/{device}/up/press".encode(), payload))
        self._sent = [0.0] * n
        self._acked = bytearray(n)
        self._receipted = [0.0] * n
        self._codes = [""] * n
        self._missing = n

    def connect(self) -> None:
        """Connect every phone's line and subscribe it."""
        plan = self._plan
        devices: list[list[str]] = [[] for _ in range(plan.connections)]
        for k, (device, _) in enumerate(plan.presses):
            devices[k % plan.connections].append(device)
        for number, own in enumerate(devices):
            sock = socket.create_connection((plan.host, plan.port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = _Line(sock)
            sock.sendall(connect(f"{plan.name}-{number}"))
            expect(sock, CONNACK)
            topics = [text(f"tgd/v1/{one}/down".encode()) + b"\x01" for one in dict.fromkeys(own)]
            for first in range(0, len(topics), SUBSCRIBED_AT_ONCE):
                some = b"".join(topics[first : first + SUBSCRIBED_AT_ONCE])
                sock.sendall(packet(0x82, b"\x00\x01" + some))
                expect(sock, SUBACK)
            sock.settimeout(0)
            self._lines.append(line)
            self._of[sock.fileno()] = line
            self._poll.register(sock.fileno(), select.EPOLLIN)

    def run(self, start: float) -> list[Outcome]:
        """Offer the load from ``start`` (monotonic seconds) on; return what came of it."""
        presses, n, sent = self._plan.presses, len(self._plan.presses), 0
        lines, count = self._lines, self._plan.connections
        end = start + presses[-1][1] + PATIENCE_S
        while self._missing:
            now = time.monotonic()
            if now > end:
                break
            while sent < n and presses[sent][1] <= now - start:
                self._send(lines[sent % count], sent)
                self._sent[sent] = time.monotonic() - start
                sent += 1
            until = start + presses[sent][1] - time.monotonic() if sent < n else 0.05
            for fd, events in self._poll.poll(max(0.0, until)):
                self._serve(self._of[fd], events, start)
        return self.outcomes()

    def outcomes(self) -> list[Outcome]:
        """Return what has come of each press so far."""
        return [self._outcome(k) for k in range(len(self.ids))]

    def _send(self, line: _Line, k: int) -> None:
        line.mid = line.mid % 65535 + 1
        line.waiting[line.mid] = k
        head, tail = self._frames[k]
        self._write(line, head + line.mid.to_bytes(2, "big") + tail)

    def _write(self, line: _Line, data: bytes) -> None:
        if not line.outbox:
            try:
                done = line.sock.send(data)
            except BlockingIOError:
                done = 0
            if done == len(data):
                return
            data = data[done:]
            self._poll.modify(line.sock.fileno(), select.EPOLLIN | select.EPOLLOUT)
        line.outbox += data

    def _serve(self, line: _Line, events: int, start: float) -> None:
        if events & select.EPOLLOUT:
            data, line.outbox = line.outbox, b""
            self._poll.modify(line.sock.fileno(), select.EPOLLIN)
            self._write(line, data)
        if events & ~select.EPOLLOUT:
            data = line.sock.recv(65536)
            if not data:
                raise ConnectionError("the broker ended a phone's connection")
            at = time.monotonic() - start
            acks, line.inbox = self.read(line.inbox + data, line.waiting, at)
            if acks:
                self._write(line, acks)

    def read(self, data: bytes, waiting: dict[int, int], at: float) -> tuple[bytes, bytes]:
        """Take every whole packet; return the acknowledgements to send, and the rest."""
        acks, here, size = b"", 0, len(data)
        while size - here >= 2:
            length, body = data[here + 1], here + 2
            if length & 0x80:
                if size - here < 3:
                    break
                length, body = length & 0x7F | data[here + 2] << 7, here + 3
            if body + length > size:
                break
            kind = data[here] & 0xF0
            if kind == PUBLISH:
                topic_end = body + 2 + (data[body] << 8 | data[body + 1])
                acks += b"\x40\x02" + data[topic_end : topic_end + 2]
                if data.startswith(RECEIPT, topic_end + 2):
                    self._receipt(data[topic_end + 2 : body + length], at)
            elif kind == PUBACK:
                k = waiting.pop(data[body] << 8 | data[body + 1])
                self._acked[k] = 1
            here = body + length
        return acks, data[here:]

    def _receipt(self, payload: bytes, at: float) -> None:
        k = self._index.get(payload[ID])
        if k is not None and not self._receipted[k]:
            self._receipted[k] = at
            self._codes[k] = "ok" if b'"code":"ok"' in payload else "duplicate"
            self._missing -= 1

    def _outcome(self, k: int) -> Outcome:
        device, due = self._plan.presses[k]
        return Outcome(
            *(self.ids[k], device, due, self._sent[k], bool(self._acked[k])),
            *(self._receipted[k] or None, self._codes[k]),
        )


def main() -> None:
    """Run one plan, in step with whoever started us."""
    path = Path(sys.argv[1])
    plan = Plan(**json.loads(path.read_text()))
    generator = Generator(plan)
    generator.connect()
    print("ready", flush=True)
    start, before = float(sys.stdin.readline()), time.process_time()
    outcomes = generator.run(start)
    told = {
        "cpu_s": time.process_time() - before,
        "outcomes": [asdict(one) for one in outcomes],
    }
    path.with_suffix(".out.json").write_text(json.dumps(told))
    print("done", flush=True)


if __name__ == "__main__":
    main()
