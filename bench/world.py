"""What is measured runs in here: database, broker, control room and server, each a real process.

``Machine`` is the run's one PostgreSQL cluster, with a migrated template that holds the register.
``Machine.world`` gives a figure its own clone of it, a new broker, a new room and a new server, so
that no figure inherits another's queues. Everything is ended with the block, and by the guards of
``tgd.demo.child`` even if this process is killed.
"""

import asyncio
import contextlib
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import asyncpg

from tgd.demo.broker import Broker, start_broker
from tgd.demo.child import Child
from tgd.demo.postgres import EmbeddedPostgres
from tgd.geo.synthetic import SERVICES

TEMPLATE = "bench_template"
ROOM, ADDRESS = "salle", "fr.police.cic86"
READY_S = 30.0
SECRET = secrets.token_hex(32)
LONGEST_DEADLINES = {
    "TGD_DEADLINE_OVERFLOW_S": "60",
    "TGD_DEADLINE_ANSWER_S": "120",
    "TGD_DEADLINE_CONTACT_S": "600",
    "TGD_DEADLINE_RECEIVED_S": "60",
    "TGD_DEADLINE_ACKNOWLEDGED_S": "300",
}
"""The longest that the configuration allows: no deadline passes while something else is timed."""
QUIET_ROOM = {"automatic": False}

_REGISTER = """
WITH given AS (
    SELECT 'bench-' || lpad(n::text, 6, '0') AS device, 'Bénéficiaire B-' || n AS label,
           gen_random_uuid() AS beneficiary, gen_random_uuid() AS assignment,
           'bench-' || n / 40 AS tribunal
    FROM generate_series(1, $1::int) AS n
), tribunals AS (
    INSERT INTO tribunal (id, name, allocation)
    SELECT tribunal, 'Tribunal inventé', count(*) FROM given GROUP BY tribunal
), phones AS (
    INSERT INTO device (id, tribunal_id) SELECT device, tribunal FROM given
), holders AS (
    INSERT INTO beneficiary (id, label) SELECT beneficiary, label FROM given
), assigned AS (
    INSERT INTO assignment (id, device_id, beneficiary_id, starts_at, handed_over_at, ends_at)
    SELECT assignment, device, beneficiary, now() - interval '1 day', now() - interval '1 day',
           now() + interval '180 days'
    FROM given
)
INSERT INTO consent (assignment_id, kind, given, at, recorded_by)
SELECT assignment, 'location', true, now(), 'bench' FROM given
"""


def device(number: int) -> str:
    """Return the name of the register's ``number``-th invented phone, from 0."""
    return f"bench-{number + 1:06}"


@dataclass(slots=True)
class World:
    """One server with all that it talks to; addresses to reach each of them."""

    database_url: str
    broker: Broker
    url: str
    room_url: str
    token: str
    server_pid: int
    http: aiohttp.ClientSession
    room_token: str
    key_dir: Path
    _arrivals: int = 0
    notes: list[str] = field(default_factory=list)

    async def order_room(self, **behaviour: Any) -> None:
        """Change what the room does; returns when it is in force."""
        order = {"room": ADDRESS, "behaviour": behaviour}
        async with self.http.post(f"{self.room_url}/salle/orders", json=order) as answer:
            answer.raise_for_status()

    async def arrivals(self) -> list[dict[str, Any]]:
        """Return what has arrived at the room since the last call, each with its times."""
        url = f"{self.room_url}/salle/arrivals?after={self._arrivals}"
        async with self.http.get(url) as answer:
            answer.raise_for_status()
            told = await answer.json()
        self._arrivals = told["next"]
        items: list[dict[str, Any]] = told["items"]
        return items

    async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
        """Ask the world's database, as its owner."""
        connection = await asyncpg.connect(self.database_url)
        try:
            rows: list[Any] = await connection.fetch(sql, *arguments)
        finally:
            await connection.close()
        return rows

    async def press_sums(self) -> list[float]:
        """Return the server's own sums: arrival → commit, arrival → receipt, and their count.

        Behind them its processor seconds, of everything.
        """
        async with self.http.get(f"{self.url}/metrics") as answer:
            told = await answer.text()
        names = (
            *("tgd_press_to_commit_seconds_sum", "tgd_press_to_receipt_seconds_sum"),
            *("tgd_press_to_commit_seconds_count", "process_cpu_seconds_total"),
        )
        found = [re.search(rf"^{name} (\S+)$", told, re.MULTILINE) for name in names]
        return [float(one[1]) if one else 0.0 for one in found]


class Machine:
    """The run's PostgreSQL; ``phones`` is how many the register holds beside the seed's."""

    def __init__(self, folder: Path, phones: int, postgres_bin: Path | None = None) -> None:
        self.folder = folder
        self.phones = phones
        shutil.rmtree(folder, ignore_errors=True)  # what an earlier run left
        folder.mkdir(parents=True, exist_ok=True)
        self.postgres = EmbeddedPostgres(folder / "postgres", bin_dir=postgres_bin)
        self.key_dir = folder.absolute() / "keys"
        self.server_port, self.room_port = _free_port(), _free_port()
        self.token = self.room_token = ""
        self._worlds = 0

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.postgres.start)
        await self._settle()
        await self.execute(self.postgres.url, f"CREATE DATABASE {TEMPLATE}")
        await asyncio.to_thread(self._fill)
        connection = await asyncpg.connect(self.url_of(TEMPLATE))
        await connection.execute("SET enable_seqscan = off")  # no statistics yet, many rows
        await connection.execute(_REGISTER, self.phones)
        await connection.execute("VACUUM (ANALYZE) device, beneficiary, assignment, consent")
        await connection.close()
        return self

    async def __aexit__(self, *_failure: object) -> None:
        await asyncio.to_thread(self.postgres.remove)

    async def _settle(self) -> None:
        """Note the moment of each commit; the default settings otherwise."""
        connection = await asyncpg.connect(self.postgres.url)
        await connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
        await connection.execute("ALTER SYSTEM SET max_connections = 100")
        await connection.close()
        await asyncio.to_thread(self.postgres.restart)

    def _fill(self) -> None:
        """Bring the template to where an installation stands before its first press."""
        self.room_token = secrets.token_urlsafe(24)
        self.tgd("migrate")
        self.tgd("seed")
        rooms = self.folder / "rooms.toml"
        services = ", ".join(f'"{service}"' for service in SERVICES)
        rooms.write_text(
            f'[[room]]\nid = "{ROOM}"\nname = "Salle simulée"\ninstitution = "PN"\n'
            f'address = "{ADDRESS}"\ndefault = true\ninbound_token = "{self.room_token}"\n'
            f'services = [{services}]\nphone = "+33549000017"\n[[room.line]]\nadapter = "https"\n'
            f'url = "http://127.0.0.1:{self.room_port}/cisu"\ntoken = "{self.room_token}"\n'
            "timeout_s = 5\n"
        )
        self.tgd("rooms", "import", str(rooms))
        self.token = self.tgd("token", "add", "--role", "operator", "--name", "bench").strip()

    async def version(self) -> str:
        """Return PostgreSQL's version and the settings that make it durable."""
        connection = await asyncpg.connect(self.postgres.url)
        try:
            number = await connection.fetchval("SHOW server_version")
            durable = [
                f"{name} {await connection.fetchval(f'SHOW {name}')}"
                for name in ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")
            ]
        finally:
            await connection.close()
        return f"{number}, {', '.join(durable)}"

    def url_of(self, database: str) -> str:
        """Return the address of a database of the cluster."""
        return self.postgres.url.rpartition("/")[0] + "/" + database

    def tgd(self, *arguments: str) -> str:
        """Run one command of the product on the template; return what it printed."""
        environ = os.environ | {
            "TGD_DATABASE_URL": self.url_of(TEMPLATE),
            "TGD_SECRET_KEY": SECRET,
            "TGD_KEY_DIR": str(self.key_dir),
        }
        command = [sys.executable, "-m", "tgd", *arguments]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"tgd {arguments[0]}: {done.stderr}")
        return done.stdout

    async def execute(self, url: str, sql: str) -> None:
        """Run one statement as the owner."""
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    @contextlib.asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """Lend a clone of the template for the length of the block; yields its address."""
        self._worlds += 1
        name = f"bench_{self._worlds}"
        await self.execute(self.postgres.url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        try:
            yield self.url_of(name)
        finally:
            await self.execute(self.postgres.url, f"DROP DATABASE {name} WITH (FORCE)")

    @contextlib.asynccontextmanager
    async def broker(self) -> AsyncIterator[Broker]:
        """Lend a new Mosquitto with the project's settings, for the length of the block."""
        self._worlds += 1
        folder = self.folder / f"broker-{self._worlds}"
        broker = await asyncio.to_thread(start_broker, 0, folder, kind="mosquitto")
        try:
            yield broker
        finally:
            await asyncio.to_thread(broker.stop)

    @contextlib.asynccontextmanager
    async def world(
        self,
        *,
        settings: Mapping[str, str] | None = None,
        room: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[World]:
        """Lend a whole world: ``settings`` for the server, ``room`` for the room's behaviour."""
        async with contextlib.AsyncExitStack() as stack:
            database_url = await stack.enter_async_context(self.database())
            broker = await stack.enter_async_context(self.broker())
            folder = self.folder / f"world-{self._worlds}"
            folder.mkdir(parents=True, exist_ok=True)
            http = await stack.enter_async_context(aiohttp.ClientSession())
            room_url = f"http://127.0.0.1:{self.room_port}"
            children = [
                self._room(folder, room or QUIET_ROOM),
                self._server(folder, database_url, broker.url, settings or {}),
            ]
            for child in children:
                stack.callback(_end, child)
            server = f"http://127.0.0.1:{self.server_port}"
            await _until_ok(http, f"{room_url}/livez", children[0])
            await _until_ok(http, f"{server}/readyz", children[1])
            yield World(
                *(database_url, broker, server, room_url, self.token),
                *(children[1].pid, http, self.room_token, self.key_dir),
            )

    def _room(self, folder: Path, behaviour: Mapping[str, Any]) -> Child:
        arguments = [sys.executable, "-m", "tgd.demo.salle", "--port", str(self.room_port)]
        arguments += ["--inbound", f"http://127.0.0.1:{self.server_port}/api/v1/cisu/inbound"]
        arguments += ["--orders", json.dumps(behaviour)]
        return Child(
            arguments,
            log=folder / "room.log",
            environ=os.environ | {"SALLE_TOKEN": self.room_token},
        )

    def _server(
        self, folder: Path, database_url: str, mqtt_url: str, settings: Mapping[str, str]
    ) -> Child:
        environ = os.environ | {
            "TGD_DATABASE_URL": database_url,
            "TGD_MQTT_URL": mqtt_url,
            "TGD_SECRET_KEY": SECRET,
            "TGD_KEY_DIR": str(self.key_dir),
            "TGD_HTTP_LISTEN": f"127.0.0.1:{self.server_port}",
            "TGD_INSTANCE": "bench",
            "TGD_LOG_LEVEL": "warning",
            **settings,
        }
        return Child(_serve(folder), log=folder / "server.log", environ=environ)


def _serve(folder: Path) -> list[str]:
    """Return the server's command; BENCH_PROFILE=1 runs it under cProfile (slower, of course)."""
    if not os.environ.get("BENCH_PROFILE"):
        return [sys.executable, "-m", "tgd", "serve"]
    stats = str(folder.absolute() / "server.pstats")
    return [sys.executable, "-m", "cProfile", "-o", stats, "-m", "tgd", "serve"]


def _end(child: Child) -> None:
    child.end(signal.SIGTERM, 15)


async def _until_ok(http: aiohttp.ClientSession, url: str, child: Child) -> None:
    end = time.monotonic() + READY_S
    while time.monotonic() < end and child.running():
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with http.get(url) as answer:
                if answer.status == 200:
                    return
        await asyncio.sleep(0.05)
    raise RuntimeError(f"{url} does not become ready: see the logs beside it")


def _free_port() -> int:
    """Return a port that nobody listens on, out of the range that the system gives to clients."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
