"""How wide a fix is: from the radius that a phone claims to the disc that holds with 95 %.

Serves the alert's position, under `locate`. Promises: pure; never smaller than what the phone
claimed; older, larger, faster or less confident never gives less. docs/position.md derives every
figure here from what is published about receivers; `python -m bench.calibration` tunes them.

Three steps. **Conversion**: horizontal errors taken as Rayleigh distributed,
P(error < r) = 1 − exp(−r²/2σ²), so r95 = r·√(ln 0.05 / ln(1 − c)); a 68 % radius grows by 1.62 and
a 95 % radius is itself. **Tail**: errors of Wi-Fi and cells have heavier tails than Rayleigh's;
between the phone's confidence and 95 % they are taken as Weibull with a smaller shape, which again
leaves a 95 % radius as it is. **Growth**: the phone travels on at the speed that it had, and may
gather speed from the first second on (somebody may drive her away); see `growth`.

Leaves to others: which fix to believe, and what the other fixes say against it.
"""

import math
from typing import Final

from tgd.geo.position import DEFAULT_CONFIDENCE, Fix

FLOOR_M: Final = 15.0
"""No telephone's fix is believed closer than this."""
WALK_MPS: Final = 1.5
ROAD_MPS: Final = 80 / 3.6
"""The limit on ordinary French roads outside towns (Code de la route, art. R413-2). As the crow
flies, whoever drives her away does not keep it for long; a faster phone says so itself."""
FAST_MPS: Final = 110 / 3.6
"""What is assumed at first of a satellite or cell fix that says nothing of its speed, with none
beside it: she may be on a fast road (110 km/h, same article). Most receivers say their speed."""
TOWN_MPS: Final = 50 / 3.6
"""The same of a fused fix or one of unsaid method (the limit in towns, art. R413-3)."""
INDOORS_MPS: Final = 4.0
"""The same of a Wi-Fi fix: a phone that hangs on Wi-Fi is mostly in a house."""
PULL_AWAY_MPS2: Final = 0.3
"""How fast the assumed speed rises: on foot to a car and away, as the crow flies."""
MOST_M: Final = 50_000.0
"""The growth ends here: beyond, a position says only in which region she was."""

_SHAPE: Final = {"G": 2.0, "F": 1.5, "W": 1.3, "C": 0.7}
_ANY_SHAPE: Final = 1.5
_DEFAULT_R95_M: Final = {"G": 50.0, "W": 150.0, "C": 3_000.0}
_UNKNOWN_R95_M: Final = 500.0
_ANYWHERE_M: Final = 20_040_000.0  # half the Earth's circumference
_LN_5_PERCENT: Final = math.log1p(-0.95)  # as `_odds` computes it: 1 at 95 % to the last bit
_UNSAID: Final = {"G": FAST_MPS, "C": FAST_MPS, "W": INDOORS_MPS}
_LEAST, _MOST = 0.01, 0.999


def r95(fix: Fix) -> float:
    """Return the 95 % radius that the phone claims, in metres; a default where unsaid."""
    if fix.acc is None:
        return _DEFAULT_R95_M.get(fix.method or "", _UNKNOWN_R95_M)
    return min(_ANYWHERE_M, max(FLOOR_M, fix.acc * math.sqrt(_odds(fix.confidence))))


def believed(fix: Fix) -> float:
    """Return the 95 % radius that is believed when the fix was taken: never under `r95`."""
    if fix.acc is None:
        return _DEFAULT_R95_M.get(fix.method or "", _UNKNOWN_R95_M)
    if fix.confidence == DEFAULT_CONFIDENCE:
        factor = _AT_DEFAULT.get(fix.method or "", _AT_DEFAULT[""])
    else:
        factor = _factor(fix.confidence, fix.method or "")
    return min(_ANYWHERE_M, max(FLOOR_M, fix.acc * factor))


def unsaid_mps(fix: Fix) -> float:
    """Return the speed that is assumed of a fix that says none and stands alone."""
    return _UNSAID.get(fix.method or "", TOWN_MPS)


def growth(age_s: float, first_mps: float) -> float:
    """Return by how many metres a radius has grown at that age.

    The assumed speed begins at `first_mps` and rises to 80 km/h; one that is higher stays.
    """
    rise_s = (ROAD_MPS - first_mps) / PULL_AWAY_MPS2
    if rise_s <= 0.0:
        grown = first_mps * age_s
    elif age_s <= rise_s:
        grown = (first_mps + PULL_AWAY_MPS2 * age_s / 2) * age_s
    else:
        grown = (first_mps + ROAD_MPS) / 2 * rise_s + ROAD_MPS * (age_s - rise_s)
    return min(MOST_M, grown)


def _odds(confidence: float) -> float:
    """How much further out 95 % lies, in the exponent of the distribution: 1 at 95 %."""
    return _LN_5_PERCENT / math.log1p(-min(_MOST, max(_LEAST, confidence / 100)))


def _factor(confidence: float, method: str) -> float:
    odds = _odds(confidence)
    # Over 95 % the heavier tail would shrink the radius more: then Rayleigh alone.
    shape = _SHAPE.get(method, _ANY_SHAPE) if odds > 1.0 else 2.0
    return float(odds ** (1.0 / shape))


_AT_DEFAULT: Final = {method: _factor(DEFAULT_CONFIDENCE, method) for method in (*_SHAPE, "")}
