"""Two ways of working in alternating blocks, and how sure their ratio is.

What else a machine does comes in spells longer than one press, so that neighbouring samples are not
independent: the interval is a bootstrap over whole rounds, each with its blocks of both ways, and
not over samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.figures import Target

RESAMPLES = 2_000
NOT_SLOWER, KNOWN_WITHIN = 1.0, 1.05
CRITERION = (
    "Not measurably slower: the 95 % interval of the ratio (bootstrap over whole rounds) reaches "
    f"down to 1, or its upper end is at most {KNOWN_WITHIN:g}."
)


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio of percentiles with the interval that holds it with 95 %."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} (95 %: {self.low:.3f} to {self.high:.3f})"


def ratio(
    ours: Sequence[Sequence[float]],
    base: Sequence[Sequence[float]],
    part: float,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the ratio of one percentile; ``ours`` and ``base`` are samples by round."""
    assert len(ours) == len(base), "a round lacks a block"
    over, under = [np.asarray(one) for one in ours], [np.asarray(one) for one in base]
    chance = np.random.default_rng(86)

    def of(rounds: Sequence[int]) -> float:
        top, bottom = (
            np.quantile(np.concatenate([side[k] for k in rounds]), part, method="inverted_cdf")
            for side in (over, under)
        )
        return float(top / bottom)

    drawn = [of(chance.integers(0, len(over), len(over)).tolist()) for _ in range(resamples)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(of(range(len(over))), float(low), float(high))


def not_slower(what: str, found: Interval) -> Target:
    """Judge a ratio by the criterion: by the end of its interval that decides."""
    if found.high <= KNOWN_WITHIN:
        return Target(f"{what}: upper end of its 95 % interval", found.high, KNOWN_WITHIN, "×")
    return Target(f"{what}: lower end of its 95 % interval", found.low, NOT_SLOWER, "×")
