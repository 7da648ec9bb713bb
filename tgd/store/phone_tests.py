"""Tests as rows: what each has proved of its phone, until it is voided.

Serves arrow 2 and what comes after the arrows. A row is written in the transaction of the verdict
``test``; the schema voids it, on the record, with the verdict. Who may see what of it is left to
others: whether a word was agreed is nobody's business who reads an alert.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from tgd.store.db import Connection, sql

Kind = Literal["fortnightly", "handover"]
Word = Literal["none_agreed", "given"]


@dataclass(frozen=True, slots=True)
class Tested:
    """Of the phones in somebody's hands: how many have passed a test within so many days."""

    assigned: int
    within_15: int
    within_21: int
    never: int


async def keep(
    connection: Connection,
    alert_id: UUID,
    kind: Kind,
    *,
    located: str,
    radius: str | None,
    word: Word,
) -> None:
    """Write down the test that this alert was; ``located`` and ``radius``: ``domain.proof``.

    Nothing is written of a phone that the register does not know.
    """
    await connection.execute(sql("phone_tests", "keep"), alert_id, kind, located, radius, word)


async def void(
    connection: Connection, alert_id: UUID, sent_with: UUID, by: str, now: datetime
) -> None:
    """Take back the alert's test, if it was one: the police were sent with another alert."""
    await connection.execute(sql("phone_tests", "void"), alert_id, sent_with, by, now)


async def handed_over(connection: Connection, assignment_id: UUID, press_id: UUID) -> bool:
    """Mark the test of that press as the hand-over's; False: there is none that counts."""
    found = await connection.fetchval(sql("phone_tests", "handed_over"), assignment_id, press_id)
    return found is not None


async def count(connection: Connection, now: datetime) -> Tested:
    """Count the phones in somebody's hands by when their holder last tested them."""
    row = await connection.fetchrow(sql("phone_tests", "count"), now)
    return Tested(**dict(row or {}))
