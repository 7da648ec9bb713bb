"""Which control rooms are told of an alert, in order; the first one leads.

Serves arrow 3. The estimate's disc is shared among the services of the territory; a room has the
share of its services, and what no room claims is the default room's. Every room says why it was
chosen, so that "unknown, because …" reaches the operator instead of a guess. An empty answer means
that a person must call (a red voice task). Pure: shares in, rooms out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

LEAST_SHARE = 0.05
"""A room that has less of the disc than this is not told at once: she is hardly there."""
MOST_ROOMS = 3
"""A disc many kilometres wide touches dozens of rooms; the first ones can call the others."""


@dataclass(frozen=True, slots=True)
class Room:
    """A control room as far as a dispatch needs it; ``lines`` are its electronic ones, in order.

    ``share`` of the disc and ``why`` are the routing's: ``zone``, ``nearest``, ``declared_place``,
    or, of the room that takes what nobody claims, the reason why nobody does.
    """

    id: str
    name: str
    phone: str | None
    lines: tuple[int, ...]
    is_default: bool
    services: tuple[str, ...] = ()
    share: float | None = None
    why: str | None = None


def competent(
    rooms: Sequence[Room], claimed: Sequence[tuple[str, float]], reason: str | None
) -> list[Room]:
    """Return the rooms to tell.

    ``claimed`` are services with their shares of the disc; a share of zero is the nearest one, of a
    disc outside every zone. ``reason`` says why the disc is not claimed whole, where it is not.
    """
    outside = all(share <= 0 for _service, share in claimed)
    found: dict[str, Room] = {}
    unserved, why_default = 0.0, reason or "unclaimed"
    for service, share in claimed:
        room = _room_of(rooms, service)
        if room is None:
            unserved += share
            if reason in {None, "partly_outside"}:
                why_default = "no_room_for_service"
        elif share > 0 or outside:  # touched by a hair she is not there, and nobody is nearest
            before = found.get(room.id, replace(room, share=0.0))
            why = "nearest" if outside else "zone"
            found[room.id] = replace(before, share=_sum(before, share), why=why)
    unclaimed = max(0.0, 1.0 - sum(room.share or 0.0 for room in found.values()))
    if reason == "partly_outside":  # nobody is at sea; a service without a room has its part still
        unclaimed = unserved
    if not found or unclaimed >= LEAST_SHARE:
        _add_default(found, rooms, unclaimed, why_default)
    ordered = sorted(found.values(), key=lambda room: (-_rank(room), room.id))
    told = [r for r in ordered if r.why == "nearest" or (r.share or 0.0) >= LEAST_SHARE]
    return (told or ordered)[:MOST_ROOMS]


def default(rooms: Sequence[Room], why: str) -> list[Room]:
    """Return the room that takes what no zone claims: the one so marked, else the first by id."""
    chosen = sorted(rooms, key=lambda room: (not room.is_default, room.id))[:1]
    return [replace(room, share=None, why=why) for room in chosen]


def declared(rooms: Sequence[Room], claims: Sequence[Sequence[tuple[str, float]]]) -> list[Room]:
    """Return the rooms of the declared places, in their order; each place's services by share."""
    found: dict[str, Room] = {}
    for claimed in claims:
        for service, _share in claimed:
            room = _room_of(rooms, service)
            if room is not None:
                found.setdefault(room.id, replace(room, share=None, why="declared_place"))
                break
    return list(found.values())[:MOST_ROOMS]


def _add_default(found: dict[str, Room], rooms: Sequence[Room], share: float, why: str) -> None:
    for room in default(rooms, why):
        before = found.get(room.id)
        if before is None:
            found[room.id] = replace(room, share=share)
        else:
            found[room.id] = replace(before, share=_sum(before, share))


def _room_of(rooms: Sequence[Room], service: str) -> Room | None:
    """Return the room that answers for a service; the first by id where several say so."""
    return min((r for r in rooms if service in r.services), key=lambda r: r.id, default=None)


def _sum(room: Room, share: float) -> float:
    return min(1.0, (room.share or 0.0) + share)


def _rank(room: Room) -> float:
    # The nearest room to a disc outside every zone leads the one that takes everything.
    return 2.0 if room.why == "nearest" else room.share or 0.0
