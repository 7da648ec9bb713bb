"""Who is to be told that there is something to read, and when.

Serves arrow 2's console between the database's channel and the streams. Promises: a hint reaches
everybody who listens, hints that come close together become one, and however many consoles there
are, their readings leave the processor to the presses.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_GAP_S = 0.25
_GAP_EACH_S = 0.002
_PRESSING_GAP_EACH_S = 0.0005
"""Between two hints, for each console. What presses waits less: a press, an answer, a verdict."""
_ABREAST, _STEP_S = 20, 0.002
"""So many consoles are hinted at once, and then the next: they all read at once otherwise."""


class Hub:
    """Whoever listens to hints. ``delivered`` is called each time one was handed to a console."""

    def __init__(self, delivered: Callable[[], None] = lambda: None) -> None:
        self._delivered = delivered
        self._listeners: set[asyncio.Event] = set()
        self._hinted_at = 0.0
        self._timer: asyncio.Handle | None = None
        self._due = 0.0  # when the timer fires; not every loop's handles say so
        self.closed = False
        self.heard = 0
        """Grows whenever something may have changed."""

    def hint(self, *, pressing: bool = False) -> None:
        """Tell every console that there is something to re-read; soon, at once if it is pressing.

        Hints that come before the last one's gap is over become one.
        """
        self.heard += 1
        loop, many = asyncio.get_running_loop(), len(self._listeners)
        gap = many * _PRESSING_GAP_EACH_S if pressing else max(_GAP_S, many * _GAP_EACH_S)
        due = max(loop.time(), self._hinted_at + gap)
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due, self._timer = due, loop.call_at(due, self._hint)

    def close(self) -> None:
        """End every stream: the server is going."""
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        for listener in self._listeners:
            listener.set()

    def _hint(self) -> None:
        self._timer = None
        self._hinted_at = asyncio.get_running_loop().time()
        everybody = random.sample(list(self._listeners), len(self._listeners))  # none always last
        self._some(everybody)

    def _some(self, listeners: list[asyncio.Event]) -> None:
        for listener in listeners[:_ABREAST]:
            listener.set()
        if rest := listeners[_ABREAST:]:
            asyncio.get_running_loop().call_later(_STEP_S, self._some, rest)

    def delivered(self) -> None:
        """Note that a hint has left for a console."""
        self._delivered()

    @property
    def listening(self) -> int:
        """How many consoles there are."""
        return len(self._listeners)

    @contextmanager
    def joined(self) -> Iterator[asyncio.Event]:
        """Listen for the length of the block: the event is set while a hint waits."""
        listener = asyncio.Event()
        listener.set()  # whoever has just come has everything to read
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
