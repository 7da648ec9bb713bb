"""The doctor's look at the control rooms: could a dispatch leave by each line?

Serves arrow 3. Every address is well-formed, its host answers a TCP connection (a RabbitMQ lets
us in, see ``doctor_amqp``), and its token opens with this ``TGD_SECRET_KEY``. Nothing is posted: a
room must never take a check for a case.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tgd.cli.doctor_amqp import examine_amqp, until
from tgd.cli.findings import FAILED, OK, WARNING, Finding
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import Invalid, Temporary
from tgd.platform.channels import certificates, https_address
from tgd.platform.domain.line_alarms import Found, of_line
from tgd.seal import SealBroken, Sealer
from tgd.store import rooms
from tgd.store.command import transaction

CONNECT_S = 3.0

_ALARMS: Mapping[str, str] = MappingProxyType(
    {
        "certificate_over": "its certificate ended on {at}",
        "certificate_7": "its certificate ends on {at}",
        "certificate_30": "its certificate ends on {at}",
        "own_certificate_over": "our certificate for it ended on {at}",
        "own_certificate_7": "our certificate for it ends on {at}",
        "own_certificate_30": "our certificate for it ends on {at}",
        "refuses": "since {at} it refuses whatever is sent by it: {why}",
        "stranger": "on {at} somebody who is no room of its broker wrote to us there",
    }
)


async def examine_rooms(config: Config) -> AsyncIterator[Finding]:
    """Yield what was found of the rooms and of each of their lines."""
    async with transaction(config.database_url) as connection:
        told = await rooms.told(connection)
        lines = await rooms.lines(connection)
        now = Clock().now()
        standing = await rooms.overview(connection, now)
    yield _default(told)
    for finding in filter(None, map(_unproved, standing)):
        yield finding
    for one in standing:
        for line in one["lines"]:
            for finding in _alarms(f"room {one['id']}, line {line['line']}", line, now):
                yield finding
    for room in told:
        if not room.lines:
            why = "nothing can be sent to it: a dispatch is a voice task"
            yield Finding(WARNING, f"room {room.id}", why)
    sealer = Sealer(config.secret_key) if config.secret_key else None
    sender = config.sender_id
    for finding in await asyncio.gather(*(_line(line, sealer, sender) for line in lines)):
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


def _unproved(room: Mapping[str, Any]) -> Finding | None:
    """Say which lines nobody was ever seen to read."""
    what = f"room {room['id']}"
    if room["simulated"]:
        return Finding(WARNING, what, "simulated: its lines are never live")
    never = [
        str(line["line"])
        for line in room["lines"]
        if line["adapter"] in rooms.ELECTRONIC and line["live_since"] is None
    ]
    if not never:
        return None
    why = f"never tried, so not live: line {', '.join(never)} (tgd rooms exercise {room['id']})"
    return Finding(WARNING, what, why)


def _alarms(what: str, line: Mapping[str, Any], now: datetime) -> Iterator[Finding]:
    """Say what the server has found wrong with a line while it served."""
    found = Found(*(line[name] and datetime.fromisoformat(line[name]) for name in Found._fields))
    for code, at in of_line(found, now):
        state = FAILED if code == "refuses" or code.endswith("_over") else WARNING
        yield Finding(
            state,
            what,
            _ALARMS[code].format(at=at.astimezone().isoformat(" ", "minutes"), why=line["refusal"]),
        )


async def _line(line: rooms.LineRow, sealer: Sealer | None, sender: str) -> Finding:
    what = f"room {line.room_id}, line {line.line}"
    if line.adapter not in rooms.ELECTRONIC:
        return Finding(WARNING, what, f"nothing is sent by {line.adapter} yet")
    token = _token(line, sealer)
    if token is not None:
        return Finding(FAILED, what, token)
    if line.adapter == "amqp":
        return await examine_amqp(what, line, sealer, sender)
    return await _called(what, line)


async def _called(what: str, line: rooms.LineRow) -> Finding:
    """Say whether whoever is to be posted to takes connections, with TLS where it is to be."""
    try:
        url, files = https_address.read(line.url or "")
        trust = certificates.context(files) if url.scheme == https_address.TLS else None
        ours = certificates.ours_until(files)
    except Invalid as error:
        return Finding(FAILED, what, f"its address cannot be used: {error.detail}")
    except Temporary as error:
        return Finding(FAILED, what, str(error))
    where = f"{url.host}:{url.port}"
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(url.host, url.port, ssl=trust)
    except TimeoutError:
        return Finding(FAILED, what, f"{where} does not answer within {CONNECT_S:.0f} s")
    except ssl.SSLError as error:
        return Finding(FAILED, what, f"{where}: TLS: {error.reason or type(error).__name__}")
    except OSError as error:
        return Finding(FAILED, what, f"{where} cannot be reached: {_reason(error)}")
    theirs = certificates.theirs_until(writer.get_extra_info("peercert"))
    writer.transport.abort()
    ends = until(certificates.Valid(theirs, ours))
    return Finding(OK, what, f"{where} takes connections (nothing was sent){ends}")


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
