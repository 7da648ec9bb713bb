"""``tgd phones …``: what phones prove themselves with, given, renewed, ended, looked at.

Serves arrow 1 before its first metre. What a phone needs is shown once: as a code on the terminal
(which is then on a screen and perhaps in its scroll-back), or in files that only their owner can
read and that are to be destroyed (``shred -u``) when the phone has taken them. Nothing of it is
logged; the journal has the phone and the serial.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import typer

from tgd.cli.administration import actor, say
from tgd.cli.counts import counted
from tgd.clock import Clock
from tgd.config import Config
from tgd.devices.authority import RENEW_DAYS, Authority, NoAuthority, write_private
from tgd.errors import Refused, TgdError
from tgd.justice import credentials, leaflet, provisioning
from tgd.justice.credentials import Issued
from tgd.seal import Sealer
from tgd.store import command, register
from tgd.store import credentials as store

Give = Callable[..., Awaitable[Issued]]


class NotWritten(TgdError):
    """A file could not be written; nothing has changed."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where what was issued goes; none of them: the terminal. ``brokers`` are the phones' own."""

    brokers: list[str]
    svg: Path | None = None
    png: Path | None = None
    json: Path | None = None
    leaflet: Path | None = None


async def enrol(config: Config, device: str, where: Where) -> None:
    """Give a phone its first credential, or another one after its return."""
    await _give(config, device, where, credentials.enrol, "phone_enrolled")


async def rotate(config: Config, device: str, where: Where) -> None:
    """Replace a phone's credential; the former ends at once."""
    await _give(config, device, where, credentials.rotate, "phone_rotated")
    say("the former credential is refused from now on: let the phone read the code now, then press")


async def end(config: Config, device: str) -> None:
    """End all that a phone comes in with. Only for one that is back: it is mute from then on."""
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        if await register.is_out(connection, device):
            raise Refused("still_out", f"{device} is not attested as returned: it must not be mute")
        ended = await credentials.end(connection, device=device, by=actor(), now=now)
        await command.record(connection, now, actor(), "phone_ended", {"device": device})
    say(f"{device}: {'its credential has ended' if ended else 'it had no credential'}")


async def listing(config: Config) -> None:
    """Print every phone with its credential."""
    now = Clock().now()
    async with command.transaction(config.database_url) as connection:
        rows = await store.listed(connection)
    for row in rows:
        typer.echo(f"{row.device:<16} {_state(row, now)}")
    if not rows:
        say("the register has no phone")


def leaflet_only(file: Path) -> None:
    """Write the holder's leaflet, which has no secret in it."""
    file.write_bytes(leaflet.pdf(Clock().now()))
    say(f"written: {file}")


async def _give(config: Config, device: str, where: Where, give: Give, kind: str) -> None:
    sealer, now = Sealer(config.secret_key), Clock().now()
    authority = opened(config, sealer)
    brokers = where.brokers or provisioning.brokers(config.phone_mqtt_urls)
    async with command.transaction(config.database_url) as connection:
        issued = await give(connection, sealer, authority, device=device, by=actor(), now=now)
        said = {"device": device, "serial": issued.certificate.serial}
        await command.record(connection, now, actor(), kind, said)
        # Before the commit: what could not be written was not given.
        _write(issued, brokers, authority, where, now)
    if not any((where.svg, where.png, where.json)):
        typer.echo(provisioning.terminal(provisioning.code(issued, brokers)))
    until = f"{issued.certificate.expires_at:%Y-%m-%d}"
    say(f"{device}: enrolled, serial {issued.certificate.serial}, certificate until {until}")
    say("its secrets are shown this once: destroy code and files when the phone has read them")


def _write(
    issued: Issued, brokers: list[str], authority: Authority, where: Where, now: datetime
) -> None:
    drawn = provisioning.code(issued, brokers)
    try:
        if where.svg is not None:
            write_private(where.svg, provisioning.svg(drawn))
        if where.png is not None:
            write_private(where.png, provisioning.png(drawn))
        if where.json is not None:
            write_private(where.json, provisioning.file(issued, brokers, authority.pem))
        if where.leaflet is not None:
            where.leaflet.write_bytes(leaflet.pdf(now))
    except OSError as error:
        raise NotWritten(f"cannot write {error.filename}: {error.strerror}") from None


def opened(config: Config, sealer: Sealer) -> Authority:
    """Return the authority of the configured directory; raises ``NoAuthority``."""
    if config.ca_dir is None:
        raise NoAuthority("no authority: set TGD_CA_DIR to its directory")
    return Authority.load(config.ca_dir, sealer)


def _state(row: store.Listed, now: datetime) -> str:
    if row.state is None or row.issued_at is None or row.expires_at is None:
        return "never enrolled"
    said = f"{row.state:<12} since {row.issued_at:%Y-%m-%d}, serial {row.serial}"
    if row.state == "active":
        left = (row.expires_at - now).days
        said += f", certificate until {row.expires_at:%Y-%m-%d}"
        said += f" (renew: {counted(left, 'day')} left)" if left < RENEW_DAYS else ""
    return said + ("" if row.settled_at else "; not yet at every broker")
