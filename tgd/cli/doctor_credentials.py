"""The doctor's look at who may come in: the authority, the phones' credentials, the brokers' say.

Serves arrow 1 before its first metre. Brokers are read and compared with the register and nothing
is mended: that is the server's, and what is found here is what it has not mended.
"""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from tgd.cli.counts import counted
from tgd.cli.findings import FAILED, OK, WARNING, Finding
from tgd.config import Config
from tgd.devices import dynsec, trust
from tgd.devices.authority import RENEW_DAYS, Authority, NoAuthority
from tgd.devices.broker_control import Control, login
from tgd.devices.dynsec import Found
from tgd.devices.enrolment import wanted
from tgd.devices.mqtt_address import Address
from tgd.devices.rights_file import SCHEME, RightsFile
from tgd.errors import Rejected, Temporary
from tgd.readers import is_loopback
from tgd.seal import Sealer
from tgd.store import command, credentials
from tgd.store.credentials import Credential, Figures

AUTHORITY, PHONES = "authority", "phones' credentials"


async def examine_credentials(config: Config) -> AsyncIterator[Finding]:
    """Yield what was found; raises ``DatabaseFailed``."""
    soon = datetime.now(UTC) + timedelta(days=RENEW_DAYS)
    async with command.transaction(config.database_url) as connection:
        register = await credentials.register(connection)
        figures = await credentials.figures(connection, soon)
    for finding in (*_authority(config, used=bool(register)), *_phones(register, figures)):
        yield finding
    if not config.mqtt_control_urls:
        if register:
            why = "TGD_MQTT_CONTROL_URL is not set: no broker hears who may come in"
            yield Finding(FAILED, PHONES, why)
        return
    try:
        tls = trust.tls(config.mqtt_ca, config.mqtt_cert)
    except (OSError, ssl.SSLError) as error:
        yield Finding(FAILED, "TLS", f"TGD_MQTT_CA, TGD_MQTT_CERT: {type(error).__name__}")
        return
    for url in config.mqtt_control_urls:
        yield await _broker(config, url, tls, register)


def _authority(config: Config, *, used: bool) -> Iterator[Finding]:
    if config.ca_dir is None:
        if used:
            why = "TGD_CA_DIR is not set: no phone can be enrolled or renewed here"
            yield Finding(WARNING, AUTHORITY, why)
        return
    if not config.secret_key:
        return
    try:
        authority = Authority.load(config.ca_dir, Sealer(config.secret_key))
    except NoAuthority as error:
        yield Finding(FAILED, AUTHORITY, str(error))
        return
    left = (authority.expires_at - datetime.now(UTC)).days
    said = f"until {authority.expires_at:%Y-%m-%d}, {authority.fingerprint[:16]}…"
    yield Finding(OK if left > 2 * 365 else WARNING, AUTHORITY, said)


def _phones(register: Sequence[Credential], figures: Figures) -> Iterator[Finding]:
    if not register:
        return
    active = sum(one.state == "active" for one in register)
    said = f"{counted(active, 'phone')} enrolled"
    wrong = {
        "never were": figures.without,
        f"have a certificate of less than {RENEW_DAYS} days": figures.expiring,
        "changed and are not so at every broker yet": figures.unsettled,
    }
    faults = [f"{count} {what}" for what, count in wrong.items() if count]
    yield Finding(WARNING if faults else OK, PHONES, ", ".join([said, *faults]))


async def _broker(
    config: Config, url: str, tls: ssl.SSLContext | None, register: Sequence[Credential]
) -> Finding:
    if urlsplit(url).scheme == SCHEME:
        file = RightsFile(url, lambda: None)
        return _compared(config, f"rights in {file.where}", await file.found(), "", register)
    address = Address.parse(url)
    what = f"rights at {address}"
    if not address.tls and not is_loopback(address.host):
        why = "passwords go there in clear: use mqtts:// in TGD_MQTT_CONTROL_URL"
        return Finding(FAILED, what, why)
    control = Control(f"tgd-doctor-{secrets.token_hex(6)}", url, tls, lambda: None)
    task = asyncio.create_task(control.run())
    try:
        found = await control.found()
    except (Temporary, Rejected) as error:
        return Finding(FAILED, what, str(error))
    finally:
        task.cancel()
        await asyncio.wait({task})
    return _compared(config, what, found, control.user, register)


def _compared(
    config: Config, what: str, found: Found, user: str, register: Sequence[Credential]
) -> Finding:
    expected, unreadable = wanted(Sealer(config.secret_key), login(config.mqtt_urls), register)
    if unreadable:
        shut = counted(len(unreadable), "password cannot", "passwords cannot")
        why = f"{shut} be opened: is this the server's TGD_SECRET_KEY?"
        return Finding(FAILED, what, why)
    differences = dynsec.mend(found, expected, user)
    if differences:
        return Finding(
            WARNING, what, f"{counted(len(differences), 'difference')}; a server mends that"
        )
    return Finding(OK, what, f"as the register says, {counted(len(found.clients), 'user')}")
