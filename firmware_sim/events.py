"""What happens to a simulated phone, told to whoever listens.

Serves every arrow as the stranger at its beginning: demo, tests and command line follow a phone
only through these events. Promises: one event per fact, in order, with the phone's name, the
simulation's time (epoch seconds, never stepping, whatever the phone's own clock says) and details
that name no coordinate. Leaves what to do about a fact to the listener.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Every kind of happening; the values are what a scenario's output prints."""

    PRESSED = "pressed"  # press, seq, trigger
    SENT = "sent"  # press, attempt, paths
    UNSENT = "unsent"  # press, attempt: no path took it
    RECEIPT = "receipt"  # press, code, alert, path, listen, attempt, latency_s
    RECEIPT_IGNORED = "receipt_ignored"  # press, reason
    DIAL_112 = "dial_112"  # press, after_s
    STATE = "state"  # alert, state, n
    STATE_IGNORED = "state_ignored"  # alert, state, n, reason
    GLANCED = "glanced"  # state: what her discreet gesture showed, None if nothing
    COMMAND = "command"  # command, action
    COMMAND_IGNORED = "command_ignored"  # command, action, reason
    ALERT_OPEN = "alert_open"  # alert
    ALERT_ENDED = "alert_ended"  # alert, reason
    POSITION = "position"  # method, acc_m
    HEARTBEAT = "heartbeat"  # seq, batt
    FORGED = "forged"  # path, reason: what came down is not the platform's own
    UNREADABLE = "unreadable"  # path, reason: something came down that is no message
    CONNECTED = "connected"  # path, address
    DISCONNECTED = "disconnected"  # path, reason
    PATH_FAILED = "path_failed"  # path, reason
    NETWORK = "network"  # on
    CRASHED = "crashed"  # reboot_after_s
    REBOOTED = "rebooted"  # presses: how many were still open in the store
    BATTERY = "battery"  # level
    FAULT = "fault"  # what, direction


@dataclass(frozen=True, slots=True)
class Event:
    """One happening: `at` in epoch seconds of the simulation, `details` as listed in `Kind`."""

    phone: str
    at: float
    kind: Kind
    details: Mapping[str, object] = field(default_factory=dict)


Listener = Callable[[Event], None]


class Recorder:
    """A listener that keeps every event and lets a test or a story wait for one.

    Call it as a listener; read `events`; or `await recorder.first(Kind.RECEIPT, phone="…")`.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._fresh = asyncio.Event()

    def __call__(self, event: Event) -> None:
        """Keep `event` and wake whoever waits."""
        self.events.append(event)
        self._fresh.set()

    def all(self, kind: Kind, *, phone: str | None = None, **details: object) -> list[Event]:
        """Return the events so far of this kind, phone and details (each given detail equal)."""
        return [
            event
            for event in self.events
            if event.kind is kind
            and phone in {None, event.phone}
            and all(event.details.get(name) == wanted for name, wanted in details.items())
        ]

    async def first(
        self,
        kind: Kind,
        *,
        phone: str | None = None,
        within_s: float = 60.0,
        count: int = 1,
        **details: object,
    ) -> Event:
        """Wait for the `count`-th such event, past or to come; TimeoutError after `within_s`."""
        async with asyncio.timeout(within_s):
            while True:
                self._fresh.clear()
                found = self.all(kind, phone=phone, **details)
                if len(found) >= count:
                    return found[count - 1]
                await self._fresh.wait()
