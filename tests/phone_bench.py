"""One simulated phone on the bench: time turned by hand, a wire that only records.

Serves the tests of the rules that a phone lives by.
"""

import json
from random import Random

from firmware_sim import HandTime, Kind, MemoryStore, Phone, Place, Recorder

DEVICE = "tgd-86-01"


class Wire:
    """A path that records what leaves, and opens and breaks when told."""

    name = "mqtt"

    def __init__(self, store=None):
        self.ready = False
        self.left: list[tuple[str, dict]] = []
        self.kept_before_leaving = []
        self._store = store
        self.reachable = True

    def start(self, ear):
        self.ear = ear
        if self.reachable:
            self.open()

    def open(self):
        self.ready = True
        self.ear.path_opened(self.name, "somewhere")

    def carries(self, leaf):
        return True

    def send(self, leaf, payload):
        if self._store:
            self.kept_before_leaving.append(self._store.load())
        self.left.append((leaf, json.loads(payload)))

    def hurry(self):
        pass

    def abort(self):
        self.ready = False

    async def stop(self):
        self.ready = False


class Bench:
    """One phone on the bench."""

    def __init__(self, *, ahead=0.0, **more):
        """`ahead`: by how much the platform's clock is ahead of the simulation's."""
        self.ahead = ahead
        self.time = HandTime()
        self.store = MemoryStore()
        self.wire = Wire(self.store)
        self.seen = Recorder()
        random = Random(1)
        self.phone = Phone(
            DEVICE,
            paths=[self.wire],
            random=random,
            store=self.store,
            time=self.time,
            place=Place(random),
            listeners=[self.seen],
            **more,
        )
        self.phone.start()

    def platform(self):
        """What the platform's clock shows."""
        return self.time.now() + self.ahead

    def leaves(self, leaf="press"):
        return [message for where, message in self.wire.left if where == leaf]

    def says(self, **message):
        self.phone.came_down("mqtt", json.dumps(message).encode())

    def receipt(self, press_id, alert="a-1", code="ok"):
        given = {"id": press_id, "code": code, "alert": alert, "listen": "mic_only"}
        self.says(_type="receipt", at=self.platform(), **given)

    def state(self, state, n, *, age=0.0, alert="a-1"):
        self.says(_type="state", alert=alert, state=state, n=n, at=self.platform() - age)

    def command(self, action, *, age=0.0, command_id=None, **fields):
        given = {"id": command_id or f"c-{len(self.seen.events)}", "at": self.platform() - age}
        self.says(_type="cmd", action=action, **given, **fields)

    def times_of(self, kind):
        start = self.seen.all(Kind.PRESSED)[0].at
        return [round(event.at - start, 3) for event in self.seen.all(kind)]

    def reasons(self, kind):
        return [event.details["reason"] for event in self.seen.all(kind)]

    def in_alert(self):
        press = self.phone.press_now()
        self.receipt(press.id)
        return press
