"""The simulated control room: it takes envelopes, keeps cases, and answers as it was told to.

Serves the demonstration, the acceptance tests and the benchmark of arrow 3, from outside the
platform: over HTTP only, in a process of its own if wanted. It promises to take each message once,
to time each arrival before doing anything else, to repeat its own answers until the platform says
2xx, and to follow its orders (delays, refusals, silence, HTTP errors), which may change at any
time. One ``Salle`` may be several rooms, told apart by the address on the envelope. The page
``/salle`` shows what the envelopes say and lets a person answer by hand. It has no login and is
for loopback: nothing here may ever receive a real case.
"""

import asyncio
import hmac
import logging
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer
import uvloop
from aiohttp import web

from tgd.demo.salle_envelope import Envelope, Step, read_case, reply, written
from tgd.demo.salle_page import Desk, problem
from tgd.demo.salle_room import (
    Answer,
    Arrival,
    Behaviour,
    Room,
)
from tgd.errors import Invalid, Rejected, Temporary
from tgd.platform.channels.cisu_https import CisuHttps
from tgd.platform.channels.cisu_wire import address
from tgd.platform.channels.https_address import check_url

ADDRESS = "fr.police.cic86"
LARGEST = 64 * 1024
_SEND_S, _HANGS_S = 5.0, 600.0
_FIRST_WAIT_S, _LONGEST_WAIT_S, _REJECTED_WAIT_S = 0.1, 1.0, 2.0
_log = logging.getLogger(__name__)


class Salle:
    """Simulated rooms behind one port.

    ``token`` is what the platform must present (Bearer); ``inbound`` is the platform's
    ``/api/v1/cisu/inbound`` and ``inbound_tokens`` the rooms' own tokens for it by address (the
    entry ``""`` serves all others). ``port`` 0 takes a free one; see ``url`` after ``start``.
    """

    def __init__(
        self,
        *,
        token: str,
        inbound: str,
        inbound_tokens: Mapping[str, str],
        host: str = "127.0.0.1",
        port: int = 0,
        behaviour: Behaviour | None = None,
    ) -> None:
        self.inbound = str(check_url(inbound))
        self.arrivals: list[Arrival] = []
        self.rooms: dict[str, Room] = {}
        self._bearer = f"Bearer {token}".encode()
        self._tokens = dict(inbound_tokens)
        self._host, self._port = host, port
        self._default = behaviour or Behaviour()
        self._channel = CisuHttps()
        self._desk = Desk(self)
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises ``OSError`` if the port is taken."""
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, backlog=1024).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening, answering and repeating; what was not delivered stays so."""
        if self._runner is not None:
            await self._runner.cleanup()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._channel.close()

    @property
    def origin(self) -> str:
        """The root of this server's addresses, with its slash."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}/"

    @property
    def url(self) -> str:
        """The address that a line of a room is configured with."""
        return f"{self.origin}cisu"

    @property
    def page(self) -> str:
        """The address of the page for people."""
        return f"{self.origin}salle"

    def room(self, name: str = ADDRESS) -> Room:
        """Return the room of that address; it comes into being on being named."""
        found = self.rooms.get(name)
        if found is None:
            found = self.rooms[name] = Room(name, self._default)
        return found

    async def until(self, fact: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Wait until ``fact`` holds, looking at each piece of news; TimeoutError if it never."""
        async with asyncio.timeout(timeout_s):
            while not fact():
                await self._news.wait()

    def say(self, room: Room, told: Envelope, step: Step, because: str | None = None) -> None:
        """Answer a message now, as a person at the room would; repeated until it is taken."""
        self._spawn(self._answer(room, told, step, because))

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST)
        app.router.add_post("/cisu", self._take)
        app.router.add_get("/livez", _alive)
        self._desk.add_to(app)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        monotonic, wall = time.monotonic(), time.time()
        presented = request.headers.get("Authorization", "").encode(errors="replace")
        if not hmac.compare_digest(presented, self._bearer):
            return web.Response(status=401)
        try:
            raw = await request.read()
            told = read_case(raw)
        except ValueError as error:
            return problem(str(error))
        room = self.room(told.room)
        status = room.status(monotonic)
        if room.behaviour.slow_s:
            await asyncio.sleep(room.behaviour.slow_s)
        if status is not None:
            self.tell()
            return web.Response(status=status, headers=_turned_away(room))
        self._keep(room, told, raw, (monotonic, wall))
        if room.behaviour.hangs:
            await asyncio.sleep(_HANGS_S)
        return web.Response(status=202)

    def _keep(self, room: Room, told: Envelope, raw: bytes, at: tuple[float, float]) -> None:
        new = room.take(told, raw)
        monotonic, wall = at
        self.arrivals.append(
            Arrival(
                distribution_id=told.distribution_id,
                case_id=told.case.case_id,
                room=told.room,
                kind=told.kind,
                exercise=told.exercise,
                duplicate=not new,
                monotonic=monotonic,
                wall=wall,
            )
        )
        if new and room.behaviour.answers:
            self._spawn(self._converse(room, told))
        elif not new and room.behaviour.answers:
            self._spawn(self._repeat(room, told))
        self.tell()

    async def _converse(self, room: Room, told: Envelope) -> None:
        """Say one step after the other, each after its delay, under the orders of that moment."""
        affair = room.cases[told.case.case_id]
        steps: tuple[Step, ...] = ("RECU", "INTEGRE", "CONSULTE")
        if room.refuses():
            steps = ("ERREUR",)
        else:
            affair.taken_up += 1
            if not told.exercise and affair.taken_up == 1:  # a patrol leaves once, for a real case
                steps = (*steps, "engaged", "on_scene")
        for step in steps:
            delay = room.behaviour.delay(step)
            if delay is None or not room.behaviour.answers:
                return
            await asyncio.sleep(delay)
            await self._answer(room, told, step)

    async def _repeat(self, room: Room, told: Envelope) -> None:
        """Acknowledge again, as far as before: the message came again, so that may be lost."""
        said = room.cases[told.case.case_id].answers
        mine = [
            one.step for one in said if one.about == told.distribution_id and one.step.isupper()
        ]
        if mine:
            await self._answer(room, told, mine[-1])

    async def _answer(
        self, room: Room, told: Envelope, step: Step, because: str | None = None
    ) -> None:
        answer = Answer(step=step, about=told.distribution_id, at=time.time(), because=because)
        room.cases[told.case.case_id].answers.append(answer)
        self.tell()
        for _ in range(2 if room.behaviour.twice else 1):
            said = reply(told, step, datetime.now(UTC), because)
            await self._deliver(room, written(said, room.behaviour.wrong))
        answer.delivered = True
        self.tell()

    async def _deliver(self, room: Room, body: bytes) -> None:
        """POST until the platform says 2xx; every failure is noted at the room."""
        token = self._tokens.get(room.address, self._tokens.get(""))
        wait = _FIRST_WAIT_S
        while True:
            try:
                await self._channel.send(self.inbound, token, body, _SEND_S)
            except Temporary as error:
                room.troubles.append(str(error))
            except Rejected as error:
                room.troubles.append(str(error))
                wait = _REJECTED_WAIT_S  # the same again will hardly please, but a fix may come
            else:
                return
            self.tell()
            if room.behaviour.wrong is not None:
                return  # said once: it does not get better
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT_S)

    def _spawn(self, conversation: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(conversation, name="salle")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("simulated room: a conversation broke off", exc_info=error)

    def tell(self) -> None:
        """Say that there is news, to whoever waits for a fact."""
        news, self._news = self._news, asyncio.Event()
        news.set()


def _turned_away(room: Room) -> dict[str, str]:
    told = room.behaviour
    headers = (
        {"Location": "/elsewhere"}
        if told.http_status == web.HTTPMovedPermanently.status_code
        else {}
    )
    if told.retry_after_s is not None:
        headers["Retry-After"] = f"{told.retry_after_s:.0f}"
    return headers


async def _alive(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


cli = typer.Typer(add_completion=False)


@cli.command()
def main(
    *,
    inbound: Annotated[str, typer.Option(help="The platform's /api/v1/cisu/inbound.")],
    token: Annotated[
        str, typer.Option(envvar="SALLE_TOKEN", help="The bearer token that the platform presents.")
    ],
    inbound_token: Annotated[
        str,
        typer.Option(envvar="SALLE_INBOUND_TOKEN", help="The room's own; unsaid: the same."),
    ] = "",
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8086,
    room: Annotated[str, typer.Option(help="The first room's address.")] = ADDRESS,
    orders: Annotated[
        str, typer.Option(help='The behaviour as JSON, e.g. {"refuse_first": 1, "recu_s": 0.2}.')
    ] = "{}",
) -> None:
    """Run simulated control rooms until interrupted; prints the line's address and the page's."""
    try:
        salle = Salle(
            token=token,
            inbound=inbound,
            inbound_tokens={"": inbound_token or token},
            host=host,
            port=port,
            behaviour=msgspec.json.decode(orders, type=Behaviour),
        )
        salle.room(address("room", room))
        uvloop.run(_serve(salle))
    except (ValueError, Invalid, OSError) as error:
        raise typer.BadParameter(str(error)) from None


async def _serve(salle: Salle) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await salle.start()
    typer.echo(f"salle: {salle.url}  page: {salle.page}")
    await stop.wait()
    await salle.stop()


if __name__ == "__main__":
    cli()
