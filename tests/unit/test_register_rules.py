"""The rules of the prosecutor's office: terms, hand-over, red lists."""

from datetime import UTC, datetime, timedelta

import pytest

from tgd.errors import Invalid, Refused
from tgd.justice.domain import life, red_list, stock
from tgd.justice.domain.life import Heard, Held
from tgd.justice.domain.red_list import Seen
from tgd.justice.domain.stock import Phone, Stock

NOW = datetime(2030, 1, 15, 9, tzinfo=UTC)
DAY = timedelta(days=1)
MATCH: dict[str, object] = dict.fromkeys(life.IDENTIFIED, True)


def held(**more) -> Held:
    said = {
        "status": "active",
        "term_at": NOW - 100 * DAY,
        "ends_at": NOW + 80 * DAY,
        "ended_at": None,
        "device_state": "handed_over",
        "device_wiped": True,
        "located": True,
    }
    return Held(**(said | more))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((2030, 1, 15, 9), (2030, 7, 15, 8)),  # summer time meanwhile: the same hour in France
        ((2029, 8, 31, 10), (2030, 2, 28, 11)),
        ((2027, 8, 30, 22, 30), (2028, 2, 28, 23, 30)),  # the 31st in France, and a leap year
    ],
)
def test_six_months_by_the_calendar_of_france(start, end):
    assert life.six_months(datetime(*start, tzinfo=UTC)) == datetime(*end, tzinfo=UTC)


def test_a_term_is_never_longer():
    assert life.term(NOW, None) == life.six_months(NOW)
    assert life.term(NOW, NOW + DAY) == NOW + DAY
    for until in (NOW, life.six_months(NOW) + timedelta(seconds=1)):
        with pytest.raises(Invalid):
            life.term(NOW, until)


def test_renewed_in_time_or_late_and_once():
    start, end = life.renewed(held(), NOW, None)
    assert (start, end) == (NOW + 80 * DAY, life.six_months(NOW + 80 * DAY))
    assert life.renewed(held(ends_at=NOW - DAY), NOW, None)[0] == NOW
    with pytest.raises(Refused, match="renewed_already"):
        life.renewed(held(term_at=NOW + DAY), NOW, None)
    with pytest.raises(Refused, match="ended_already"):
        life.renewed(held(ended_at=NOW), NOW, None)


def test_warned_at_sixty_thirty_and_seven_days():
    for days, warning in ((61, None), (60, 60), (31, 60), (30, 30), (7, 7), (1, 7), (0, None)):
        assert life.warned(NOW + days * DAY, NOW) == warning


def test_an_end_has_a_reason_and_its_own_words_apart():
    assert life.ended(held(), "her_wish") == ("her_wish", None)
    assert life.ended(held(), "Elle part.") == ("other", "Elle part.")
    for nothing in (None, "", " "):
        with pytest.raises(Invalid):
            life.ended(held(), nothing)


@pytest.mark.parametrize(
    ("one", "press", "missing"),
    [
        (held(), Heard(NOW, heard=True, located=True), []),
        (held(), None, ["press_heard"]),
        (held(), Heard(NOW, heard=False, located=True), ["press_heard"]),
        (held(), Heard(NOW, heard=True, located=False), ["located"]),
        (held(located=False), Heard(NOW, heard=True, located=False), []),
        (held(device_wiped=False), Heard(NOW, heard=True, located=True), ["wiped"]),
        (held(device_state="lost"), Heard(NOW, heard=True, located=True), ["device_sound"]),
    ],
)
def test_a_hand_over_is_finished_by_a_press_that_was_heard(one, press, missing):
    assert life.tested(one, press, MATCH, {}) == missing


def test_what_was_read_is_compared():
    press = Heard(NOW, heard=True, located=True)
    known = {"label": "tgd-86-01", "imei": "3" * 15, "sim": None, "identity": None}
    said = {"label": "TGD 86 01", "imei": "3" * 14 + "4", "sim": "8933", "identity": False}
    assert life.tested(held(), press, said, known) == ["imei", "identity"]
    assert life.tested(held(), press, {}, known) == list(life.IDENTIFIED)


def phones(*states: str, held_too: bool = False) -> list[Phone]:
    return [Phone(f"p{n}", state, held_too, None) for n, state in enumerate(states)]


@pytest.mark.parametrize(
    ("have", "wanted", "why"),
    [
        (Stock(2, 1, 0, phones("wiped", "in_stock")), None, None),
        (Stock(2, 2, 0, phones("in_stock")), None, "allocation_used"),
        (Stock(2, 1, 0, phones("handed_over", held_too=True)), None, "no_phone_free"),
        (Stock(2, 1, 0, phones("lost", "stolen", "broken")), None, "no_phone_free"),
        (Stock(2, 1, 1, phones("in_stock")), None, "reserve_floor"),
        (Stock(2, 1, 0, phones("in_stock", "lost")), "p1", "device_not_free"),
    ],
)
def test_why_a_demand_waits(have: Stock, wanted: str | None, why: str | None):
    chosen, reason = stock.choose(have, wanted, "her", use_reserve=False)
    assert reason == why
    assert (chosen is None) == (why is not None)


def test_the_readiest_phone_and_hers_before_all():
    have = Stock(
        9, 0, 0, [*phones("returned", "wiped", "in_stock"), Phone("r", "reserved", False, "her")]
    )
    assert stock.choose(have, None, "other", use_reserve=False)[0].id == "p2"
    assert stock.choose(have, None, "her", use_reserve=False)[0].id == "r"


def test_red_lists_the_worst_first():
    good = Seen(
        device_state="handed_over", compromised=False, generation="4G", status="active",
        handed_over_at=NOW - 90 * DAY, ends_at=NOW + 90 * DAY, pressed_at=NOW - DAY,
        tested_at=NOW - DAY, heard_at=NOW, battery=80, consented=True, legal_basis="1",
    )  # fmt: skip
    assert red_list.reasons(good, NOW) == []
    assert red_list.reasons(Seen("in_stock", False, None), NOW) == []
    silent = red_list.reasons(good, NOW + 30 * DAY)
    assert silent == ["test_overdue", "silent", "expiring_60"]
    fresh = Seen("handed_over", False, "2G", "handed_over", NOW, NOW + DAY, battery=5)
    assert red_list.reasons(fresh, NOW) == [
        *("handover_untested", "never_pressed", "battery_low", "radio_2g", "expiring_7"),
        *("consent_missing", "legal_basis_missing"),
    ]
