"""Giving a phone what it proves itself with, renewing it, and ending it.

Serves the prosecutor's office: a phone is prepared with a credential before it is handed over, and
loses it when it is attested as returned, which the database does by itself. Nothing else ends one:
not the end of an assignment, not the loss of the phone, for a phone that is still out may be
pressed. ``compromise`` is the one act that mutes a phone; that two persons want it and that a
tested replacement is out is for the caller to have seen to, in the same transaction.

Each function is part of the caller's transaction; servers hear of it by its commit and make every
broker say the same (``tgd.devices.enrolment``). What is issued is returned once and kept sealed.
"""

import base64
import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from tgd.devices import enrolment, mac, phone_keys
from tgd.devices.authority import Authority, Certificate
from tgd.errors import NotFound, Refused
from tgd.seal import Sealer
from tgd.store import credentials, register
from tgd.store.db import Connection

_PASSWORD_BYTES = 24


@dataclass(frozen=True, slots=True)
class Issued:
    """What goes into a phone, this once: no representation shows it, nothing keeps it in clear.

    ``mac_key`` is 32 bytes in base64url; ``certificate`` has the phone's key; ``trusted`` is the
    authority's SHA-256 fingerprint, 64 hexadecimal digits.
    """

    device: str
    password: str = field(repr=False)
    mac_key: str = field(repr=False)
    certificate: Certificate
    trusted: str


async def enrol(
    connection: Connection,
    sealer: Sealer,
    authority: Authority,
    *,
    device: str,
    by: str,
    now: datetime,
) -> Issued:
    """Give a phone its credential. Raises ``NotFound`` or ``Refused`` where it has one."""
    if not await register.has_device(connection, device):
        raise NotFound("device")
    if await credentials.has_active(connection, device):
        raise Refused("enrolled", f"{device} is enrolled: rotate its credential with it at hand")
    return await _issue(connection, sealer, authority, device=device, by=by, now=now)


async def rotate(
    connection: Connection,
    sealer: Sealer,
    authority: Authority,
    *,
    device: str,
    by: str,
    now: datetime,
) -> Issued:
    """Replace a phone's credential; the former stops at once, so the phone must be at hand."""
    if not await credentials.has_active(connection, device):
        raise Refused("not_enrolled", f"{device} has no credential: enrol it")
    await credentials.rotate(connection, device, now, by)
    return await _issue(connection, sealer, authority, device=device, by=by, now=now)


async def end(connection: Connection, *, device: str, by: str, now: datetime) -> bool:
    """End all that the phone comes in with, by MQTT and HTTPS; whether there was a credential.

    For a phone that is back. Attesting the return does the same by itself.
    """
    return await credentials.end(connection, device, "ended", now, by) > 0


async def compromise(connection: Connection, *, device: str, by: str, now: datetime) -> bool:
    """Mute a phone that is not back: shut out and disconnected at once; whether it was enrolled.

    Two persons and a tested replacement are the caller's to check.
    """
    return await credentials.end(connection, device, "compromised", now, by) > 0


async def _issue(
    connection: Connection,
    sealer: Sealer,
    authority: Authority,
    *,
    device: str,
    by: str,
    now: datetime,
) -> Issued:
    credential, password = uuid4(), secrets.token_urlsafe(_PASSWORD_BYTES)
    key, certificate = os.urandom(mac.KEY_BYTES), authority.client(device, now)
    await credentials.add(
        connection,
        credential=credential,
        device=device,
        serial=certificate.serial,
        password=sealer.seal(password.encode(), enrolment.about(credential)),
        mac_key=sealer.seal(key, phone_keys.about(credential)),
        issued_at=now,
        issued_by=by,
        expires_at=certificate.expires_at,
    )
    shown = base64.urlsafe_b64encode(key).decode()
    return Issued(device, password, shown, certificate, authority.fingerprint)
