"""What a message to a control room may say of her, opened: card, file, places, notes, presses.

Serves arrow 3, between the store's sealed rows and ``script``. Promises: whatever does not open is
left out and keeps no message back; names that her file knows are taken out of what others wrote;
the evaluation, her health and how to reach her are never taken out of it. Which of it a room is
told, a neighbour the least, is ``script``'s.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from msgspec.structs import asdict, replace

from tgd import sim
from tgd.geo.locate import Estimate
from tgd.log import fault
from tgd.platform import persons, places
from tgd.platform.channels import cisu_risks
from tgd.platform.channels.cisu_message import (
    NOTHING_KNOWN,
    FurtherPress,
    Hers,
    KnownPlace,
    Note,
    Place,
)
from tgd.platform.persons import PersonFile
from tgd.platform.typed import unlock
from tgd.platform.whereabouts import POSITIONS, Whereabouts
from tgd.seal import SealBroken, Sealer
from tgd.store.outbox import Known, Pressed
from tgd.store.places import PlaceRow

AT_ONCE = timedelta(seconds=1)
"""So soon after the decision, where she was then is where she is."""
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that is known of one alert; nothing by default."""

    number: str | None = field(default=None, repr=False)
    position: Place | None = None
    first_position: Place | None = None
    first_press_at: datetime | None = None
    first_doubts: tuple[str, ...] = ()
    further: tuple[FurtherPress, ...] = ()
    hers: Hers = NOTHING_KNOWN
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """Her file and her places, as far as they open."""

    file: PersonFile | None = None
    known: tuple[places.Place, ...] = ()
    safe: Callable[[str], str] = str


class Telling:
    """Opens what is known; one for the whole server."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._whereabouts = Whereabouts(sealer)

    def of(
        self,
        alert: Mapping[str, Any],
        known: Known | None,
        now: datetime,
        where: Estimate | None = None,
    ) -> Told:
        """Return what is known of an alert at ``now``; never raises. ``known`` None: nothing.

        ``where`` she is at ``now`` spares reckoning it, where somebody has.
        """
        if known is None:
            return Told()
        return _spared(lambda: self._of(alert, known, now, where), Told(), "what is known")

    def _of(
        self, alert: Mapping[str, Any], known: Known, now: datetime, where: Estimate | None
    ) -> Told:
        began: datetime = alert["police_at"]
        hers = _spared(lambda: self._hers(known), _Known(), "a file")
        rows = known.positions
        then = [row for row in rows if row["received_at"] <= began][:POSITIONS]
        if now - began >= AT_ONCE or then != rows[:POSITIONS]:
            first = self._whereabouts.estimate(then, began)
            where = where or self._whereabouts.estimate(rows[:POSITIONS], now)
        else:
            first = where = where or self._whereabouts.estimate(then, began)
        presses = known.presses
        return Told(
            number=sim.opened(self._sealer, alert["device"], known.sim, known.sim_key).msisdn,
            position=_spared(lambda: _placed(where, hers), _plain(where), "a known place"),
            first_position=_spared(lambda: _placed(first, hers), _plain(first), "a known place"),
            first_press_at=presses[0].pressed_at if presses else None,
            first_doubts=presses[0].doubts if presses else (),
            further=tuple(self._further(press, rows) for press in presses[1:]),
            hers=_spared(lambda: _told(hers, now), NOTHING_KNOWN, "a file"),
            notes=_spared(lambda: tuple(self._notes(alert, known, hers)), (), "a note"),
        )

    def _hers(self, known: Known) -> _Known:
        who, file = known.beneficiary_id, None
        if who is None:
            return _Known()
        if known.file is not None and known.file_key is not None:
            file = persons.opened(self._sealer, who, known.file, known.file_key)
        rows = [
            PlaceRow(row["id"], who, row["kind"], row["content"], known.places_key)
            for row in known.places
        ]
        found = places.opened(rows, self._sealer).get(who, []) if rows else []
        return _Known(file, tuple(found), cisu_risks.without_names(file))

    def _further(self, press: Pressed, rows: Sequence[Mapping[str, Any]]) -> FurtherPress:
        came = [row for row in rows if row["press_no"] == press.no]
        where = self._whereabouts.estimate(came, press.received_at) if came else None
        return FurtherPress(
            str(press.id), press.pressed_at, press.received_at, press.doubts, _plain(where)
        )

    def _notes(self, alert: Mapping[str, Any], known: Known, hers: _Known) -> Iterator[Note]:
        key = unlock(self._sealer, alert["key"]) if known.notes else None
        if key is None:
            return
        for row in reversed(known.notes):
            try:
                text = key.open(row["text"], f"note {alert['id']}").decode()
            except SealBroken:
                continue
            yield Note(row["at"], hers.safe(text))


def _told(hers: _Known, now: datetime) -> Hers:
    home = next((one for one in hers.known if one.kind == "home"), None)
    return cisu_risks.hers(
        hers.file, now.date(), None if home is None else _known(home, hers), hers.safe
    )


def _placed(estimate: Estimate | None, hers: _Known) -> Place | None:
    """Return a position with the known place at which it is, if its disc leaves no doubt of it."""
    if estimate is None:
        return None
    near = places.touched(hers.known, estimate.lat, estimate.lon, estimate.r95_m)
    inside = (
        place
        for place, apart_m in near
        if max(apart_m, estimate.r95_m) <= place.radius_m and place.kind != "aggressor"
    )
    at = next(inside, None)
    his = next((place.kind for place, _ in near if place.kind == "aggressor"), None)
    return _plain(estimate, None if at is None else _known(at, hers), his)


def _known(place: places.Place, hers: _Known) -> KnownPlace:
    dangers = None if hers.file is None else hers.file.dangers
    access = dangers.access if dangers is not None and place.kind == "home" else None
    return KnownPlace(
        place.kind,
        place.address,  # streets bear people's names
        None if place.access is None else _way_in(place.access, hers.safe),
        tuple(hers.safe(text) for text in (place.approach, access) if text),
    )


def _way_in(access: places.Access, safe: Callable[[str], str]) -> places.Access:
    """Return the way in without the name on the bell."""
    told = {name: text and safe(text) for name, text in asdict(access).items() if name != "codes"}
    return replace(access, **told)


def _plain(
    estimate: Estimate | None, at: KnownPlace | None = None, near: str | None = None
) -> Place | None:
    if estimate is None:
        return None
    return Place(
        lat=estimate.lat,
        lon=estimate.lon,
        r95_m=estimate.r95_m,
        fixed_at=estimate.fixed_at,
        age_s=estimate.age_s,
        method=estimate.method,
        speed_kmh=estimate.speed_kmh,
        heading_deg=estimate.heading_deg,
        doubts=estimate.doubts,
        at=at,
        near=near,
    )


def _spared(known: Callable[[], _T], otherwise: _T, what: str) -> _T:
    """Return what is known, or what is told without it: a fault of ours must keep nobody back."""
    try:
        return known()
    except Exception as error:  # noqa: BLE001  the message goes out with what there is
        fault(_log, f"{what} for a room", error)
        return otherwise
