"""From stored positions to the best estimate: the console and the rooms are told the same.

Serves arrows 1 and 3, between the store's sealed rows and ``geo.locate``. A position that does not
open any more (its key was erased, or the key store is away) is left out and counted: it stops no
alert, no dispatch and no page.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tgd.geo.locate import Estimate, Observed, best
from tgd.geo.sealed import open_fix
from tgd.log import fault
from tgd.platform.places import Place, opened
from tgd.seal import DataKey, SealBroken, Sealer
from tgd.store.places import PlaceRow

POSITIONS = 12
"""So many of the newest make the estimate, on the operators' screens and for rooms."""
_log = logging.getLogger(__name__)


class Whereabouts:
    """Opens positions and makes of them what is told."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = self.sealer = sealer

    def observed(self, rows: Sequence[Mapping[str, Any]]) -> list[Observed]:
        """Turn rows of the table ``position`` into fixes on the platform's time line."""
        keys: dict[bytes, DataKey | None] = {}
        found = []
        for row in rows:
            wrapped = row["key"]
            if wrapped is None:  # an older version's, of the minutes of an upgrade
                continue
            if wrapped not in keys:
                keys[wrapped] = self._key(wrapped)
            key = keys[wrapped]
            if key is None:
                continue
            try:
                fix = open_fix(row["fix"], key)
            except SealBroken:
                _log.warning("a position does not open with its key")
                continue
            found.append(
                Observed(
                    fix=fix,
                    fixed_at=row["fixed_at"],
                    received_at=row["received_at"],
                    doubts=tuple(doubt for doubt in row["doubts"] if doubt),
                )
            )
        return found

    def estimate(self, rows: Sequence[Mapping[str, Any]], now: datetime) -> Estimate | None:
        """Return the best estimate out of these rows, None out of none or where the rules fail."""
        try:
            return best(self.observed(rows), now)
        except Exception as error:  # noqa: BLE001  a fault in the geometry must keep nobody from her
            fault(_log, "an estimate", error)
            return None

    def places(self, rows: Sequence[PlaceRow]) -> dict[UUID, list[Place]]:
        """Open known places, by person."""
        return opened(rows, self._sealer)

    def _key(self, wrapped: bytes) -> DataKey | None:
        try:
            return self._sealer.unwrap(wrapped)
        except SealBroken:
            _log.warning("the key of a position is not there: erased, or the key store is away")
            return None
