"""A phone followed in an alert: as often and as long as the platform says, whatever its clock."""

import pytest
from phone_bench import Bench

from firmware_sim import CLOCK_1970, CLOCK_2106, Kind, Reception

YEARS = 20 * 365 * 86_400.0


@pytest.fixture
def bench():
    return Bench()


def located(bench, *, lasts=7200.0, alert="a-1", **more):
    """Have the platform ask where she is, as it does when an alert opens."""
    until = bench.platform() + lasts
    fields = {"alert": alert, "moving_s": 5, "still_s": 30, "until": until}
    bench.command("reportLocation", **fields | more)


def positions(bench):
    return bench.times_of(Kind.POSITION)


def refused(bench):
    return bench.reasons(Kind.COMMAND_IGNORED)


# -- how often ------------------------------------------------------------------------------------


def test_it_reports_at_once_and_then_as_often_as_it_is_told(bench):
    bench.in_alert()
    bench.time.advance(7)
    located(bench, moving_s=2, still_s=60)
    assert positions(bench) == [0, 7]
    bench.time.advance(120)
    assert positions(bench) == [0, 7, 67, 127]
    bench.phone.move(speed_kmh=5)
    bench.time.advance(6)
    assert positions(bench)[4:] == [129, 131, 133]


@pytest.mark.parametrize("odd", [None, "5", True, 0, -5, 0.9, 4000, float("nan"), [5], {}])
def test_an_odd_interval_leaves_the_phones_own_and_the_other_fields_count(bench, odd):
    bench.in_alert()
    located(bench, still_s=odd, moving_s=3, lasts=100)
    bench.time.advance(60)
    assert positions(bench) == [0, 30, 60]
    bench.phone.move(speed_kmh=5)
    bench.time.advance(60)
    assert positions(bench)[3:6] == [63, 66, 69]
    assert positions(bench)[-1] == 99


def test_with_no_field_at_all_it_is_the_phones_own_timing(bench):
    bench.in_alert()
    bench.command("reportLocation")
    bench.time.advance(7199)
    assert positions(bench) == [30 * n for n in range(240)]
    bench.time.advance(1)
    assert bench.reasons(Kind.ALERT_ENDED) == ["two hours after the last press"]


def test_the_same_command_again_is_not_obeyed_again(bench):
    bench.in_alert()
    located(bench, command_id="c")
    bench.time.advance(10)
    located(bench, command_id="c", still_s=1)
    assert refused(bench) == ["repeated"]
    bench.time.advance(25)
    assert positions(bench) == [0, 30]


def test_an_older_command_that_was_overtaken_changes_nothing(bench):
    bench.in_alert()
    bench.time.advance(10)
    located(bench, lasts=9000)
    located(bench, lasts=60, age=5)
    assert refused(bench) == ["a newer one holds"]
    bench.time.advance(8000)
    assert bench.phone.alert == "a-1"


def test_it_looks_again_soon_where_nothing_is_found_yet(bench):
    bench.phone.reception(Reception.OPEN, cold_start_s=12)
    bench.in_alert()
    located(bench, moving_s=4, still_s=60)
    bench.time.advance(20)
    assert positions(bench) == [12]


# -- until when -----------------------------------------------------------------------------------


def test_never_past_until(bench):
    bench.in_alert()
    located(bench, lasts=600)
    bench.time.advance(599.999)
    assert positions(bench)[-1] == 570
    bench.time.advance(10_000)
    assert positions(bench)[-1] == 570
    assert bench.reasons(Kind.ALERT_ENDED) == ["until has come"]
    assert bench.phone.alert is None


def test_until_may_say_more_than_two_hours_and_be_extended(bench):
    bench.in_alert()
    located(bench, lasts=7200)
    bench.time.advance(7000)
    located(bench, lasts=7200)
    bench.time.advance(7199)
    assert positions(bench)[-1] == 14_170  # at the extension, then every 30 s from it
    bench.time.advance(1)
    assert bench.phone.alert is None


@pytest.mark.parametrize("odd", [None, "soon", True, 0, float("inf"), 4e9])
def test_an_odd_until_is_the_phones_own_two_hours(bench, odd):
    bench.in_alert()
    located(bench, until=odd)
    bench.time.advance(7199)
    assert bench.phone.alert == "a-1"
    bench.time.advance(1)
    assert bench.phone.alert is None


def test_an_until_that_passed_on_the_way_ends_it_without_a_report(bench):
    bench.in_alert()
    bench.time.advance(1)
    located(bench, age=20, until=bench.platform() - 10)
    assert bench.reasons(Kind.ALERT_ENDED) == ["until has come"]
    assert positions(bench) == [0]


def test_a_further_press_is_her_own_two_hours_until_the_platform_says_it_anew(bench):
    bench.in_alert()
    located(bench, lasts=600, still_s=60)
    bench.time.advance(500)
    bench.in_alert()
    bench.time.advance(600)
    assert bench.phone.alert == "a-1"
    assert positions(bench)[-1] - positions(bench)[-2] == 60
    located(bench, lasts=100)
    bench.time.advance(100)
    assert bench.phone.alert is None


def test_the_order_outlives_a_crash(bench):
    bench.in_alert()
    located(bench, lasts=300, still_s=100)
    bench.phone.crash(10)
    bench.time.advance(290)
    assert positions(bench) == [0, 10, 110, 210]
    bench.time.advance(100)
    assert len(positions(bench)) == 4


# -- whose alert ----------------------------------------------------------------------------------


def test_not_while_no_press_is_open(bench):
    located(bench)
    bench.in_alert()
    located(bench, alert="a-2")
    bench.command("endAlert", alert="a-1")
    located(bench)
    assert refused(bench) == ["no press open", "another alert", "no press open"]
    assert bench.leaves("position")[1:] == []


def test_a_command_that_overtakes_the_receipt_is_obeyed(bench):
    press = bench.phone.press_now()
    located(bench, lasts=100)
    assert bench.phone.alert == "a-1"
    assert positions(bench) == [0]
    bench.time.advance(2)
    bench.receipt(press.id)
    bench.time.advance(200)
    assert positions(bench)[-1] == 90
    assert len(bench.seen.all(Kind.ALERT_OPEN)) == 1


def test_a_void_command_starts_nothing(bench):
    bench.in_alert()
    bench.time.advance(1)
    located(bench, age=60.5)
    assert refused(bench) == ["void"]


def test_end_alert_ends_the_named_alert_only(bench):
    bench.in_alert()
    bench.command("endAlert", alert="a-0")
    assert refused(bench) == ["no such alert open"]
    bench.command("endAlert", alert="a-1")
    bench.command("endAlert", alert="a-1")
    assert refused(bench)[1:] == ["no such alert open"]
    assert bench.reasons(Kind.ALERT_ENDED) == ["endAlert"]


def test_a_command_from_before_the_end_of_its_alert_starts_nothing(bench):
    bench.in_alert()
    bench.time.advance(30)
    bench.command("endAlert", alert="a-1")
    bench.phone.press_now()
    located(bench, age=10)
    assert refused(bench) == ["that alert has ended"]
    assert bench.phone.alert is None


def test_an_end_that_overtakes_the_receipt_is_not_undone_by_it(bench):
    press = bench.phone.press_now()
    bench.time.advance(1)
    bench.command("endAlert", alert="a-1")
    bench.receipt(press.id, code="duplicate")
    bench.time.advance(60)
    assert positions(bench) == []
    assert press.receipt


def test_a_press_after_the_end_of_the_live_positions_starts_them_again(bench):
    """The alert is still open with the platform: only its two hours were over."""
    bench.in_alert()
    bench.time.advance(7200)
    bench.command("endAlert", alert="a-1")
    bench.time.advance(600)
    bench.in_alert()
    assert bench.phone.alert == "a-1"
    located(bench, lasts=60)
    bench.time.advance(100)
    assert [at for at in positions(bench) if at > 7200] == [7800, 7830]


def test_a_press_made_before_the_end_but_received_after_it_starts_them_again(bench):
    bench.in_alert()
    bench.phone.network(on=False)
    press = bench.phone.press_now()
    bench.phone.network(on=True)
    bench.time.advance(1)
    bench.command("endAlert", alert="a-1")
    bench.time.advance(1)
    bench.receipt(press.id, code="ok")  # first received now, and put into a-1 by the platform
    assert bench.phone.alert == "a-1"
    located(bench)
    assert refused(bench) == []


# -- whatever its clock ---------------------------------------------------------------------------


@pytest.mark.parametrize("own", [CLOCK_1970, CLOCK_2106, None])
@pytest.mark.parametrize("ahead", [0.0, YEARS, -YEARS])
def test_a_clock_years_off_obeys_as_any_other(own, ahead):
    """The difference comes from the receipt: neither the phone's clock nor ours needs be right."""
    bench = Bench(ahead=ahead)
    if own is not None:
        bench.phone.set_clock(own)
    bench.in_alert()
    located(bench, lasts=600, still_s=50)
    bench.state("answered", 1)
    assert bench.phone.glance() == "answered"
    bench.time.advance(70)
    assert bench.phone.glance() is None
    located(bench, lasts=600, age=61)
    assert refused(bench) == ["void"]
    bench.time.advance(529)
    assert bench.phone.alert == "a-1"
    bench.time.advance(1)
    assert bench.reasons(Kind.ALERT_ENDED) == ["until has come"]


def test_a_clock_set_during_the_alert_changes_nothing(bench):
    bench.phone.set_clock(CLOCK_1970)
    bench.in_alert()
    located(bench, lasts=600)
    bench.time.advance(300)
    bench.phone.set_clock_right()
    bench.command("heartbeatInterval", interval=60, age=59)
    assert refused(bench) == []
    bench.time.advance(299)
    assert bench.phone.alert == "a-1"
    bench.time.advance(1)
    assert bench.phone.alert is None


def test_each_position_says_by_the_phones_own_clock_how_old_it_is(bench):
    bench.phone.set_clock(CLOCK_2106)
    bench.in_alert()
    located(bench)
    (report,) = bench.leaves("position")
    assert report["created_at"] == report["tst"] == pytest.approx(CLOCK_2106, abs=1)


def test_before_any_receipt_the_phone_goes_by_its_own_clock():
    bench = Bench(ahead=YEARS)
    bench.command("heartbeatInterval", interval=60)  # it cannot be old: nothing comes from later
    assert refused(bench) == []
    bench = Bench(ahead=-YEARS)
    bench.command("heartbeatInterval", interval=60)
    assert refused(bench) == ["void"]


def test_a_receipt_that_lay_with_the_broker_lets_nobody_follow_her_for_longer():
    """Written at 0 s, heard at 300 s: the difference is known to 300 s, no better."""
    bench = Bench(ahead=YEARS)
    press = bench.phone.press_now()
    written = bench.platform()
    bench.time.advance(300)
    bench.says(_type="receipt", id=press.id, code="ok", alert="a-1", at=written)
    located(bench, until=written + 900, age=20)
    bench.time.advance(599.9)
    assert bench.phone.alert == "a-1"
    bench.time.advance(0.1)
    assert bench.phone.alert is None


def test_every_later_word_makes_the_difference_narrower():
    bench = Bench(ahead=-YEARS)
    press = bench.phone.press_now()
    written = bench.platform()
    bench.time.advance(300)
    bench.says(_type="receipt", id=press.id, code="ok", alert="a-1", at=written)
    bench.state("received", 1)
    located(bench, age=61)
    assert refused(bench) == ["void"]


def test_a_press_that_waited_in_a_dead_zone_spoils_no_difference():
    """It is the first sending that counts, not the gesture five minutes before."""
    bench = Bench(ahead=YEARS)
    bench.phone.network_off_for(300)
    press = bench.phone.press_now()
    bench.time.advance(300)
    bench.receipt(press.id)
    located(bench, lasts=600)
    bench.time.advance(599.9)
    assert bench.phone.alert == "a-1"
    bench.time.advance(0.1)
    assert bench.phone.alert is None


def test_a_further_receipt_makes_the_difference_narrower():
    bench = Bench(ahead=YEARS)
    press = bench.phone.press_now()
    written = bench.platform()
    bench.time.advance(300)
    bench.says(_type="receipt", id=press.id, code="ok", alert="a-1", at=written + 100)
    bench.in_alert()
    located(bench, age=61)
    assert refused(bench) == ["void"]
    located(bench, lasts=600)
    bench.time.advance(599.9)
    assert bench.phone.alert == "a-1"
    bench.time.advance(0.1)
    assert bench.phone.alert is None


def test_a_platform_whose_clock_was_set_anew_is_believed_from_its_next_receipt_on(bench):
    bench.in_alert()
    located(bench)
    bench.ahead = -3600.0
    bench.time.advance(10)
    located(bench)
    assert refused(bench) == ["void"]
    bench.in_alert()
    located(bench)
    assert refused(bench) == ["void"]
    assert bench.phone.alert == "a-1"


def test_a_receipt_without_a_time_still_counts(bench):
    press = bench.phone.press_now()
    bench.says(_type="receipt", id=press.id, code="ok", alert="a-1")
    assert press.receipt
    located(bench, lasts=60)
    bench.time.advance(100)
    assert positions(bench) == [0, 30]


# -- dead zones -----------------------------------------------------------------------------------


def test_silent_in_a_dead_zone_and_back_with_what_is_newest(bench):
    bench.phone.move(speed_kmh=90, bearing=0)
    bench.in_alert()
    located(bench)
    bench.phone.network_off_for(62)
    bench.time.advance(61.9)
    assert positions(bench) == [0]
    bench.time.advance(0.1)
    assert positions(bench) == [0, 62]
    first, second = bench.leaves("position")
    assert second["tst"] - first["tst"] == pytest.approx(62, abs=0.01)
    assert (second["lat"] - first["lat"]) * 111_195 == pytest.approx(1550, abs=100)
    assert second["vel"] == pytest.approx(90, abs=3)
    bench.time.advance(10)
    assert positions(bench) == [0, 62, 67, 72]


def test_an_alert_that_ended_in_a_dead_zone_says_nothing_on_coming_back(bench):
    bench.in_alert()
    located(bench, lasts=50)
    bench.phone.network_off_for(60)
    bench.time.advance(100)
    assert positions(bench) == [0]


def test_a_short_dead_zone_between_two_reports_adds_none(bench):
    bench.in_alert()
    located(bench)
    bench.time.advance(5)
    bench.phone.network_off_for(10)
    bench.time.advance(30)
    assert positions(bench) == [0, 30]
