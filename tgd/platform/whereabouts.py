"""From stored positions to the best estimate: the console and the rooms are told the same.

Serves arrows 1 and 3, between the store's rows and ``geo.locate``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tgd.geo.locate import Estimate, Observed, best
from tgd.geo.position import Fix


def observed(rows: Sequence[Mapping[str, Any]]) -> list[Observed]:
    """Turn rows of the table ``position`` into fixes on the platform's time line."""
    return [
        Observed(
            fix=Fix(
                lat=row["lat"],
                lon=row["lon"],
                acc=row["acc"],
                confidence=row["confidence"],
                method=row["method"],
                tst=None,
                alt=row["alt"],
                vac=row["vac"],
                vel=row["vel"],
                cog=row["cog"],
            ),
            fixed_at=row["fixed_at"],
            received_at=row["received_at"],
            doubts=tuple(row["doubts"]),
        )
        for row in rows
    ]


def estimate(rows: Sequence[Mapping[str, Any]], now: datetime) -> Estimate | None:
    """Return the best estimate out of these rows, None out of none."""
    return best(observed(rows), now)
