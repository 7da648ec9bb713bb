"""The register: tribunals, phones, and who holds them.

Serves arrow 1, which looks a phone up in it. Here is only what the first phones need: the seed of
an empty register. Its persons are plainly invented; the real ones are entered by the prosecutor's
office.
"""

from datetime import datetime

from tgd.errors import NotFound, Refused
from tgd.store.db import Connection, sql

PHONES = 8  # the Vienne's allocation
TRIBUNAL = ("poitiers", "Tribunal judiciaire de Poitiers", PHONES, "poitiers")
NOT_LOCATED = "tgd-86-08"  # its holder refused; an alert must work fully without a position
RECORDED_BY = "seed"


async def is_empty(connection: Connection) -> bool:
    """Say whether the register has no tribunal, no phone and no beneficiary."""
    empty: bool = await connection.fetchval(sql("register", "is_empty"))
    return empty


async def has_device(connection: Connection, device: str) -> bool:
    """Say whether the register knows this phone."""
    known: bool = await connection.fetchval(sql("register", "has_device"), device)
    return known


async def is_out(connection: Connection, device: str) -> bool:
    """Say whether somebody still has this phone; raises ``errors.NotFound`` where there is none."""
    if not await has_device(connection, device):
        raise NotFound("device")
    out: bool = await connection.fetchval(sql("register", "is_out"), device)
    return out


async def seed(connection: Connection, now: datetime) -> list[str]:
    """Enter the tribunal of Poitiers with its 8 phones and return their ids.

    Each is assigned for six months (article 41-3-1 of the Code de procédure pénale) from ``now``
    and located by consent but ``NOT_LOCATED``; no word is agreed. Raises ``errors.Refused`` where
    the register is not empty. To be called inside a transaction.
    """
    await connection.execute(sql("register", "one_seed_at_a_time"))
    if not await is_empty(connection):
        raise Refused("register_not_empty", "the register is not empty: there is nothing to seed")
    await connection.execute(sql("register", "add_tribunal"), *TRIBUNAL)
    numbers = [f"86-{n:02}" for n in range(1, PHONES + 1)]
    devices = [f"tgd-{number}" for number in numbers]
    await connection.execute(
        sql("register", "add_assigned"),
        TRIBUNAL[0],
        devices,
        [f"Bénéficiaire {number}" for number in numbers],
        [device != NOT_LOCATED for device in devices],
        now,
        RECORDED_BY,
    )
    return devices
