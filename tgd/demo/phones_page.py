"""The page ``/phones``: the demo's eight phones as a person would hold them, in a browser.

Serves whoever tries the product. It has a small server of its own beside the simulated room's:
the phones hang on a pipe that only the demo's own process holds, whereas the room is a process that
acceptance tests and benchmarks also run without any phones. Promises: it listens on the loopback
only and answers browsers that ask for a loopback address only; nothing can be ordered from another
site's page; it cannot be started but with phones, which only the demo has; what the phone shows at
her discreet gesture is sent when that gesture is made, and kept nowhere.

    GET  /phones           the page
    GET  /phones/ground    the plan, the places, the other pages' addresses
    GET  /phones/events    server-sent: ``all`` at first, then ``phones``, ``fact`` and ``glanced``
    POST /phones/orders    one order of ``phones_orders``: 204, or why not
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from tgd.demo import phones_orders
from tgd.demo.page_files import kind, page_files
from tgd.demo.phones import COUNT, Event, Phones, PhonesFailed, name
from tgd.demo.phones_ground import ground, home
from tgd.demo.phones_seen import Seen

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HOST: Final = "127.0.0.1"
LARGEST: Final = 1024
_LEVELS = (92, 78, 64, 100, 55, 83, 31, 97)  # batteries as eight persons would have charged them
_REFUSED = "off"  # the receiver of a phone whose holder refused to be located
_FACTS_KEPT, _TOLD_KEPT = 200, 1000
_EACH_S, _QUIET_S, _WRITE_S, _STOP_S = 1.0, 10.0, 5.0, 1.0
_STILL_HERE = b": still here\n\n"
_GUARDS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class PhonesPage:
    """The page and what it knows. ``start`` it once the phones are connected; ``stop`` ends it.

    Made before the phones start, it misses none of their events. ``links`` are addresses of other
    pages by name (``console``, ``salle``); ``port`` 0 takes a free one.
    """

    def __init__(
        self, phones: Phones, *, port: int = 0, links: Mapping[str, str] | None = None
    ) -> None:
        self.port = port
        self._phones = phones
        self._seen = {phone: Seen(phone, *home(phone)) for phone in map(name, range(1, COUNT + 1))}
        self._ground = msgspec.json.encode(ground() | {"links": dict(links or {})})
        self._files = page_files("phones")
        self._facts: deque[dict[str, Any]] = deque(maxlen=_FACTS_KEPT)
        self._told: deque[bytes] = deque(maxlen=_TOLD_KEPT)
        self._count = 0
        self._news = asyncio.Event()
        self._ended = False
        self._runner: web.AppRunner | None = None
        phones.listeners.append(self._hear)

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.port}/phones"

    async def start(self) -> None:
        """Put each phone at its holder's home, charged, and listen."""
        for number, seen in enumerate(self._seen.values()):
            seen.reception = _REFUSED if number == COUNT - 1 else seen.reception
            phones_orders.put(self._phones, seen, seen.lat, seen.lon)
            charged = phones_orders.Battery(seen.phone, _LEVELS[number], plugged=False)
            phones_orders.obey(charged, self._phones, seen)
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=_STOP_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening, end every stream."""
        self._ended = True
        self._wake()
        self._phones.listeners.remove(self._hear)
        if self._runner is not None:
            await self._runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST, middlewares=[_own_browsers])
        app.router.add_get("/phones", self._page)
        app.router.add_get("/phones/ground", self._plan)
        app.router.add_get("/phones/events", self._events)
        app.router.add_get("/phones/static/{name}", self._static)
        app.router.add_post("/phones/orders", self._order)
        app.on_response_prepare.append(_guard)
        return app

    def _hear(self, event: Event) -> None:
        """Take in what happened to a phone, and tell whoever looks."""
        seen = self._seen.get(event.phone)
        if seen is None:  # a refusal names none, and ends the demo elsewhere
            return
        fact = seen.hear(event)
        if fact is not None:
            self._facts.append(fact)
            self._tell("fact", fact)
        elif event.kind == "glanced":
            self._tell("glanced", {"phone": event.phone, "state": event.details["state"]})
        self._wake()

    def _tell(self, event: str, told: object) -> None:
        self._told.append(_sse(event, told))
        self._count += 1

    async def _page(self, _request: web.Request) -> web.Response:
        return self._file("phones.html")

    async def _static(self, request: web.Request) -> web.Response:
        return self._file(request.match_info["name"])

    def _file(self, wanted: str) -> web.Response:
        body = self._files.get(wanted)
        if body is None:
            raise web.HTTPNotFound
        return web.Response(body=body, content_type=kind(wanted), charset="utf-8")

    async def _plan(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._ground, content_type="application/json")

    async def _order(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":  # other sites' forms cannot send this one
            return web.Response(status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        try:
            order = phones_orders.read(await request.read())
            phones_orders.obey(order, self._phones, self._seen[order.phone])
        except KeyError:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        except ValueError as wrong:
            return web.Response(status=HTTPStatus.UNPROCESSABLE_ENTITY, text=str(wrong))
        except PhonesFailed as failed:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=str(failed))
        self._wake()
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Tell everything once, then what is new, until either side goes."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            await response.prepare(request)
            await self._narrate(response)
        except (ConnectionError, TimeoutError):
            response.force_close()  # the browser has gone, or takes nothing any more
        return response

    async def _narrate(self, response: web.StreamResponse) -> None:
        heard, shown = self._count, self._snapshot()
        told = [_sse("all", {"phones": shown, "facts": list(self._facts)})]
        while not self._ended:
            await _write(response, b"".join(told) or _STILL_HERE)
            await self._something()
            told = self._told_since(heard)
            heard, before, shown = self._count, shown, self._snapshot()
            if shown != before:
                told.append(_sse("phones", shown))

    def _told_since(self, heard: int) -> list[bytes]:
        """Return what was told after the first ``heard``; what is too old to be kept is missed."""
        fresh = min(self._count - heard, len(self._told))
        return list(self._told)[len(self._told) - fresh :]

    async def _something(self) -> None:
        """Wait for something to tell: each second while anybody is under way."""
        moving = any(seen.towards for seen in self._seen.values())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_EACH_S if moving else _QUIET_S):
                await self._news.wait()

    def _snapshot(self) -> list[dict[str, Any]]:
        now = time.time()
        for seen in self._seen.values():
            seen.follow(now)
        return [msgspec.to_builtins(seen) for seen in self._seen.values()]

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


@web.middleware
async def _own_browsers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what another site's page, or a name that it has pointed at us, would ask."""
    asked = urlsplit(f"//{request.host}").hostname
    if asked not in {HOST, "localhost"}:
        raise web.HTTPMisdirectedRequest
    site = request.headers.get("Sec-Fetch-Site", "none")
    if request.method != "GET" and site not in {"none", "same-origin"}:
        raise web.HTTPForbidden
    return await handler(request)


async def _guard(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_GUARDS)


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(_WRITE_S):
        await response.write(data)


def _sse(event: str, told: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (event.encode(), msgspec.json.encode(told))
