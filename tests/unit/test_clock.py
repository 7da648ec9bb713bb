"""The clock: follows slewing, holds off steps, never goes back."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgd.clock import Clock

NS = 1_000_000_000
START = 1_800_000_000 * NS


class Machine:
    """A machine's two clocks, moved by hand."""

    def __init__(self) -> None:
        self.wall = START
        self.monotonic = 5 * NS

    def pass_s(self, seconds: float, wall: float | None = None) -> None:
        self.monotonic += round(seconds * NS)
        self.wall += round((seconds if wall is None else wall) * NS)

    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.monotonic)


def test_now_is_the_wall_time_at_the_start_and_aware() -> None:
    clock = Machine().clock()
    assert clock.now() == datetime.fromtimestamp(1_800_000_000, UTC)
    assert clock.now().tzinfo is UTC


def test_now_counts_the_monotonic_clock() -> None:
    machine = Machine()
    clock = machine.clock()
    before = clock.now()
    machine.pass_s(12.5)
    assert clock.now() - before == timedelta(seconds=12.5)
    assert clock.step() == 0


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 2.5, -2.5])
def test_a_step_is_held_off_and_reported(jump: float) -> None:
    machine = Machine()
    clock = machine.clock()
    before = clock.now()
    machine.pass_s(1, wall=1 + jump)
    assert clock.step() == pytest.approx(jump)
    machine.pass_s(1000)
    assert clock.now() - before == timedelta(seconds=1001)
    assert clock.step() == pytest.approx(jump)


@pytest.mark.parametrize("jump", [1.5, -1.5])
def test_a_small_difference_is_absorbed_gradually(jump: float) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.pass_s(0, wall=jump)
    before = clock.now()
    machine.pass_s(1)
    after = clock.now() - before
    assert timedelta(seconds=0.985) < after < timedelta(seconds=1.015)
    for _ in range(200):
        machine.pass_s(1)
        clock.now()
    assert clock.step() == pytest.approx(0, abs=1e-6)


def test_a_step_that_is_set_right_again_leaves_no_trace() -> None:
    machine = Machine()
    clock = machine.clock()
    before = clock.now()
    machine.pass_s(1, wall=100)
    clock.now()
    machine.pass_s(1, wall=-98)
    assert clock.now() - before == timedelta(seconds=2)
    assert clock.step() == 0


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-10, 110))))
def test_now_never_goes_back(moves: list[tuple[float, float]]) -> None:
    machine = Machine()
    clock = machine.clock()
    last = clock.now()
    for seconds, wall in moves:
        machine.pass_s(seconds, wall=wall)
        now = clock.now()
        assert now >= last
        last = now


async def test_wait_ends_with_the_event() -> None:
    clock = Clock()
    event = asyncio.Event()
    waiting = asyncio.create_task(clock.wait(event, None))
    await asyncio.sleep(0)
    assert not waiting.done()
    event.set()
    await waiting


async def test_wait_ends_at_its_time_and_not_before() -> None:
    clock = Clock()
    until = clock.now() + timedelta(milliseconds=20)
    await clock.wait(asyncio.Event(), until)
    assert clock.now() >= until


async def test_wait_for_a_time_that_has_passed_returns() -> None:
    clock = Clock()
    await clock.wait(asyncio.Event(), clock.now() - timedelta(hours=1))


async def test_wait_can_be_cancelled() -> None:
    waiting = asyncio.create_task(Clock().wait(asyncio.Event(), None))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
