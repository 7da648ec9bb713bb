"""One simulated phone: the shell around the machine, with its paths, its store and its misfortunes.

Serves arrow 1 from the thumb on. Promises that the machine's effects are carried out in order
(saved before sent), that ordered faults befall every message, and that a crash loses everything
but the store. Leaves the rules to `machine.py`, connections to `mqtt.py` and `https.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from random import Random
from types import TracebackType
from typing import Self

from firmware_sim.air import Air
from firmware_sim.body import Battery, Body
from firmware_sim.effects import Effect, Note, Save, Send, Timing
from firmware_sim.events import Event, Kind, Listener
from firmware_sim.faults import Faults
from firmware_sim.machine import Machine
from firmware_sim.paths import PhonePath
from firmware_sim.place import Place
from firmware_sim.press import PhoneOff, Press
from firmware_sim.proof import Proof
from firmware_sim.receiver import Reception
from firmware_sim.store import MemoryStore, Store
from firmware_sim.times import LoopTime, Time, Timer

_KINDS = {"press": Kind.SENT, "position": Kind.POSITION, "heartbeat": Kind.HEARTBEAT}


class Phone:
    """A phone with one button. `async with Phone("tgd-86-01", paths=[…]) as phone: …`

    All of place, battery, faults and the clock may be changed while it runs. Without `store` it
    remembers through crashes, but not beyond the simulator's end. With `key` (32 bytes, base64url)
    it believes only what carries the platform's MAC.
    """

    def __init__(
        self,
        device: str,
        *,
        paths: Sequence[PhonePath],
        random: Random | None = None,
        store: Store | None = None,
        place: Place | None = None,
        battery: Battery | None = None,
        faults: Faults | None = None,
        time: Time | None = None,
        timing: Timing | None = None,
        listeners: Iterable[Listener] = (),
        key: str | None = None,
    ) -> None:
        self.device = device
        self.listeners: list[Listener] = list(listeners)
        self.clock_offset = 0.0
        self._random = random or Random(device)  # a phone's luck repeats with its name
        self._time = time or LoopTime()
        self._air = Air(faults or Faults(), self._random, self._time, self._tell)
        self._timing = timing or Timing()
        self._proof = Proof(device, key) if key else None
        self._store = store or MemoryStore()
        battery = battery or Battery()
        self._body = Body(place or Place(self._random), battery, self._random)
        self._paths = tuple(paths)
        self._network = True
        self._machine: Machine | None = None
        self._timer: Timer | None = None
        self._reboot: Timer | None = None
        self._crashed = False
        self._presses: dict[str, Press] = {}

    # -- what a person, a scenario or a test does to it -----------------------------------------

    def start(self) -> None:
        """Switch on: remember what the store kept, go on with it, connect."""
        self._boot()

    async def stop(self) -> None:
        """Switch off in good order (no last will)."""
        self._forget()
        if self._reboot:
            self._reboot.cancel()
        await asyncio.gather(*(path.stop() for path in self._paths))

    async def press(self, trigger: str = "button") -> Press:
        """Press the button; PhoneOff if the phone is not alive."""
        return self.press_now(trigger)

    def press_now(self, trigger: str = "button") -> Press:
        """Press the button, from code that is not a coroutine."""
        machine = self._alive()
        press_id, effects = machine.press(self._time.now(), trigger)
        press = self._presses[press_id] = Press(self.device, press_id)
        self._carry_out(effects)
        for path in self._paths if self._network else ():
            if not path.ready:
                path.hurry()
        return press

    def network(self, *, on: bool) -> None:
        """Enter or leave a dead zone; connections break without a goodbye."""
        if on == self._network:
            return
        self._network = on
        self._tell(Kind.NETWORK, {"on": on})
        if not on:
            self._break_paths()
        elif self._machine:
            self._open_paths()

    def network_off_for(self, seconds: float) -> None:
        """Enter a dead zone, and leave it after `seconds`."""
        self.network(on=False)
        self._time.call_at(self._time.now() + seconds, lambda: self.network(on=True))

    def lose_network_once_sent(self, seconds: float) -> None:
        """Enter a dead zone when what was just sent has left: too soon for any answer to it."""
        # One turn of the loop later the bytes are out of the process.
        self._time.call_at(self._time.now(), lambda: self.network_off_for(seconds))

    def crash(self, reboot_after_s: float | None = 5.0) -> None:
        """Lose the process: all but the store. None never boots again by itself."""
        if self._machine is None:
            return
        self._forget()
        self._crashed = True
        self._break_paths()
        self._tell(Kind.CRASHED, {"reboot_after_s": reboot_after_s})
        if reboot_after_s is not None:
            self._reboot = self._time.call_at(self._time.now() + reboot_after_s, self._boot)

    def set_clock(self, epoch_s: float) -> None:
        """Set the phone's own clock, which runs on from there and survives crashes."""
        self.clock_offset = epoch_s - self._time.now()

    def set_clock_right(self) -> None:
        """Have the network set the phone's clock."""
        self.clock_offset = 0.0

    def move(
        self,
        *,
        speed_kmh: float,
        bearing: float = 0.0,
        streets: bool = False,
        path: Sequence[tuple[float, float]] = (),
    ) -> None:
        """Walk, drive or (0 km/h) stand still: straight on, through streets, or along `path`."""
        place, now = self._body.place, self._time.now()
        if path and speed_kmh > 0:
            place.take(now, path, speed_kmh=speed_kmh)
        elif streets and speed_kmh > 0:
            place.roam(now, speed_kmh=speed_kmh, bearing=bearing)
        else:
            place.go(now, speed_kmh=speed_kmh, bearing=bearing)
        if self._machine:
            self._machine.moved(now)
            self._arm()

    def put(self, lat: float, lon: float) -> None:
        """Be there from now on, standing still."""
        self._body.place.put(self._time.now(), (lat, lon))

    def mock(self, *, on: bool) -> None:
        """Have the phone say of its fixes that some program made them up, or no longer."""
        self._body.place.mock = on

    def reception(self, reception: Reception, cold_start_s: float | None = None) -> None:
        """Change what the position receiver has to work with."""
        self._body.place.reception = reception
        if cold_start_s is not None:
            self._body.place.cold_start_s = cold_start_s

    def charge(self, level: float, *, plugged: bool = False) -> None:
        """Set the battery's level; a flat phone comes back to life with a level over 0."""
        self._body.battery.level = level
        self._body.battery.charging = plugged
        self._tell(Kind.BATTERY, {"level": round(level)})
        if level <= 0:
            self.crash(None)
        elif self._machine is None and self._reboot is None:
            self._boot()

    def glance(self) -> str | None:
        """Make her discreet gesture: the alert's last state, None if none or void."""
        shown = self._machine.glance(self._time.now()) if self._machine else None
        self._tell(Kind.GLANCED, {"state": shown})
        return shown

    # -- what it shows ----------------------------------------------------------------------------

    @property
    def faults(self) -> Faults:
        """What befalls its messages; change its fields, or put another in its place."""
        return self._air.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._air.faults = faults

    @property
    def alive(self) -> bool:
        """On, and not crashed."""
        return self._machine is not None

    @property
    def connected(self) -> bool:
        """At least one path would carry a press now."""
        return self._network and any(path.ready for path in self._paths)

    @property
    def battery(self) -> int:
        """Percent, as its next message will say."""
        return round(self._body.battery.level)

    @property
    def moving(self) -> bool:
        """Walking or driving."""
        return self._body.place.moving

    @property
    def indoors(self) -> bool:
        """Under a roof: satellites through walls, Wi-Fi."""
        return self._body.place.reception is Reception.INDOORS

    @property
    def on_network(self) -> bool:
        """Not in a dead zone."""
        return self._network

    @property
    def unreceipted(self) -> tuple[str, ...]:
        """The ids of the presses that still wait for a receipt."""
        return tuple(press.id for press in self._presses.values() if press.receipt is None)

    @property
    def alert(self) -> str | None:
        """The id of the alert that the phone believes open."""
        open_alert = self._machine.alert if self._machine else None
        return open_alert.id if open_alert else None

    @property
    def listen(self) -> str | None:
        """Whether the platform's operator is heard where the phone lies; None outside an alert."""
        open_alert = self._machine.alert if self._machine else None
        return open_alert.listen if open_alert else None

    # -- what its paths tell it -------------------------------------------------------------------

    def came_down(self, path: str, payload: bytes) -> None:
        """Hear a message, after what the air does to it."""
        self._air.carry(payload, partial(self._hear, path), up=False)

    def path_opened(self, path: str, address: str) -> None:
        """Send what is owed."""
        self._tell(Kind.CONNECTED, {"path": path, "address": address})
        if self._machine:
            self._carry_out(self._machine.path_opened(self._time.now()))

    def path_told(self, path: str, kind: Kind, reason: str) -> None:
        """Pass a path's trouble on to the listeners."""
        self._tell(kind, {"path": path, "reason": reason})

    # -- inside -----------------------------------------------------------------------------------

    def _boot(self) -> None:
        if self._machine:
            return
        rebooted, self._crashed, self._reboot = self._crashed, False, None
        memory = self._store.load()
        if rebooted:
            self._tell(Kind.REBOOTED, {"presses": len(memory.presses)})
        for kept in memory.presses:
            self._presses.setdefault(kept.id, Press(self.device, kept.id))
        self._machine = Machine(
            memory,
            self._body,
            now=self._time.now(),
            random=self._random,
            timing=self._timing,
            wall=lambda now: now + self.clock_offset,
        )
        if self._network:
            self._open_paths()
        self._arm()

    def _forget(self) -> None:
        self._machine = None
        if self._timer:
            self._timer.cancel()
        self._timer = None
        self._air.clear()

    def _open_paths(self) -> None:
        for path in self._paths:
            path.start(self)

    def _break_paths(self) -> None:
        for path in self._paths:
            was_ready = path.ready
            path.abort()
            if was_ready:
                self._tell(Kind.DISCONNECTED, {"path": path.name, "reason": "out of reach"})

    def _alive(self) -> Machine:
        if self._machine is None:
            raise PhoneOff(f"{self.device} is off")
        return self._machine

    def _wake(self) -> None:
        self._timer = None
        if self._machine is None:
            return
        now = self._time.now()
        self._body.battery.drain(now, alert=self._machine.awake)
        if self._body.battery.level > 0:
            self._carry_out(self._machine.tick(now))
        else:
            self._tell(Kind.BATTERY, {"level": 0})
            self.crash(None)

    def _hear(self, path: str, payload: bytes) -> None:
        fault = self._proof.fault(payload) if self._proof else ""
        if fault:
            self._tell(Kind.FORGED, {"path": path, "reason": fault})
        elif self._machine:
            self._carry_out(self._machine.heard(payload, self._time.now(), path))

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Save():
                    self._store.save(effect.kept)
                case Send():
                    self._send(effect)
                case Note():
                    self._tell(effect.kind, effect.details)
            if self._machine is None:  # an ordered crash: what came after it never happened
                return
        self._arm()

    def _send(self, message: Send) -> None:
        went = [path for path in self._paths if path.ready and path.carries(message.leaf)]
        went = went if self._network else []
        for path in went:
            self._air.carry(message.payload, partial(self._leave, path, message.leaf), up=True)
        if went:
            paths = [path.name for path in went]
            self._tell(_KINDS[message.leaf], {**message.details, "paths": paths})
        if message.leaf == "press":
            self._press_sent(message.details, left=bool(went))
        elif message.leaf == "position" and not went:
            self._alive().position_unsent()

    def _press_sent(self, details: Mapping[str, object], *, left: bool) -> None:
        if not left:
            self._alive().unsent(str(details["press"]))
            self._tell(Kind.UNSENT, details)
            return
        reboot_after_s = self.faults.take_crash()
        if reboot_after_s is not None:
            self.crash(reboot_after_s)

    def _leave(self, path: PhonePath, leaf: str, payload: bytes) -> None:
        if self._network and path.ready:
            path.send(leaf, payload)

    def _arm(self) -> None:
        if self._machine is None:
            return
        if self._timer:
            self._timer.cancel()
        self._timer = self._time.call_at(self._machine.next_due(), self._wake)

    def _tell(self, kind: Kind, details: Mapping[str, object]) -> None:
        if kind is Kind.RECEIPT:
            press = self._presses.pop(str(details["press"]), None)
            if press:
                press.settle(details)
        event = Event(self.device, self._time.now(), kind, details)
        for listener in self.listeners:
            listener(event)

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
