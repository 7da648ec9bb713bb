"""Which control rooms an alert goes to: where she is, shared among the services competent there.

Serves arrow 3, between the store's rows, the territory and ``domain.routing``. From the estimate's
disc, not its centre; without a position from the places that her file declares; and whatever fails
on the way (no zones loaded, a key that is away) ends in the default room with the reason, never in
no room at all, but where none may know of her. All that is asked of the database is one statement.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tgd.conflict import Lock
from tgd.geo.locate import Estimate
from tgd.geo.zones import Claim, Lines
from tgd.log import fault
from tgd.platform import places
from tgd.platform.domain import routing
from tgd.platform.domain.hours import Line, in_order
from tgd.platform.domain.routing import Room
from tgd.platform.places import Place
from tgd.platform.territory import Territories
from tgd.platform.whereabouts import POSITIONS, Whereabouts
from tgd.seal import Sealer
from tgd.store import competence as store
from tgd.store.db import Connection
from tgd.store.outbox import Background

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

    def borders(self, lat: float, lon: float, reach_m: float) -> Lines:
        """Return the borders of communes around a point (`Territory.borders`), if there are any."""
        current = self._territory.current
        return () if current is None else current.borders(lat, lon, reach_m)

    async def rooms_for(
        self,
        transaction: Connection,
        alert_ids: Sequence[UUID],
        now: datetime,
        *,
        placed: bool = True,
    ) -> dict[UUID, list[Room]]:
        """Return, for each of these alerts, the rooms that are to be told, the lead first.

        An empty list means that no room is configured. Without ``placed`` no position is read:
        they may be what cannot be.
        """
        if not alert_ids:
            return {}
        found = await store.where(transaction, alert_ids, placed=placed)
        rooms = [_room(row, now) for row in found.rooms]
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
            may = routing.open_to(rooms, one.locks) if one.locks else rooms
            chosen[one.alert_id] = self._chosen(may, estimates[one.alert_id], hers)
            await asyncio.sleep(0)
        return chosen

    async def rooms_of(
        self, transaction: Connection, known: Background, now: datetime
    ) -> tuple[list[Room], Estimate | None]:
        """Return the same for one alert of which all else is known, and where she is at ``now``."""
        rooms = [_room(row, now) for row in known.rooms.values()]
        hers = known.known.beneficiary_id
        estimate = self._whereabouts.estimate(known.known.positions[:POSITIONS], now)
        declared = {}
        if estimate is None and hers is not None:
            declared = await self._declared(transaction, [hers])
        may = routing.open_to(rooms, known.locks) if known.locks else rooms
        return self._chosen(may, estimate, declared.get(hers, []) if hers else []), estimate

    async def neighbours(
        self, transaction: Connection, alert_ids: Sequence[UUID], now: datetime
    ) -> dict[UUID, dict[str, Room]]:
        """Return, for each of these alerts, which room may stand in for which."""
        if not alert_ids:
            return {}
        found = await store.where(transaction, alert_ids, placed=False)
        rooms = [_room(row, now) for row in found.rooms]
        return {one.alert_id: routing.neighbours(rooms, one.locks) for one in found.alerts}

    def rooms_at(
        self,
        rooms: Sequence[store.RoomRow],
        estimate: Estimate | None,
        declared: Sequence[Place],
        locks: Collection[Lock],
    ) -> list[Room]:
        """Return the rooms for one estimate, or without one for the declared places, of these."""
        may = routing.open_to([_room(row) for row in rooms], locks)
        return self._chosen(may, estimate, declared)

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


def _room(row: Any, now: datetime | None = None) -> Room:
    """Return a room, its lines in the order of ``now``; without, in the file's."""
    lines = [Line(one["line"], one["hours"], one["days"]) for one in row["lines"]]
    order = tuple(one.line for one in lines) if now is None else in_order(lines, now)
    return Room(
        id=row["id"],
        name=row["name"],
        phone=row["phone"],
        lines=order,
        is_default=row["is_default"],
        services=tuple(row["services"]),
        institution=row["institution"],
        neighbour=row["neighbour"],
    )


def _services(claim: Claim) -> list[tuple[str, float]]:
    return [(one.service, one.share) for one in claim.shares]
