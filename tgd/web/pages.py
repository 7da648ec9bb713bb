"""The pages for people and what they load: read once, served from memory, versioned by content.

Serves arrow 2's console. Promises: a file's address changes with the content of any (so browsers
may keep it for ever, and never mix two versions), no page loads anything from elsewhere, its texts
come out of catalogues, and every answer of the server, page or not, carries the headers that keep
browsers from harm.
"""

import hashlib
import html
import mimetypes
from collections.abc import Awaitable, Callable, Iterable, Mapping
from importlib import resources
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from aiohttp import web
from xstatic.pkg import leaflet

from tgd.web import catalogue
from tgd.web.agencies import Agency
from tgd.web.filling import filled

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that know no frame-ancestors
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TWO_YEARS = "max-age=63072000; includeSubDomains"
VERSION = "Tgd-Version"
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_SAME_WORDS = {"screen": "console", "remise": "parquet"}
"""A page that says what another one says, out of the other's catalogue."""
_LEAFLET = ("leaflet.js", "leaflet.css")
"""The map's library comes out of a package; it is loaded when somebody asks for the map."""


def policy(tiles_url: str | None) -> str:
    """Return the Content-Security-Policy; of the outside only a configured server of tiles."""
    if tiles_url is None:
        return POLICY
    parts = urlsplit(tiles_url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return POLICY.replace("img-src 'self' data:", f"img-src 'self' data: {origin}")


class Pages:
    """The static files of the package, the map's library, and the console."""

    def __init__(self, tiles_url: str | None = None, agencies: Iterable[Agency] = ()) -> None:
        folder = resources.files("tgd.web").joinpath("static")
        self._files = {
            item.name: item.read_bytes()
            for item in sorted(folder.iterdir(), key=lambda item: item.name)
            if item.is_file()
        }
        for name in _LEAFLET:
            self._files[name] = Path(leaflet.BASE_DIR, name).read_bytes()
        written = {
            name.removesuffix(".html"): self._files.pop(name).decode()
            for name in list(self._files)
            if name.endswith(".html")
        }
        for name in written.keys() - _SAME_WORDS.keys():
            self._files |= catalogue.served(name)
        texts = {name: filled(page, _SAME_WORDS.get(name, name)) for name, page in written.items()}
        self.version = _version(self._files, texts)
        ways = " ".join(_way_in(agency) for agency in agencies)
        known = {
            "{{static}}": f"/static/{self.version}",
            "{{tiles}}": html.escape(tiles_url or ""),
            "{{agencies}}": ways,
            "{{no_agency}}": "" if ways else " hidden",
        }
        self._pages = {name: _with(page, known).encode() for name, page in texts.items()}

    async def home(self, _request: web.Request) -> web.Response:
        """Send people to the console."""
        raise web.HTTPSeeOther("/console")

    async def console(self, _request: web.Request) -> web.Response:
        """Answer the operators' page; whoever is not logged in sees the login form."""
        return self.page("console")

    async def screen(self, _request: web.Request) -> web.Response:
        """Answer the page for the second monitor; it shows what the first window tells it."""
        return self.page("screen")

    async def account(self, _request: web.Request) -> web.Response:
        """Answer the page of one's own account."""
        return self.page("account")

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


def _way_in(agency: Agency) -> str:
    """Return the button of an agency's own login."""
    where = f"/api/v1/oidc/{agency.id}/start"
    return f'<a class="button agency" href="{where}">{html.escape(agency.name)}</a>'


def is_secure(request: web.Request) -> bool:
    """Say whether the browser speaks https, to us or to the proxy before us."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"


def _version(files: Mapping[str, bytes], pages: Mapping[str, str]) -> str:
    held = {**files} | {name: page.encode() for name, page in pages.items()}
    both = b"".join(name.encode() + b"\0" + what for name, what in sorted(held.items()))
    return hashlib.sha256(both).hexdigest()[:16]


def _with(page: str, known: Mapping[str, str]) -> str:
    for blank, value in known.items():
        page = page.replace(blank, value)
    return page


def guard(
    tiles_url: str | None,
    version: str,
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return what adds to every answer the headers that keep browsers from harm.

    ``version`` tells a page that stayed open over a deployment that it is an older one.
    """
    guards = {**_GUARDS, VERSION: version, "Content-Security-Policy": policy(tiles_url)}

    async def guarded(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in guards.items():
            response.headers.setdefault(name, value)
        if is_secure(request):  # whoever has come by https once does not come without any more
            response.headers.setdefault("Strict-Transport-Security", _TWO_YEARS)
        response.headers.setdefault("Cache-Control", "no-store")  # versioned files may be kept

    return guarded
