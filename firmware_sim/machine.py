"""The rules a phone lives by (protocol, §2), as a pure machine: what came in, what is to be done.

Serves arrow 1 at its source. Promises: a press is saved before it is sent; it is repeated, the
same, until the platform's own receipt; 30 s without one and the phone dials 112 and keeps sending;
commands count only while fresh, once, and where §2 lets the phone obey. Leaves the open alert to
`vigil.py`; clocks, sockets and faults to the shell in `phone.py`. Every method takes `now` (the
simulation's epoch seconds, never stepping) and returns effects to carry out in order.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from random import Random

from firmware_sim import messages
from firmware_sim.body import Body
from firmware_sim.effects import Effect, Note, Save, Send, Timing
from firmware_sim.events import Kind
from firmware_sim.messages import Command, Receipt, State
from firmware_sim.platform_clock import PlatformClock
from firmware_sim.store import Memory, OpenAlert, OpenPress
from firmware_sim.vigil import KEPT, Vigil


class Machine:
    """One run of one phone, from boot to crash. `wall` gives the phone's own clock for a `now`."""

    def __init__(
        self,
        memory: Memory,
        body: Body,
        *,
        now: float,
        random: Random,
        timing: Timing,
        wall: Callable[[float], float],
    ) -> None:
        self._memory = memory
        self._body = body
        self._random = random
        self._timing = timing
        self._wall = wall
        self._clock = PlatformClock(memory, wall)
        self._vigil = Vigil(memory, body, self._clock, now=now, timing=timing, wall=wall)
        # After a boot every open press goes out at once.
        self._next_sending = {press.id: now for press in memory.presses}
        self._owed: set[str] = set()
        self._heartbeat_at = now + random.uniform(0, self._heartbeat_s / 10)

    @property
    def open_presses(self) -> tuple[OpenPress, ...]:
        """The presses still without a receipt, oldest first."""
        return tuple(self._memory.presses)

    @property
    def alert(self) -> OpenAlert | None:
        """The alert the phone believes open."""
        return self._memory.alert

    @property
    def awake(self) -> bool:
        """A press or an alert is open."""
        return self._vigil.awake

    def glance(self, now: float) -> str | None:
        """Show what her own discreet gesture shows: the last state, None once it is void."""
        return self._vigil.glance(now)

    def next_due(self) -> float:
        """When `tick` next has something to do."""
        dial_after = self._timing.dial_after
        due = [self._heartbeat_at, *self._next_sending.values()]
        due += [p.pressed_at + dial_after for p in self._memory.presses if not p.dialled]
        vigil = self._vigil.next_due()
        return min(due if vigil is None else [*due, vigil])

    def press(self, now: float, trigger: str) -> tuple[str, list[Effect]]:
        """Make a new press of the gesture, saved, then sent: its id and the effects."""
        self._body.place.wake(now)
        sensed = self._body.sense(now, self._wall(now), alert=True)
        self._memory.seq += 1
        fresh = OpenPress(
            id=str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            seq=self._memory.seq,
            tst=round(self._wall(now), 3),
            pressed_at=now,
            body={"trigger": trigger, "loc": sensed.loc, **sensed.health},
        )
        self._memory.presses.append(fresh)
        self._vigil.feed(now)
        told = Note(Kind.PRESSED, {"press": fresh.id, "seq": fresh.seq, "trigger": trigger})
        return fresh.id, [told, *self._sending(fresh, now)]

    def tick(self, now: float) -> list[Effect]:
        """Do what is due: repeat, dial 112, report a position, give a sign of life."""
        effects: list[Effect] = []
        for press in self.open_presses:
            if not press.dialled and now >= press.pressed_at + self._timing.dial_after:
                press.dialled = True
                details = {"press": press.id, "after_s": round(now - press.pressed_at, 3)}
                effects += [self._save(), Note(Kind.DIAL_112, details)]
            if now >= self._next_sending[press.id]:
                effects += self._sending(press, now)
        effects += self._vigil.tick(now)
        if now >= self._heartbeat_at:
            effects += self._heartbeat(now)
        return effects

    def unsent(self, press_id: str) -> None:
        """No path took the last sending: it is owed to the first path that opens."""
        self._owed.add(press_id)
        for press in self._memory.presses:
            if press.id == press_id:
                press.unsent += 1
                press.left_at = None if press.unsent == press.attempt else press.left_at

    def position_unsent(self) -> None:
        """No path took the last position: where she is then is owed to the first that opens."""
        self._vigil.unsent()

    def path_opened(self, now: float) -> list[Effect]:
        """Send what is owed, for a path opened, rather than at the next repetition."""
        # The broker has told the last will meanwhile: show soon, not all at once, that it is back.
        soon = now + self._random.uniform(0, self._heartbeat_s / 10)
        self._heartbeat_at = min(self._heartbeat_at, soon)
        owed = [press for press in self.open_presses if press.id in self._owed]
        presses = [effect for press in owed for effect in self._sending(press, now)]
        return [*presses, *self._vigil.path_opened(now)]

    def moved(self, now: float) -> None:
        """Her pace changed: the next position is due on the new pace's terms."""
        self._vigil.moved(now)

    def heard(self, raw: bytes, now: float, path: str) -> list[Effect]:
        """Judge what came down by `path`; what is no message of §2 is told and forgotten."""
        try:
            message = messages.decode(raw)
        except messages.Unreadable as fault:
            return [Note(Kind.UNREADABLE, {"path": path, "reason": str(fault)})]
        match message:
            case Receipt():
                return self._receipt(message, now, path)
            case State():
                return self._vigil.state(message, now)
            case Command():
                return self._command(message, now)

    def _sending(self, press: OpenPress, now: float) -> list[Effect]:
        press.attempt += 1
        press.left_at = now if press.left_at is None else press.left_at
        self._owed.discard(press.id)
        self._next_sending[press.id] = now + self._timing.pause_after(press.attempt)
        payload = messages.press(press, self._wall(now))
        told = {"press": press.id, "attempt": press.attempt}
        return [self._save(), Send("press", payload, told)]

    def _receipt(self, receipt: Receipt, now: float, path: str) -> list[Effect]:
        if receipt.code not in {"ok", "duplicate"}:
            return [_ignored(receipt, "unknown code")]
        if receipt.id is None:
            # It answers what the platform could not read. The phone cannot know which of its
            # presses arrived broken: all that ever left it are stopped.
            ended = [press for press in self.open_presses if press.attempt > press.unsent]
        else:
            ended = [press for press in self.open_presses if press.id == receipt.id]
        if not ended:
            return [_ignored(receipt, "not open")]
        if receipt.at is not None:
            left_at = min(press.left_at or press.pressed_at for press in ended)
            self._clock.receipt(receipt.at, left_at, now)
        notes: list[Effect] = [self._end(press, receipt, now, path) for press in ended]
        pressed_at = max(press.pressed_at for press in ended)
        notes += self._vigil.open(receipt, pressed_at, now)
        return [self._save(), *notes]

    def _end(self, press: OpenPress, receipt: Receipt, now: float, path: str) -> Note:
        self._memory.presses.remove(press)
        self._next_sending.pop(press.id)
        self._owed.discard(press.id)
        details: dict[str, object] = {
            "press": press.id,
            "code": receipt.code,
            "alert": receipt.alert,
            "listen": receipt.listen,
            "path": path,
            "attempt": press.attempt,
            "latency_s": round(now - press.pressed_at, 6),
        }
        return Note(Kind.RECEIPT, details)

    def _command(self, command: Command, now: float) -> list[Effect]:
        details: dict[str, object] = {"command": command.id, "action": command.action}
        refusal = self._refusal(command, now)
        if refusal:
            return [Note(Kind.COMMAND_IGNORED, details | {"reason": refusal})]
        self._memory.obeyed = [*self._memory.obeyed, command.id][-KEPT:]
        followed: list[Effect] = []
        match command.action:
            case "reportLocation":
                followed = self._vigil.follow(command, now)
            case "endAlert":
                followed = self._vigil.end(command)
            case "listen":
                self._vigil.listen(command)
            case _:
                self._memory.heartbeat_s = float(command.fields["interval"])
                self._heartbeat_at = now + self._heartbeat_s
        return [self._save(), Note(Kind.COMMAND, details), *followed]

    def _refusal(self, command: Command, now: float) -> str | None:
        """Why the phone does not obey; None if it does."""
        if self._vigil.void(command.at, now):
            return "void"
        if command.id in self._memory.obeyed:
            return "repeated"
        match command.action:
            case "reportLocation" | "endAlert" | "listen":
                return self._vigil.why_not(command)
            case "heartbeatInterval":
                wanted = command.fields.get("interval")
                sane = isinstance(wanted, int | float) and 10 <= wanted <= 86_400
                return None if sane else "interval not within 10 s and a day"
            case _:
                return "unknown action"

    @property
    def _heartbeat_s(self) -> float:
        return self._memory.heartbeat_s or self._timing.heartbeat

    def _heartbeat(self, now: float) -> list[Effect]:
        self._heartbeat_at = now + self._heartbeat_s
        self._memory.heartbeat_seq += 1
        seq = self._memory.heartbeat_seq
        health = self._body.sense(now, self._wall(now), alert=self._vigil.awake).health
        payload = messages.heartbeat(seq, self._wall(now), health)
        return [self._save(), Send("heartbeat", payload, {"seq": seq, "batt": health["batt"]})]

    def _save(self) -> Save:
        return Save(self._memory.packed())


def _ignored(receipt: Receipt, reason: str) -> Note:
    return Note(Kind.RECEIPT_IGNORED, {"press": receipt.id, "reason": reason})
