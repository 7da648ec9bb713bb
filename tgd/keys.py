"""The key store: random secrets in files outside the database, which can be erased for good.

Serves arrow 1 (every press takes a slot) and the flow ``forget`` (which erases them). A segment of
4,096 slots is written, and synced to the disk, before any slot of it is used: a press waits for no
disk, and a crash loses no key. The next segment is prepared ahead in a thread. A process takes
slots only from segments that it made itself, so that several servers, and several databases, may
share a directory; it reads and erases in any. Erased is overwritten with zeros and synced: a base
backup and a log archive that hold the reference and the sealed bytes are then worth nothing,
whoever has the master secret.

What a row names is erased by ``erase``. What no row names (any more) is erased by ``sweep`` when it
is a day or two old: the slots of presses that were repeated or whose transaction broke off, whose
sealed bytes stand in the log archive all the same. A process turns to a new segment every 12 hours
and holds a lock on its own; what is older than a day and locked by nobody is in nobody's use.

A press is never refused. When the directory cannot be written, ``take`` returns None (having waited
50 ms at most, once), the fault is counted and logged, and the store is tried again: every minute,
and for presses every 5 s. Left to others: the files (``tgd.segments``), and when to erase.
"""

import asyncio
import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tgd import segments
from tgd.clock import Clock
from tgd.errors import TgdError
from tgd.seal import KeyErased, SealBroken
from tgd.segments import ERASED, OWNER, SECRET, SLOTS, Segment

ROTATED_AFTER = timedelta(hours=12)
CLOSED_AFTER = timedelta(hours=24)
"""So long after it was made, no slot of a segment is taken any more, nor being committed."""
TENDED_EVERY = timedelta(minutes=1)

_AWAY = "the key store's directory is not there"
_OPEN_S, _WAIT_S, _RETRY_S = 10.0, 0.05, 5.0
_log = logging.getLogger(__name__)


class KeysNotErased(TgdError):
    """Not every slot could be overwritten; the same again may work."""


class KeyNotHere(KeyErased):
    """The directory does not hold the key's segment: all of it erased, or another directory."""


class KeyUnreadable(SealBroken):
    """The key may still be there, but the store cannot be read just now."""


@dataclass(frozen=True, slots=True)
class Swept:
    """How many segments were erased but for what rows name, and how many of those were removed."""

    blanked: int
    removed: int


class KeyStore:
    """The slots of one directory. ``open`` before the first ``take``; ``run`` is its task.

    ``take`` and ``tend`` belong to one thread, the event loop's. ``open``, ``erase`` and ``sweep``
    wait for the disk: call them in another. ``fault`` is called for each slot that ``take`` could
    not give.
    """

    def __init__(
        self,
        directory: Path,
        clock: Clock | None = None,
        *,
        fault: Callable[[], object] = lambda: None,
    ) -> None:
        self.directory = directory
        self.owner = bytes(OWNER)
        self._clock = clock or Clock()
        self._fault = fault
        self._own: Segment | None = None
        self._next: Segment | None = None
        self._retired: list[Segment] = []
        self._settled = threading.Event()  # nothing is being prepared
        self._settled.set()
        self._failing = False
        self._retry_at = 0.0

    @property
    def ready(self) -> bool:
        """Whether slots are to be had and the latest segment could be written."""
        return self._own is not None and not self._failing

    def open(self, owner: bytes = bytes(OWNER)) -> None:
        """Make the first segment, for the database that ``owner`` names; never raises."""
        self.owner = owner[:OWNER].ljust(OWNER, b"\0")
        self._prepare()
        self._settled.wait(_OPEN_S)
        self._turn()

    def close(self) -> None:
        """Let go of our segments; what was not taken of them is erased by a later sweep."""
        self._settled.wait(_WAIT_S)
        for segment in (*self._retired, self._own, self._next):
            if segment is not None:
                os.close(segment.lock)
        self._own = self._next = None
        self._retired = []

    def take(self) -> tuple[bytes, bytes] | None:
        """Return a new slot's reference and its secret (about 0.5 µs), or None: there is none."""
        segment = self._own
        if segment is None or segment.taken == SLOTS:
            segment = self._turn()
            if segment is None:
                self._fault()
                return None
        slot = segment.taken
        segment.taken = slot + 1
        if segment.taken == SLOTS // 2:
            self._prepare()
        at = slot * SECRET
        secret = bytes(segment.secrets[at : at + SECRET])
        segment.secrets[at : at + SECRET] = ERASED
        return segments.reference(segment.id, slot), secret

    def secret(self, reference: bytes) -> bytes:
        """Return a slot's secret (about 6 µs); raises ``KeyErased`` or ``KeyUnreadable``."""
        segment, slot = segments.parts(reference)
        try:
            secret = segments.read(self.directory, segment, slot)
        except FileNotFoundError:
            if self._is_away():
                raise KeyUnreadable(_AWAY) from None
            raise KeyNotHere("the key is not in the key store: erased, or kept elsewhere") from None
        except OSError as error:
            raise KeyUnreadable(f"the key store: {_said(error)}") from error
        if len(secret) != SECRET or secret == ERASED:
            raise KeyErased("the key has been erased")
        return secret

    def erase(self, references: Iterable[bytes]) -> int:
        """Overwrite these slots; when it returns, they are gone for good.

        Idempotent; one sync for each segment. Keys of version 1 among them are passed over: they
        are not in the store. Returns how many were not erased yet. Raises ``KeysNotErased`` after
        trying all.
        """
        failed: list[OSError] = []
        erased = 0
        self._must_be_there()
        for segment, slots in segments.by_segment(references).items():
            try:
                erased += segments.blank(self.directory, segment, slots)
            except FileNotFoundError:
                continue  # removed whole, after all of it had been erased
            except OSError as error:
                failed.append(error)
        _complain(failed)
        return erased

    def sweep(self, named: Iterable[bytes]) -> Swept:
        """Erase every slot of this database that no row names; remove the files left empty.

        ``named`` must be every reference in the database, of every table: what it lacks is lost.
        Segments made less than ``CLOSED_AFTER`` ago, in use, or of another database are left.
        Raises ``KeysNotErased`` after trying all.
        """
        kept = segments.by_segment(named)
        before = (self._clock.now() - CLOSED_AFTER).timestamp()
        failed: list[OSError] = []
        done = []
        self._must_be_there()
        for segment in segments.listed(self.directory):
            ours = segment[:OWNER] == self.owner or segment in kept
            if not ours or segments.made_at(segment) > before:
                continue
            try:
                if segments.keep_only(self.directory, segment, kept.get(segment, ())):
                    done.append(segment)
            except FileNotFoundError:
                continue  # another server's sweep was here first
            except OSError as error:
                failed.append(error)
        _complain(failed)
        return Swept(len(done), sum(segment not in kept for segment in done))

    async def run(self) -> None:
        """Tend the segments, for ever."""
        never = asyncio.Event()
        while True:
            self.tend()
            await self._clock.wait(never, self._clock.now() + TENDED_EVERY)

    def tend(self) -> None:
        """Turn to a new segment when ours has been in use for 12 hours; try again what failed."""
        for segment in self._retired:
            os.close(segment.lock)
        self._retired = []
        if self._own is not None and not self._stale(self._own) and not self._failing:
            return
        if self._next is not None and self._stale(self._next):
            self._retired.append(self._next)
            self._next = None
        if self._next is None:
            self._prepare()  # and turn to it the next time
        elif self._own is None or self._stale(self._own):
            self._turn()

    def _stale(self, segment: Segment) -> bool:
        made_at = datetime.fromtimestamp(segments.made_at(segment.id), UTC)
        return self._clock.now() - made_at > ROTATED_AFTER

    def _turn(self) -> Segment | None:
        """Go on to the segment that was prepared; None if there is none yet."""
        if self._next is None:
            self._prepare()
            if not self._failing and not self._settled.wait(_WAIT_S):
                self._failed("the disk takes too long")
        if self._next is None:
            return None
        if self._own is not None:
            self._retired.append(self._own)
        self._own, self._next = self._next, None
        return self._own

    def _prepare(self) -> None:
        """Have the next segment written in a thread, unless one is, or that has just failed."""
        if self._next is not None or not self._settled.is_set():
            return
        if self._failing and time.monotonic() < self._retry_at:
            return
        now = int(self._clock.now().timestamp())
        work = threading.Thread(target=self._make, args=(now,), name="keys", daemon=True)
        self._settled.clear()
        try:
            work.start()
        except RuntimeError as error:  # no thread to be had
            self._failed(str(error))
            self._settled.set()

    def _make(self, now: int) -> None:
        try:
            self._ground()
            self._next = segments.write(self.directory, self.owner, now)
            if self._failing:
                self._failing = False
                _log.warning("the key store can be written again")
        except OSError as error:
            self._failed(_said(error))
        except Exception as error:  # noqa: BLE001  whatever it is, presses go on and this is told
            self._failed(type(error).__name__)
        finally:
            self._settled.set()

    def _ground(self) -> None:
        """See that there is a directory; later nothing is to be made where a volume was."""
        if self._own is None:
            segments.make(self.directory)
        elif self._is_away():
            raise FileNotFoundError(errno.ENOENT, _AWAY)

    def _failed(self, why: str) -> None:
        self._retry_at = time.monotonic() + _RETRY_S
        if not self._failing:
            self._failing = True
            _log.error(
                "the key store cannot be written (%s): erasing what is sealed without it will not"
                " reach backups; see tgd doctor",
                why,
            )

    def _must_be_there(self) -> None:
        """Refuse to take a volume that is not mounted for one on which all has been erased."""
        if self._is_away():
            raise KeysNotErased(_AWAY)

    def _is_away(self) -> bool:
        """Say whether the directory is not the one in which our own segment was made."""
        own = self._own
        if own is None:
            return not self.directory.is_dir()
        return not segments.is_there(self.directory, own.id)


def _complain(failed: Sequence[OSError]) -> None:
    if failed:
        raise KeysNotErased(f"{len(failed)} segments: {_said(failed[0])}") from failed[0]


def _said(error: OSError) -> str:
    """Return what is wrong without the path."""
    return error.strerror or type(error).__name__
