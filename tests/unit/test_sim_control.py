"""Phones driven by another program: orders in, events out, and never without their driver."""

import json
import subprocess
import sys
from io import StringIO

import pytest

from firmware_sim import Fleet, HandTime, Kind, Recorder
from firmware_sim.control import Remote

PROGRAM = [sys.executable, "-m", "firmware_sim", "--control", "--phones", "2"]
NOBODY = "mqtt://127.0.0.1:9"  # the discard port: no broker listens there


class OutOfReach:
    """A fleet of two without any path, started, and everything that it tells."""

    def __init__(self):
        self.out, self.recorder = StringIO(), Recorder()
        self.time = HandTime()
        self.fleet = Fleet(2, time=self.time, listeners=[self.recorder])
        self.remote = Remote(self.fleet, self.out)
        self.fleet.listen(self.remote)
        self.fleet.start()

    def obey(self, **order):
        self.remote.obey(json.dumps(order).encode() + b"\n")

    def told(self):
        return [json.loads(line) for line in self.out.getvalue().splitlines()]


@pytest.fixture
async def world():
    world = OutOfReach()
    yield world
    await world.fleet.stop()


async def test_an_order_is_obeyed_at_once_and_its_events_told(world):
    world.obey(phone="tgd-86-02", action="press")
    pressed, unsent = world.told()
    assert (pressed["phone"], pressed["kind"]) == ("tgd-86-02", "pressed")
    assert unsent["kind"] == "unsent"
    assert unsent["details"]["press"] == pressed["details"]["press"]
    assert pressed["at"] == world.time.now()


async def test_her_discreet_gesture_is_answered_even_with_nothing_to_show(world):
    world.obey(phone="tgd-86-02", action="glance")
    (told,) = world.told()
    assert (told["kind"], told["phone"]) == ("glanced", "tgd-86-02")
    assert told["details"] == {"state": None}


async def test_several_phones_take_one_order(world):
    world.obey(phone=["tgd-86-01", 2], action="press")
    assert [e.phone for e in world.recorder.all(Kind.PRESSED)] == ["tgd-86-01", "tgd-86-02"]


async def test_the_network_goes_once_the_press_has_left(world):
    world.obey(phone=1, action="press", lose_s=3)
    assert not world.recorder.all(Kind.NETWORK)
    world.time.advance(0)
    assert [e.details["on"] for e in world.recorder.all(Kind.NETWORK)] == [False]
    world.time.advance(3)
    assert [e.details["on"] for e in world.recorder.all(Kind.NETWORK)] == [False, True]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"nonsense\n", "Expecting value"),
        (b"\xff\n", "utf-8"),
        (b"[]\n", "an order is"),
        (b'{"phone": 1, "action": "press", "at": 3}\n', "without a time"),
        (b'{"phone": 9, "action": "press"}\n', "phone 9"),
        (b'{"phone": 1, "action": "fly"}\n', "fly"),
        (b'{"phone": 1, "action": "press", "colour": "red"}\n', "colour"),
    ],
)
async def test_what_cannot_be_obeyed_is_refused_and_harms_nothing(world, line, why):
    world.remote.obey(line)
    (told,) = world.told()
    assert why in told["refused"]
    world.obey(phone=1, action="press")
    assert world.recorder.all(Kind.PRESSED)


def test_the_program_speaks_json_lines_and_ends_with_its_input():
    order = json.dumps({"phone": "tgd-86-01", "action": "press"}).encode() + b"\n"
    ended = subprocess.run(
        [*PROGRAM, "--broker", NOBODY], input=order, capture_output=True, timeout=120, check=False
    )
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [e["kind"] for e in told if e["kind"] in {"pressed", "unsent"}] == ["pressed", "unsent"]
    assert ended.returncode == 1  # a press is without its receipt
    assert b"receipts" in ended.stderr
