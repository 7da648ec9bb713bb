"""Places, batteries, faults, fleets, scenarios and the command line of the simulator."""

from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from firmware_sim import Battery, Event, Faults, Fleet, HandTime, Kind, Scenario, names
from firmware_sim.__main__ import cli
from firmware_sim.faults import garbled
from firmware_sim.fleet import Tally
from firmware_sim.scenario import ScenarioError
from firmware_sim.screen import Keyboard


def test_a_battery_drains_faster_in_an_alert_and_charges():
    battery = Battery(50, idle_per_hour=1, alert_per_hour=10, charge_per_hour=40)
    battery.drain(0, alert=False)
    battery.drain(3600, alert=False)
    assert battery.level == pytest.approx(49)
    battery.drain(7200, alert=True)
    assert battery.level == pytest.approx(39)
    battery.charging = True
    battery.drain(14_400, alert=True)
    assert (battery.level, battery.status) == (100, 3)


def test_with_nothing_ordered_a_message_passes_untouched():
    passage = Faults().pass_through(b"x", Random(1), up=True)
    assert (passage.copies, passage.happened) == ([(0.0, b"x")], ())


def test_faults_are_as_frequent_as_ordered_and_repeat_with_their_seed():
    def run(seed):
        faults = Faults(loss=0.3, duplicate=0.2, reorder=0.1, delay=(0.1, 0.4), garble=0.25)
        random = Random(seed)
        return [faults.pass_through(b"0123456789", random, up=True) for _ in range(4000)]

    passages = run(5)
    assert passages == run(5)
    assert passages != run(6)
    lost = sum(not passage.copies for passage in passages)
    doubled = sum(len(passage.copies) == 2 for passage in passages)
    assert 0.27 < lost / 4000 < 0.33
    assert 0.11 < doubled / 4000 < 0.17
    assert all(0.1 <= lag <= 0.9 for passage in passages for lag, _ in passage.copies)


def test_garbling_is_for_what_goes_up_and_never_leaves_valid_utf_8():
    faults = Faults(garble_next=1)
    assert faults.pass_through(b"down", Random(1), up=False).happened == ()
    assert faults.pass_through(b"up", Random(1), up=True).happened == ("garble",)
    assert faults.pass_through(b"up", Random(1), up=True).happened == ()
    for seed in range(200):
        with pytest.raises(UnicodeDecodeError):
            garbled(b'{"_type":"press"}', Random(seed)).decode()


def test_names_are_padded_to_the_last_one():
    assert names(8) == [f"tgd-86-0{n}" for n in range(1, 9)]
    assert names(100)[0] == "tgd-86-001"
    assert names(5000)[-1] == "tgd-86-5000"


def test_percentiles_by_nearest_rank():
    tally = Tally()
    assert tally.percentile(50) is None
    for value in range(1, 101):
        tally(Event("p", 0, Kind.RECEIPT, {"latency_s": value / 100}))
    assert [tally.percentile(p) for p in (50, 99, 100)] == [0.5, 0.99, 1.0]


async def test_a_scenario_is_done_in_order_to_the_phones_it_names():
    steps = [
        {"at": 0.0, "phone": "all", "action": "place", "reception": "cell"},
        {"at": 0.0, "phone": 1, "action": "clock", "epoch": "1970"},
        {"at": 0.0, "phone": ["tgd-86-02"], "action": "fault", "loss": 0.5, "delay": [0, 2]},
        {"at": 0.01, "phone": 1, "action": "press"},
        {"at": 0.01, "phone": 2, "action": "crash", "when": "after_send", "reboot_s": 3},
        {"at": 0.02, "phone": 2, "action": "network", "on": False},
        {"at": 0.0, "phone": 2, "action": "move", "speed_kmh": 5, "bearing": 10},
        {"at": 0.0, "phone": 2, "action": "battery", "level": 12},
    ]
    async with Fleet(2) as fleet:
        await Scenario.read({"step": steps}).play(fleet)
        assert fleet.tally.pressed == 1
        assert fleet["tgd-86-01"].clock_offset < -1e9
        second = fleet["tgd-86-02"]
        assert second.faults == Faults(loss=0.5, delay=(0.0, 2.0), crash_after_send=3.0)
        assert second.moving
        assert not second.on_network


async def test_a_scenario_says_where_a_phone_is_and_how_it_gets_about():
    """Driven by hand: the place, the way and what the receiver makes of them."""

    def told(**order):
        Scenario.read({"step": [{"phone": 1} | order]}).do(fleet)

    time = HandTime()
    async with Fleet(1, time=time) as fleet:
        phone = fleet["tgd-86-01"]
        place = phone._body.place
        told(action="place", lat=46.6, lon=0.3, reception="indoors", mock=True)
        assert (place.lat, place.lon, place.mock, phone.indoors) == (46.6, 0.3, True, True)
        told(action="move", speed_kmh=36, path=[[46.6, 0.31], [46.61, 0.31]])
        time.advance(3600)
        place.fix(time.now(), 0)
        assert (place.lat, place.lon) == pytest.approx((46.61, 0.31), abs=1e-6)
        told(action="place")
        assert (place.mock, phone.indoors) == (False, False)
        told(action="move", speed_kmh=5, way="streets", bearing=180)
        time.advance(3600)
        place.fix(time.now(), 0)
        assert place.lat < 46.6


async def test_keys_move_phones_and_take_them_indoors():
    async with Fleet(2) as fleet:
        keyboard, (first, second) = Keyboard(fleet, lambda: None), fleet
        for key in "m1d2i1":
            keyboard.key(key)
        assert first.moving
        assert second.moving
        assert first.indoors
        for key in "m1i1x":
            keyboard.key(key)
        assert not first.moving
        assert not first.indoors
        assert fleet.tally.pressed == 0


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"phone": 1, "action": "dance"}, "dance"),
        ({"action": "press"}, "phone"),
        ({"phone": 1, "action": "press", "colour": "red"}, "colour"),
        ({"phone": 1, "action": "network"}, "on"),
        ({"phone": 1, "action": "place", "reception": "moon"}, "moon"),
        ({"phone": 1, "action": "move", "speed_kmh": 5, "way": "up"}, "way"),
        ({"phone": 1, "action": "move", "speed_kmh": 5, "path": [[91, 0]]}, "latitude"),
        ({"phone": 1, "action": "move", "speed_kmh": 5, "path": [[46]]}, "step 1"),
        ({"phone": 1, "action": "place", "lat": 46.58}, "lon"),
        ({"phone": 1, "action": "place", "lon": 0.34}, "lon"),
        ({"phone": 1, "action": "crash", "when": "never"}, "when"),
        ({"phone": 1, "action": "fault", "delay": 3}, "step 1"),
        ({"phone": 1.5, "action": "press"}, "phone"),
        ({"phone": 1, "action": "press", "at": "soon"}, "soon"),
        (7, "step 1"),
    ],
)
def test_a_scenarios_mistake_is_named(step, says):
    with pytest.raises(ScenarioError, match=says):
        Scenario.read({"step": [step]})


async def test_a_scenario_for_other_phones_is_refused_before_its_first_step():
    steps = [{"phone": 1, "action": "press"}, {"at": 9, "phone": 3, "action": "press"}]
    async with Fleet(2) as fleet:
        with pytest.raises(ScenarioError, match="3"):
            await Scenario.read({"step": steps}).play(fleet)
        assert fleet.tally.pressed == 0


def command(*arguments):
    return CliRunner().invoke(cli, [*arguments], env={"COLUMNS": "200"})


def test_the_command_line_fails_with_one_clear_line(tmp_path: Path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[[step]]\nphone = 1\naction = 'dance'\n")
    for arguments, says in (
        (["--scenario", str(wrong)], "dance"),
        (["--scenario", str(tmp_path / "none.toml")], "none.toml"),
        (["--broker", "http://x"], "mqtt://HOST"),
        (["--http", "http://x"], "token"),
        (["--tokens", str(tmp_path / "none.toml")], "none.toml"),
    ):
        result = command(*arguments)
        assert result.exit_code == 2, arguments
        assert says in result.output
        assert "Traceback" not in result.output


def test_the_help_names_the_options():
    result = command("--help")
    assert result.exit_code == 0
    for option in ("--phones", "--scenario", "--press-rate", "--store", "--seed"):
        assert option in result.output
