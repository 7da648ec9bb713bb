"""What a page of the demo loads: its own files, its texts, and the scripts that read texts.

Serves the phones' page and the simulated room's. Their texts stand in catalogues as those of the
other pages do (``tgd.web.catalogue``), under ``tgd/demo/locale``; the script that puts them in
place is the other pages' own, so that there is one of it.
"""

import re
from importlib.resources import files
from typing import Final

from tgd.web.catalogue import served
from tgd.web.filling import filled

_PACKAGE: Final = "tgd.demo"
_TEXTS: Final = "texts.js"
_IMPORTED: Final = re.compile(rb'\bfrom "\./([\w.]+)"')
_KINDS: Final = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "json": "application/json",
    "svg": "image/svg+xml",
}


def page_files(page: str) -> dict[str, bytes]:
    """Return the files whose names begin with the page's, the page filled in, and its texts."""
    found = {
        item.name: item.read_bytes()
        for item in files(_PACKAGE).joinpath("static").iterdir()
        if item.name.startswith(page)
    }
    name = f"{page}.html"
    found[name] = filled(found[name].decode(), page, _PACKAGE).encode()
    return found | _shared(_TEXTS) | served(page, _PACKAGE)


def _shared(script: str) -> dict[str, bytes]:
    """Return a script of the pages for people, and those that it cannot do without."""
    found: dict[str, bytes] = {}
    wanted = [script]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = files("tgd.web").joinpath("static", name).read_bytes()
            wanted += [one.decode() for one in _IMPORTED.findall(found[name])]
    return found


def kind(name: str) -> str:
    """Return the media type of a file of that name."""
    return _KINDS[name.rpartition(".")[2]]
