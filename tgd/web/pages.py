"""The pages for people and what they load: read once, served from memory, versioned by content.

Serves arrow 2's console. Promises: a file's address changes with the content of any (so browsers
may keep it for ever, and never mix two versions), no page loads anything from elsewhere, and every
answer of the server, page or not, carries the headers that keep browsers from harm.
"""

import hashlib
import mimetypes
from importlib import resources
from pathlib import PurePosixPath

from aiohttp import web

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_GUARDS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_PLACE = b"{{static}}"


class Pages:
    """The static files of the package, and the console."""

    def __init__(self) -> None:
        folder = resources.files("tgd.web").joinpath("static")
        self._files = {
            item.name: item.read_bytes()
            for item in sorted(folder.iterdir(), key=lambda item: item.name)
            if item.is_file()
        }
        both = b"".join(name.encode() + b"\0" + held for name, held in self._files.items())
        self.version = hashlib.sha256(both).hexdigest()[:16]
        place = f"/static/{self.version}".encode()
        self._pages = {
            name.removesuffix(".html"): self._files.pop(name).replace(_PLACE, place)
            for name in list(self._files)
            if name.endswith(".html")
        }

    async def home(self, _request: web.Request) -> web.Response:
        """Send people to the console."""
        raise web.HTTPSeeOther("/console")

    async def console(self, _request: web.Request) -> web.Response:
        """Answer the operators' page; whoever is not logged in sees the login form."""
        return self.page("console")

    def page(self, name: str) -> web.Response:
        """Answer a page of the package; it holds nothing until somebody has logged in."""
        return web.Response(body=self._pages[name], content_type="text/html", charset="utf-8")

    async def static(self, request: web.Request) -> web.Response:
        """Answer a file under its versioned address."""
        name = request.match_info["name"]
        if request.match_info["version"] != self.version or name not in self._files:
            raise web.HTTPNotFound
        kind = mimetypes.guess_type(PurePosixPath(name).name)[0] or "application/octet-stream"
        charset = "utf-8" if kind.startswith("text/") else None
        return web.Response(
            body=self._files[name], content_type=kind, charset=charset, headers=_FOR_EVER
        )


async def guard_browsers(_request: web.Request, response: web.StreamResponse) -> None:
    """Add what keeps browsers from harm to every answer; only versioned files may be kept."""
    for name, value in _GUARDS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
