"""The ways out of the platform: one file per way, each ends at somebody else's door.

Serves arrow 3, the dispatch. A channel carries bytes that are already written and sealed in a row;
it keeps no state, decides nothing and schedules nothing. What it promises is the answer to one
question: returning means *delivered*, ``errors.Temporary`` means *again*, ``errors.Rejected``
means *not this way*. Delivered is never acknowledged: only the room's own words are that.
Claiming, leases, deadlines and what happens after a failure belong to the flow ``sending``.

``cisu`` writes and reads the control rooms' envelopes and touches no network; ``cisu_https``
carries them by POST.
"""

from typing import NamedTuple, Protocol


class Channel(Protocol):
    """One way to a control room's line."""

    async def send(self, url: str, token: str | None, body: bytes, timeout_s: float) -> None:
        """Deliver ``body`` within ``timeout_s`` seconds, or raise Temporary or Rejected."""
        ...


class Tried(NamedTuple):
    """A line that is to be probed; ``room`` and ``sender`` are CISU addresses, times seconds."""

    url: str
    token: str | None
    room: str
    sender: str
    timeout_s: float
