"""Acts of the prosecutor's office over HTTP, each done once under the key that it came with.

Serves the routes of ``office``, ``assignments``, ``associations`` and ``dossier``. Browsers send a
POST again by themselves when the line breaks before its answer, and so do people (ADR 0014): what
was done under the same key is not done again, and is answered as it stands.
"""

from contextlib import suppress
from typing import Final

from aiohttp import web

from tgd.justice.office import Office
from tgd.store.acts import Done
from tgd.web import reading
from tgd.web.access import CALLER

once: Final = suppress(Done)
"""Goes on with the answer where the act was done already."""


def under(request: web.Request, office: Office) -> Office:
    """Return the office as this request's act has it: under its key, where it has one."""
    return office.under(reading.act_key(request), request[CALLER].name)
