"""Phones driven by another program: orders in, events out, one JSON object a line.

Serves the demo, whose platform shares no code with the phones. An order is a step of a scenario
without its time (`{"phone": "tgd-86-01", "action": "press"}`); an event is
`{"phone", "at", "kind", "details"}`. Promises: an order that cannot be obeyed is answered with
`{"refused": why}` and harms nothing, and the phones end with their input, so none outlives whoever
drives them. The input must be a pipe. Leaves what the orders mean to `scenario.py`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, TextIO

from firmware_sim.events import Event
from firmware_sim.fleet import Fleet
from firmware_sim.scenario import Scenario, ScenarioError

LONGEST_ORDER = 64 * 1024


class Remote:
    """Obeys orders to `fleet` and, as its listener, tells its events on `out`."""

    def __init__(self, fleet: Fleet, out: TextIO = sys.stdout) -> None:
        self._fleet = fleet
        self._out = out

    def __call__(self, event: Event) -> None:
        """Tell one event."""
        self._tell(
            {
                "phone": event.phone,
                "at": round(event.at, 6),
                "kind": event.kind.value,
                "details": dict(event.details),
            }
        )

    def obey(self, line: bytes) -> None:
        """Do what one line orders, at once."""
        try:
            order = json.loads(line)
            if not isinstance(order, dict) or "at" in order:
                raise ScenarioError('an order is {"phone": …, "action": …} without a time')
            Scenario.read({"step": [order]}).do(self._fleet)
        except ValueError as fault:  # ScenarioError is one, and so is whatever is no JSON
            self._tell({"refused": str(fault)})

    def _tell(self, what: dict[str, Any]) -> None:
        self._out.write(json.dumps(what, ensure_ascii=False) + "\n")
        self._out.flush()


async def drive(remote: Remote) -> None:
    """Obey the standard input, line by line, until it ends."""
    reader = asyncio.StreamReader(LONGEST_ORDER)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    try:
        async for line in reader:
            remote.obey(line)
    finally:
        transport.close()
