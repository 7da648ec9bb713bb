"""Who asks the same at the same time is answered together.

Serves the routes that every console reads again and again: two hundred of them ask within a few
milliseconds. Promises: each answer was looked up after it was asked for (so whoever has just done
something sees it), one look-up at a time, however many ask meanwhile; a look-up that fails fails
for those whom it was for, and nobody else. ``Told`` keeps an answer until anything is heard.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from tgd.clock import Clock
from tgd.web.hub import Hub

KEPT = timedelta(seconds=0.3)
"""The channel that says what has changed may be away."""

_K = TypeVar("_K")
_V = TypeVar("_V")


class Together(Generic[_K, _V]):
    """Looks up keys for whoever asks; ``look_up`` answers many, unknown ones left out."""

    def __init__(self, look_up: Callable[[AbstractSet[_K]], Awaitable[Mapping[_K, _V]]]) -> None:
        self._look_up = look_up
        self._asked: dict[_K, asyncio.Future[_V | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def ask(self, key: _K) -> _V | None:
        """Return what is found for the key, None if nothing is; raises what the look-up raises."""
        answer = self._asked.get(key)
        if answer is None:
            answer = self._asked[key] = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="asked together")
        return await asyncio.shield(answer)

    async def _work(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                await self._answer(asked)
        finally:
            self._task = None

    async def _answer(self, asked: dict[_K, asyncio.Future[_V | None]]) -> None:
        try:
            found = await self._look_up(asked.keys())
        except Exception as error:  # noqa: BLE001  it is raised again in everybody who asked
            for answer in asked.values():
                answer.set_exception(error)
                answer.exception()  # whoever asked may have gone
            return
        except BaseException:
            for answer in asked.values():
                answer.cancel()
            raise
        for key, answer in asked.items():
            answer.set_result(found.get(key))


class Told(Generic[_K, _V]):
    """Answers that may be given again until the hub hears of anything, ``KEPT`` at most.

    By the wall's clock, which answers are reckoned by, and by one that nobody sets: where the first
    is set back by an hour, no answer is an hour old.
    """

    def __init__(
        self,
        look_up: Callable[[AbstractSet[_K]], Awaitable[Mapping[_K, _V]]],
        hub: Hub,
        clock: Clock,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self._together = Together(look_up)
        self._hub = hub
        self._clock = clock
        self._tick = tick
        self._since: tuple[int, datetime, float] | None = None
        self._kept: dict[_K, _V] = {}

    async def ask(self, key: _K) -> _V | None:
        """Return the answer for the key, None if there is none; raises what the look-up raises."""
        now = self._hub.heard, self._clock.now(), self._tick()
        if self._since is None or not _lasts(self._since, now):
            self._since, self._kept = now, {}
        kept, since = self._kept, self._since
        if key not in kept:
            told = await self._together.ask(key)
            if told is None or self._since is not since or since[0] != self._hub.heard:
                return told
            kept[key] = told
        return kept[key]


def _lasts(since: tuple[int, datetime, float], now: tuple[int, datetime, float]) -> bool:
    return (
        since[0] == now[0]
        and timedelta() <= now[1] - since[1] <= KEPT
        and now[2] - since[2] <= KEPT.total_seconds()
    )
