"""Accounts of persons for whom an agency vouches (OpenID Connect), as rows.

Serves the login by an agency. The account is made when the agency first sends somebody whom the
table of grants lets in, and is found by issuer and subject from then on, whatever the agency calls
the person later. Promises: a name that another account has is not taken over; an account that was
ended here stays ended; such an account has a password that nobody knows, so that trying one costs
the same work as anywhere; an answer serves once, on any number of servers.
"""

import asyncio
import secrets
from datetime import datetime
from typing import NamedTuple

import argon2
import asyncpg

from tgd.store.accounts import NAME, Account, digest
from tgd.store.db import Connection, sql


class Vouched(NamedTuple):
    """Whom an agency has sent, and as what."""

    issuer: str
    subject: str
    role: str
    tribunal: str | None
    group: str
    site: str | None


async def use_state(connection: Connection, state: str, until: datetime, now: datetime) -> bool:
    """Use up what a login was begun with; False if it was used before."""
    await connection.execute(sql("logins", "forget_states"), now)
    used = await connection.fetchval(sql("logins", "use_state"), digest(state), until)
    return used is not None


async def account(
    connection: Connection, who: Vouched, username: str, now: datetime
) -> tuple[Account, bool] | None:
    """Return the person's account, and whether it is new; None where there can be none."""
    rights = (who.role, who.tribunal, who.group, who.site)
    row = await connection.fetchrow(sql("logins", "vouched"), who.issuer, who.subject, *rights)
    if row is not None:
        return Account(**dict(row)), False
    if not NAME.fullmatch(username):
        return None
    nobody_s = await asyncio.to_thread(argon2.PasswordHasher().hash, secrets.token_urlsafe(32))
    try:
        row = await connection.fetchrow(
            sql("logins", "vouched_first"),
            *(username, nobody_s, *rights, now, who.issuer, who.subject),
        )
    except asyncpg.ForeignKeyViolationError:  # a tribunal that is not in the register
        return None
    return None if row is None else (Account(**dict(row)), True)


async def no_more(connection: Connection, issuer: str, subject: str) -> int:
    """End every session of somebody who is granted nothing any more; return how many there were."""
    return len(await connection.fetch(sql("logins", "vouched_no_more"), issuer, subject))
