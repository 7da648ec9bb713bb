"""Supervision: what fails starts again, what keeps failing ends the process, stops are ordered."""

import asyncio
import logging
from collections import Counter

import pytest

from tgd.supervise import Supervisor

pytestmark = pytest.mark.expects_errors


class Process:
    """A supervisor and what it told the rest of the process."""

    def __init__(self, failures: int = 5) -> None:
        self.failed: Counter[str] = Counter()
        self.fatal: list[str] = []
        self.supervisor = Supervisor(
            fatal=self.fatal.append,
            count=lambda name: self.failed.update([name]),
            failures=failures,
            first_delay_s=0.0001,
        )


async def test_a_failing_task_starts_again_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    process, lives, well = Process(), 0, asyncio.Event()

    async def loop() -> None:
        nonlocal lives
        lives += 1
        if lives < 4:
            raise OSError("the network is away")
        well.set()
        await asyncio.Event().wait()

    process.supervisor.start("loop", loop)
    await well.wait()
    assert process.failed == {"loop": 3}
    assert process.supervisor.running() == ("loop",)
    assert len([r for r in caplog.records if r.levelno >= logging.ERROR]) == 1
    await process.supervisor.stop(5)
    assert process.fatal == []
    assert [o.cause for o in process.supervisor.obituaries] == ["stopped"]


async def test_a_loop_that_returns_has_failed() -> None:
    process, ended = Process(failures=3), asyncio.Event()
    process.supervisor._fatal = lambda _name: ended.set()

    async def loop() -> None:
        return

    process.supervisor.start("loop", loop)
    await ended.wait()
    assert process.failed == {"loop": 3}
    assert process.supervisor.obituaries[0].cause == "Returned"


async def test_a_cancellation_that_was_not_its_own_is_a_failure() -> None:
    process, ended = Process(failures=2), asyncio.Event()
    process.supervisor._fatal = lambda _name: ended.set()

    async def loop() -> None:
        raise asyncio.CancelledError

    process.supervisor.start("loop", loop)
    await ended.wait()
    assert process.failed == {"loop": 2}


async def test_stops_run_in_reverse_order() -> None:
    process, order = Process(), []

    def task(name: str):
        async def loop() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                order.append(name)

        return loop

    async def close() -> None:
        order.append("database")

    process.supervisor.on_stop("database", close)
    for name in ("intake", "web"):
        process.supervisor.start(name, task(name))
    await asyncio.sleep(0)
    await process.supervisor.stop(5)
    assert order == ["web", "intake", "database"]


async def test_a_stop_that_hangs_or_fails_keeps_no_other_from_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    process, stopped = Process(), []

    async def hang() -> None:
        await asyncio.Event().wait()

    async def fail() -> None:
        raise OSError("gone")

    async def last() -> None:
        stopped.append("last")

    process.supervisor.on_stop("last", last)
    process.supervisor.on_stop("failing", fail)
    process.supervisor.on_stop("hanging", hang)
    await process.supervisor.stop(0.05)
    assert stopped == ["last"]
    said = " ".join(r.getMessage() for r in caplog.records)
    assert "hanging did not stop" in said
    assert "failing failed" in said


async def test_two_tasks_of_one_name_are_refused() -> None:
    process = Process()
    process.supervisor.start("loop", asyncio.Event().wait)
    with pytest.raises(ValueError, match="already running"):
        process.supervisor.start("loop", asyncio.Event().wait)
    await process.supervisor.stop(5)
