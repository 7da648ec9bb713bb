"""Giving a phone what it comes in with, from the office's page.

Promises: only a phone of the caller's tribunal; the credential, and who gave it, are one commit; a
phone that was muted is given none, a phone that has one only by saying so (``renew``), as the
former stops at once. That would mute a phone that is not there to read the new one, and one person
mutes nobody: of a phone that somebody holds it is attested to be at hand, and a lost one is not.
What was given is returned this once and kept nowhere in clear.
"""

from tgd.devices.authority import Authority
from tgd.errors import Refused
from tgd.justice import credentials
from tgd.justice.credentials import Issued
from tgd.justice.flow.desk import Desk
from tgd.store import stock
from tgd.store.db import again


class Enrolling(Desk):
    """The act; ``own`` is the caller's tribunal, None for all."""

    @again
    async def enrol(
        self,
        device: str,
        authority: Authority,
        by: str,
        own: str | None,
        *,
        renew: bool,
        at_hand: bool,
    ) -> Issued:
        """Give a phone its credential, or another one instead while it is ``at_hand``."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            row = await self._phone(connection, device, own)
            if row["muted_at"] is not None:
                raise Refused("device_muted", "the phone is muted: it must not come in again")
            if renew and row["state"] in {"lost", "stolen"}:
                raise Refused("device_state", "the phone is not at hand: its credential stays")
            if renew and row["assignment_id"] is not None and not at_hand:
                raise Refused("not_at_hand", "say that the phone is at hand: it would be mute")
            give = credentials.rotate if renew else credentials.enrol
            issued = await give(connection, self._sealer, authority, device=device, by=by, now=now)
            kind = "phone_rotated" if renew else "phone_enrolled"
            serial = issued.certificate.serial
            said = {"device": device, "serial": serial, "at_hand": at_hand}
            await stock.note(connection, now, by, kind, row["assignment_id"], **said)
            return issued
