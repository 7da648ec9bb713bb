"""Phones that say where they are, in one lean process of their own, each over its own connection.

Run as ``python -m bench.fixes PLAN.json``; it says "ready" when all are connected. It obeys lines
on its standard input: a JSON list of [first, behind the last, every so many seconds] begins with
these phones, each at a moment of its own; ``stop`` ends that and is answered "stopped"; ``end``
writes what was sent and when (wall clock) beside the plan, as ``PLAN.out.json``: "written".
A fix is taken as it is sent. Nothing is repeated: what the server loses stays visible.
"""

import contextlib
import heapq
import json
import math
import os
import random
import select
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.packets import CONNACK, connect, expect, publish

METRES_PER_DEGREE = 111_195.0
ORDERS = 0  # standard input


@dataclass(frozen=True, slots=True)
class Walker:
    """A phone: where it was at the moment ``since`` (epoch seconds), and how fast it goes north."""

    device: str
    lat: float
    lon: float
    kmh: float
    since: float

    def fix(self, at: float) -> bytes:
        """Return the position message of the moment ``at``."""
        lat = self.lat + self.kmh / 3.6 * (at - self.since) / METRES_PER_DEGREE
        return (
            f'{{"_type":"location","lat":{lat:.6f},"lon":{self.lon:.6f},"acc":12.5,"pm":"G",'
            f'"tst":{at:.3f},"alt":116.0,"vel":{self.kmh:.1f},"cog":0.0}}'
        ).encode()


class Fixes:
    """All phones, those that report now, and what was sent."""

    def __init__(self, host: str, port: int, walkers: list[Walker]) -> None:
        self._walkers = walkers
        self._topics = [f"tgd/v1/{one.device}/up/position".encode() for one in walkers]
        self._due: list[tuple[float, int, float]] = []
        self.sent: list[tuple[str, float]] = []
        self._lines = [self._connect(host, port, one.device) for one in walkers]
        self._mids = [0] * len(walkers)

    @staticmethod
    def _connect(host: str, port: int, device: str) -> socket.socket:
        line = socket.create_connection((host, port))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(connect(f"fixes-{device}"))
        expect(line, CONNACK)
        line.settimeout(0)
        return line

    def begin(self, parts: list[tuple[int, int, float]]) -> None:
        """Let phones report, each ``every`` seconds from a moment of its own within these."""
        now = time.monotonic()
        for first, end, every in parts:
            for k in range(first, end):
                heapq.heappush(self._due, (now + random.uniform(0, every), k, every))

    def stop(self) -> None:
        """Let no phone report any more."""
        self._due.clear()

    def send_due(self) -> float | None:
        """Send every fix that is due; return the seconds to the next one, None if none is."""
        while self._due:
            due, k, every = self._due[0]
            wait = due - time.monotonic()
            if wait > 0:
                return wait
            heapq.heapreplace(self._due, (due + every, k, every))
            self._send(k)
        return None

    def _send(self, k: int) -> None:
        line, walker = self._lines[k], self._walkers[k]
        with contextlib.suppress(BlockingIOError):
            line.recv(4096)  # acknowledgements: the database is looked at
        mid = self._mids[k] = self._mids[k] % 65535 + 1
        at = time.time()
        head, payload = publish(self._topics[k], walker.fix(at))
        line.sendall(head + mid.to_bytes(2, "big") + payload)
        self.sent.append((walker.device, at))


def _obey(fixes: Fixes, order: str, out: Path) -> None:
    if order == "stop":
        fixes.stop()
        print("stopped", flush=True)
    elif order == "end":
        out.write_text(json.dumps(fixes.sent))
        print("written", flush=True)
    else:
        fixes.begin([(first, end, every) for first, end, every in json.loads(order)])


def main() -> None:
    """Run one plan until we are ended."""
    path = Path(sys.argv[1])
    plan = json.loads(path.read_text())
    fixes = Fixes(plan["host"], plan["port"], [Walker(**one) for one in plan["walkers"]])
    print("ready", flush=True)
    rest = b""
    wait: float | None = None
    while True:
        # Half a millisecond early, so that a fix is not late by the length of the wait's rounding.
        timeout = math.inf if wait is None else max(0.0, wait - 0.0005)
        ready, _, _ = select.select([ORDERS], [], [], None if timeout == math.inf else timeout)
        if ready:
            read = os.read(ORDERS, 65536)
            if not read:
                return
            *orders, rest = (rest + read).split(b"\n")
            for order in orders:
                _obey(fixes, order.decode(), path.with_suffix(".out.json"))
        wait = fixes.send_due()


if __name__ == "__main__":
    main()
