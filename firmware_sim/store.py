"""What a phone keeps through a crash: its counters, its open presses, its alert.

Serves arrow 1 from the phone's side: a press is in here BEFORE its first sending, so no crash
between gesture and receipt can lose it (protocol, rule 2). Promises: `save` is whole or nothing.
Leaves the meaning of the fields to the machine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec


@dataclass(slots=True)
class OpenPress:
    """A gesture without a receipt. `pressed_at` is the simulation's time, `tst` the phone's own.

    `body` is what each sending repeats unchanged (trigger, loc, batt, bs, conn, net); `unsent`
    counts the sendings that no path took; `left_at` is when a path first took one, None before.
    """

    id: str
    seq: int
    tst: float
    pressed_at: float
    body: dict[str, Any]
    attempt: int = 0
    unsent: int = 0
    dialled: bool = False
    left_at: float | None = None


@dataclass(slots=True)
class Order:
    """A `reportLocation` in force, said `at` on the platform's clock, as `until` is.

    `moving_s` and `still_s` are seconds between reports. None: as the phone's own timing has it.
    """

    at: float
    heard_at: float
    moving_s: float | None = None
    still_s: float | None = None
    until: float | None = None


@dataclass(slots=True)
class OpenAlert:
    """The alert that a receipt or a command named (`id` None if none), and its order.

    `listen` is whether the operator is heard (duplex) or only hears.
    `fed_at` is when it opened or the button was last pressed: the phone's own limit counts from it.
    """

    id: str | None
    fed_at: float
    order: Order | None = None
    listen: str = "mic_only"


@dataclass(slots=True)
class Skew:
    """By how many seconds the platform's clock is ahead of the simulation's: its bounds."""

    least: float
    most: float | None = None


@dataclass(slots=True)
class Memory:
    """All that survives. `heard` is the last state number by alert; `ended` are the alerts that
    ended, each with when, on the platform's clock; `obeyed` the commands.
    """

    seq: int = 0
    heartbeat_seq: int = 0
    heartbeat_s: float | None = None
    presses: list[OpenPress] = field(default_factory=list)
    alert: OpenAlert | None = None
    heard: dict[str, int] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    obeyed: list[str] = field(default_factory=list)
    skew: Skew | None = None

    def packed(self) -> bytes:
        """As JSON, a copy that later changes do not touch."""
        return msgspec.json.encode(self)

    @classmethod
    def unpacked(cls, kept: bytes) -> Memory:
        """Read what `packed` gave; ValueError if it is something else."""
        return msgspec.json.decode(kept, type=cls)


class Store(Protocol):
    """Where one phone's memory is kept, in the form that `Memory.packed` gives."""

    def load(self) -> Memory:
        """Return the memory as last saved, or a new one."""
        ...

    def save(self, kept: bytes) -> None:
        """Keep it, whole; only then may anything be sent."""
        ...


class MemoryStore:
    """Survives the phone's crash, not the simulator's end."""

    def __init__(self) -> None:
        self._kept: bytes | None = None

    def load(self) -> Memory:
        """Return the last saved, or a new one."""
        return Memory() if self._kept is None else Memory.unpacked(self._kept)

    def save(self, kept: bytes) -> None:
        """Keep it."""
        self._kept = kept


class FileStore:
    """One small file per phone, replaced in one step and synced: survives the simulator too."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Memory:
        """Return the last saved, or a new one; an unreadable file is a ValueError that names it."""
        if not self._path.exists():
            return Memory()
        try:
            return Memory.unpacked(self._path.read_bytes())
        except ValueError as fault:
            raise ValueError(f"{self._path} is no phone's memory: {fault}") from fault

    def save(self, kept: bytes) -> None:
        """Write beside, sync, rename."""
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as out:
            out.write(kept)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._path)
