"""The listening socket: one HTTP server on one private address.

Serves every route. ``start`` listens, ``stop`` lets answers under way finish for a bounded time.
TLS and public names are the reverse proxy's business.
"""

from aiohttp import web

_STOP_S = 2.0
_BACKLOG = 1024


class Server:
    """Serves one application; port 0 takes a free one, see ``port`` after ``start``."""

    def __init__(self, app: web.Application, host: str, port: int) -> None:
        # Bodies are taken as they come: one that claims a compression and has none would cost a
        # press, and one that has it would grow past every limit.
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=_STOP_S, auto_decompress=False
        )
        self._host = host
        self.port = port

    async def start(self) -> None:
        """Listen. Raises ``OSError`` if the address cannot be had."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port, backlog=_BACKLOG)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and end every stream."""
        await self._runner.cleanup()
