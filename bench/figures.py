"""What a figure is: samples beside the samples of its floor, and what is asked of their ratio.

Percentile is compared with percentile, never a median with a mean. All times are seconds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, p99 and worst of some samples; of none, nothing can be said."""

    n: int
    median: float
    p99: float
    worst: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Spread":
        """Summarise at least one sample."""
        ordered = sorted(samples)
        return cls(len(ordered), *(percentile(ordered, part) for part in (0.5, 0.99, 1.0)))

    def ratio(self, floor: "Spread") -> "Spread":
        """Divide each percentile by the same of the floor; ``n`` is the smaller one's."""
        return Spread(
            min(self.n, floor.n),
            self.median / floor.median,
            self.p99 / floor.p99,
            self.worst / floor.worst,
        )


def percentile(ordered: Sequence[float], part: float) -> float:
    """Return the smallest sample that at least ``part`` of all do not exceed."""
    if not ordered:
        raise ValueError("no samples")
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Target:
    """One thing asked of a figure: ``value`` is to be at most (or at least) ``limit``."""

    what: str
    value: float
    limit: float
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether it is as asked."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(slots=True)
class Comparison:
    """One latency beside its floor; ``others`` are samples shown for information."""

    name: str
    ours: list[float]
    floor: list[float]
    floor_is: str
    others: dict[str, list[float]] = field(default_factory=dict)

    @property
    def ratio(self) -> Spread:
        """Ours over the floor, percentile by percentile."""
        return Spread.of(self.ours).ratio(Spread.of(self.floor))


@dataclass(frozen=True, slots=True)
class Step:
    """One offered load: what was asked, what came of it, and the latency from due to receipt.

    ``late_generator`` is the p99 of how late a press was sent, ``generator_cpu`` the generator's
    own processor seconds for each press.
    """

    offered: float
    sent: int
    receipted: int
    rate: float
    latency: Spread
    stored: int
    doubled: int
    lost: int
    late_generator: float
    generator_cpu: float


@dataclass(slots=True)
class Figure:
    """One section of the report."""

    name: str
    title: str
    method: str
    comparisons: list[Comparison] = field(default_factory=list)
    series: dict[str, list[Step]] = field(default_factory=dict)
    facts: list[tuple[str, str]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    took_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return everything, raw samples included, for the JSON file."""
        return {
            "name": self.name,
            "title": self.title,
            "method": self.method,
            "comparisons": [_comparison(one) for one in self.comparisons],
            "series": {key: [_fields(one) for one in steps] for key, steps in self.series.items()},
            "facts": dict(self.facts),
            "targets": [_fields(one) | {"met": one.met} for one in self.targets],
            "notes": self.notes,
            "took_s": round(self.took_s, 1),
        }


def _comparison(one: Comparison) -> dict[str, Any]:
    return {
        "name": one.name,
        "ours": _fields(Spread.of(one.ours)),
        "floor": _fields(Spread.of(one.floor)),
        "floor_is": one.floor_is,
        "ratio": _fields(one.ratio),
        "others": {key: _fields(Spread.of(times)) for key, times in one.others.items()},
        "samples": {"ours": _rounded(one.ours), "floor": _rounded(one.floor)}
        | {key: _rounded(times) for key, times in one.others.items()},
    }


def _fields(value: Spread | Step | Target) -> dict[str, Any]:
    found = {name: getattr(value, name) for name in type(value).__slots__}
    return {k: _fields(v) if isinstance(v, Spread) else v for k, v in found.items()}


def _rounded(samples: Sequence[float]) -> list[float]:
    return [round(one, 6) for one in samples]
