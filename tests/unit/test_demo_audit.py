"""The demo's exit code: which ends of a press count, and that each one missing is named."""

import pytest

from tgd.demo import audit
from tgd.demo.phones import Gesture

FIGURES = {"cases": 1, "split_alerts": 0}
OPERATORS = {"operateur-1"}


def gesture(*, receipted=True):
    made = Gesture("tgd-86-01", "0a1b2c3d-0000-4000-8000-000000000000", 1_800_000_000.0)
    if receipted:
        made.receipt = {"alert": "a", "latency_s": 0.01}
    return made


def alert(**changes):
    return {
        "id": "a",
        "case_id": "20270115-000001",
        "device": "tgd-86-01",
        "status": "closed",
        "verdict": "police",
        "verdict_by": "operateur-1",
        "opened_at": "2027-01-15T08:00:00.010Z",
        "answered_at": "2027-01-15T08:00:02.010Z",
        "police_at": "2027-01-15T08:00:05Z",
        "presses": [{}],
        "dispatches": [{"room": "cic-86", "acknowledged_at": "2027-01-15T08:00:06Z"}],
    } | changes


def faults(made, *alerts, figures=FIGURES):
    return audit.faults([made], {one["id"]: one for one in alerts}, figures, OPERATORS)


WAITING = [{"room": "cic-86", "acknowledged_at": None}]
TESTED = {"verdict": "test", "dispatches": []}


def test_acknowledged_by_the_room_or_closed_by_an_operator_is_well():
    assert faults(gesture(), alert()) == []
    no_case = {"cases": 0, "split_alerts": 0}
    assert faults(gesture(), alert(**TESTED), figures=no_case) == []
    assert audit.ending(alert(), OPERATORS) == "cic-86"
    assert audit.ending(alert(**TESTED), OPERATORS) == "test"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"dispatches": WAITING}, "neither acknowledged"),
        ({"dispatches": [], "verdict": "forwarded", "verdict_by": "system"}, "neither"),
        (TESTED | {"verdict_by": "system"}, "neither"),
        ({"status": "police"}, "still police"),
        ({"presses": [{}, {}]}, "1 presses were made, the platform has 2"),
    ],
)
def test_every_other_end_is_named(changes, why):
    assert any(why in fault for fault in faults(gesture(), alert(**changes)))


def test_a_press_without_its_receipt_or_its_alert_is_named():
    assert faults(gesture(receipted=False), alert()) == [
        "press 0a1b2c3d of tgd-86-01: no receipt",
    ]
    assert any("does not show" in fault for fault in faults(gesture(), alert(id="b")))


def test_one_alert_is_one_case_at_the_room():
    for figures in ({"cases": 2, "split_alerts": 0}, {"cases": 1, "split_alerts": 1}):
        assert len(faults(gesture(), alert(), figures=figures)) == 1


def test_legs_are_those_that_were_gone():
    made = gesture()
    legs = audit.legs(alert(), made, made.at + 0.02)
    assert legs["receipt"] == 0.01
    assert legs["shown"] == pytest.approx(0.02, abs=1e-5)
    assert legs["answered"] == pytest.approx(2)
    assert legs["acknowledged"] == pytest.approx(1)
    assert "acknowledged" not in audit.legs(alert(dispatches=WAITING), made, None)
