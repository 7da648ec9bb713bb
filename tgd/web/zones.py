"""The zones' borders for the console's map, by the number of the set: no position in the address.

Serves arrow 2. A set never changes: its picture is made once, outside the event loop, and the last
one is kept; browsers keep it for an hour. Nothing here decides who is competent.
"""

import asyncio
import gzip

from aiohttp import web

from tgd.errors import NotFound
from tgd.geo import outline
from tgd.store import zones
from tgd.web.context import Context

_KEPT = {"Cache-Control": "private, max-age=3600", "Vary": "Accept-Encoding"}
_LONGEST_NO = 9  # digits


class Zones:
    """The route ``GET /zones/{no}``."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._made: tuple[int, bytes] | None = None  # the number and its picture, gzipped
        self._making = asyncio.Lock()

    async def get(self, request: web.Request) -> web.Response:
        """Answer the borders of one set as a GeoJSON FeatureCollection."""
        text = request.match_info["no"]
        if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NO):
            raise NotFound("zone set")
        picture = await self._picture(int(text))
        headers = dict(_KEPT)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
        else:
            picture = await asyncio.to_thread(gzip.decompress, picture)
        return web.Response(body=picture, content_type="application/geo+json", headers=headers)

    async def _picture(self, no: int) -> bytes:
        async with self._making:  # two hundred consoles ask at once after a restart
            if self._made is None or self._made[0] != no:
                self._made = no, await self._draw(no)
            return self._made[1]

    async def _draw(self, no: int) -> bytes:
        drawn: list[str] = []
        async with self._database.connection() as connection:
            async for page in zones.pages(connection, no):
                drawn += await asyncio.to_thread(outline.features, page)
        if not drawn:
            raise NotFound("zone set")
        return await asyncio.to_thread(_packed, drawn)


def _packed(drawn: list[str]) -> bytes:
    text = '{"type":"FeatureCollection","features":[' + ",".join(drawn) + "]}"
    return gzip.compress(text.encode(), mtime=0)
