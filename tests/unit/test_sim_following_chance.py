"""Whatever happens in whatever order, a phone is never followed beyond what its press allowed."""

from random import Random

from phone_bench import Bench

from firmware_sim import CLOCK_1970, CLOCK_2106, Battery, Kind

OWN_S = 7200.0


class Chance:
    """One course of chance events, and what they allow, counted without the phone's own rules."""

    def __init__(self, seed):
        self.random = Random(seed)
        ahead = self.random.choice([0.0, 1e9, -1e9])
        # A flat battery would end every story early.
        endless = Battery(100, idle_per_hour=0, alert_per_hour=0)
        self.bench = Bench(ahead=ahead, battery=endless)
        self.bench.phone.listeners.append(self._watch)
        self.waiting, self.alert, self.pressed = [], 0, False
        self.until = 0.0
        self.faults, self.reports = [], 0

    def _watch(self, event):
        if event.kind is not Kind.POSITION:
            return
        self.reports += 1
        if not self.pressed:
            self.faults.append((event.at, "no press of hers is open"))
        if event.at > self.until:
            self.faults.append((event.at, "nobody allowed it any longer"))

    def step(self):
        self.random.choice(
            [
                self.press,
                self.press,
                self.receipt,
                self.receipt,
                self.receipt,
                self.locate,
                self.locate,
                self.end,
                self.close,
                self.crash,
                self.dead_zone,
                self.clock,
                self.wait,
                self.wait,
                self.wait,
            ]
        )()

    def _allow(self, seconds):
        self.until = max(self.until, self.bench.time.now() + seconds)

    def press(self):
        if self.bench.phone.alive:
            self.waiting.append(self.bench.phone.press_now().id)
            self.pressed = True
            self._allow(OWN_S)

    def receipt(self):
        if self.waiting and self.bench.phone.alive:
            self._allow(OWN_S)
            self.bench.receipt(self.waiting.pop(), f"a-{self.alert}")

    def locate(self):
        lasts = self.random.choice([30, 600, 7200, 20_000, 90_000, -5, None])
        age = self.random.choice([0, 0, 0, 30, 59, 61])
        fields = {"moving_s": self.random.choice([20, 5, "x"]), "still_s": 30}
        if lasts is not None:
            fields["until"] = self.bench.platform() + lasts
        if self.pressed:
            asked = 0 if lasts is None or lasts > 86_400 else lasts
            # Where it overtakes the receipt, the phone's own two hours begin with it.
            self._allow(max(asked, OWN_S if self.waiting else 0))
        self.bench.command("reportLocation", age=age, alert=f"a-{self.alert}", **fields)

    def end(self):
        self._over(lambda named: self.bench.command("endAlert", alert=named))

    def close(self):
        self._over(lambda named: self.bench.state("closed", 9, alert=named))
        self.alert += 1

    def _over(self, say):
        named, phone = f"a-{self.alert}", self.bench.phone
        # One that is off hears nothing; one that missed an end follows an alert of before.
        if phone.alive and phone.alert in {None, named}:
            self.pressed = bool(self.waiting)
        say(named)

    def crash(self):
        self.bench.phone.crash(self.random.uniform(0, 100))

    def dead_zone(self):
        self.bench.phone.network_off_for(self.random.uniform(0, 300))

    def clock(self):
        self.bench.phone.set_clock(self.random.choice([CLOCK_1970, CLOCK_2106]))

    def wait(self):
        if self.random.random() < 0.5:
            self.bench.phone.move(speed_kmh=self.random.choice([0, 5, 50]), streets=True)
        self.bench.time.advance(self.random.choice([0.1, 5, 100, 1000, 4000]))


def test_by_chance():
    reports = 0
    for seed in range(40):
        chance = Chance(seed)
        for _ in range(50):
            chance.step()
        assert chance.faults == [], seed
        reports += chance.reports
    assert reports > 5_000  # else it shows nothing
