"""What machines ask: alive, ready, measured, described.

Serves operation. These routes are open: the listening address is private, and nothing here names a
person or a phone. ``/livez`` says that the process answers; ``/readyz`` names each thing that must
be well; ``/metrics`` is Prometheus' text.
"""

from http import HTTPStatus
from importlib import resources

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from tgd.web.answers import answer
from tgd.web.context import Context

NOT_FOR_A_PRESS = frozenset({"amqp"})
"""Said, but no reason to send phones elsewhere: a room's broker is away for all our servers."""


class Health:
    """The open routes for machines."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._openapi = resources.files("tgd.web").joinpath("openapi.json").read_bytes()

    async def livez(self, _request: web.Request) -> web.Response:
        """Answer that the process is alive."""
        return answer({"status": "alive"})

    async def readyz(self, _request: web.Request) -> web.Response:
        """Answer what is well and what is not; 503 unless everything that a press needs is."""
        checks = dict(self._context.ready())
        well = all(fine for name, fine in checks.items() if name not in NOT_FOR_A_PRESS)
        status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        return answer({"status": "ready" if well else "not_ready", "checks": checks}, status)

    async def metrics(self, _request: web.Request) -> web.Response:
        """Answer every metric."""
        return web.Response(
            body=self._context.metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def openapi(self, _request: web.Request) -> web.Response:
        """Answer the description of this interface."""
        return web.Response(body=self._openapi, content_type="application/json")
