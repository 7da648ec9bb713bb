"""Everything that the demo needs on one machine, started in order and stopped in the other.

Serves the demo. Database, broker, server, control room and phones are real processes; the server
is set up by the commands that an administrator would type. It promises that whatever was started
is stopped, whenever it ends; that nothing of it outlives us (each child is guarded); and that its
folder goes, unless it is to be kept. Secrets are made up anew each time and stay in the folder.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tgd.demo import magistrate
from tgd.demo.broker import Broker, start_broker
from tgd.demo.child import Child
from tgd.demo.closed import Closed
from tgd.demo.phones import COUNT, Phones, name
from tgd.demo.phones_page import PhonesPage
from tgd.demo.postgres import EmbeddedPostgres
from tgd.errors import TgdError
from tgd.geo.synthetic import SERVICES

ROOM = "fr.police.cic86"
PEOPLE = {
    "operateur-1": "operator",
    "operateur-2": "operator",
    "superviseur": "supervisor",
}
PROGRAM = "operateur-2"
"""The login whose post can be a program: there is a token of that name."""
_CONSOLE_PORT, _ROOM_PORT, _PHONES_PORT = 8080, 8086, 8087
_READY_S = 120.0
_POLL_S = 0.03
# Numbers that the regulator keeps for fiction: they ring nowhere.
_ROOM_PHONE, _CALLBACK = "+33536490017", "+33536490086"
_PLACES = Path(__file__).with_name("places.toml")
_PERSONS = Path(__file__).with_name("persons.toml")
_ROOMS = """\
[[room]]
id = "cic-86"
name = "CIC de la Vienne (simulé)"
institution = "PN"
address = "{room}"
services = [{services}]
phone = "{phone}"
simulated = true
default = true
inbound_token = "{inbound}"
[[room.line]]
adapter = "https"
url = "{url}"
token = "{token}"
timeout_s = 5
"""

Ready = Callable[[str, str, float], None]
"""Told what is ready, a detail, and the seconds that it took."""


class StageFailed(TgdError):
    """Something of the demo did not start; the message is one line and has its last words."""


class Stage:
    """``async with Stage(ready) as stage``: all of it runs inside.

    ``broker_kind`` is ``mosquitto`` or ``amqtt`` (unsaid: Mosquitto if installed). ``keep`` leaves
    the folder where it is; so does setting it before the end. ``by_hand`` adds the phones' page:
    a story would be disturbed by hands.
    """

    def __init__(
        self, ready: Ready, *, broker_kind: str = "", keep: bool = False, by_hand: bool = False
    ) -> None:
        self.keep = keep
        self._by_hand = by_hand
        self.folder = Path(tempfile.mkdtemp(prefix="tgd-demo-"))
        # The database's own user walks through; it cannot list, and what is secret is 0600.
        self.folder.chmod(0o711)
        self.logins = {person: _password() for person in PEOPLE | magistrate.PEOPLE}
        self.token = ""
        self._ready = ready
        self._kind = broker_kind
        self._stack = contextlib.AsyncExitStack()
        self._port = _port(_CONSOLE_PORT)
        self._room_port = _port(_ROOM_PORT)
        self._phones_port = _port(_PHONES_PORT)
        self._secrets = {what: secrets.token_urlsafe(24) for what in ("line", "inbound")}
        self._key = secrets.token_hex(32)
        self._closed = Closed(self.folder / "closed", self._key)
        self._database_url = ""
        self._broker: Broker
        self._children: dict[str, Child] = {}
        self.phones: Phones

    @property
    def origin(self) -> str:
        """The server's root."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def room_origin(self) -> str:
        """The simulated control room's root."""
        return f"http://127.0.0.1:{self._room_port}"

    @property
    def phones_origin(self) -> str:
        """The root of the phones' page, which is there by hand only."""
        return f"http://127.0.0.1:{self._phones_port}"

    @property
    def server_log(self) -> Path:
        """Where the server writes."""
        return self.folder / "server.log"

    def fallen(self) -> str:
        """Name a process that has ended by itself; empty while all live."""
        fallen = [what for what, child in self._children.items() if not child.running()]
        return (fallen or [""])[0] or ("phones" if self.phones.failed else "")

    async def __aenter__(self) -> Self:
        """Start everything; whatever fails, or breaks this off, stops what was started."""
        try:
            await self._start()
        except BaseException as failure:
            await self.__aexit__(type(failure), failure, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        _failure: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Stop everything, in the reverse order; the folder stays where something failed."""
        self.keep = self.keep or (kind is not None and issubclass(kind, Exception))
        await self._stop()

    async def _start(self) -> None:
        await _together(
            self._timed("PostgreSQL", self._start_database()),
            self._timed("MQTT", self._start_broker()),
        )
        await self._timed("schéma · schema", self._tgd("migrate"))
        self._start_server()
        self._start_room()
        given = ("--enrolled", str(self._closed.enrolled))
        self.phones = Phones(given, self.folder / "phones.log")
        self._stack.push_async_callback(self.phones.stop)
        await _together(
            self._timed("registre, comptes · register, logins", self._furnish()),
            self._timed("serveur · server", self._server_ready()),
        )
        await self._timed("téléphones · phones", self._start_phones())
        if self._by_hand:
            await self._timed("parquet · prosecutor's office", self._office())

    async def _timed(self, what: str, work: Coroutine[Any, Any, str]) -> None:
        began = time.monotonic()
        detail = await work
        self._ready(what, detail, time.monotonic() - began)

    async def _stop(self) -> None:
        await self._stack.aclose()
        if not self.keep:
            await _in_thread(lambda: shutil.rmtree(self.folder))

    async def _start_database(self) -> str:
        server = EmbeddedPostgres(self.folder / "postgres")
        self._stack.push_async_callback(_in_thread, lambda: self._end_database(server))
        await _in_thread(server.start)
        self._database_url = server.url
        return "fsync, synchronous commit"

    def _end_database(self, server: EmbeddedPostgres) -> None:
        server.stop()
        if not self.keep:
            server.remove()

    async def _start_broker(self) -> str:
        started: list[Broker] = []
        folder = self.folder / "broker"

        def start() -> None:
            self._closed.make()
            started.append(start_broker(0, folder, kind=self._kind, secured=self._closed.secured))

        self._stack.push_async_callback(_in_thread, lambda: _stop_all(started))
        await _in_thread(start)
        self._broker = started[0]
        return f"{self._broker.kind}, TLS"

    async def _furnish(self) -> str:
        """Seed the register, make the logins and the token, import the room."""
        rooms = self.folder / "rooms.toml"
        rooms.touch(mode=0o600)
        rooms.write_text(
            _ROOMS.format(
                services=", ".join(f'"{service}"' for service in sorted(SERVICES)),
                room=ROOM,
                phone=_ROOM_PHONE,
                inbound=self._secrets["inbound"],
                token=self._secrets["line"],
                url=f"{self.room_origin}/cisu",
            ),
            encoding="utf-8",
        )
        token, *_ = await _together(
            self._tgd("token", "add", "--role", "operator", "--name", PROGRAM),
            self._register(),
            self._tgd("rooms", "import", str(rooms)),
            *(
                self._tgd("user", "add", person, "--role", role, typed=self.logins[person])
                for person, role in PEOPLE.items()
            ),
        )
        self.token = token
        return f"{COUNT} bénéficiaires, {len(PEOPLE)} comptes, 1 salle"

    async def _register(self) -> None:
        """Seed the register, then store what is known of its holders: their places, their files."""
        await self._tgd("seed")
        await self._tgd("places", "import", str(_PLACES))
        await self._tgd("persons", "import", str(_PERSONS))

    async def _office(self) -> str:
        """Make the logins of the prosecutor's office, and give it something to see."""
        of = ("--tribunal", magistrate.TRIBUNAL)
        for person, role in magistrate.PEOPLE.items():
            typed = self.logins[person]
            await self._tgd("user", "add", person, "--role", role, *of, typed=typed)
        await magistrate.furnish(self.origin, self.logins[magistrate.LOGIN])
        return f"{len(magistrate.PEOPLE)} comptes de plus, {self.origin}/parquet"

    def _start_server(self) -> None:
        self._child("server", ["-m", "tgd", "serve"], self._environ(), self.server_log)

    def _start_room(self) -> None:
        given = {"SALLE_TOKEN": self._secrets["line"]}
        given["SALLE_INBOUND_TOKEN"] = self._secrets["inbound"]
        command = ["-m", "tgd.demo.salle", "--port", str(self._room_port), "--room", ROOM]
        command += ["--inbound", f"{self.origin}/api/v1/cisu/inbound"]
        self._child("room", command, _plain() | given, self.folder / "room.log")

    async def _start_phones(self) -> str:
        every = [name(number) for number in range(1, COUNT + 1)]
        await self._closed.enrol(self._database_url, self._broker, every)
        page = self._phones_page()
        await self.phones.start()
        async with asyncio.timeout(_READY_S):
            await self.phones.until(lambda: len(self.phones.connected) == COUNT)
        self.phones.order([name(COUNT)], "place", reception="off")  # its holder refused
        if page is not None:
            await page.start()
        return f"{name(1)} … {name(COUNT)}"

    def _phones_page(self) -> PhonesPage | None:
        """Return the phones' page where there is one; it hears them from their first event on."""
        if not self._by_hand:
            return None
        links = self._pages() | {"console": f"{self.origin}/console"}
        page = PhonesPage(self.phones, port=self._phones_port, links=links)
        self._stack.push_async_callback(page.stop)
        return page

    async def _server_ready(self) -> str:
        async with aiohttp.ClientSession() as session:
            await self._answers(session, f"{self.origin}/readyz", "server")
            await self._answers(session, f"{self.room_origin}/livez", "room")
        return self.origin

    async def _answers(self, session: aiohttp.ClientSession, url: str, what: str) -> None:
        """Wait until the address answers 200."""
        end = time.monotonic() + _READY_S
        while time.monotonic() < end and self._children[what].running():
            with contextlib.suppress(aiohttp.ClientError, OSError):  # not there yet
                async with session.get(url) as response:
                    if response.ok:
                        return
            await asyncio.sleep(_POLL_S)
        words = _last_words(self.folder / f"{what}.log")
        raise StageFailed(f"the {what} does not start: {words}")

    def _child(
        self, what: str, arguments: list[str], environ: Mapping[str, str], log: Path
    ) -> None:
        child = Child([sys.executable, *arguments], log=log, environ=environ)
        self._children[what] = child
        self._stack.push_async_callback(_in_thread, lambda: self._end_child(what))

    def _end_child(self, what: str) -> None:
        self._children.pop(what).end(signal.SIGTERM)

    async def _tgd(self, *arguments: str, typed: str = "") -> str:
        """Run a command of the product; returns what it printed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tgd", *arguments),
            cwd="/",
            env=self._environ(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, err = await process.communicate(typed.encode() + b"\n")
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            words = err.decode(errors="replace").strip().rpartition("\n")[2]
            raise StageFailed(f"tgd {' '.join(arguments[:2])}: {words}")
        return out.decode().strip()

    def _environ(self) -> dict[str, str]:
        return _plain() | {
            "TGD_DATABASE_URL": self._database_url,
            **self._closed.environ(self._broker, self.folder / "broker"),
            "TGD_SECRET_KEY": self._key,
            "TGD_KEY_DIR": str(self.folder / "keys"),
            "TGD_HTTP_LISTEN": f"127.0.0.1:{self._port}",
            "TGD_PUBLIC_URL": f"http://127.0.0.1:{self._port}",
            "TGD_CALLBACK_NUMBER": _CALLBACK,
            "TGD_DEMO_PAGES": ",".join(self._pages().values()),
        }

    def _pages(self) -> dict[str, str]:
        """Return the addresses of the demo's own pages."""
        pages = {"salle": f"{self.room_origin}/salle"}
        return pages | ({"phones": f"{self.phones_origin}/phones"} if self._by_hand else {})


def _stop_all(brokers: list[Broker]) -> None:
    for broker in brokers:
        broker.stop()


async def _together(*works: Coroutine[Any, Any, Any]) -> list[Any]:
    """Do all of it at once; where one fails, the others are ended before that is told."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise


async def _in_thread(work: Callable[[], object]) -> None:
    """Do blocking work to its end, even if we are broken off meanwhile: half done is orphaned."""
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _plain() -> dict[str, str]:
    """Return our environment without settings meant for another server."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("TGD_", "SALLE_", "DEMO_"))}


def _port(wanted: int) -> int:
    """Return this port if it is free, else any that is."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found: int = probe.getsockname()[1]
                return found
    raise StageFailed("there is no free port on the loopback")


def _password() -> str:
    """Return a password that a person can read off a screen: 60 bits in three groups."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(3))


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return " / ".join(lines[-3:]) or "it said nothing"
