"""What a phone comes in with, over HTTP: a code that is shown once, and the leaflet for its holder.

Serves the prosecutor's page when a phone is prepared. Promises: what is secret is in the answer to
the act that made it and in no other; it is in no cache, no log and no page's address; who gave it
is in the journal before it leaves. The answer to the same act sent again is that it was shown
already: a code that may be on another screen is replaced, never repeated.
"""

import asyncio
from contextlib import suppress

from aiohttp import web

from tgd.devices.authority import Authority, NoAuthority
from tgd.errors import NotFound, Refused
from tgd.justice import leaflet, provisioning
from tgd.store import stock
from tgd.store.acts import Done
from tgd.web import acts, office_in, reading
from tgd.web.access import CALLER
from tgd.web.answers import answer
from tgd.web.context import Context
from tgd.web.office import plain


class Enrolments:
    """The handlers; each runs behind the guard of its route."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._clock = context.clock
        self._office = context.office
        self._config = context.config

    async def enrol(self, request: web.Request) -> web.Response:
        """Give a phone its credential, and show it this once."""
        caller, device = request[CALLER], request.match_info["id"]
        fields = await reading.said(request)
        renew, at_hand = (
            office_in.flag(fields, name, default=False) for name in ("renew", "at_hand")
        )
        async with self._database.connection() as connection:
            own = await office_in.scope(connection, caller)
            if not await stock.listed(connection, own, device=device):
                raise NotFound("device")
        authority = await asyncio.to_thread(self._authority)
        office = acts.under(request, self._office)
        try:
            issued = await office.enrolling.enrol(
                device, authority, caller.name, own, renew=renew, at_hand=at_hand
            )
        except Done:
            detail = "the code was shown: what may be on another screen is replaced, not repeated"
            raise Refused("shown_already", detail) from None
        brokers = provisioning.brokers(self._config.phone_mqtt_urls)
        code = await asyncio.to_thread(provisioning.code, issued, brokers)
        shown = {
            "device": device,
            "serial": issued.certificate.serial,
            "until": issued.certificate.expires_at,
            "brokers": brokers,
            "trust": issued.trusted,
            "code": provisioning.rows(code),
        }
        return answer(plain(shown))

    async def leaflet(self, _request: web.Request) -> web.Response:
        """Answer the holder's leaflet, which names nobody and no phone."""
        made = await asyncio.to_thread(leaflet.pdf, self._clock.now())
        return web.Response(body=made, content_type="application/pdf")

    def _authority(self) -> Authority:
        folder = self._config.ca_dir
        with suppress(NoAuthority):
            if folder is not None:
                return Authority.load(folder, self._office.sealer)
        raise Refused("no_authority", "the server has no authority: see tgd authority init")
