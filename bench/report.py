"""The report: figures beside their floors, in Markdown, HTML with plots, and JSON.

Says what was measured, on what, and what fell short, in this order; a reader who stops after the
first table has the answer. Nothing here measures.
"""

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import plots
from bench.figures import Comparison, Figure, Spread, Step, Target
from bench.load import AIM_P99_S

TITLE = "Benchmark"
WHOLE_FROM = 100
WORTH_A_PLOT = 50
"""Of fewer samples a distribution shows nothing."""
_TINY_S = 0.0002
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Benchmark</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c2126; background: #fff }}
table {{ border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }}
th, td {{ border-bottom: 1px solid #d5dade; padding: .3rem .7rem; text-align: right }}
th:first-child, td:first-child {{ text-align: left }}
.missed {{ color: #b3261e; font-weight: 700 }} .met {{ color: #2e6b2e }}
svg {{ max-width: 100%; height: auto }}
.method {{ color: #47515a }}
</style>
{body}
</html>
"""


def write(folder: Path, machine: dict[str, str], figures: Sequence[Figure]) -> list[Path]:
    """Write the report's three files into ``folder``; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    everything = {"machine": machine, "figures": [one.as_json() for one in figures]}
    texts = {
        "bench.json": json.dumps(everything, indent=1, ensure_ascii=False) + "\n",
        "report.md": markdown(machine, figures),
        "report.html": page(machine, figures),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def markdown(machine: dict[str, str], figures: Sequence[Figure]) -> str:
    """Return the report as Markdown."""
    parts = [f"# {TITLE}", _md_table(("on", ""), list(machine.items())), "## What was asked"]
    parts.append(_md_table(_ASKED, _asked(figures)))
    for figure in figures:
        parts += [f"## {figure.title}", figure.method]
        parts += [_md_table(*table) for table in _tables(figure)]
        parts += [f"- {note}" for note in figure.notes]
    return "\n\n".join(parts) + "\n"


def page(machine: dict[str, str], figures: Sequence[Figure]) -> str:
    """Return the report as one HTML page with its plots inside."""
    parts = [f"<h1>{TITLE}</h1>", _html_table(("on", ""), list(machine.items()))]
    parts += ["<h2>What was asked</h2>", _html_table(_ASKED, _asked(figures))]
    for figure in figures:
        parts.append(f"<h2>{html.escape(figure.title)}</h2>")
        parts.append(f'<p class="method">{html.escape(figure.method)}</p>')
        parts += [_html_table(*table) for table in _tables(figure)]
        drawn = [one for one in figure.comparisons if len(one.ours) >= WORTH_A_PLOT]
        parts += [plots.distributions(one) for one in drawn]
        if figure.series:
            parts.append(plots.loads(figure.series, AIM_P99_S))
        parts += [f"<p>{html.escape(note)}</p>" for note in figure.notes]
    return _PAGE.format(body="\n".join(parts))


_ASKED = ("figure", "what", "asked", "measured", "")


def _asked(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    return [(one.title, *target_row(target)) for one in figures for target in one.targets]


def target_row(target: Target) -> tuple[str, str, str, str]:
    """Return a target as text: what, what was asked, what was measured, whether it is met."""
    bound = "at least" if target.at_least else "at most"
    unit = f" {target.unit}" if target.unit else ""
    return (
        target.what,
        f"{bound} {target.limit:g}{unit}",
        f"{_plain(target.value)}{unit}",
        "met" if target.met else "missed",
    )


def _tables(figure: Figure) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    found = [_comparison(one) for one in figure.comparisons]
    found += [_series(name, steps) for name, steps in figure.series.items()]
    if figure.facts:
        found.append((("also", ""), list(figure.facts)))
    return found


def _comparison(one: Comparison) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    rows = [
        _spread(one.name, Spread.of(one.ours)),
        _spread(f"floor: {one.floor_is}", Spread.of(one.floor)),
        ("ratio", "", *(f"{value:.2f}" for value in _three(one.ratio))),
        *(_spread(name, Spread.of(samples)) for name, samples in one.others.items()),
    ]
    return ("milliseconds", "n", "median", "p99", "worst"), rows


def _series(name: str, steps: Sequence[Step]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    head = (
        *(name, "receipted", "per second", "median ms", "p99 ms", "worst ms", "stored once"),
        *("lost", "generator late p99 ms", "generator µs each"),
    )
    rows = [
        (
            f"{step.offered:g}/s offered",
            f"{step.receipted} of {step.sent}",
            f"{step.rate:.0f}",
            *(_ms(value) for value in _three(step.latency)),
            *((str(step.stored), str(step.lost)) if step.stored else ("—", "—")),
            *(_ms(step.late_generator), f"{step.generator_cpu * 1e6:.0f}"),
        )
        for step in steps
    ]
    return head, rows


def _spread(name: str, spread: Spread) -> tuple[str, ...]:
    return (name, str(spread.n), *(_ms(value) for value in _three(spread)))


def _three(spread: Spread) -> tuple[float, float, float]:
    return spread.median, spread.p99, spread.worst


def _ms(seconds: float) -> str:
    digits = 3 if seconds < _TINY_S else 2 if seconds < 1 else 0
    return f"{seconds * 1e3:.{digits}f}"


def _plain(value: float) -> str:
    return f"{value:.0f}" if isinstance(value, int) or value >= WHOLE_FROM else f"{value:.2f}"


def _md_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    align = ["---", *("---:" for _ in head[1:])]
    lines = [head, align, *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _html_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    def line(cells: Sequence[Any], kind: str) -> str:
        return "<tr>" + "".join(_cell(str(cell), kind) for cell in cells) + "</tr>"

    return "<table>" + line(head, "th") + "".join(line(row, "td") for row in rows) + "</table>"


def _cell(text: str, kind: str) -> str:
    mark = f' class="{text}"' if text in {"met", "missed"} else ""
    return f"<{kind}{mark}>{html.escape(text)}</{kind}>"
