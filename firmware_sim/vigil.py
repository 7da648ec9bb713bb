"""The phone's side of an open alert: positions while it lasts, states, its end (protocol, §2).

Serves the live positions of arrow 1. Promises: no position leaves outside an alert; a state counts
only with a greater `n` and within 60 s; an ended alert is not opened again by a late receipt.
Leaves presses and commands to `machine.py`. `now` is the simulation's epoch seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware_sim import messages
from firmware_sim.body import Body
from firmware_sim.effects import Effect, Note, Save, Send, Timing
from firmware_sim.events import Kind
from firmware_sim.messages import State
from firmware_sim.store import Memory, OpenAlert

KEPT = 16  # ended alerts and state numbers remembered


class Vigil:
    """The alert in the phone's memory, and what follows from it."""

    def __init__(
        self,
        memory: Memory,
        body: Body,
        *,
        now: float,
        timing: Timing,
        wall: Callable[[float], float],
    ) -> None:
        self._memory = memory
        self._body = body
        self._timing = timing
        self._wall = wall
        self._shown: State | None = None
        self._position_at = now  # at once after a boot within an alert
        if self.awake:
            body.place.wake(now)

    @property
    def awake(self) -> bool:
        """A press or an alert is open: the receiver runs."""
        return bool(self._memory.alert or self._memory.presses)

    def void(self, at: float, now: float) -> bool:
        """Whether a word of the platform said at `at` has lapsed, by the phone's own clock."""
        return self._wall(now) - at > self._timing.void_after

    def glance(self, now: float) -> str | None:
        """Show what her own discreet gesture shows: the last state, None once it is void."""
        shown = self._shown
        return shown.state if shown and not self.void(shown.at, now) else None

    def next_due(self) -> float | None:
        """When `tick` has something to do; None outside an alert."""
        alert = self._memory.alert
        return min(self._position_at, alert.fed_at + self._timing.alert_limit) if alert else None

    def feed(self, now: float) -> None:
        """Count the two hours anew, for a further press or a word of the platform."""
        if self._memory.alert:
            self._memory.alert.fed_at = now

    def moved(self, now: float) -> None:
        """Her pace changed: the next position is due on the new pace's terms."""
        self._position_at = min(self._position_at, now + self._timing.moving_every)

    def open(self, alert: str | None, now: float) -> list[Effect]:
        """Follow the alert that a receipt named (None: press safe, alert not yet made)."""
        memory = self._memory
        if alert is not None and alert in memory.done:
            self.rest()
            return []
        current = memory.alert
        if current and alert in {None, current.id}:
            self.feed(now)
            return []
        memory.alert = OpenAlert(alert, now)
        if current and current.id is None:  # it was open without a name; now it has one
            return []
        self._position_at = now
        return [Note(Kind.ALERT_OPEN, {"alert": alert})]

    def tick(self, now: float) -> list[Effect]:
        """Report a position if one is due; end if two hours passed without a word."""
        alert = self._memory.alert
        if alert is None:
            return []
        if now >= alert.fed_at + self._timing.alert_limit:
            return self.close("two hours without a word")
        return self.position(now) if now >= self._position_at else []

    def position(self, now: float) -> list[Effect]:
        """Say where she is now, if there is anything to say."""
        timing = self._timing
        sensed = self._body.sense(now, self._wall(now), alert=True)
        self._position_at = now + (timing.moving_every if sensed.moving else timing.still_every)
        loc = sensed.loc
        if loc is None:
            return []
        if loc["pm"] == "N":  # nothing found yet: look again soon, and send nothing meanwhile
            self._position_at = now + timing.moving_every
            return []
        told = {"method": loc["pm"], "acc_m": loc["acc"]}
        return [Send("position", messages.position(loc), told)]

    def state(self, state: State, now: float) -> list[Effect]:
        """Believe the platform on how far the alert is, if fresh and newer."""
        memory = self._memory
        details: dict[str, object] = {"alert": state.alert, "state": state.state, "n": state.n}
        if self.void(state.at, now):
            return [Note(Kind.STATE_IGNORED, details | {"reason": "void"})]
        if state.n <= memory.heard.get(state.alert, -1):
            return [Note(Kind.STATE_IGNORED, details | {"reason": "old"})]
        memory.heard = dict([*memory.heard.items(), (state.alert, state.n)][-KEPT:])
        self._shown = state
        if memory.alert and memory.alert.id is None:
            memory.alert.id = state.alert
        ours = memory.alert is not None and memory.alert.id == state.alert
        followed = self._stage(state, now, ours=ours)
        return [Save(memory.packed()), Note(Kind.STATE, details), *followed]

    def close(self, reason: str) -> list[Effect]:
        """End the alert on the phone: positions stop. A press without receipt goes on."""
        memory = self._memory
        alert, memory.alert = memory.alert, None
        if alert is None:
            return []
        if alert.id is not None:
            self._ended(alert.id)
        self.rest()
        told = Note(Kind.ALERT_ENDED, {"alert": alert.id, "reason": reason})
        return [Save(memory.packed()), told]

    def rest(self) -> None:
        """Switch the receiver off unless something is still open."""
        if not self.awake:
            self._body.place.sleep()

    def _stage(self, state: State, now: float, *, ours: bool) -> list[Effect]:
        if state.state == "closed":
            self._ended(state.alert)
            return self.close("closed") if ours else []
        if ours:
            self.feed(now)
        return []

    def _ended(self, alert_id: str) -> None:
        memory = self._memory
        memory.done = [*(known for known in memory.done if known != alert_id), alert_id][-KEPT:]
