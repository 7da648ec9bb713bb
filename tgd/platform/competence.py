"""Which control rooms an alert goes to: where she is, shared among the services competent there.

Serves arrow 3, between the store's rows, the territory and ``domain.routing``. From the estimate's
disc, not its centre; without a position from the places that her file declares; and whatever fails
on the way (no zones loaded, a key that is away) ends in the default room with the reason, never in
no room at all. All that is asked of the database is one statement.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tgd.geo.locate import Estimate
from tgd.geo.zones import Claim
from tgd.log import fault
from tgd.platform import places
from tgd.platform.domain import routing
from tgd.platform.domain.routing import Room
from tgd.platform.places import Place
from tgd.platform.territory import Territories
from tgd.platform.whereabouts import Whereabouts
from tgd.seal import Sealer
from tgd.store import competence as store
from tgd.store.db import Connection

_NOT_HERS = frozenset({"aggressor"})
_log = logging.getLogger(__name__)


class Competence:
    """Chooses rooms; one for the whole server."""

    def __init__(self, territory: Territories, whereabouts: Whereabouts, sealer: Sealer) -> None:
        self._territory = territory
        self._whereabouts = whereabouts
        self._sealer = sealer

    @property
    def zones(self) -> int | None:
        """The number of the zone set that answers; None while there is none."""
        current = self._territory.current
        return None if current is None else current.version

    async def rooms_for(
        self, transaction: Connection, alert_ids: Sequence[UUID], now: datetime
    ) -> dict[UUID, list[Room]]:
        """Return, for each of these alerts, the rooms that are to be told, the lead first.

        An empty list means that no room is configured.
        """
        if not alert_ids:
            return {}
        found = await store.where(transaction, alert_ids)
        rooms = [_room(row) for row in found.rooms]
        estimates: dict[UUID, Estimate | None] = {}
        for one in found.alerts:
            estimates[one.alert_id] = self._whereabouts.estimate(one.positions, now)
            await asyncio.sleep(0)  # five hundred at once must not keep a press waiting
        declared = await self._declared(
            transaction,
            [
                one.beneficiary_id
                for one in found.alerts
                if one.beneficiary_id is not None and estimates[one.alert_id] is None
            ],
        )
        chosen = {}
        for one in found.alerts:
            hers = declared.get(one.beneficiary_id, []) if one.beneficiary_id else []
            chosen[one.alert_id] = self._chosen(rooms, estimates[one.alert_id], hers)
            await asyncio.sleep(0)
        return chosen

    def rooms_at(
        self,
        rooms: Sequence[store.RoomRow],
        estimate: Estimate | None,
        declared: Sequence[Place],
    ) -> list[Room]:
        """Return the rooms for one estimate, or without one for the declared places, of these."""
        return self._chosen([_room(row) for row in rooms], estimate, declared)

    def _chosen(
        self, rooms: list[Room], estimate: Estimate | None, declared: Sequence[Place]
    ) -> list[Room]:
        """Never fails: where the territory does, the default room takes it."""
        try:
            if estimate is not None:
                claim = self._territory.claim(estimate.lat, estimate.lon, estimate.r95_m)
                return routing.competent(rooms, _services(claim), claim.reason)
            hers = [place for place in declared if place.kind not in _NOT_HERS]
            claims = [self._territory.claim(p.lat, p.lon, p.radius_m) for p in hers]
            found = routing.declared(rooms, [_services(claim) for claim in claims])
        except Exception as error:  # noqa: BLE001  a fault in the geometry must not keep the police away
            fault(_log, "the territory", error)
            return routing.default(rooms, "territory_failed")
        return found or routing.default(rooms, "no_position")

    async def _declared(
        self, transaction: Connection, beneficiaries: Sequence[UUID]
    ) -> dict[UUID, list[Place]]:
        if not beneficiaries:
            return {}
        rows = await places.of_beneficiaries(transaction, beneficiaries)
        return places.opened(rows, self._sealer)


def _room(row: Any) -> Room:
    return Room(
        id=row["id"],
        name=row["name"],
        phone=row["phone"],
        lines=tuple(row["lines"]),
        is_default=row["is_default"],
        services=tuple(row["services"]),
    )


def _services(claim: Claim) -> list[tuple[str, float]]:
    return [(one.service, one.share) for one in claim.shares]
