"""The doctor's look at the addresses: will an operator be told where a position is?

Serves arrow 2. No press depends on it, so nothing here is worse than a warning. An address server
is asked for the point from which French roads are measured, which is nobody's.
"""

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

from tgd.cli.counts import counted
from tgd.cli.findings import OK, WARNING, Finding
from tgd.config import Config
from tgd.errors import Temporary
from tgd.platform.address import Addok
from tgd.store import addresses
from tgd.store.command import transaction

WHAT: Final = "addresses"
_ROAD_ZERO: Final = (48.853416, 2.348800)


async def examine_addresses(config: Config) -> AsyncIterator[Finding]:
    """Yield what was found of the configured source of addresses."""
    if config.addok_url is not None:
        yield await _addok(config.addok_url)
        return
    async with transaction(config.database_url) as connection:
        extracts = await addresses.extracts(connection)
        logged = await addresses.parameters_logged(connection)
    if not extracts:
        why = "none: alerts show positions without an address (tgd addresses import)"
        yield Finding(WARNING, WHAT, why)
        return
    if logged:
        why = "the database may log near what somebody is: set its log_parameter_max_length to 0"
        yield Finding(WARNING, WHAT, why)
    count, oldest = sum(e.addresses for e in extracts), min(e.imported_at for e in extracts)
    of = f"{counted(count, 'address', 'addresses')} of {counted(len(extracts), 'department')}"
    said = f"{of}, the oldest import of {oldest:%Y-%m-%d}"
    yield Finding(OK, WHAT, said)


async def _addok(url: str) -> Finding:
    addok = Addok(url)
    where = urlsplit(url).netloc
    try:
        await addok.near(*_ROAD_ZERO)
    except Temporary as error:
        why = f"{where} does not answer ({error}): alerts show positions without an address"
        return Finding(WARNING, WHAT, why)
    finally:
        await addok.close()
    return Finding(OK, WHAT, f"{where} answers")
