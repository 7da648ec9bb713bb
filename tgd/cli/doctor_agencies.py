"""The doctor's look at agencies' own logins: is the file right, does each issuer answer rightly?

Serves the pages for people. Nobody is logged in: what an issuer publishes is read, no more.
"""

from collections.abc import AsyncIterator

from tgd.cli.counts import counted
from tgd.cli.findings import FAILED, OK, WARNING, Finding
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import Rejected, Temporary
from tgd.web import agencies
from tgd.web.issuer import Issuer


async def examine_agencies(config: Config) -> AsyncIterator[Finding]:
    """Yield what was found; nothing where no agency is configured."""
    try:
        known = agencies.load(config.oidc)
    except agencies.WrongFile as error:
        yield Finding(FAILED, "agencies", str(error))
        return
    for agency in known.every.values():
        yield await _agency(agency, known.back(agency))


async def _agency(agency: agencies.Agency, back: str) -> Finding:
    what, issuer = f"agency {agency.id}", Issuer(agency, Clock())
    try:
        keys = await issuer.keys()
    except (Rejected, Temporary) as error:
        return Finding(FAILED, what, str(error))
    finally:
        await issuer.close()
    if not keys:
        return Finding(FAILED, what, "the issuer publishes no key that signs")
    if not agency.grants:
        return Finding(WARNING, what, "no [[agency.grant]]: nobody comes in by it")
    has = f"{counted(keys, 'key')}, {counted(len(agency.grants), 'grant')}"
    said = f"answers, {has}; registered there must be {back}"
    return Finding(OK, what, said)
