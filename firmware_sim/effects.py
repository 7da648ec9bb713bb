"""What a phone's machine asks its shell to do, and the figures of §2 it goes by.

Serves the seam between rules and radio: the machine returns these in order, the shell carries them
out in order. A `Save` before a `Send` is the promise that a crash loses no press.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from firmware_sim.events import Kind


@dataclass(frozen=True, slots=True)
class Timing:
    """The figures of §2, in seconds; tests shorten them.

    `repeat_after` are the pauses between the first sendings, then one every `repeat_every`.
    """

    repeat_after: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    repeat_every: float = 10.0
    dial_after: float = 30.0
    void_after: float = 60.0
    moving_every: float = 5.0
    still_every: float = 30.0
    heartbeat: float = 300.0
    # Live positions stop 2 h after the last press, or the platform's last word about the alert.
    alert_limit: float = 7200.0

    def pause_after(self, attempt: int) -> float:
        """How long to wait for the receipt after the given sending, counted from 1."""
        within = 1 <= attempt <= len(self.repeat_after)
        return self.repeat_after[attempt - 1] if within else self.repeat_every


@dataclass(frozen=True, slots=True)
class Save:
    """Keep this memory (as `Memory.packed` gives it) before anything that follows."""

    kept: bytes


@dataclass(frozen=True, slots=True)
class Send:
    """Send `payload` to `up/{leaf}`; `details` are told if a path takes it.

    For a press they are `press` and `attempt`.
    """

    leaf: str
    payload: bytes
    details: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Note:
    """Tell the listeners."""

    kind: Kind
    details: Mapping[str, object] = field(default_factory=dict)


Effect = Save | Send | Note
