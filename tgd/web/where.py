"""Where the phone of an alert is: the picture for the operator, and what may be decided about it.

Serves arrow 2. The picture is read when it is asked for, never on the press path: the estimate, the
fixes behind it with their doubts, the known places that the disc touches, which rooms are competent
and why, and the nearest address where there is a source of one. Acts are on the record. How long
positions are kept is the prosecutor's to say, of his own tribunal's phones.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from tgd.errors import Invalid, NotFound, Temporary
from tgd.geo.locate import Estimate, judged
from tgd.platform import address, places, typed
from tgd.platform.domain.routing import Room
from tgd.seal import Sealer
from tgd.store import competence as rows
from tgd.store import following, forget
from tgd.web import alert_json, reading
from tgd.web.access import CALLER, VIEW, Caller
from tgd.web.answers import answer, said
from tgd.web.context import Context
from tgd.web.kept import hidden_from
from tgd.web.rights import View
from tgd.web.together import Together

TRAIL = 200
"""So many fixes are shown, the newest."""
LATEST = 12
"""So many say where she is, here as in the alert and to the rooms (``store/sql``)."""


class Where:
    """The handlers; every one runs behind the guard of its route."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._clock = context.clock
        self._triage = context.triage
        self._forget = context.forget
        self._whereabouts = context.whereabouts
        self._competence = context.competence
        self._addresses = context.addresses
        self._pictures = Together(self._look_up)

    async def get(self, request: web.Request) -> web.Response:
        """Answer where the phone is, as far as it is known."""
        told = await self._pictures.ask((reading.alert_id(request), request[VIEW]))
        if told is None:
            raise NotFound("alert")
        return said(told)

    async def _look_up(
        self, asked: AbstractSet[tuple[UUID, View]]
    ) -> dict[tuple[UUID, View], bytes]:
        """Return the pictures of these alerts, as JSON: an incident has many onlookers."""
        found = {one: await self._picture(one) for one in {alert for alert, _ in asked}}
        return {
            (one, view): msgspec.json.encode(view.of(told))
            for one, view in asked
            if (told := found[one]) is not None
        }

    async def _picture(self, alert_id: UUID) -> dict[str, Any] | None:
        async with self._database.connection() as connection:
            row = await following.picture(connection, alert_id, TRAIL)
            if row is None:
                return None
            known = await rows.where(connection, [alert_id])
            # Her places are shown for an alert that is open, and for no other reason.
            hers = row["beneficiary_id"] if row["open"] else None
            declared = await self._places(connection, hers)
        now = self._clock.now()
        observed = self._whereabouts.observed(row["positions"])
        estimate = self._whereabouts.estimate(row["positions"][:LATEST], now)
        locks = known.alerts[0].locks
        rooms = self._competence.rooms_at(known.rooms, estimate, declared, locks)
        near = places.touched(declared, *_disc(estimate)) if estimate else []
        apart = {id(place): metres for place, metres in near}
        return {
            "position": alert_json.position(estimate),
            "trail": [alert_json.fix(one) for one in judged(observed, now)],
            "places": [_place(place, apart.get(id(place))) for place in declared],
            "rooms": [_room(room) for room in rooms],
            "zones": self._competence.zones,
            "address": await self._near(estimate),
            "live_until": alert_json.stamp(row["live_until"]) if row["live"] else None,
            "withdrawal_to_verify": row["withdrawn"],
            "now": alert_json.stamp(now),
        }

    async def follow(self, request: web.Request) -> web.Response:
        """Have the phone say where it is for two hours more."""
        alert_id, caller = reading.alert_id(request), request[CALLER]
        reason = (await reading.fields(request)).text("reason")
        await self._triage.follow(alert_id, caller.name, reason, supervisor=caller.supervisor)
        return await self.get(request)

    async def withdraw(self, request: web.Request) -> web.Response:
        """End the locating at the holder's own wish, which the operator has verified."""
        alert_id, caller = reading.alert_id(request), request[CALLER]
        reason = (await reading.fields(request)).text("reason")
        await self._triage.withdraw_location(
            alert_id, caller.name, reason, supervisor=caller.supervisor
        )
        return await self.get(request)

    async def questions(self, request: web.Request) -> web.Response:
        """Answer the alerts for which the prosecutor is to say whether to hold them."""
        caller = request[CALLER]
        own = _tribunal(caller)
        async with self._database.connection() as connection:
            found = await forget.questions(connection, own, hidden_from(request))
        return answer({"items": [_question(row) for row in found], "next": None})

    async def hold(self, request: web.Request) -> web.Response:
        """Hold what is kept of an alert for a criminal case, or say that it is not needed."""
        alert_id, caller = reading.alert_id(request), request[CALLER]
        fields = await reading.fields(request)
        reference = fields.optional("reference", reading.WORD_MAX)
        held = fields.boolean("hold")
        if held and not (reference and reference.strip()):
            raise Invalid("reference", "a hold names the criminal case that it is for")
        await self._own(alert_id, caller)
        case = fields.word("reference") if held else None
        await self._forget.hold(alert_id, caller.name, case)
        return await self._terms(alert_id)

    async def eight_days(self, request: web.Request) -> web.Response:
        """Keep positions up to 8 days, as the named magistrate has authorised."""
        alert_id, caller = reading.alert_id(request), request[CALLER]
        magistrate = (await reading.fields(request)).word("authorised_by")
        await self._own(alert_id, caller)
        await self._forget.authorise(alert_id, caller.name, magistrate)
        return await self._terms(alert_id)

    async def terms(self, request: web.Request) -> web.Response:
        """Answer how long what is kept of an alert is kept, and who decided so."""
        alert_id = reading.alert_id(request)
        await self._own(alert_id, request[CALLER])
        return await self._terms(alert_id)

    async def _terms(self, alert_id: UUID) -> web.Response:
        async with self._database.connection() as connection:
            row = await forget.terms(connection, alert_id)
        return answer(_terms(row or {}, self._whereabouts.sealer))

    async def _own(self, alert_id: UUID, caller: Caller) -> None:
        """Raise ``NotFound`` for an alert that is not there, or another tribunal's."""
        async with self._database.connection() as connection:
            row = await forget.terms(connection, alert_id)
        if row is None:
            raise NotFound("alert")
        own = _tribunal(caller)
        # A phone that the register does not know is no tribunal's: any prosecutor may answer.
        if own is not None and (not own or row["tribunal_id"] not in {own, None}):
            raise NotFound("alert")

    async def _places(self, connection: Any, beneficiary: UUID | None) -> list[places.Place]:
        if beneficiary is None:
            return []
        sealed = await places.of_beneficiaries(connection, [beneficiary])
        return self._whereabouts.places(sealed).get(beneficiary, [])

    async def _near(self, estimate: Estimate | None) -> dict[str, Any] | None:
        """Return the nearest address; none without a source, or while it is away."""
        if estimate is None:
            return None
        try:
            near = await self._addresses.near(estimate.lat, estimate.lon)
        except Temporary:
            return {"unknown": "source_away"}
        return None if near is None else address.told(near, estimate.r95_m)


def _disc(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.lat, estimate.lon, estimate.r95_m


def _place(place: places.Place, apart_m: float | None) -> dict[str, Any]:
    """Return a declared place; ``distance_m`` where the disc touches it."""
    return {
        "kind": place.kind,
        "label": place.label,
        "address": place.address,
        "radius_m": place.radius_m,
        "approach": place.approach,
        "lat": place.lat,
        "lon": place.lon,
        "touched": apart_m is not None,
        "distance_m": None if apart_m is None else round(apart_m),
    }


def _room(room: Room) -> dict[str, Any]:
    return {
        "room": room.id,
        "name": room.name,
        "share": None if room.share is None else round(room.share, 3),
        "why": room.why,
    }


def _question(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "alert": str(row["id"]),
        "case_id": row["case_id"],
        "device": row["device"],
        "closed_at": alert_json.at(row["closed_at"]),
        "asked_at": alert_json.at(row["asked_at"]),
        "asked_again_at": alert_json.at(row["asked_again_at"]),
        "erased_at": alert_json.at(row["forget_at"]),
    }


def _terms(row: Mapping[str, Any], sealer: Sealer) -> dict[str, Any]:
    key = typed.unlock(sealer, row["key"])
    return {
        "alert": str(row["id"]),
        "erased_at": alert_json.at(row["forget_at"]),
        "asked_at": alert_json.at(row["asked_at"]),
        "asked_again_at": alert_json.at(row["asked_again_at"]),
        "hold": row["hold"],
        "reference": typed.read(key, row["reference"], row["id"]),
        "answered_by": row["answered_by"],
        "answered_at": alert_json.at(row["answered_at"]),
        "eight_days_by": typed.read(key, row["eight_days_by"], row["id"]),
        "eight_days_at": alert_json.at(row["eight_days_at"]),
    }


def _tribunal(caller: Caller) -> str | None:
    """Return the tribunal whose phones the caller may see; None: every one's."""
    if caller.role != "prosecutor":
        return None
    return caller.session.tribunal_id if caller.session and caller.session.tribunal_id else ""
