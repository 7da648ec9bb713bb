"""How the demo speaks: one line per step as it happens, with its latency, and a closing table.

Serves whoever watches. On a terminal it has colours; elsewhere it is plain text of the same
layout, so that a log reads as well. It names phones, never persons, and no position.
"""

import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 108
MARKS = "⓪①②③④⑤⑥⑦⑧⑨"
_COLOURS = ("white", "cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_red")
_SECOND = 1.0

LEGS: Mapping[str, str] = {
    "receipt": "appui→\nreçu",
    "shown": "appui→\npupitre",
    "answered": "alerte→\nréponse",
    "told": "décision→\nsalle",
    "acknowledged": "décision→\nCONSULTE",
    "engaged": "CONSULTE→\npatrouille",
    "whole": "appui→\nCONSULTE",
}
"""The legs of the way in its order; the way's two ends are the police's acknowledgement."""


def console(stream: TextIO | None = None) -> Console:
    """Return a console on ``stream`` (standard output) that never folds a step."""
    out = stream or sys.stdout
    return Console(file=out, highlight=False, width=None if out.isatty() else WIDTH)


class Teller:
    """Tells the story. ``begin`` starts its clock."""

    def __init__(self, out: Console) -> None:
        self.out = out
        self._began = time.monotonic()

    def begin(self) -> None:
        """Count the story's time from now."""
        self._began = time.monotonic()

    def ready(self, what: str, detail: str, seconds: float) -> None:
        """Tell that a part of the stage is up."""
        line = Text().append("  ✓ ", "green").append(f"{what:<44}").append(f"{detail:<36}", "dim")
        self._print(line.append(f"{duration(seconds):>10}", "dim"))

    def scene(self, number: int, french: str, english: str) -> None:
        """Open a scene."""
        title = Text().append(f"\n{MARKS[number]}  ", _colour(number)).append(french, "bold")
        self._print(title.append(f" · {english}", "dim"))

    def step(
        self, scene: int, phone: str, who: str, what: str, seconds: float | None = None
    ) -> None:
        """Tell a step about a phone; ``seconds`` is its latency."""
        line = Text().append(f"{time.monotonic() - self._began:8.3f} s  ", "dim")
        line.append(f"{MARKS[scene]} {phone:<7}", _colour(scene)).append(f"{who:<13}", "bold")
        line.append(what)
        if seconds is not None:
            gap = " " * max(2, WIDTH - 12 - line.cell_len)
            style = "green" if seconds < _SECOND else "yellow"
            line.append(gap).append(f"{duration(seconds):>10}", style)
        self._print(line)

    def say(self, what: str, style: str = "") -> None:
        """Tell something that is no step."""
        self._print(Text(what, style))

    def table(self, rows: Sequence[tuple[str, str, Mapping[str, float], str]]) -> None:
        """Close with every press (scene's mark, phone, its legs in seconds, its end)."""
        table = Table(box=box.SIMPLE_HEAD, title="", pad_edge=False, padding=(0, 1))
        table.add_column("")
        table.add_column("appareil\nphone", no_wrap=True)
        for head in LEGS.values():
            table.add_column(head, justify="right", no_wrap=True)
        table.add_column("fin\nend", no_wrap=True)
        for mark, phone, legs, end in rows:
            table.add_row(mark, phone, *(_cell(legs.get(leg)) for leg in LEGS), end)
        table.add_section()
        for name, of in (("médiane", statistics.median), ("pire", max)):
            found = [[legs[leg] for _, _, legs, _ in rows if leg in legs] for leg in LEGS]
            table.add_row("", name, *(_cell(of(leg) if leg else None) for leg in found), "")
        self.out.print(table)

    def _print(self, line: Text) -> None:
        self.out.print(line, soft_wrap=True)


def duration(seconds: float) -> str:
    """Write a duration so that both 1 ms and 20 s can be read."""
    return f"{seconds * 1000:.1f} ms" if seconds < _SECOND else f"{seconds:.2f} s"


def _cell(seconds: float | None) -> str:
    return "—" if seconds is None else duration(seconds)


def _colour(scene: int) -> str:
    return _COLOURS[scene % len(_COLOURS)]
