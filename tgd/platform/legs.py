"""The legs from a press to its acknowledgement, and the time that each is to take.

Serves reports and statistics; the deadlines themselves are ``domain.deadlines``. The targets are
the project's, drawn from EN 50136, NENA-STA-020.1, NFPA 1225 and the contract of 2018: seconds that
so many percent of the alerts keep.
"""

from collections.abc import Mapping
from types import MappingProxyType

LEGS: Mapping[str, Mapping[int, float]] = MappingProxyType(
    {
        "press_to_alert": {99: 1.0},
        "alert_to_answer": {90: 10.0},
        "answer_to_decision": {90: 60.0},
        "decision_to_sent": {99: 1.0},
        "sent_to_acknowledged": {90: 15.0, 99: 60.0},
        "press_to_acknowledged": {50: 30.0, 90: 60.0, 99: 120.0},
    }
)
"""By leg: percent of the alerts → seconds. The first is the server's share: received → opened."""

_OF_ONE = 90


def target(leg: str) -> float:
    """Return what one alert is measured against: what nine in ten keep, else the strictest."""
    targets = LEGS[leg]
    return targets.get(_OF_ONE, min(targets.values()))
