"""A whole server for HTTP tests, in this process: real rows, real rules, a real socket.

No broker and no watch: presses come by HTTPS, and deadlines pass only where a test says so.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import aiohttp
import asyncpg
from aiohttp import web
from world import ManualClock

from tgd.clock import Clock
from tgd.config import Config, Deadlines
from tgd.devices.ingest import Ingest
from tgd.justice.office import Office
from tgd.metrics import Metrics
from tgd.platform.address import Ban
from tgd.platform.channels.adapters import Adapters
from tgd.platform.channels.script import Sender
from tgd.platform.channels.sheet_link import Links
from tgd.platform.competence import Competence
from tgd.platform.domain.deadlines import plan
from tgd.platform.dossier import Dossiers
from tgd.platform.flow.exercising import Exercising
from tgd.platform.flow.forget import Forget
from tgd.platform.flow.inbound import Inbound
from tgd.platform.flow.intake import Intake
from tgd.platform.flow.recontact import Recontact
from tgd.platform.flow.triage import Triage
from tgd.platform.notes import Notes
from tgd.platform.persons import Persons
from tgd.platform.report import Reporting
from tgd.platform.sheets import Sheets
from tgd.platform.territory import Territories
from tgd.platform.whereabouts import Whereabouts
from tgd.platform.writing import Writing, Written
from tgd.seal import Sealer
from tgd.store import accounts, register, rooms
from tgd.store.db import Database
from tgd.web.context import Context
from tgd.web.hub import Hub
from tgd.web.routes import build
from tgd.web.server import Server

SECRET = "5e" * 32
NOW = datetime(2030, 1, 15, 9, 0, tzinfo=UTC)
ROOM, ROOM_ADDRESS, ROOM_TOKEN = "cic86", "fr.police.cic86", "a-room's-token"
PLACE = {"lat": 46.58, "lon": 0.34, "acc": 12.0, "pm": "G"}


async def _nothing(_written: Sequence[Written]) -> None:
    """Send nothing: who serves here has no rooms."""


class Api:
    """The server, and the people and programs that call it."""

    def __init__(self, url: str, clock: Clock | ManualClock, **more) -> None:
        self.url_of_database = url
        self.clock = clock
        self.database = Database(url, size=5)
        self.metrics = Metrics()
        self.hub = Hub(lambda: self.delivered.append(clock.now()))
        self.delivered: list[datetime] = []
        self.checks = {"database": True, "mqtt": True, "auditor": True}
        self.config = Config(
            secret_key=SECRET, callback_number="+33549000000", deadlines=Deadlines(), **more
        )
        self.sealer = Sealer(SECRET)
        self.tokens: dict[tuple[str, str], str] = {}
        self.http: aiohttp.ClientSession
        self.server: Server
        self.application: web.Application
        self._context: Context
        self._tasks: list[asyncio.Task] = []

    async def start(self) -> None:
        await self.database.open()
        sealer, limits = self.sealer, self.config.deadlines
        frozen = plan(limits, forward_unverified=True)
        intake = Intake(
            *(self.database, self.clock, sealer, self.metrics, lambda *_: frozen), group_from=20
        )
        ingest = Ingest(
            *(intake.take, self.clock, self.metrics),
            batch_max=100,
            settled=lambda *_: None,
            acknowledge=lambda _: None,
        )
        whereabouts = Whereabouts(sealer)
        competence = Competence(Territories(self.database, self.clock), whereabouts, sealer)
        sender = self.config.sender_id
        links = Links(sealer, self.config.public_url)
        written_by = Sender(sender, self.config.callback_number, self.config.incident_code, links)
        writing = Writing(sealer, Adapters(), written_by)
        triage = Triage(
            *(self.database, self.clock, sealer, self.metrics, limits, competence, writing),
            _nothing,
            forward_unverified=True,
        )
        self._context = Context(
            database=self.database,
            clock=self.clock,
            triage=triage,
            inbound=Inbound(self.database, self.clock, self.metrics, sender_id=sender),
            exercising=Exercising(
                *(self.database, self.clock, sealer, self.metrics),
                *(Adapters(), written_by),
            ),
            forget=Forget(self.database, self.clock, self.metrics, sealer, None),
            recontact=Recontact(self.database, self.clock, self.metrics, sealer),
            reporting=Reporting(self.database, self.clock, sealer, whereabouts),
            sheets=Sheets(self.database, self.clock, sealer, written_by),
            whereabouts=whereabouts,
            competence=competence,
            persons=Persons(self.database, self.clock, sealer),
            notes=Notes(self.database, sealer),
            office=Office(self.database, self.clock, sealer, Dossiers(sealer, self.clock)),
            addresses=Ban(self.database),
            ingest=ingest,
            hub=self.hub,
            metrics=self.metrics,
            config=self.config,
            ready=lambda: self.checks,
        )
        await self.serve(0)
        self.http = aiohttp.ClientSession(self.base, cookie_jar=aiohttp.CookieJar(unsafe=True))
        listening = self.database.listen(
            lambda payload: self.hub.hint(pressing=payload != "position")
        )
        self._tasks = [asyncio.create_task(ingest.run()), asyncio.create_task(listening)]

    async def serve(self, port: int) -> None:
        """Listen, also again after the server was stopped."""
        self.hub.closed = False
        self.application = build(self._context)
        self.server = Server(self.application, "127.0.0.1", port)
        await self.server.start()

    async def stop(self) -> None:
        await self.http.close()
        await self.server.stop()
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.database.close()
        assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    async def seed(self) -> None:
        async with self.database.transaction() as transaction:
            await register.seed(transaction, self.clock.now() - timedelta(days=1))
            line = rooms.LineEntry("https", "http://127.0.0.1:9/cisu", None, 5.0)
            await rooms.replace(
                transaction,
                [
                    rooms.RoomEntry(
                        id=ROOM,
                        name="CIC de la Vienne",
                        institution="PN",
                        address=ROOM_ADDRESS,
                        phone="+33549000017",
                        is_default=True,
                        inbound_token=accounts.digest(ROOM_TOKEN),
                        lines=(line,),
                    )
                ],
            )

    async def token(self, role: str = "operator", name: str = "op-1") -> str:
        """The bearer token of a program (made on first use)."""
        if (role, name) not in self.tokens:
            async with self.database.connection() as connection:
                made = await accounts.add_token(
                    connection, role=role, name=name, now=self.clock.now()
                )
            self.tokens[role, name] = made
        return self.tokens[role, name]

    async def account(self, username: str, password: str, role: str = "operator", **more) -> None:
        async with self.database.connection() as connection:
            await accounts.add_account(
                connection,
                username=username,
                password=password,
                role=role,
                now=self.clock.now(),
                **more,
            )

    async def call(
        self, method: str, path: str, *, role: str = "operator", name: str = "op-1", **more
    ) -> tuple[int, object]:
        """Call the API with the token of that role; the status and the JSON answered."""
        headers = {"Authorization": f"Bearer {await self.token(role, name)}"}
        headers.update(more.pop("headers", {}))
        return await self.bare(method, path, headers=headers, **more)

    async def bare(self, method: str, path: str, **more) -> tuple[int, object]:
        """Call with no credentials but those given."""
        prefix = "" if path.startswith("/") else "/api/v1/"
        async with self.http.request(method, prefix + path, **more) as response:
            body = await response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            return response.status, await response.json(content_type=None) if is_json else body

    async def act(self, alert: str, act: str, body: dict | None = None, **who) -> tuple[int, dict]:
        return await self.call("POST", f"alerts/{alert}/{act}", json=body, **who)

    async def follows(self, name: str, device: str, tribunal: str = "poitiers") -> None:
        """The prosecutor clears a member of an association, who follows the phone's holder."""
        acts, by = self._context.office.associations, "parquet-1"
        until = self.clock.now() + timedelta(days=365)
        made = await acts.agree("Association 1", (None, until), by, tribunal)
        await acts.clear(made, name, by, tribunal)
        [cleared] = await self.rows("SELECT id FROM clearance WHERE convention_id = $1", made)
        [held] = await self.rows(
            "SELECT beneficiary_id AS her FROM assignment WHERE device_id = $1", device
        )
        await acts.entrust(cleared["id"], held["her"], by, tribunal, ended=False)

    async def member(self, name: str, *devices: str) -> dict[str, str]:
        """The headers of a session of an association's member, who follows these holders."""
        await self.account(name, "un mot de passe", "association", tribunal_id="poitiers")
        for device in devices:
            await self.follows(name, device)
        login = {"username": name, "password": "un mot de passe"}
        async with self.http.post("/api/v1/session", json=login) as answered:
            csrf = (await answered.json())["csrf"]
            cookie = answered.cookies["tgd_session"].value
        self.http.cookie_jar.clear()
        return {"Cookie": f"tgd_session={cookie}", "X-CSRF-Token": csrf}

    async def press(self, device: str = "tgd-86-01", *, loc: dict | None = None, **more) -> dict:
        """The phone presses; the receipt."""
        at = self.clock.now().timestamp()
        press = {"_type": "press", "id": str(uuid4()), "seq": 1, "attempt": 1, "tst": at}
        press |= {"created_at": at, "trigger": "button", "loc": loc, "batt": 80}
        status, receipt = await self.call(
            "POST", "presses", role="phone", name=device, json=press | more
        )
        assert status == 200, receipt
        return receipt

    async def alert(self, alert: str) -> dict:
        status, found = await self.call("GET", f"alerts/{alert}")
        assert status == 200, found
        return found

    async def rows(self, statement: str, *values: object) -> list[asyncpg.Record]:
        async with self.database.connection() as connection:
            return await connection.fetch(statement, *values)


async def until(fact: Callable[[], object], seconds: float = 120.0) -> None:
    """Wait for a fact."""
    async with asyncio.timeout(seconds):
        while not fact():  # noqa: ASYNC110  the fact has no event of its own
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(url: str, clock: Clock | ManualClock, **more) -> AsyncIterator[Api]:
    """A server on a seeded register; ``more`` are settings."""
    api = Api(url, clock, **more)
    await api.start()
    try:
        await api.seed()
        yield api
    finally:
        await api.stop()


RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
