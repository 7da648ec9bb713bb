"""Supervision: every task has a name, an owner and an obituary.

Serves every arrow: each flow is an endless loop, and a loop that has silently ended is the fault
that nobody sees. Here a loop that returns is an error like one that raises; both are counted,
logged once per kind, and the loop is started again after a bounded back-off. The program is
crash-only: a task that keeps failing is not nursed, ``fatal`` is called and the process is to
exit, because everything that matters is a committed row. Stops are named, run in reverse order of
starting, and are bounded in time. What a loop does on failure is left to the loop.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tgd.errors import TgdError

FIRST_DELAY_S = 0.05
LONGEST_DELAY_S = 5.0
WELL_AFTER_S = 30.0
"""A task that lived this long before failing has recovered: its row of failures begins anew."""

_log = logging.getLogger(__name__)


class Returned(TgdError):
    """An endless loop came to an end."""


@dataclass(frozen=True, slots=True)
class Obituary:
    """How a task ended: its name, the cause, and how often it had failed in a row."""

    name: str
    cause: str
    failures: int


class Supervisor:
    """The owner of a process's endless tasks and of what must be stopped after them.

    ``count`` is called with the task's name at each failure; ``fatal`` with the name once a task
    has failed ``failures`` times in a row, after which that task is not started again.
    """

    def __init__(
        self,
        *,
        fatal: Callable[[str], None],
        count: Callable[[str], None] = lambda _name: None,
        failures: int = 20,
        first_delay_s: float = FIRST_DELAY_S,
    ) -> None:
        self._fatal = fatal
        self._count = count
        self._failures = failures
        self._first_delay_s = first_delay_s
        self._stops: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._logged: set[tuple[str, type[Exception], str]] = set()
        self.obituaries: list[Obituary] = []

    def start(self, name: str, coroutine_factory: Callable[[], Awaitable[None]]) -> None:
        """Run ``coroutine_factory()`` for ever under ``name``, which must be free."""
        if name in self._tasks:
            raise ValueError(f"a task named {name} is already running")
        task = asyncio.create_task(self._keep(name, coroutine_factory), name=name)
        self._tasks[name] = task

        async def stop() -> None:
            task.cancel()
            await asyncio.wait({task})

        self.on_stop(name, stop)

    def on_stop(self, name: str, stop: Callable[[], Awaitable[None]]) -> None:
        """Have ``stop()`` awaited when all that was started later has been stopped."""
        self._stops.append((name, stop))

    def running(self) -> tuple[str, ...]:
        """Return the names of the tasks that are alive."""
        return tuple(name for name, task in self._tasks.items() if not task.done())

    async def stop(self, timeout_s: float) -> None:
        """Stop everything in reverse order within ``timeout_s`` seconds in all.

        Each stop may use an equal share of what is left; one that does not end is named in the
        log and left behind, so that it cannot keep the process alive.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        while self._stops:
            share = max(0.0, end - loop.time()) / len(self._stops)
            name, stop = self._stops.pop()
            try:
                async with asyncio.timeout(share):
                    await stop()
            except TimeoutError:
                _log.error("%s did not stop within %.1f s and was left behind", name, share)
            except Exception:  # noqa: BLE001  one bad stop must not keep the others from theirs
                _log.exception("%s failed while stopping", name)
        self._tasks.clear()

    async def _keep(self, name: str, factory: Callable[[], Awaitable[None]]) -> None:
        """Run one task until it is cancelled or has failed too often in a row."""
        loop = asyncio.get_running_loop()
        in_a_row = 0
        try:
            while True:
                born = loop.time()
                error = await self._live(name, factory)
                in_a_row = 1 if loop.time() - born > WELL_AFTER_S else in_a_row + 1
                self._report(name, error)
                if in_a_row >= self._failures:
                    self._bury(name, error, in_a_row)
                    return
                await asyncio.sleep(min(LONGEST_DELAY_S, self._first_delay_s * 2 ** (in_a_row - 1)))
        except asyncio.CancelledError:
            self.obituaries.append(Obituary(name, "stopped", in_a_row))
            raise

    async def _live(self, name: str, factory: Callable[[], Awaitable[None]]) -> Exception:
        """Await one life of a task and return what ended it; a true cancellation goes on."""
        try:
            await factory()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return Returned(f"the endless task {name} ended by a cancellation that was not its own")
        except Exception as error:  # noqa: BLE001  the supervisor is where every failure ends
            return error
        return Returned(f"the endless task {name} returned")

    def _report(self, name: str, error: Exception) -> None:
        """Count a failure; log it the first time that this task fails in this way."""
        self._count(name)
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        kind = (name, type(error), place)
        if kind not in self._logged:
            self._logged.add(kind)
            _log.error("task %s failed and is started again", name, exc_info=error)

    def _bury(self, name: str, error: Exception, failures: int) -> None:
        """Write the obituary of a task that is beyond help and tell the process."""
        self.obituaries.append(Obituary(name, type(error).__name__, failures))
        _log.critical("task %s failed %d times in a row: the process must end", name, failures)
        self._fatal(name)
