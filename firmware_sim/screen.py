"""What happens to the phones, readably, on a terminal; and the keyboard that presses them.

Serves a person at the demo. Promises one line per event, no coordinates, and that the terminal is
given back as it was. Leaves everything else to the fleet.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from firmware_sim.events import Event, Kind
from firmware_sim.fleet import Fleet
from firmware_sim.phone import Phone
from firmware_sim.receiver import Reception

KEYS = (
    "[b]1[/b]-[b]9[/b] press   [b]n[/b]+digit network off/on   [b]c[/b]+digit crash   "
    "[b]m[/b]+digit walk/stand   [b]d[/b]+digit drive/stand   [b]i[/b]+digit indoors/open   "
    "[b]q[/b] quit"
)
WALK_KMH, DRIVE_KMH = 5.0, 50.0
_STYLES = {
    Kind.PRESSED: "bold white on red",
    Kind.RECEIPT: "bold green",
    Kind.STATE: "green",
    Kind.DIAL_112: "bold red",
    Kind.CRASHED: "red",
    Kind.UNSENT: "yellow",
    Kind.NETWORK: "yellow",
    Kind.DISCONNECTED: "yellow",
    Kind.PATH_FAILED: "yellow",
    Kind.HEARTBEAT: "dim",
    Kind.POSITION: "dim",
}


class Screen:
    """A listener that prints each event on `console`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, event: Event) -> None:
        """Print one event."""
        line = Text(datetime.fromtimestamp(event.at, UTC).strftime("%H:%M:%S.%f")[:-3], "dim")
        line.append(f"  {event.phone}  ", "cyan")
        line.append(f"{event.kind.value:<16}", _STYLES.get(event.kind, ""))
        for name, value in event.details.items():
            line.append(f" {name}=", "dim")
            line.append(_shown(name, value))
        self._console.print(line, soft_wrap=True)


def _shown(name: str, value: object) -> str:
    if name in {"press", "command"}:
        return str(value)[:8]
    if name == "latency_s":
        return f"{float(str(value)) * 1000:.1f}ms"
    return "+".join(value) if isinstance(value, list) else str(value)


class Keyboard:
    """Turns keys into what is done to phones; `quit` is called on `q`."""

    def __init__(self, fleet: Fleet, stop: Callable[[], None]) -> None:
        self._phones = list(fleet)
        self._stop = stop
        self._pending = ""

    def key(self, key: str) -> None:
        """Take one key; what means nothing is ignored."""
        pending, self._pending = self._pending, ""
        if key in {"q", "\x03", "\x04"}:
            self._stop()
        elif key in {"n", "c", "m", "d", "i"}:
            self._pending = key
        elif key.isascii() and key.isdigit() and 1 <= int(key) <= len(self._phones):
            _do(pending, self._phones[int(key) - 1])

    @contextlib.contextmanager
    def listening(self) -> Iterator[bool]:
        """Read the standard input, key by key on a terminal; False if there is none to read."""
        stdin = sys.stdin.fileno()
        terminal = os.isatty(stdin)
        if not terminal and not stat.S_ISFIFO(os.fstat(stdin).st_mode):
            yield False
            return
        before = termios.tcgetattr(stdin) if terminal else None
        loop = asyncio.get_running_loop()
        if terminal:
            tty.setcbreak(stdin)
        loop.add_reader(stdin, self._read, stdin)
        try:
            yield True
        finally:
            loop.remove_reader(stdin)
            if before:
                termios.tcsetattr(stdin, termios.TCSADRAIN, before)

    def _read(self, stdin: int) -> None:
        keys = os.read(stdin, 64).decode(errors="replace")
        if not keys:  # the other end has closed: nothing will be typed any more
            asyncio.get_running_loop().remove_reader(stdin)
        for key in keys:
            self.key(key)


def _do(what: str, phone: Phone) -> None:
    match what:
        case "n":
            phone.network(on=not phone.on_network)
        case "c":
            phone.crash()
        case "m":
            _move(phone, WALK_KMH)
        case "d":
            _move(phone, DRIVE_KMH)
        case "i":
            phone.reception(Reception.OPEN if phone.indoors else Reception.INDOORS)
        case _ if phone.alive:
            phone.press_now()
        case _:
            return


def _move(phone: Phone, speed_kmh: float) -> None:
    phone.move(speed_kmh=0.0 if phone.moving else speed_kmh, bearing=90.0, streets=True)
