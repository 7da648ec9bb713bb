"""The demo in a person's hands: the panel with the addresses, and a keyboard that is eight phones.

Serves whoever tries the product in a browser. The keyboard presses the phones' buttons; what comes
back to a phone is a line on the terminal; everything else happens on the pages. Ctrl-C is read as
a key, not as a signal: so only the demo hears of it, ends in order and says that all went well.
"""

import asyncio
import contextlib
import os
import stat
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tgd.demo import magistrate
from tgd.demo.phones import COUNT, Event, Phones, name
from tgd.demo.stage import PEOPLE, Stage

_PARIS = ZoneInfo("Europe/Paris")  # the hour that the pages show
_CTRL_C, _CTRL_D = "\x03", "\x04"
_LINES = {
    "pressed": ("bold red", "APPUI · press"),
    "receipt": ("green", "reçu · receipt"),
    "state": ("green", "état · state"),
    "network": ("yellow", "réseau · network"),
    "unsent": ("yellow", "sans réseau, répète · no network, repeating"),
    "dial_112": ("bold red", "compose le 112 · dials 112"),
    "alert_ended": ("dim", "fin d'alerte · alert ended"),
}


class Keyboard:
    """Turns keys into buttons; ``quit`` is called on q, Ctrl-C or Ctrl-D."""

    def __init__(self, leave: Callable[[], None]) -> None:
        self.phones: Phones | None = None
        self._leave = leave
        self._pending = ""

    def key(self, key: str) -> None:
        """Take one key; what means nothing is ignored."""
        pending, self._pending = self._pending, ""
        if key in {"q", "Q", _CTRL_C, _CTRL_D}:
            self._leave()
        elif key in {"n", "N"}:
            self._pending = "n"
        elif self.phones is not None and key in {str(n) for n in range(1, COUNT + 1)}:
            self._do(self.phones, name(int(key)), pending)

    def _do(self, phones: Phones, phone: str, pending: str) -> None:
        if pending:
            phones.order([phone], "network", on=phone in phones.dark)
        else:
            phones.order([phone], "press")

    @contextlib.contextmanager
    def listening(self) -> Iterator[bool]:
        """Read standard input key by key; False if nobody can type there."""
        stdin = sys.stdin.fileno()
        terminal = os.isatty(stdin)
        if not terminal and not stat.S_ISFIFO(os.fstat(stdin).st_mode):
            yield False
            return
        before = termios.tcgetattr(stdin) if terminal else None
        if terminal:
            tty.setcbreak(stdin)
            mode = termios.tcgetattr(stdin)
            mode[6][termios.VINTR] = b"\0"  # Ctrl-C becomes a key
            termios.tcsetattr(stdin, termios.TCSANOW, mode)
        loop = asyncio.get_running_loop()
        loop.add_reader(stdin, self._read, stdin)
        try:
            yield terminal
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


def panel(stage: Stage, *, keys: bool) -> Panel:
    """Return what a person needs to know, in French and in English."""
    grid = Table.grid(padding=(0, 2))
    grid.add_row(Text("Opérateurs · console", "bold"), f"{stage.origin}/console")
    grid.add_row(Text("Parquet · prosecutor", "bold"), f"{stage.origin}/parquet")
    grid.add_row(Text("Salle · control room", "bold"), f"{stage.room_origin}/salle")
    grid.add_row(Text("Téléphones · phones", "bold"), f"{stage.phones_origin}/phones")
    grid.add_row("", "")
    for person, role in (PEOPLE | magistrate.PEOPLE).items():
        grid.add_row(Text(f"Login ({role})"), f"{person:<12}  {stage.logins[person]}")
    grid.add_row("", "")
    if keys:
        grid.add_row(Text("1 … 8", "bold"), "appuyer sur le bouton · press that phone")
        grid.add_row(Text("n + 1 … 8", "bold"), "couper ou rendre son réseau · network off, on")
        grid.add_row(Text("q, Ctrl-C", "bold"), "tout arrêter · stop everything")
    else:
        grid.add_row(
            "Ctrl-C (SIGINT)", "tout arrêter · stop everything (pas de clavier ici · no keyboard)"
        )
    grid.add_row("", "")
    grid.add_row("Journaux · logs", str(stage.folder))
    title = "Téléphone Grave Danger · démonstration"
    return Panel(grid, title=title, border_style="cyan", expand=False, padding=(1, 2))


class Screen:
    """Tells what happens to the phones, a line each."""

    def __init__(self, out: Console) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        """Tell one event, if a person wants to know it."""
        if event.kind not in _LINES:
            return
        style, what = _LINES[event.kind]
        at = datetime.fromtimestamp(event.at, _PARIS)
        line = Text().append(at.strftime("%H:%M:%S  "), "dim")
        line.append(f"{event.phone}  ", "cyan").append(what, style).append(_detail(event))
        self._out.print(line, soft_wrap=True)


def _detail(event: Event) -> str:
    told = event.details
    match event.kind:
        case "receipt":
            return f"  {float(told['latency_s']) * 1000:.1f} ms  ({told['code']}, {told['listen']})"
        case "state":
            return f"  {told['state']}"
        case "network":
            return "  rendu · on" if told["on"] else "  coupé · off"
        case _:
            return ""
