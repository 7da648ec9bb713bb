"""The rules a phone lives by, against a clock turned by hand and a wire that only records."""

import pytest
from phone_bench import Bench, Wire

from firmware_sim import CLOCK_1970, CLOCK_2106, Battery, Kind, PhoneOff, Reception


@pytest.fixture
def bench():
    return Bench()


# -- rule 2: repeat until the receipt -------------------------------------------------------------


def test_it_repeats_after_1_2_4_8_s_and_then_every_10_s(bench):
    bench.phone.press_now()
    bench.time.advance(46)
    assert bench.times_of(Kind.SENT) == [0, 1, 3, 7, 15, 25, 35, 45]


def test_the_same_press_each_time_with_its_attempt_and_the_time_of_sending(bench):
    press = bench.phone.press_now()
    bench.time.advance(20)
    sent = bench.leaves()
    assert {message["id"] for message in sent} == {press.id}
    assert [message["attempt"] for message in sent] == [1, 2, 3, 4, 5]
    unchanged = [{**m, "attempt": 0, "created_at": 0} for m in sent]
    assert all(message == unchanged[0] for message in unchanged)
    ages = [round(m["created_at"] - m["tst"], 3) for m in sent]
    assert ages == [0, 1, 3, 7, 15]


def test_it_is_kept_before_it_is_sent(bench):
    press = bench.phone.press_now()
    bench.time.advance(4)
    assert [m.presses[0].attempt for m in bench.wire.kept_before_leaving] == [1, 2, 3]
    assert {m.presses[0].id for m in bench.wire.kept_before_leaving} == {press.id}


@pytest.mark.parametrize("code", ["ok", "duplicate"])
def test_a_receipt_ends_it(bench, code):
    press = bench.phone.press_now()
    bench.time.advance(1.5)
    bench.receipt(press.id, code=code)
    bench.time.advance(100)
    assert len(bench.leaves()) == 2
    assert press.receipt["code"] == code
    assert press.receipt["latency_s"] == pytest.approx(1.5)
    assert bench.times_of(Kind.DIAL_112) == []


def test_a_receipt_without_id_ends_every_press_that_has_left(bench):
    presses = [bench.phone.press_now(), bench.phone.press_now()]
    bench.receipt(None)
    assert all(press.receipt for press in presses)


def test_a_receipt_without_id_does_not_end_a_press_that_never_left(bench):
    bench.phone.network(on=False)
    press = bench.phone.press_now()
    bench.receipt(None)
    assert press.receipt is None
    assert bench.reasons(Kind.RECEIPT_IGNORED) == ["not open"]


@pytest.mark.parametrize(
    "message",
    [
        {"_type": "receipt", "code": "ok"},
        {"_type": "receipt", "id": 5, "code": "ok"},
        {"_type": "receipt", "id": "another", "code": "ok"},
        {"_type": "receipt", "id": None, "code": "busy"},
    ],
)
def test_what_is_no_receipt_of_this_press_does_not_stop_it(bench, message):
    press = bench.phone.press_now()
    bench.says(**message)
    assert press.receipt is None
    bench.time.advance(1)
    assert len(bench.leaves()) == 2


def test_several_presses_are_open_side_by_side(bench):
    first = bench.phone.press_now()
    bench.time.advance(2)
    second = bench.phone.press_now()
    assert [m["seq"] for m in bench.leaves()] == [1, 1, 2]
    bench.receipt(first.id)
    assert bench.phone.unreceipted == (second.id,)
    bench.time.advance(1)
    assert bench.leaves()[-1]["id"] == second.id
    assert first.id != second.id


def test_30_s_without_receipt_and_it_dials_112_once_and_keeps_sending(bench):
    press = bench.phone.press_now()
    bench.time.advance(29.9)
    assert bench.times_of(Kind.DIAL_112) == []
    bench.time.advance(300)
    assert bench.times_of(Kind.DIAL_112) == [30]
    assert bench.times_of(Kind.SENT)[-1] > 300
    bench.receipt(press.id)
    assert press.receipt["attempt"] > 30


def test_it_dials_112_in_a_dead_zone_too(bench):
    bench.phone.network(on=False)
    bench.phone.press_now()
    bench.time.advance(31)
    assert bench.times_of(Kind.DIAL_112) == [30]
    assert bench.leaves() == []


def test_what_no_path_took_goes_out_as_soon_as_one_opens(bench):
    bench.phone.network_off_for(20)
    bench.phone.press_now()
    bench.time.advance(20)
    assert bench.times_of(Kind.SENT) == [20]
    assert [m["attempt"] for m in bench.leaves()] == [6]
    bench.time.advance(10)
    assert bench.times_of(Kind.SENT) == [20, 30]


def test_a_press_goes_by_every_path():
    bench, second = Bench(), Wire()
    second.name = "https"
    bench.phone._paths = (bench.wire, second)
    second.start(bench.phone)
    bench.phone.press_now()
    assert second.left == bench.wire.left
    assert bench.seen.all(Kind.SENT)[0].details["paths"] == ["mqtt", "https"]


# -- crash and reboot -----------------------------------------------------------------------------


def test_after_a_crash_between_sending_and_receipt_the_same_press_goes_on(bench):
    bench.phone.faults.crash_after_send = 5
    press = bench.phone.press_now()
    assert not bench.phone.alive
    with pytest.raises(PhoneOff):
        bench.phone.press_now()
    bench.receipt(press.id)
    assert press.receipt is None  # nobody was there to hear it
    bench.time.advance(5)
    assert bench.seen.all(Kind.REBOOTED)[0].details == {"presses": 1}
    bench.time.advance(0)
    assert [(m["id"], m["seq"], m["attempt"]) for m in bench.leaves()] == [
        (press.id, 1, 1),
        (press.id, 1, 2),
    ]
    bench.receipt(press.id)
    assert press.receipt["code"] == "ok"
    assert bench.phone.press_now().id != press.id
    assert bench.leaves()[-1]["seq"] == 2


def test_the_30_s_count_through_a_crash(bench):
    bench.phone.faults.crash_after_send = 10
    bench.phone.press_now()
    bench.time.advance(31)
    assert bench.times_of(Kind.DIAL_112) == [30]


def test_a_crash_does_not_dial_twice(bench):
    bench.phone.press_now()
    bench.time.advance(31)
    bench.phone.crash(1)
    bench.time.advance(100)
    assert bench.times_of(Kind.DIAL_112) == [30]


def test_an_alert_goes_on_after_a_crash(bench):
    bench.in_alert()
    bench.phone.crash(3)
    bench.time.advance(4)
    assert bench.phone.alert == "a-1"
    assert len(bench.leaves("position")) == 1


def test_a_flat_battery_ends_everything_until_it_is_charged():
    bench = Bench(battery=Battery(0.05, alert_per_hour=12))
    bench.phone.press_now()
    bench.time.advance(60)
    assert not bench.phone.alive
    bench.phone.charge(20)
    bench.time.advance(1)
    assert bench.seen.all(Kind.REBOOTED)[0].details == {"presses": 1}


# -- the phone's own clock ------------------------------------------------------------------------


@pytest.mark.parametrize("epoch", [CLOCK_1970, CLOCK_2106])
def test_a_clock_years_off_is_sent_as_it_is_and_repeats_the_same(bench, epoch):
    bench.phone.set_clock(epoch)
    bench.phone.press_now()
    bench.time.advance(8)
    sent = bench.leaves()
    assert sent[0]["tst"] == pytest.approx(epoch, abs=0.01)
    assert [round(m["created_at"] - m["tst"]) for m in sent] == [0, 1, 3, 7]


# -- states ---------------------------------------------------------------------------------------


def test_a_state_counts_only_with_a_greater_n(bench):
    bench.in_alert()
    bench.state("answered", 2)
    bench.state("received", 1)
    bench.state("police_told", 2)
    assert bench.phone.glance() == "answered"
    assert bench.reasons(Kind.STATE_IGNORED) == ["old", "old"]
    bench.state("police_told", 3)
    assert bench.phone.glance() == "police_told"


def test_n_is_counted_for_each_alert_by_itself_and_through_a_crash(bench):
    bench.in_alert()
    bench.state("answered", 7)
    bench.phone.crash(1)
    bench.time.advance(2)
    bench.state("received", 7)
    assert bench.reasons(Kind.STATE_IGNORED) == ["old"]
    bench.state("received", 1, alert="a-2")
    assert bench.phone.glance() == "received"


def test_a_state_is_void_after_60_s(bench):
    bench.in_alert()
    bench.state("answered", 1, age=61)
    assert bench.phone.glance() is None
    assert bench.reasons(Kind.STATE_IGNORED) == ["void"]
    bench.state("answered", 1, age=59)
    assert bench.phone.glance() == "answered"
    bench.time.advance(2)
    assert bench.phone.glance() is None


def test_closed_ends_the_positions_and_a_late_receipt_does_not_bring_them_back(bench):
    bench.in_alert()
    second = bench.phone.press_now()
    bench.state("closed", 9)
    assert bench.phone.alert is None
    bench.receipt(second.id, alert="a-1", code="duplicate")
    assert bench.phone.alert is None
    positions = len(bench.leaves("position"))
    bench.time.advance(120)
    assert len(bench.leaves("position")) == positions


def test_another_alerts_close_does_not_end_this_one(bench):
    bench.in_alert()
    bench.state("closed", 9, alert="a-0")
    assert bench.phone.alert == "a-1"


# -- commands -------------------------------------------------------------------------------------


def test_it_reports_its_location_only_while_a_press_of_its_own_is_open(bench):
    bench.command("reportLocation")
    assert bench.reasons(Kind.COMMAND_IGNORED) == ["no press open"]
    assert bench.leaves("position") == []
    bench.in_alert()
    bench.time.advance(1)
    before = len(bench.leaves("position"))
    bench.command("reportLocation")
    assert len(bench.leaves("position")) == before + 1
    bench.command("endAlert")
    bench.command("reportLocation")
    assert len(bench.leaves("position")) == before + 1


def test_a_command_is_void_after_60_s_and_obeyed_once(bench):
    bench.in_alert()
    bench.command("endAlert", age=61)
    assert bench.phone.alert == "a-1"
    bench.command("reportLocation", command_id="c")
    bench.command("reportLocation", command_id="c")
    assert bench.reasons(Kind.COMMAND_IGNORED) == ["void", "repeated"]


def test_end_alert_stops_the_positions_but_no_press(bench):
    bench.in_alert()
    waiting = bench.phone.press_now()
    bench.command("endAlert", alert="a-1")
    assert bench.phone.alert is None
    bench.time.advance(1)
    assert bench.leaves()[-1]["id"] == waiting.id
    assert bench.leaves()[-1]["attempt"] == 2


def test_the_line_is_opened_by_command_and_silent_again_after_a_further_press(bench):
    bench.command("listen", listen="duplex")
    bench.in_alert()
    assert bench.phone.listen == "mic_only"
    bench.command("listen", alert="a-9", listen="duplex")
    bench.command("listen", alert="a-1", listen="loud")
    assert bench.reasons(Kind.COMMAND_IGNORED) == [
        *["no such alert open"] * 2,
        "unknown mode",
    ]
    bench.command("listen", alert="a-1", listen="duplex")
    assert bench.phone.listen == "duplex"
    bench.phone.crash(0)
    bench.time.advance(1)
    assert bench.phone.listen == "duplex"
    bench.in_alert()
    assert bench.phone.listen == "mic_only"
    bench.command("endAlert", alert="a-1")
    assert bench.phone.listen is None


def test_a_heartbeat_interval_is_kept_and_an_absurd_one_refused(bench):
    bench.command("heartbeatInterval", interval=60)
    bench.phone.crash(0)
    bench.time.advance(610)
    assert 10 <= len(bench.leaves("heartbeat")) <= 12
    for absurd in (0, 1e9, "60", None, float("nan")):
        bench.command("heartbeatInterval", interval=absurd)
    assert len(bench.seen.all(Kind.COMMAND_IGNORED)) == 5


def test_an_unknown_action_is_ignored(bench):
    bench.command("selfDestruct")
    assert bench.reasons(Kind.COMMAND_IGNORED) == ["unknown action"]


# -- positions and heartbeats ---------------------------------------------------------------------


def test_positions_every_5_s_moving_and_30_s_still(bench):
    bench.in_alert()
    bench.time.advance(90)
    assert bench.times_of(Kind.POSITION) == [0, 30, 60, 90]
    bench.phone.move(speed_kmh=50, bearing=10)
    bench.time.advance(20)
    assert bench.times_of(Kind.POSITION)[4:] == [95, 100, 105, 110]


def test_no_position_leaves_outside_an_alert(bench):
    bench.phone.move(speed_kmh=5)
    bench.phone.press_now()
    bench.time.advance(3600)
    assert bench.leaves("position") == []


def test_positions_stop_two_hours_after_the_last_press(bench):
    bench.in_alert()
    bench.time.advance(7190)
    bench.in_alert()
    bench.time.advance(3600)
    bench.state("answered", 1)  # a word of the platform's is none of hers
    bench.time.advance(3599)
    assert bench.phone.alert == "a-1"
    bench.time.advance(1)
    assert bench.phone.alert is None
    positions = len(bench.leaves("position"))
    bench.time.advance(600)
    assert len(bench.leaves("position")) == positions


def test_a_receipt_that_names_no_alert_still_starts_the_positions(bench):
    press = bench.phone.press_now()
    bench.receipt(press.id, alert=None)
    bench.time.advance(0)
    assert len(bench.leaves("position")) == 1
    bench.state("received", 1, alert="a-5")
    assert bench.phone.alert == "a-5"


def test_a_cold_start_presses_without_a_fix_and_finds_one_later(bench):
    bench.phone.reception(Reception.OPEN, cold_start_s=12)
    bench.in_alert()
    assert bench.leaves()[0]["loc"]["pm"] == "N"
    bench.time.advance(11)
    assert bench.leaves("position") == []
    bench.time.advance(4)
    assert bench.leaves("position")[0]["pm"] == "G"


def test_a_phone_that_does_not_locate_sends_nothing_of_the_kind(bench):
    bench.phone.reception(Reception.OFF)
    bench.in_alert()
    bench.time.advance(60)
    assert bench.leaves()[0]["loc"] is None
    assert bench.leaves("position") == []


def test_a_heartbeat_every_300_s_counts_on_and_says_nothing_of_where(bench):
    bench.time.advance(1830)
    beats = bench.leaves("heartbeat")
    assert [beat["seq"] for beat in beats] == list(range(1, len(beats) + 1))
    assert 6 <= len(beats) <= 7
    assert set(beats[0]) == {"_type", "seq", "tst", "batt", "bs", "conn", "net", "fw"}
    assert set(beats[0]["net"]) == {"rat", "rsrp"}
