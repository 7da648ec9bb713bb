"""What a chaos run consists of: one server as a child process, a bot for its operators, the sums.

The phones are ``firmware_sim``'s, the room is the simulated one, database and broker are real.
Nothing here decides what is killed: that is ``run``.
"""

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import aiohttp
import asyncpg
from world import ADDRESS, ROOM_TOKEN, SECRET, free_port, room_entry

from firmware_sim import Event, Fleet, Kind, Recorder
from tgd.demo.child import Child
from tgd.demo.salle import Salle
from tgd.demo.salle_room import Behaviour
from tgd.seal import Sealer
from tgd.store import accounts, register, rooms
from tgd.store.db import Database

ROOM_ANSWERS = Behaviour(recu_s=0.02, integre_s=0.02, consulte_s=0.2, engaged_s=0.5, on_scene_s=0.5)
DEADLINES = {"OVERFLOW": 2, "ANSWER": 4, "VOICE": 4, "DOUBT": 6, "RECEIVED": 3, "ACKNOWLEDGED": 6}


class Server:
    """``python -m tgd serve`` as a child; it may be killed and started again."""

    def __init__(self, database_url: str, broker_url: str, folder: Path) -> None:
        self.port = free_port()
        self.log = folder / "server.log"
        self.starts = 0
        self.recoveries: list[float] = []
        self._environ = {
            "TGD_DATABASE_URL": database_url,
            "TGD_MQTT_URL": broker_url,
            "TGD_SECRET_KEY": SECRET,
            "TGD_KEY_DIR": str(folder.absolute() / "keys"),
            "TGD_HTTP_LISTEN": f"127.0.0.1:{self.port}",
            "TGD_INSTANCE": "chaos",
            **{f"TGD_DEADLINE_{name}_S": str(value) for name, value in DEADLINES.items()},
        }
        self._child: Child | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "tgd", "serve"]
        self.starts += 1
        self._child = Child(command, log=self.log, environ={**os.environ, **self._environ})

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def running(self) -> bool:
        return self._child is not None and self._child.running()

    async def ready(self, http: aiohttp.ClientSession, within_s: float = 300.0) -> None:
        """Wait until it says so itself; how long that took is kept."""
        since = time.monotonic()
        while time.monotonic() - since < within_s:
            if not self.running():
                raise AssertionError(f"the server has ended: {self.log.read_text()[-2000:]}")
            try:
                async with http.get(f"{self.base}/readyz") as answer:
                    if answer.status == 200:
                        self.recoveries.append(time.monotonic() - since)
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.05)
        raise AssertionError("the server does not become ready")

    def complaints(self) -> Counter[str]:
        """What it logged at ERROR or worse, by its first words."""
        lines = self.log.read_text(errors="replace").splitlines()
        loud = [line for line in lines if " ERROR " in line or " CRITICAL " in line]
        return Counter(line.split(" ", 2)[-1][:110] for line in loud)

    def _end(self, how: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end(how)


class Bot:
    """The operators: they take most alerts, send the police, and close what is acknowledged.

    Some alerts are left to their deadlines. What the server refuses or does not answer is tried
    again at the next look: whether it comes right in the end is what the sums ask.
    """

    def __init__(self, base: str, token: str, luck: random.Random, left: float) -> None:
        self._base, self._luck, self._left = f"{base}/api/v1", luck, left
        self._headers = {"Authorization": f"Bearer {token}"}
        self._ignored: dict[str, bool] = {}
        self.refused: Counter[str] = Counter()

    async def run(self, http: aiohttp.ClientSession) -> None:
        while True:
            try:
                async with http.get(
                    f"{self._base}/alerts?status=open&limit=500", headers=self._headers
                ) as answer:
                    listed = (await answer.json())["items"] if answer.status == 200 else []
                for alert in listed:
                    await self._act(http, alert)
            except (aiohttp.ClientError, TimeoutError, ValueError):
                pass
            await asyncio.sleep(0.3)

    async def _act(self, http: aiohttp.ClientSession, alert: dict) -> None:
        ignored = self._ignored.setdefault(alert["id"], self._luck.random() < self._left)
        if alert["status"] == "police":
            if all(d["acknowledged_at"] for d in alert["dispatches"]):
                await self._post(http, alert, "close", outcome="patrouille sur place")
        elif not ignored and self._luck.random() < 0.5:
            if alert["status"] == "ringing":
                await self._post(http, alert, "answer")
                await self._post(http, alert, "voice", **{"with": "holder"})
            await self._post(http, alert, "decision", verdict="police")

    async def _post(
        self, http: aiohttp.ClientSession, alert: dict, act: str, **body: object
    ) -> None:
        url = f"{self._base}/alerts/{alert['id']}/{act}"
        async with http.post(url, json=body, headers=self._headers) as answer:
            if answer.status >= 400:
                problem = await answer.json(content_type=None)
                self.refused[f"{act} {answer.status} {problem.get('code', '')}"] += 1


@dataclass
class Stage:
    """All that runs beside the server, and the sums at the end."""

    database_url: str
    broker_url: str
    folder: Path
    seed: int
    phones: int = 8
    left: float = 0.25
    """The share of alerts that the operators leave to their deadlines."""
    faults: list[str] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self.luck = random.Random(self.seed)
        self.server = Server(self.database_url, self.broker_url, self.folder)
        self.room = Salle(
            token="the-line's",
            inbound=f"{self.server.base}/api/v1/cisu/inbound",
            inbound_tokens={"": ROOM_TOKEN},
            behaviour=ROOM_ANSWERS,
        )
        await self.room.start()
        token = await self._furnish()
        self.http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))
        self.server.start()
        await self.server.ready(self.http)
        self.server.recoveries.clear()
        self.events = Recorder()
        self.fleet = Fleet(
            self.phones, brokers=[self.broker_url], seed=self.seed, listeners=[self.events]
        )
        self.fleet.start()
        await self.fleet.connected(within_s=120)
        self.bot = Bot(self.server.base, token, self.luck, self.left)
        self._working = asyncio.create_task(self.bot.run(self.http))
        return self

    async def __aexit__(self, *_failure: object) -> None:
        self._working.cancel()
        await asyncio.gather(self._working, return_exceptions=True)
        await self.fleet.stop()
        await self.http.close()
        await asyncio.to_thread(self.server.stop)
        await self.room.stop()

    async def _furnish(self) -> str:
        database = Database(self.database_url, size=2)
        await database.open()
        now = datetime.now(UTC)
        async with database.transaction() as transaction:
            await register.seed(transaction, now - timedelta(days=1))
            await rooms.replace(transaction, [room_entry(Sealer(SECRET), self.room.url)])
            token = await accounts.add_token(transaction, role="operator", name="bot", now=now)
        await database.close()
        return token

    @property
    def settled(self) -> int:
        return self.fleet.tally.receipted

    async def all_receipted(self, within_s: float) -> None:
        """Wait until the phones have stopped repeating."""
        async with asyncio.timeout(within_s):
            while any(phone.unreceipted for phone in self.fleet):  # noqa: ASYNC110  polled
                await asyncio.sleep(0.1)

    async def all_acknowledged(self, within_s: float, *, closed: bool = True) -> None:
        """Wait until every alert is acknowledged, and closed by the bot unless told otherwise.

        Closing takes longer: rooms are told of further presses at most every 30 s, and no alert
        closes before they know.
        """
        waited_for = OPEN if closed else UNACKNOWLEDGED
        connection = await asyncpg.connect(self.database_url)
        try:
            async with asyncio.timeout(within_s):
                while await connection.fetchval(waited_for):  # noqa: ASYNC110  polled
                    await asyncio.sleep(0.25)
        finally:
            await connection.close()

    async def audit(self) -> list[str]:
        """The three sentences; an empty list says that they hold."""
        connection = await asyncpg.connect(self.database_url)
        try:
            kept = await connection.fetch(KEPT)
            alerts = await connection.fetch(ALERTS)
        finally:
            await connection.close()
        return [*self._of_presses(kept), *self._of_alerts(alerts)]

    def _of_presses(self, kept: list[asyncpg.Record]) -> list[str]:
        pressed = {_press(e): e for e in self.events.all(Kind.PRESSED)}
        receipts = {_press(e): e for e in self.events.all(Kind.RECEIPT)}
        times = Counter(row["sent_id"] for row in kept)
        alert_of = {row["sent_id"]: str(row["alert_id"]) for row in kept}
        wrong = [f"{p}: no receipt" for p in pressed.keys() - receipts.keys()]
        for press, receipt in receipts.items():
            if times[press] != 1:
                wrong.append(f"{press}: receipted and {times[press]} times in the database")
            elif receipt.details["alert"] not in {None, alert_of[press]}:
                wrong.append(f"{press}: the receipt names another alert than the database")
        wrong += [f"{p}: nobody pressed it" for p in times.keys() - pressed.keys()]
        wrong += [f"{p}: without an alert" for p, alert in alert_of.items() if alert == "None"]
        return wrong

    def _of_alerts(self, alerts: list[asyncpg.Record]) -> list[str]:
        room = self.room.room(ADDRESS)
        cases = Counter(case.rpartition(".")[2] for case in room.cases)
        wrong = [f"two cases for one alert at the room: {room.split_alerts}"] * bool(
            room.split_alerts
        )
        for row in alerts:
            if cases[row["case_id"]] != 1:
                wrong.append(f"alert {row['id']}: {cases[row['case_id']]} cases at the room")
            if not row["acknowledged"]:
                wrong.append(f"alert {row['id']} ({row['status']}): not acknowledged")
            if row["unsent"]:
                wrong.append(f"alert {row['id']}: {row['unsent']} messages not delivered")
        own = {row["case_id"] for row in alerts}
        return wrong + [f"case {case} is no alert of ours" for case in cases.keys() - own]


def _press(event: Event) -> str:
    return str(event.details["press"])


OPEN = "SELECT count(*) FROM alert WHERE status <> 'closed'"
UNACKNOWLEDGED = """
SELECT count(*) FROM alert a WHERE a.status <> 'closed' AND (
    NOT EXISTS (SELECT FROM dispatch d WHERE d.alert_id = a.id)
    OR EXISTS (SELECT FROM dispatch d WHERE d.alert_id = a.id AND d.acknowledged_at IS NULL))
"""
KEPT = """
SELECT p.device, p.sent_id, k.alert_id FROM press p LEFT JOIN alert_press k ON k.press_no = p.no
"""
ALERTS = """
SELECT a.id, a.case_id, a.status,
       EXISTS (SELECT FROM dispatch d WHERE d.alert_id = a.id) AND NOT EXISTS (
           SELECT FROM dispatch d WHERE d.alert_id = a.id AND d.acknowledged_at IS NULL
       ) AS acknowledged,
       (SELECT count(*) FROM envelope e WHERE e.alert_id = a.id AND e.state = 'waiting'
           AND e.purpose <> 'contact') AS unsent
FROM alert a
"""
