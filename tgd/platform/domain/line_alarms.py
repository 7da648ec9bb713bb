"""When a control room's lines are an alarm: nothing answers, a certificate is about to end, …

Serves arrow 3 before any alert. Pure: what probes and sendings have found goes in, codes come out,
for which every page has words. A line that was not probed yet is no alarm, and neither is one of
several that does not answer.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, NamedTuple

PROBES = 2
"""So many failures in a row are more than a hiccup."""

CertificateAlarm = Literal["certificate_over", "certificate_7", "certificate_30"]
OwnAlarm = Literal["own_certificate_over", "own_certificate_7", "own_certificate_30"]
_ENDS: tuple[tuple[timedelta, CertificateAlarm], ...] = (
    (timedelta(0), "certificate_over"),
    (timedelta(days=7), "certificate_7"),
    (timedelta(days=30), "certificate_30"),
)


STRANGER_FOR = timedelta(days=1)
"""So long it is said that somebody wrote to us who is no room of a line's broker."""

LineAlarm = CertificateAlarm | OwnAlarm | Literal["refuses", "stranger"]
_OWN: Mapping[CertificateAlarm, OwnAlarm] = MappingProxyType(
    {
        "certificate_over": "own_certificate_over",
        "certificate_7": "own_certificate_7",
        "certificate_30": "own_certificate_30",
    }
)


class Probed(NamedTuple):
    """What is known of one electronic line: whether it is up, and its failures in a row."""

    up: bool | None
    failures: int


class Found(NamedTuple):
    """What was found wrong with a line, or near its end: fields of its row."""

    certificate_until: datetime | None = None
    stranger_at: datetime | None = None
    own_certificate_until: datetime | None = None
    refuses_since: datetime | None = None


def of_room(lines: Sequence[Probed]) -> Literal["no_line_up"] | None:
    """Say that no line of a room is up; a room without an electronic line has nothing to lose."""
    down = [one.up is False and one.failures >= PROBES for one in lines]
    return "no_line_up" if down and all(down) else None


def of_certificate(until: datetime | None, now: datetime) -> CertificateAlarm | None:
    """Say how near the end of a line's certificate is; None of one that shows none."""
    if until is None:
        return None
    return next((alarm for before, alarm in _ENDS if until - now <= before), None)


def of_line(told: Found, now: datetime) -> list[tuple[LineAlarm, datetime]]:
    """Return each alarm of a line, with the moment that it is about."""
    found: list[tuple[LineAlarm, datetime]] = []
    if told.refuses_since is not None:
        found.append(("refuses", told.refuses_since))
    if told.stranger_at is not None and now - told.stranger_at < STRANGER_FOR:
        found.append(("stranger", told.stranger_at))
    until = told.certificate_until
    if until is not None and (ends := of_certificate(until, now)):
        found.append((ends, until))
    own = told.own_certificate_until
    if own is not None and (ends := of_certificate(own, now)):
        found.append((_OWN[ends], own))
    return found
