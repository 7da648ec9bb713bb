"""The calibration's picture: who is inside, how errors lie within their discs, how wide these are.

Three panels: the part inside by scenario, with the interval that so many presses allow and the
band that is asked; the errors as a part of the stated radius, beside what perfect discs would show;
the stated radius beside the true error, by the age of the fix.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.plots import FLOOR, OTHERS, OURS

if TYPE_CHECKING:
    from bench.calibration import Coverage, Row, Statement

_STYLE: Any = {
    "font.size": 9,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_ASKED = (93, 99)


def draw(found: "dict[str, list[Row]]", statements: "Sequence[Statement]", path: Path) -> None:
    """Write the picture as PNG."""
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(11, 8), layout="constrained")
        grid = canvas.add_gridspec(2, 2, width_ratios=(1.15, 1))
        _inside(canvas.add_subplot(grid[:, 0]), [*found["all"], *found["scenario"]])
        _within(canvas.add_subplot(grid[0, 1]), statements)
        _width(canvas.add_subplot(grid[1, 1]), found["age of the fix"])
        canvas.savefig(path, dpi=110, metadata={"Software": None})


def _inside(axes: Axes, rows: "Sequence[Row]") -> None:
    places = np.arange(len(rows))[::-1]
    axes.axvspan(*_ASKED, color="#4c7a34", alpha=0.12, label="asked: 93 to 99 %")
    axes.axvline(95, color="#999999", linewidth=0.8)
    for shift, colour, name, picked in (
        (0.14, OURS, "when the press arrives", [row.press for row in rows]),
        (-0.14, FLOOR, "later, with what followed", [row.later for row in rows]),
    ):
        _dots(axes, places + shift, picked, colour, name)
    axes.set_yticks(places, [row.name for row in rows])
    axes.set_xlim(right=100.5)
    axes.set_xlabel("% of looks within the stated 95 % disc")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.06), frameon=False, fontsize=8)


def _dots(
    axes: Axes, places: Any, picked: "Sequence[Coverage | None]", colour: str, name: str
) -> None:
    known = [(place, one) for place, one in zip(places, picked, strict=True) if one is not None]
    parts = np.array([100 * one.part for _, one in known])
    sides = [
        parts - [100 * one.least for _, one in known],
        [100 * one.most for _, one in known] - parts,
    ]
    axes.errorbar(
        parts,
        [place for place, _ in known],
        xerr=np.maximum(0, sides),
        fmt="o",
        markersize=4,
        linewidth=1,
        color=colour,
        label=name,
    )


def _within(axes: Axes, statements: "Sequence[Statement]") -> None:
    """Plot the errors over their radii: the curve of perfect discs is Rayleigh's."""
    parts = np.linspace(0.01, 2.5, 200)
    perfect = 1 - np.exp(math.log(0.05) * parts**2)
    axes.plot(parts, perfect * 100, color="#999999", linestyle=":", label="fresh and as claimed")
    for colour, name in zip(
        (OURS, *OTHERS), ("satellites", "fused", "Wi-Fi", "cell"), strict=False
    ):
        ratios = sorted(one.error_m / one.r95_m for one in statements if one.method == name)
        if ratios:
            share = 100 * np.arange(1, len(ratios) + 1) / len(ratios)
            axes.step(ratios, share, where="post", color=colour, label=name)
    axes.axvline(1, color="#999999", linewidth=0.8)
    axes.axhline(95, color="#999999", linewidth=0.8)
    axes.set_xlim(0, 2)
    axes.set_xlabel("true error / stated 95 % radius")
    axes.set_ylabel("% of looks")
    axes.legend(loc="lower right", frameon=False, fontsize=8)


def _width(axes: Axes, rows: "Sequence[Row]") -> None:
    for mark, name, picked in (
        ("o", "press", [row.press for row in rows]),
        ("s", "later", [row.later for row in rows]),
    ):
        known = [(place, one) for place, one in enumerate(picked) if one is not None]
        at = [place for place, _ in known]
        radii, errors = [one.r95_m for _, one in known], [one.error_m for _, one in known]
        axes.plot(at, radii, color=OURS, marker=mark, label=f"stated radius, {name}")
        axes.plot(at, errors, color=FLOOR, marker=mark, linestyle=":", label=f"error, {name}")
    axes.set_xticks(range(len(rows)), [row.name for row in rows], rotation=20)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("median, m")
    axes.set_xlabel("age of the fix")
    axes.legend(frameon=False, fontsize=8)
