"""The phone's side of an open alert: positions while it lasts, states, its end (protocol, §1).

Serves the live positions of arrow 1. Promises: no position leaves outside an alert, nor past the
platform's `until`, nor past two hours after her last press where no `until` says more; a state
counts only with a greater `n` and within 60 s; an ended alert is opened again by nothing but a
press that the platform put into it after its end. Leaves presses and commands to `machine.py`, the
platform's time to `platform_clock.py`. `now` is the simulation's epoch seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware_sim import messages, orders
from firmware_sim.body import Body
from firmware_sim.effects import Effect, Note, Save, Send, Timing
from firmware_sim.events import Kind
from firmware_sim.messages import Command, Receipt, State
from firmware_sim.platform_clock import PlatformClock
from firmware_sim.store import Memory, OpenAlert

MODES = ("duplex", "mic_only")
KEPT = 16  # ended alerts, commands and state numbers remembered


class Vigil:
    """The alert in the phone's memory, and what follows from it."""

    def __init__(
        self,
        memory: Memory,
        body: Body,
        clock: PlatformClock,
        *,
        now: float,
        timing: Timing,
        wall: Callable[[float], float],
    ) -> None:
        self._memory = memory
        self._body = body
        self._clock = clock
        self._timing = timing
        self._wall = wall
        self._shown: State | None = None
        self._position_at = now  # at once after a boot within an alert
        self._owed = False
        if self.awake:
            body.place.wake(now)

    @property
    def awake(self) -> bool:
        """A press or an alert is open: the receiver runs."""
        return bool(self._memory.alert or self._memory.presses)

    def void(self, at: float, now: float) -> bool:
        """Whether what the platform said at `at` has lapsed; what has not is learnt from."""
        if self._clock.age(at, now) > self._timing.void_after:
            return True
        self._clock.word(at, now)
        return False

    def glance(self, now: float) -> str | None:
        """Show what her own discreet gesture shows: the last state, None once it is void."""
        shown = self._shown
        return shown.state if shown and not self.void(shown.at, now) else None

    def next_due(self) -> float | None:
        """When `tick` has something to do; None outside an alert."""
        alert = self._memory.alert
        return min(self._position_at, self._ends_at(alert)) if alert else None

    def feed(self, now: float) -> None:
        """Count the two hours anew, for a further press."""
        if self._memory.alert:
            self._memory.alert.fed_at = now

    def moved(self, now: float) -> None:
        """Her pace changed: the next position is due on the new pace's terms."""
        self._position_at = min(self._position_at, now + self._every(moving=True))

    # -- from a receipt, or a command, on ---------------------------------------------------------

    def open(self, receipt: Receipt, pressed_at: float, now: float) -> list[Effect]:
        """Follow the alert that a receipt named (None: press safe, alert not yet made)."""
        alert, current = receipt.alert, self._memory.alert
        if alert is not None and self._late(receipt, pressed_at):
            self.rest()
            return []
        begun: list[Effect] = []
        if not (current and alert in {None, current.id}):
            begun = self._begin(alert, now)
        if self._memory.alert:
            self._memory.alert.listen = receipt.listen
        return begun

    def why_not(self, command: Command) -> str | None:
        """Why a command about the open alert is not obeyed; None if it is."""
        match command.action:
            case "reportLocation":
                return self.why_not_follow(command)
            case "endAlert":
                return self.why_not_end(command)
            case _:
                return self.why_not_listen(command)

    def why_not_follow(self, command: Command) -> str | None:
        """Why a `reportLocation` is not obeyed; None if it is."""
        named, alert, waiting = orders.alert(command), self._memory.alert, self._memory.presses
        if not self.awake:
            return "no press open"
        if named is not None and command.at <= self._memory.ended.get(named, -1.0):
            return "that alert has ended"
        if alert is None or named not in {None, alert.id}:
            # A press still waits for its receipt: the command has overtaken it.
            return None if waiting or (alert and alert.id is None) else "another alert"
        order = alert.order
        if order is None or alert.fed_at > order.heard_at:  # the last one was for an earlier press
            return None
        return "a newer one holds" if command.at < order.at else None

    def follow(self, command: Command, now: float) -> list[Effect]:
        """Report at once, then as often and as long as the command says."""
        named, alert = orders.alert(command), self._memory.alert
        begun: list[Effect] = []
        if alert is None or named not in {None, alert.id}:
            begun = self._begin(named, now)
        if self._memory.alert:
            self._memory.alert.order = orders.order(command, now)
        self._position_at = now
        return [*begun, *self.tick(now)]

    def tick(self, now: float) -> list[Effect]:
        """Report a position if one is due; end if the time for it is over."""
        alert = self._memory.alert
        if alert is None:
            return []
        if now >= self._ends_at(alert):
            told = alert.order is not None and alert.order.until is not None
            reason = "until has come" if told else "two hours after the last press"
            return self._close(reason, self._clock.there(now))
        return self._position(now) if now >= self._position_at else []

    def unsent(self) -> None:
        """No path took the last position."""
        self._owed = True

    def path_opened(self, now: float) -> list[Effect]:
        """Say what a dead zone kept from being said: where she is now, not where she was."""
        owed, self._owed = self._owed, False
        if not owed or self._memory.alert is None:
            return []
        self._position_at = now
        return self.tick(now)

    # -- what the platform says of it -------------------------------------------------------------

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
        if memory.alert and memory.alert.id is None and state.alert not in memory.ended:
            memory.alert.id = state.alert
        followed: list[Effect] = []
        if state.state == "closed":
            ours = memory.alert is not None and memory.alert.id == state.alert
            self._ended(state.alert, state.at)
            followed = self._close("closed", state.at) if ours else []
        return [Save(memory.packed()), Note(Kind.STATE, details), *followed]

    def why_not_end(self, command: Command) -> str | None:
        """Why an `endAlert` is not obeyed; None if it is."""
        named, ours = orders.alert(command), self._named(command)
        # One that overtook its alert's receipt is kept in mind: the receipt then opens nothing.
        kept = named is not None and named not in self._memory.ended and self._memory.presses
        return None if ours or kept else "no such alert open"

    def why_not_listen(self, command: Command) -> str | None:
        """Why a `listen` is not obeyed; None if it is."""
        if not self._named(command):
            return "no such alert open"
        return None if command.fields.get("listen") in MODES else "unknown mode"

    def listen(self, command: Command) -> None:
        """Let the operator be heard, or not, without a sound of the phone's own."""
        if self._memory.alert:
            self._memory.alert.listen = str(command.fields["listen"])

    def end(self, command: Command) -> list[Effect]:
        """End the alert that the command names: positions stop, presses go on."""
        named = orders.alert(command)
        closed = self._close("endAlert", command.at) if self._named(command) else []
        if named is not None:
            self._ended(named, command.at)
        return closed

    def rest(self) -> None:
        """Switch the receiver off unless something is still open."""
        if not self.awake:
            self._body.place.sleep()

    # -- inside -----------------------------------------------------------------------------------

    def _named(self, command: Command) -> bool:
        """Whether the command means the alert that is open on the phone."""
        named, alert = orders.alert(command), self._memory.alert
        if alert is None or named in self._memory.ended:
            return False
        return named is None or alert.id in {None, named}

    def _late(self, receipt: Receipt, pressed_at: float) -> bool:
        """Whether the receipt's alert had ended, and the press did not come into it afterwards."""
        ended_at = self._memory.ended.get(receipt.alert or "")
        if ended_at is None:
            return False
        fresh = receipt.code == "ok" and receipt.at is not None and receipt.at > ended_at
        return not fresh and self._clock.there(pressed_at) <= ended_at

    def _begin(self, alert: str | None, now: float) -> list[Effect]:
        memory = self._memory
        current, self._position_at = memory.alert, now
        memory.ended.pop(alert or "", None)
        if current and current.id is None:  # it was open without a name; now it has one
            current.id = alert
            return []
        memory.alert = OpenAlert(alert, now)
        return [Note(Kind.ALERT_OPEN, {"alert": alert})]

    def _ends_at(self, alert: OpenAlert) -> float:
        own, order = alert.fed_at + self._timing.alert_limit, alert.order
        if order is None or order.until is None:
            return own
        until = self._clock.here(order.until)
        # She pressed after that was said: her own two hours, until the platform says it anew.
        return max(until, own) if alert.fed_at > order.heard_at else until

    def _every(self, *, moving: bool) -> float:
        alert, timing = self._memory.alert, self._timing
        order = alert.order if alert else None
        own = timing.moving_every if moving else timing.still_every
        said = None if order is None else order.moving_s if moving else order.still_s
        return own if said is None else said

    def _position(self, now: float) -> list[Effect]:
        """Say where she is now, if there is anything to say."""
        sensed = self._body.sense(now, self._wall(now), alert=True)
        loc = sensed.loc
        # Nothing found yet: look again soon, and send nothing meanwhile.
        searching = loc is not None and loc["pm"] == "N"
        self._position_at = now + self._every(moving=sensed.moving or searching)
        if loc is None or searching:
            return []
        told = {"method": loc["pm"], "acc_m": loc["acc"]}
        return [Send("position", messages.position(loc, self._wall(now)), told)]

    def _close(self, reason: str, at: float) -> list[Effect]:
        """End the alert on the phone: positions stop. A press without receipt goes on."""
        memory = self._memory
        alert, memory.alert = memory.alert, None
        if alert is None:
            return []
        if alert.id is not None:
            self._ended(alert.id, at)
        self.rest()
        told = Note(Kind.ALERT_ENDED, {"alert": alert.id, "reason": reason})
        return [Save(memory.packed()), told]

    def _ended(self, alert: str, at: float) -> None:
        """Remember an ended alert, with when on the platform's clock."""
        memory = self._memory
        at = max(at, memory.ended.pop(alert, at))
        memory.ended = dict([*memory.ended.items(), (alert, at)][-KEPT:])
