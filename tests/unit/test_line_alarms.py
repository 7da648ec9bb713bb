"""A room whose lines do not answer, and a certificate that ends, are alarms; a hiccup is none."""

from datetime import UTC, datetime, timedelta

import pytest

from tgd.platform.domain.line_alarms import Found, Probed, of_certificate, of_line, of_room

NOW = datetime(2030, 1, 15, 9, 0, tzinfo=UTC)
UP, NEW = Probed(up=True, failures=0), Probed(up=None, failures=0)
HICCUP, DOWN = Probed(up=False, failures=1), Probed(up=False, failures=2)


@pytest.mark.parametrize(
    ("lines", "alarm"),
    [
        ([], None),
        ([NEW], None),
        ([HICCUP], None),
        ([DOWN], "no_line_up"),
        ([DOWN, HICCUP], None),
        ([DOWN, UP], None),
        ([DOWN, DOWN], "no_line_up"),
    ],
)
def test_a_room_that_nothing_reaches(lines: list[Probed], alarm: str | None) -> None:
    assert of_room(lines) == alarm


@pytest.mark.parametrize(
    ("days", "alarm"),
    [
        *((31, None), (30, "certificate_30"), (7.1, "certificate_30"), (7, "certificate_7")),
        *((0.1, "certificate_7"), (0, "certificate_over"), (-3, "certificate_over")),
    ],
)
def test_a_certificate_that_ends(days: float, alarm: str | None) -> None:
    assert of_certificate(NOW + timedelta(days=days), NOW) == alarm
    assert of_certificate(None, NOW) is None


def test_who_is_no_room_of_a_broker_is_said_for_a_day() -> None:
    soon, hour = NOW + timedelta(days=3), timedelta(hours=1)
    assert of_line(Found(None, NOW - 23 * hour), NOW) == [("stranger", NOW - 23 * hour)]
    assert of_line(Found(soon, NOW - 24 * hour), NOW) == [("certificate_7", soon)]
    assert of_line(Found(), NOW) == []


def test_our_own_certificate_and_a_line_that_refuses_are_alarms() -> None:
    soon, since = NOW + timedelta(days=3), NOW - timedelta(days=9)
    told = Found(certificate_until=soon, own_certificate_until=soon, refuses_since=since)
    assert of_line(told, NOW) == [
        ("refuses", since),
        ("certificate_7", soon),
        ("own_certificate_7", soon),
    ]
