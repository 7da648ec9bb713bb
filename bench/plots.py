"""The report's pictures, as SVG text that stands inside the page.

Latencies as cumulative distributions, logarithmic in time and stretched towards the tail, because
what matters is the press that waits longest; loads as what was receipted and how late.
"""

import io
from collections.abc import Sequence
from typing import Any, TypeAlias

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.figures import Comparison, Step

Array: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
OURS, FLOOR, OTHERS = "#b3261e", "#1f4e79", ("#5f6b75", "#8a6d1d", "#4c7a34", "#7b4b94")
MARKS = ("o", "s", "^", "D")
_TAIL = (0.5, 0.9, 0.99, 0.999)
_STYLE: Any = {
    "font.size": 10,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "tgd",
    "svg.fonttype": "none",
}


def distributions(comparison: Comparison) -> str:
    """Draw one comparison's samples and its floor's."""
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(7.2, 3.6), layout="constrained")
        axes = canvas.subplots()
        _curve(axes, comparison.ours, comparison.name, OURS, 2.0)
        _curve(axes, comparison.floor, f"floor: {comparison.floor_is}", FLOOR, 2.0)
        for colour, (name, samples) in zip(OTHERS, comparison.others.items(), strict=False):
            _curve(axes, samples, name, colour, 0.9)
        axes.set_xscale("log")
        _plain_milliseconds(axes.xaxis)
        axes.set_yscale("function", functions=(_stretch, _unstretch))
        axes.set_yticks(_TAIL, [f"p{part * 100:g}" for part in _TAIL])
        axes.set_ylim(0, 0.9995)
        axes.set_xlabel("milliseconds")
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2), fontsize=8, frameon=False)
        return _svg(canvas)


def loads(series: dict[str, list[Step]], goal_s: float) -> str:
    """Draw what was receipted, and the latency, over the offered load."""
    with mpl.rc_context(_STYLE):
        canvas = Canvas(figsize=(7.2, 6.4), layout="constrained")
        rate, late = canvas.subplots(2, 1, sharex=True)
        colours = (OURS, OTHERS[1], FLOOR)
        for colour, mark, (name, steps) in zip(colours, MARKS, series.items(), strict=False):
            offered = [step.offered for step in steps]
            rate.plot(offered, [s.rate for s in steps], color=colour, marker=mark, label=name)
            p99 = [s.latency.p99 * 1e3 for s in steps]
            median = [s.latency.median * 1e3 for s in steps]
            late.plot(offered, p99, color=colour, marker=mark, label=f"p99, {name}")
            late.plot(offered, median, color=colour, linestyle=":", label=f"median, {name}")
        most = max(step.offered for steps in series.values() for step in steps)
        rate.plot([0, most], [0, most], color="#999999", linewidth=0.8, label="as offered")
        rate.set_ylabel("receipted per second")
        late.axhline(goal_s * 1e3, color="#999999", linewidth=0.8)
        late.set_yscale("log")
        _plain_milliseconds(late.yaxis)
        late.set_ylabel("due → receipt, ms")
        late.set_xlabel("offered presses per second")
        rate.legend(fontsize=8, frameon=False)
        late.legend(fontsize=8, frameon=False, ncols=2)
        return _svg(canvas)


def _curve(axes: Axes, samples: Sequence[float], name: str, colour: str, width: float) -> None:
    ordered = sorted(samples)
    parts = [(rank + 1) / len(ordered) for rank in range(len(ordered))]
    milliseconds = [one * 1e3 for one in ordered]
    axes.step(milliseconds, parts, where="post", color=colour, linewidth=width, label=name)


def _plain_milliseconds(axis: Axis) -> None:
    """Write 0.5, 2, 10 at a logarithmic axis, not powers."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _stretch(part: Array) -> Array:
    """Give the last hundredth as much height as the first nine tenths."""
    return -np.log10(np.clip(1 - part, 1e-4, 1))


def _unstretch(height: Array) -> Array:
    return 1 - np.power(10.0, -height)


def _svg(canvas: Canvas) -> str:
    out = io.StringIO()
    canvas.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
