"""The doctor's look at the control rooms: could a dispatch leave by each line?

Serves arrow 3. Every address is well-formed, its host answers a TCP connection, and its token opens
with this ``TGD_SECRET_KEY``. Nothing is posted: a room must never take a check for a case.
"""

import asyncio
import os
from collections.abc import AsyncIterator

from tgd.cli.findings import FAILED, OK, WARNING, Finding
from tgd.config import Config
from tgd.errors import Invalid
from tgd.platform.channels.cisu_https import check_url
from tgd.seal import SealBroken, Sealer
from tgd.store import rooms
from tgd.store.command import transaction

CONNECT_S = 3.0


async def examine_rooms(config: Config) -> AsyncIterator[Finding]:
    """Yield what was found of the rooms and of each of their lines."""
    async with transaction(config.database_url) as connection:
        told = await rooms.told(connection)
        lines = await rooms.lines(connection)
    yield _default(told)
    for room in told:
        if not room.lines:
            why = "nothing can be sent to it: a dispatch is a voice task"
            yield Finding(WARNING, f"room {room.id}", why)
    sealer = Sealer(config.secret_key) if config.secret_key else None
    for finding in await asyncio.gather(*(_line(line, sealer) for line in lines)):
        yield finding


def _default(told: list[rooms.RoomRow]) -> Finding:
    if not told:
        why = "there is none: every dispatch is a red voice task (tgd rooms import)"
        return Finding(WARNING, "rooms", why)
    default = next((room.id for room in told if room.is_default), None)
    if default is None:
        why = f"none is the default: {told[0].id} takes what no zone claims"
        return Finding(WARNING, "rooms", why)
    return Finding(OK, "rooms", f"{len(told)}; {default} takes what no zone claims")


async def _line(line: rooms.LineRow, sealer: Sealer | None) -> Finding:
    what = f"room {line.room_id}, line {line.line}"
    if line.adapter not in rooms.ELECTRONIC:
        return Finding(WARNING, what, f"nothing is sent by {line.adapter} yet")
    token = _token(line, sealer)
    if token is not None:
        return Finding(FAILED, what, token)
    try:
        url = check_url(line.url or "")
    except Invalid as error:
        return Finding(FAILED, what, f"its address cannot be used: {error.detail}")
    where = f"{url.host}:{url.port}"
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(url.host, url.port)
    except TimeoutError:
        return Finding(FAILED, what, f"{where} does not answer within {CONNECT_S:.0f} s")
    except OSError as error:
        return Finding(FAILED, what, f"{where} cannot be reached: {_reason(error)}")
    writer.close()
    return Finding(OK, what, f"{where} takes connections (nothing was sent)")


def _reason(error: OSError) -> str:
    """Return the system's words alone; asyncio adds the address to them."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


def _token(line: rooms.LineRow, sealer: Sealer | None) -> str | None:
    """Return what is wrong with the line's token, if anything is."""
    if line.token is None or sealer is None:
        return None
    try:
        sealer.open(line.token, rooms.token_purpose(line.room_id, line.line))
    except SealBroken:
        return "its token does not open with this TGD_SECRET_KEY: import the rooms again"
    return None
