"""The floor of press → shown: a press heard at the broker, hinted to a page, read and put on it.

Run as ``python -m bench.floor_page PLAN.json`` (broker, the bytes that the page reads); it says its
address once it listens. No database, no rights, nothing decided: what the broker, a server, the
browser's own hint, one request, and a frame cost on this machine in any design like ours.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import uvloop
from aiohttp import web

from tgd.devices.mqtt import Arrived, MqttLink, State

TOPIC = "bench/shown/press"
MARK = "floor shown"
_PAGE = f"""<!doctype html><html lang="en"><title>Floor</title><ol id="queue"></ol><script>
const stream = new EventSource("/stream");
stream.addEventListener("alerts", async () => {{
  const page = await (await fetch("/alerts", {{ cache: "no-store" }})).json();
  const rows = page.items.map((one) => Object.assign(document.createElement("li"),
    {{ textContent: one.device }}));
  document.getElementById("queue").replaceChildren(...rows);
  requestAnimationFrame(() => setTimeout(() => performance.mark("{MARK}")));
}});
stream.addEventListener("open", () => performance.mark("listening"));
</script></html>"""


class FloorPage:
    """The page, its stream and what it reads."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._heard = asyncio.Event()

    def came(self, batch: list[Arrived], link: MqttLink) -> None:
        """Hint at each message."""
        for message in batch:
            link.ack(message.token)
        self._heard.set()
        self._heard = asyncio.Event()

    async def page(self, _request: web.Request) -> web.Response:
        """Answer the page."""
        return web.Response(text=_PAGE, content_type="text/html")

    async def alerts(self, _request: web.Request) -> web.Response:
        """Answer what a console would read."""
        return web.Response(body=self._body, content_type="application/json")

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Hint, for ever."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"retry: 1000\n\n")
        while True:
            await self._heard.wait()
            await response.write(b"event: alerts\ndata: {}\n\n")


async def _main(plan: dict[str, Any]) -> NoReturn:
    floor = FloorPage(json.dumps(plan["body"]).encode())
    listening = asyncio.Event()
    link = MqttLink(
        *("bench-floor-page", [plan["broker"]], [(TOPIC, 1)]),
        lambda batch: floor.came(batch, link),
        on_state=lambda now: listening.set() if now is State.LISTENING else None,
        keep_session=False,
    )
    app = web.Application()
    app.add_routes(
        [
            web.get("/", floor.page),
            web.get("/alerts", floor.alerts),
            web.get("/stream", floor.stream),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with asyncio.TaskGroup() as group:
        group.create_task(link.run())
        await listening.wait()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    raise AssertionError


if __name__ == "__main__":
    uvloop.run(_main(json.loads(Path(sys.argv[1]).read_text())))
