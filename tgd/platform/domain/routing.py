"""Which control rooms are told of an alert, in order; the first one leads.

Serves arrow 3. In this form the territory is not consulted: the room that takes what no zone
claims takes everything. An empty answer means that a person must call (a red voice task).
"""

from collections.abc import Sequence

from tgd.platform.domain.dispatch import Room


def competent(rooms: Sequence[Room]) -> list[Room]:
    """Return the rooms to tell: the default one, or, where none is marked, the first by id."""
    return sorted(rooms, key=lambda room: (not room.is_default, room.id))[:1]
