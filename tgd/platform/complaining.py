"""Telling rooms by their brokers what could not be used of their messages: RS-ERROR.

Serves the way back of arrow 3 beside ``flow.hearing``. Promises: telling one room keeps neither the
hearing nor another room waiting; each room has a queue of its own, one sending at a time, and what
does not fit into it is dropped and counted, since a room that is told ten times knows. Nothing here
survives this process: what was refused has changed nothing, and whoever misses an answer calls.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from tgd.clock import Clock
from tgd.errors import Invalid, Rejected, Temporary
from tgd.log import fault
from tgd.metrics import Metrics
from tgd.platform.channels import Channel, cisu, cisu_inbound
from tgd.platform.channels.cisu_inbound import BadEnvelope

WAITING = 10
"""So many for one room; more are dropped."""
REPLY_S = 5.0
_VALID = timedelta(hours=1)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """A room, and the line by which we reach it at one broker."""

    id: str
    address: str
    url: str
    token: str | None = field(repr=False)


class Complaining:
    """The queues of all rooms; ``close`` it."""

    def __init__(self, channel: Channel, clock: Clock, metrics: Metrics, sender_id: str) -> None:
        self._channel = channel
        self._clock = clock
        self._metrics = metrics
        self._sender_id = sender_id
        self._waiting: dict[Way, deque[BadEnvelope]] = {}
        self._telling: set[asyncio.Task[None]] = set()

    def tell(self, room: Way, bad: BadEnvelope) -> None:
        """Have a room told of what was refused; returns at once."""
        waiting = self._waiting.get(room)
        if waiting is not None and len(waiting) >= WAITING:
            self._metrics.room_errors["dropped"].inc()
            return
        if waiting is None:
            waiting = self._waiting[room] = deque()
            task = asyncio.create_task(self._tell(room, waiting), name="complain")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)
        waiting.append(bad)

    async def close(self) -> None:
        """Break off what is under way, and forget what waits."""
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)
        self._waiting.clear()

    async def _tell(self, room: Way, waiting: deque[BadEnvelope]) -> None:
        """Send what waits for one room, then end."""
        while waiting:
            outcome = "sent" if await self._sent(room, waiting[0]) else "failed"
            self._metrics.room_errors[outcome].inc()
            waiting.popleft()
        del self._waiting[room]

    async def _sent(self, room: Way, bad: BadEnvelope) -> bool:
        now = self._clock.now()
        try:
            envelope = cisu_inbound.rs_error(
                bad,
                sender_id=self._sender_id,
                recipient=room.address,
                distribution_id=cisu.distribution_id(self._sender_id, uuid4()),
                sent_at=now,
                expires_at=now + _VALID,
            )
            await self._channel.send(room.url, room.token, cisu.encode(envelope), REPLY_S)
        except (Temporary, Rejected, Invalid) as error:
            _log.warning("room %s is not told of an error: %s", room.id, error)
        except Exception as failure:  # noqa: BLE001  nor must one answer end those to come
            fault(_log, f"telling room {room.id} of an error", failure)
        else:
            return True
        return False
