"""The calls to control rooms that are one call: which, and in which order their cases are told.

Serves arrow 3's voice tasks, between the store's rows and ``domain.calls``. A file is opened here
to see whether dangers are known in it, and nothing else of it goes on; one that does not open is no
reason to leave its case out.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from tgd.errors import NotFound
from tgd.platform import persons, typed
from tgd.platform.domain import calls, dispatch
from tgd.platform.domain.alert import Alert
from tgd.platform.domain.calls import Case
from tgd.seal import Sealer
from tgd.store import alerts
from tgd.store import calls as rows
from tgd.store.db import Connection

_HEARD = frozenset({"holder", "child", "other"})


class Call(NamedTuple):
    """One call: the rows of its cases, the most urgent first, each with what was reckoned."""

    room: str
    name: str
    number: str | None
    cases: list[tuple[Mapping[str, Any], Case]]


async def together(
    connection: Connection, sealer: Sealer, hidden: Collection[UUID] = ()
) -> list[Call]:
    """Return what is one call now, by room; each of its alerts has its own task all the same."""
    found = await rows.told(connection, hidden)
    every = []
    for room, told in groupby(found, itemgetter("room_id")):
        those = list(told)
        if calls.crowded([row["dispatched_at"] for row in those]):
            every.append(_call(room, those, sealer))
    return [call for call in every if call.cases]


async def hand_over(
    transaction: Connection,
    sealer: Sealer,
    held: Sequence[Alert],
    references: Mapping[UUID, str],
    operator: str,
    room: str,
    call_taker: str,
    now: datetime,
) -> None:
    """Record that a person of a room has taken these alerts over, each by its reference.

    What was typed is sealed under each alert's key. Raises ``NotFound`` where one is not held.
    """
    if len(held) < len(references):
        raise NotFound("alert")
    for alert in held:
        key = typed.unlock(sealer, await alerts.key_of(transaction, alert.id))
        said = call_taker, references[alert.id]
        taker, reference = (typed.seal(key, text, alert.id) for text in said)
        dispatch.handed_off(alert, operator, room, taker, reference, now)


def _call(room: str, told: Sequence[Mapping[str, Any]], sealer: Sealer) -> Call:
    by_alert = {row["id"]: row for row in told}
    order = calls.one_call([_case(row, sealer) for row in told])
    cases = [(by_alert[case.alert], case) for case in order]
    return Call(room, told[0]["name"], told[0]["phone"], cases)


def _case(row: Mapping[str, Any], sealer: Sealer) -> Case:
    return Case(
        alert=row["id"],
        dispatched_at=row["dispatched_at"],
        pressed_at=row["pressed_at"],
        danger=row["content"] is not None and row["waits"] and _dangers(row, sealer),
        heard=row["voice"] in _HEARD or row["holder_heard_at"] is not None,
        confirmed=row["verdict"] == "police",
        waits=row["waits"],
    )


def _dangers(row: Mapping[str, Any], sealer: Sealer) -> bool:
    file = persons.opened(sealer, row["person"], row["content"], row["key"])
    known = None if file is None else file.dangers
    return known is not None and any((known.weapons, known.dog, known.other))
