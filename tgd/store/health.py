"""A phone's health as rows: its latest heartbeat and lost connection; never a position."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from tgd.store.db import Connection, sql


class Health(NamedTuple):
    """One word about a phone's health; None leaves what was known."""

    device: str
    heartbeat_at: datetime | None
    batt: int | None
    bs: int | None
    conn: str | None
    fw: str | None
    lost_connection_at: datetime | None


async def note(connection: Connection, rows: Sequence[Health]) -> None:
    """Keep the latest of each phone; phones that the register does not know are left out."""
    latest: dict[str, Health] = {}
    for row in rows:
        before = latest.get(row.device)
        latest[row.device] = row if before is None else _merged(before, row)
    columns = [list(column) for column in zip(*latest.values(), strict=True)]
    await connection.execute(sql("health", "note"), *columns)


def _merged(before: Health, row: Health) -> Health:
    said = {name: value for name, value in row._asdict().items() if value is not None}
    return before._replace(**said)
