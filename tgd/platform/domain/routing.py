"""Which control rooms are told of an alert, in order; the first one leads.

Serves arrow 3. The estimate's disc is shared among the services of the territory; a room has the
share of its services, and what no room claims is the default room's. Every room says why it was
chosen, so that "unknown, because …" reaches the operator instead of a guess. An empty answer means
that a person must call (a red voice task). Rooms that
may not know of her (a conflict of interest) are passed over, and nothing says why.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from tgd.conflict import Lock, Reader, locked

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
    institution: str = ""
    neighbour: str | None = None


def barred(locks: Collection[Lock], room: str, institution: str) -> bool:
    """Say whether a room may not know of whom these locks protect."""
    return locked(locks, Reader(room=room, institution=institution))


def open_to(rooms: Sequence[Room], locks: Collection[Lock]) -> list[Room]:
    """Return the rooms that may know of her, with what the others would have taken.

    For a room that may not stand, in turn: its neighbour, and that one's; the default room or else
    the first by id of another institution; nobody, and what it claims is unclaimed.
    """
    out = {room.id: room for room in rooms if barred(locks, room.id, room.institution)}
    left = {room.id: room for room in rooms if room.id not in out}
    for room in out.values():
        other = _stand_in(room, left, out)
        if other is not None:
            left[other.id] = replace(
                other,
                services=(*other.services, *room.services),
                is_default=other.is_default or room.is_default,
            )
    return list(left.values())


def _stand_in(room: Room, left: dict[str, Room], out: dict[str, Room]) -> Room | None:
    seen, one = {room.id}, room
    while one.neighbour is not None and one.neighbour not in seen:
        if one.neighbour in left:
            return left[one.neighbour]
        if one.neighbour not in out:
            break
        seen.add(one.neighbour)
        one = out[one.neighbour]
    others = [each for each in left.values() if each.institution != room.institution]
    return min(others, key=lambda each: (not each.is_default, each.id), default=None)


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


def neighbours(rooms: Sequence[Room], locks: Collection[Lock]) -> dict[str, Room]:
    """Return, by a room's id, which one stands in for it; none that may not know of her."""
    may = {room.id: room for room in open_to(rooms, locks)}
    return {
        room.id: replace(may[room.neighbour], share=None, why="neighbour")
        for room in rooms
        if room.neighbour is not None and room.neighbour in may
    }


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
