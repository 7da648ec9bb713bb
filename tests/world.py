"""The world around one real server: phones, operators and a control room that a test conducts.

Database, broker and server are real; the world and the clock are ours. ``world.clock`` is driven
by hand: ``await world.advance(7)`` passes seven seconds, in steps that end on every deadline, and
returns when the server has looked at each; no test sleeps. No step begins while what the last one
has set going is still under way: a slow machine would seem to be a slow room. Whatever the room is
sent must be expected by the test: an unexpected message fails it, and so does an ERROR in the log.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import cisu_checks
from aiohttp import web
from commands import free_port
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tgd.app import App
from tgd.config import Config
from tgd.demo.broker import Broker, start_broker
from tgd.demo.salle import Salle
from tgd.demo.salle_envelope import Envelope, Step
from tgd.demo.salle_room import Behaviour, Room
from tgd.devices.mqtt import State
from tgd.keys import KeyStore
from tgd.seal import Sealer
from tgd.store import accounts, register, rooms
from tgd.store.db import Database

SECRET = "7d" * 32
ROOM, ADDRESS, LINE_TOKEN, ROOM_TOKEN = "cic86", "fr.police.cic86", "the-line's", "the-room's"
PLACE = {"lat": 46.5802, "lon": 0.3404, "acc": 12.0, "pm": "G"}
WITHIN_S = 120.0
HANGS = 100
"""What is under way for so many looks hangs because the test wants it to. On a machine that is busy
each look takes as much longer as everything else does."""
LOOK_S = 0.01
STEP_S = 1.0
"""The longest step of the clock: the watch takes more than three seconds for an interruption."""

BY_HAND = Behaviour(automatic=False)
AT_ONCE = Behaviour(recu_s=0, integre_s=0, consulte_s=0, engaged_s=None, on_scene_s=None)


class ManualClock:
    """A clock that stands still until it is set on; the methods are those of ``tgd.clock``."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2030, 1, 15, 9, 0, tzinfo=UTC)
        self._waiting: set[tuple[datetime, asyncio.Event]] = set()
        self.stepped = 0.0

    def now(self) -> datetime:
        return self._now

    def step(self) -> float:
        """By how much the wall clock has stepped away; a test sets ``stepped``."""
        return self.stepped

    def set_on(self, seconds: float) -> None:
        """Pass so many seconds at once and wake whoever waited for a moment among them."""
        self._now += timedelta(seconds=seconds)
        for until, woken in list(self._waiting):
            if until <= self._now:
                woken.set()

    async def wait(self, event: asyncio.Event, until: datetime | None) -> None:
        if event.is_set() or (until is not None and until <= self._now):
            await asyncio.sleep(0)  # a loop that never waits must not keep the others from theirs
            return
        if until is None:
            await event.wait()
            return
        woken = asyncio.Event()
        entry = (until, woken)
        self._waiting.add(entry)
        tasks = [asyncio.create_task(one.wait()) for one in (event, woken)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.discard(entry)
            for task in tasks:
                task.cancel()


class OurKeys(KeyStore):
    """What the test itself seals with: opened on first use, however long the disk takes."""

    def take(self) -> tuple[bytes, bytes] | None:
        if self._own is None:
            self.open()
        return super().take()


class Air:
    """One connection to the broker on which every simulated phone speaks and listens."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._loop = asyncio.get_running_loop()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"air-{uuid4().hex[:12]}")
        self._subscribed = asyncio.Event()
        self._client.on_connect = lambda *_: self._client.subscribe("tgd/v1/+/down", 1)
        self._client.on_subscribe = lambda *_: self._call(self._subscribed.set)
        self._client.on_message = self._arrived
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    async def ready(self) -> None:
        async with asyncio.timeout(WITHIN_S):
            await self._subscribed.wait()

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, 1, retain)

    def close(self) -> None:
        self._client.disconnect()
        with suppress(AttributeError):  # its thread may end between paho's look and its join
            self._client.loop_stop()

    def _call(self, act: Callable[..., object], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(act, *arguments)

    def _arrived(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        device = message.topic.split("/")[2]
        self._call(self.heard.append, (device, json.loads(message.payload)))


class Phone:
    """One phone: it presses and says where it is, when the test has it do so."""

    def __init__(self, world: "World", device: str) -> None:
        self.world, self.device = world, device
        self.seq = 0

    def message(self, **fields: object) -> dict[str, Any]:
        """A press of this moment; ``fields`` replace or add."""
        self.seq += 1
        at = self.world.clock.now().timestamp()
        press = {"_type": "press", "id": str(uuid4()), "seq": self.seq, "attempt": 1}
        press |= {"tst": at, "created_at": at, "trigger": "button", "loc": None, "batt": 80}
        return press | fields

    async def press(self, **fields: object) -> "Pressed":
        """Press and wait for the receipt."""
        message = self.message(**fields)
        before = len(self.receipts())
        self.send("press", json.dumps(message).encode())
        await self.world.until(lambda: len(self.receipts()) > before)
        receipt = self.receipts()[-1]
        assert receipt["id"] == message["id"]
        return Pressed(message["id"], receipt["alert"], receipt)

    async def press_raw(self, raw: bytes, *, retain: bool = False) -> dict[str, Any]:
        """Press with these very bytes; the receipt."""
        before = len(self.receipts())
        self.send("press", raw, retain=retain)
        await self.world.until(lambda: len(self.receipts()) > before)
        return self.receipts()[-1]

    def send(self, kind: str, payload: bytes, *, retain: bool = False) -> None:
        self.world.air.send(f"tgd/v1/{self.device}/up/{kind}", payload, retain=retain)

    def position(self, **fields: object) -> None:
        at = self.world.clock.now().timestamp()
        said = {"_type": "location", "tst": at, "created_at": at, **PLACE, **fields}
        self.send("position", json.dumps(said).encode())

    def heartbeat(self, **fields: object) -> None:
        at = self.world.clock.now().timestamp()
        said = {"_type": "heartbeat", "seq": 1, "tst": at, "batt": 70, "bs": 1, "conn": "m"}
        self.send("heartbeat", json.dumps(said | fields).encode())

    def heard(self) -> list[dict[str, Any]]:
        return [said for device, said in self.world.air.heard if device == self.device]

    def receipts(self) -> list[dict[str, Any]]:
        return [said for said in self.heard() if said["_type"] == "receipt"]

    def states(self) -> list[str]:
        """The states that it was told, in order; their ``n`` must have grown."""
        told = [said for said in self.heard() if said["_type"] == "state"]
        of: dict[str, int] = {}
        for one in told:
            assert one["n"] > of.get(one["alert"], 0), told
            of[one["alert"]] = one["n"]
        return [one["state"] for one in told]


class Pressed:
    """A press that was receipted."""

    def __init__(self, press: str, alert: str | None, receipt: Mapping[str, Any]) -> None:
        self.id, self.alert, self.receipt = press, alert or "", receipt


class Refusal(AssertionError):
    """The platform answered an operator with another status than the test expects."""


class Operator:
    """One operator at the real API."""

    def __init__(self, world: "World", name: str, role: str = "operator") -> None:
        self.world, self.name, self.role = world, name, role

    async def answers(self, alert: str, status: int = 200) -> dict[str, Any]:
        return await self.does(alert, "answer", {}, status)

    async def hears(self, alert: str, heard: str, status: int = 200) -> dict[str, Any]:
        return await self.does(alert, "voice", {"with": heard}, status)

    async def extends(self, alert: str, status: int = 200) -> dict[str, Any]:
        return await self.does(alert, "extend", {"reason": "elle parle"}, status)

    async def closes(self, alert: str, status: int = 200) -> dict[str, Any]:
        return await self.does(alert, "close", {"outcome": "patrouille sur place"}, status)

    async def decides(
        self, alert: str, verdict: str, status: int = 200, *, seen: str | None = None, **more: str
    ) -> dict[str, Any]:
        """Decide, having seen the newest press there is unless ``seen`` says another."""
        if seen is None:
            seen = (await self.reads(alert))["last_press"]
        return await self.does(
            alert, "decision", {"verdict": verdict, "seen": seen, **more}, status
        )

    async def hands_off(self, alert: str, room: str = ROOM, status: int = 200) -> dict[str, Any]:
        told = {"room": room, "call_taker": "brigadier de permanence", "reference": "2030/118"}
        return await self.does(alert, "voice-handoff", told, status)

    async def reads(self, alert: str) -> dict[str, Any]:
        return await self.call("GET", f"alerts/{alert}", None, 200)

    async def journal(self, alert: str) -> list[dict[str, Any]]:
        return (await self.call("GET", f"alerts/{alert}/journal", None, 200))["items"]

    async def list(self, status: str = "open") -> list[dict[str, Any]]:
        found = await self.call("GET", f"alerts?status={status}&limit=500", None, 200)
        return found["items"]

    async def does(
        self, alert: str, act: str, body: Mapping[str, object], status: int
    ) -> dict[str, Any]:
        return await self.call("POST", f"alerts/{alert}/{act}", body, status)

    async def call(
        self, method: str, path: str, body: Mapping[str, object] | None, status: int
    ) -> dict[str, Any]:
        token = await self.world.token(self.role, self.name)
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.world.base}/api/v1/{path}"
        async with self.world.http.request(method, url, json=body, headers=headers) as response:
            text = await response.text()
            if response.status != status:
                raise Refusal(f"{method} {path}: {response.status}, not {status}: {text}")
            return json.loads(text)


class ControlRoom(Salle):
    """The simulated room; what it is sent is held until the test says that it expected it."""

    def __init__(self, world: "World", behaviour: Behaviour) -> None:
        inbound = f"{world.base}/api/v1/cisu/inbound"
        tokens = {"": ROOM_TOKEN}
        super().__init__(
            token=LINE_TOKEN, inbound=inbound, inbound_tokens=tokens, behaviour=behaviour
        )
        self.world = world
        self.told: list[Envelope] = []
        self.invalid: list[str] = []
        self._next = 0
        self._indulgent = False

    async def _take(self, request: web.Request) -> web.Response:
        """Take whatever is posted, and hold it to the schemas and to our own checks."""
        try:
            cisu_checks.check(await request.read())
        except Exception as fault:  # noqa: BLE001  said when the world ends, whatever it is
            self.invalid.append(repr(fault)[:2000])
        return await super()._take(request)

    def _keep(self, room: Room, told: Envelope, raw: bytes, at: tuple[float, float]) -> None:
        self.told.append(told)
        super()._keep(room, told, raw, at)

    async def expects(
        self, kind: str, *, alert: str | None = None, text: str = "", repeated: bool = False
    ) -> Envelope:
        """The next message; it must be of this kind, about this alert, and say ``text``."""
        await self.world.until(lambda: len(self.told) > self._next, "no message at the room")
        told = self.told[self._next]
        repeats = told.distribution_id in {t.distribution_id for t in self.told[: self._next]}
        self._next += 1
        lines = " / ".join(told.case.lines)
        assert told.kind == kind, f"{told.kind} and not {kind}: {lines}"
        assert repeats == repeated, f"{told.distribution_id}: repeated is {repeats}"
        assert alert is None or told.case.alert.id.endswith(alert), told.case.alert.id
        assert text in lines, f"{text!r} is not in {lines!r}"
        return told

    def unexpected(self) -> list[str]:
        if self._indulgent:
            return []
        return [f"{t.kind} {t.case.case_id}: {t.case.lines}" for t in self.told[self._next :]]

    def forgives(self) -> None:
        """What has come, or still comes, is not the matter of this test from here on."""
        self._indulgent = True

    async def says(self, told: Envelope, step: Step) -> None:
        """Answer a message by hand and wait until the platform has taken it."""
        room = self.room(told.room)
        await self._answer(room, told, step)


class World:
    """Everything that a test conducts. ``async with worlds(url, folder) as world: …``"""

    def __init__(self, url: str, broker: Broker, folder: Path, **settings: Any) -> None:
        self.url, self.broker = url, broker
        self.clock = settings.pop("clock", None) or ManualClock()
        self.options = settings.pop("options", {})
        behaviour = settings.pop("behaviour", AT_ONCE)
        self.port = free_port()
        self.config = Config(
            database_url=url,
            mqtt_url=broker.url,
            secret_key=SECRET,
            key_dir=folder / "keys",
            http_listen=f"127.0.0.1:{self.port}",
            instance=f"test-{uuid4().hex[:8]}",
            callback_number="+33549000000",
            **settings,
        )
        self.sealer = Sealer(SECRET, OurKeys(self.config.key_dir, self.clock))
        self.database = Database(url, size=4, name="test")
        self.room = ControlRoom(self, behaviour)
        self.app: App
        self.air: Air
        self.http: aiohttp.ClientSession
        self._tokens: dict[tuple[str, str], str] = {}
        self._phones: dict[str, Phone] = {}
        self._hanging: set[object] = set()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def phone(self, device: str = "tgd-86-01") -> Phone:
        return self._phones.setdefault(device, Phone(self, device))

    def operator(self, name: str = "op-1", role: str = "operator") -> Operator:
        return Operator(self, name, role)

    async def start(self) -> None:
        await self.database.open()
        await self.room.start()
        await self._furnish()
        self.http = aiohttp.ClientSession()
        self.air = Air(self.broker.port)
        await self.air.ready()
        await self.start_server()

    async def stop(self) -> None:
        """Stop it all, whatever a part has to say: what is left open would fail another test."""
        async with AsyncExitStack() as rest:
            rest.push_async_callback(self.database.close)
            rest.push_async_callback(self.room.stop)
            rest.push_async_callback(self.http.close)
            rest.callback(self.air.close)
            await self.stop_server()

    async def start_server(self) -> None:
        """Start the server and wait until it listens and has looked at the deadlines."""
        self.app = App(self.config, clock=self.clock, **self.options)
        await self.app.start()
        await self.until(lambda: self.app.press_link.state is State.LISTENING)
        await self.until(lambda: self.app.rest_link.state is State.LISTENING)
        await self._looked()

    async def stop_server(self) -> None:
        await self.app.stop()

    async def advance(self, seconds: float) -> None:
        """Pass this much time, stopping at every deadline; the server has looked at each."""
        left = seconds
        while left > 1e-6:
            due = await self._settled()
            step = min(STEP_S, left)
            if due is not None:
                step = min(step, (due - self.clock.now()).total_seconds())
            self.clock.set_on(step)
            left -= step
            await self._looked()
        await self._settled()

    async def _settled(self) -> datetime | None:
        """Wait for what is under way; return when the next deadline passes."""
        seen: Counter[object] = Counter()
        while going := {*self.app.sending._under_way, *self.room._tasks} - self._hanging:
            await asyncio.wait(going, timeout=LOOK_S)
            await self.value("SELECT 1")  # the database is as busy as its machine
            seen.update(going)
            self._hanging |= {one for one, looks in seen.items() if looks >= HANGS}
        turn = 0
        while True:
            rows = await self.rows("SELECT alert_id, dispatch_id, name, due_at FROM deadline")
            running = {tuple(row) for row in rows}
            # One whose alert somebody held at that look has its turn at the next.
            late = {one for one in running if one[-1] <= self.clock.now()} - self._hanging
            unrecorded = {*map(id, self.app.sending._done), *self.app.sending._turned_away}
            unrecorded -= self._hanging
            if (late or unrecorded) and turn >= HANGS:
                self._hanging |= late | unrecorded
            elif not late and not unrecorded:
                left = [one[-1] for one in running if one[-1] > self.clock.now()]
                return min(left, default=None)
            self.app.watch.heard.set()
            await asyncio.sleep(0.003 if turn < 10 else LOOK_S)
            turn += 1

    async def _looked(self) -> None:
        watch = self.app.watch
        watch.heard.set()  # it may have been about to wait for a moment reckoned from now
        await self.until(
            lambda: watch._looked_at is not None and watch._looked_at >= self.clock.now(),
            "the watch does not look",
        )
        await self.until(self._attended, "nobody looks who is there")

    def _attended(self) -> bool:
        """Whether the server has looked who is there about as lately as it would by itself."""
        looked_at = self.app.attendance._looked_at
        return looked_at is None or self.clock.now() - looked_at < timedelta(seconds=2)

    async def until(
        self, fact: Callable[[], object], what: str = "it never came", within_s: float = WITHIN_S
    ) -> None:
        """Wait for a fact."""
        try:
            async with asyncio.timeout(within_s):
                for turn in count():
                    if fact():
                        return
                    if turn % 20 == 19:
                        self._nudge()
                    await asyncio.sleep(0.003)
        except TimeoutError:
            raise AssertionError(what) from None

    def _nudge(self) -> None:
        """Have the server look by itself, as it would in a quarter of a second of its clock."""
        if hasattr(self, "app"):
            self.app.sending.heard.set()
            self.app.downlink.heard.set()
            self.app.watch.heard.set()  # it passes over an alert that somebody holds just then

    async def until_sql(self, statement: str, *values: object, what: str = "") -> None:
        """Wait until a statement yields true."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while not await self.value(statement, *values):
                    self._nudge()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(what or statement) from None

    async def value(self, statement: str, *values: object) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchval(statement, *values)

    async def rows(self, statement: str, *values: object) -> list[asyncpg.Record]:
        async with self.database.connection() as connection:
            return await connection.fetch(statement, *values)

    async def owner(self, statement: str, *values: object) -> None:
        """Execute as the database's owner, who may do what the server may not."""
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement, *values)
        finally:
            await connection.close()

    async def token(self, role: str, name: str) -> str:
        if (role, name) not in self._tokens:
            async with self.database.connection() as connection:
                made = await accounts.add_token(
                    connection, role=role, name=name, now=self.clock.now()
                )
            self._tokens[role, name] = made
        return self._tokens[role, name]

    async def _furnish(self) -> None:
        """Seed the register and tell the server of its room."""
        async with self.database.transaction() as transaction:
            await register.seed(transaction, self.clock.now() - timedelta(days=1))
            await rooms.replace(transaction, [room_entry(self.sealer, self.room.url)])


def room_entry(sealer: Sealer, url: str) -> rooms.RoomEntry:
    """The control room of the Vienne, reached by one line."""
    token = sealer.seal(LINE_TOKEN.encode(), rooms.token_purpose(ROOM, 0))
    return rooms.RoomEntry(
        id=ROOM,
        name="CIC de la Vienne",
        institution="PN",
        address=ADDRESS,
        phone="+33549000017",
        is_default=True,
        inbound_token=accounts.digest(ROOM_TOKEN),
        lines=(rooms.LineEntry("https", url, token, 5.0),),
    )


@asynccontextmanager
async def worlds(url: str, folder: Path, **settings: Any) -> AsyncIterator[World]:
    """A world of its own; whatever the room was sent must have been expected."""
    broker = start_broker(0, folder / "broker", kind=settings.pop("broker", ""))
    world = World(url, broker, folder, **settings)
    try:
        await world.start()
        try:
            yield world
        finally:
            await world.stop()
    finally:
        broker.kill()
    assert world.room.invalid == [], "what a room was sent is not what the framework wants"
    unexpected = world.room.unexpected()
    assert not unexpected, unexpected
