"""The demo's pages under the server's own address: `/phones` and `/salle` lead to where they stand.

Serves whoever tries the product and looks for every page beside the console. It is not in the table
of routes on purpose: without ``TGD_DEMO_PAGES``, which only the demo sets, a server has no such
route at all.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp import web

from tgd.web.errors import Handler


def lead(app: web.Application, pages: Sequence[str]) -> None:
    """Have each page's path lead to its address."""
    for page in pages:
        app.router.add_get(urlsplit(page).path, _leading_to(page))


def _leading_to(page: str) -> Handler:
    async def elsewhere(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect(page)

    return elsewhere
