"""Simulated Téléphones Grave Danger: phones that follow `tgd-mqtt/1` to the letter.

They press, repeat until the platform's own receipt, dial 112 after 30 s, lose the network, drift,
crash and come back. Used by the tests, the demo and the command line (`python -m firmware_sim`);
imports nothing of the server.

    async with Fleet(8, brokers=["mqtt://127.0.0.1:1883"]) as fleet:
        await fleet.connected(within_s=10)
        phone = fleet["tgd-86-01"]
        press = await phone.press()                  # PhoneOff if it has crashed
        receipt = await press.receipted(within_s=5)  # alert, code, path, attempt, latency_s …

**Fleet**(phones, *, brokers=(), http=None, tokens=None, passwords=None, seed=0, store=None,
  timing=None, centre=POITIERS, spread_m=8000, tls=None, patience=None, time=None, listeners=(),
  provisions=None)
  `phones` is a number (ids `tgd-86-01` …, see `names`) or a list of ids; `brokers` are tried in
  turn; `http` is the server's root and `tokens`/`passwords` one text for all or a mapping by id;
  `provisions` what each was enrolled with (`read_all(folder)`): brokers, password, keys;
  `store` a folder (default: memory). `fleet[id]`, iteration, `len`, `fleet.tally`,
  `fleet.listen(listener)`, `await fleet.connected(n=None, within_s=…)`, `start()`, `await stop()`.
**Phone**: `await press(trigger)` / `press_now(trigger)`, `network(on=…)`, `network_off_for(s)`,
  `crash(reboot_after_s)`, `set_clock(epoch_s)` (`CLOCK_1970`, `CLOCK_2106`),
  `move(speed_kmh=…, bearing=…)` straight on, `move(…, streets=True)` with corners and stops,
  `move(…, path=[(lat, lon), …])`, `put(lat, lon)`, `reception(Reception.…, cold_start_s)`,
  `mock(on=…)` (its fixes say that a program made them up), `charge(level)`,
  `glance()`, `faults` (a `Faults` to be changed at will), `listeners`, `alive`, `connected`,
  `on_network`, `moving`, `indoors`, `battery`, `unreceipted`, `alert`.
  One alone: `Phone(id, paths=[MqttPath(…), HttpsPath(…)])`.
  In an alert it reports where it is as `reportLocation` says, else every 5 s moving and 30 s still
  for two hours after the last press; in a dead zone it is silent, and comes back with where it is
  then. Of the platform's times it takes the difference from its receipts, whatever its own clock.
**Event**(phone, at, kind, details): see `Kind` for each kind's details. Any callable is a
  listener; `Recorder` keeps events and waits for one: `await recorder.first(Kind.DIAL_112)`.
**Timing** holds the protocol's figures (tests shorten them); **HandTime** is a time turned by hand.
**Scenario**: `Scenario.load(path)`, `await scenario.play(fleet)`; its file is described there.
"""

from firmware_sim.body import Battery
from firmware_sim.broker import Broker
from firmware_sim.effects import Timing
from firmware_sim.events import Event, Kind, Listener, Recorder
from firmware_sim.faults import CLOCK_1970, CLOCK_2106, Faults
from firmware_sim.fleet import Fleet, Tally, names
from firmware_sim.https import HttpsPath
from firmware_sim.mqtt import MqttPath, Patience
from firmware_sim.phone import Phone
from firmware_sim.place import POITIERS, Place
from firmware_sim.press import PhoneOff, Press
from firmware_sim.provision import Provision, read_all
from firmware_sim.receiver import Reception
from firmware_sim.scenario import Scenario
from firmware_sim.store import FileStore, MemoryStore
from firmware_sim.times import HandTime, LoopTime, Time

__all__ = [
    "CLOCK_1970",
    "CLOCK_2106",
    "POITIERS",
    "Battery",
    "Broker",
    "Event",
    "Faults",
    "FileStore",
    "Fleet",
    "HandTime",
    "HttpsPath",
    "Kind",
    "Listener",
    "LoopTime",
    "MemoryStore",
    "MqttPath",
    "Patience",
    "Phone",
    "PhoneOff",
    "Place",
    "Press",
    "Provision",
    "Reception",
    "Recorder",
    "Scenario",
    "Tally",
    "Time",
    "Timing",
    "names",
    "read_all",
]
