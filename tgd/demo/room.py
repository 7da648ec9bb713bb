"""The simulated control room as whoever gives it orders sees it: behaviour, arrivals, cases.

Serves the story at the end of arrow 3, over the room's own page's routes. Not the platform's view
of the room: what arrived there, and when, is asked of the room itself.
"""

from http import HTTPStatus
from typing import Any

import aiohttp

from tgd.errors import TgdError

STORY = {"recu_s": 0.1, "integre_s": 0.2, "consulte_s": 0.7, "engaged_s": 0.6, "on_scene_s": 1.0}
"""A room that looks quickly: the story has seven cases to tell in half a minute."""
BY_HAND = {"recu_s": 0.3, "integre_s": 1.0, "consulte_s": 3.0, "engaged_s": 6.0, "on_scene_s": 20.0}
"""A room at a pace that a person can follow on its page."""


class RoomFailed(TgdError):
    """The simulated control room does not answer or refused an order."""


class ControlRoom:
    """One simulated room at ``origin``, called ``address`` in the envelopes."""

    def __init__(self, origin: str, address: str) -> None:
        self.address = address
        self._session = aiohttp.ClientSession(origin)

    async def close(self) -> None:
        """Let it be."""
        await self._session.close()

    async def order(self, **behaviour: object) -> None:
        """Change its behaviour; what is not named stays."""
        body = {"room": self.address, "behaviour": behaviour}
        await _read(self._session.post("/salle/orders", json=body))

    async def fail(self, fault: str) -> None:
        """Order a fault by name; ``off`` ends it."""
        body = {"room": self.address, "fault": fault}
        await _read(self._session.post("/salle/faults", json=body))

    async def arrivals(self) -> list[dict[str, Any]]:
        """Return every message that it took, in order, with its ``wall`` time (epoch seconds)."""
        items: list[dict[str, Any]] = (await _read(self._session.get("/salle/arrivals")))["items"]
        return items

    async def told_at(self, case: str, *, message: int = 0) -> float:
        """Return when the case's message of that number (from 0) came, in epoch seconds."""
        return float((await self.messages(case))[message]["wall"])

    async def messages(self, case: str) -> list[dict[str, Any]]:
        """Return what came about one case, in order."""
        return [arrival for arrival in await self.arrivals() if is_case(arrival, case)]

    async def shown(self) -> dict[str, Any]:
        """Return what its screen shows: figures, and the cases, newest first."""
        rooms = (await _read(self._session.get("/salle/rooms")))["rooms"]
        mine: dict[str, Any] = next(room for room in rooms if room["address"] == self.address)
        return mine

    async def case(self, case: str) -> dict[str, Any]:
        """Return one case as its screen shows it."""
        cases: list[dict[str, Any]] = (await self.shown())["cases"]
        return next(shown for shown in cases if is_case(shown, case))


def is_case(shown: dict[str, Any], case: str) -> bool:
    """Say whether this is the case of that number: in the room it bears the platform's name too."""
    return str(shown["case_id"]).endswith(f".{case}")


async def _read(request: Any) -> Any:
    try:
        async with request as response:
            if response.status == HTTPStatus.OK:
                return await response.json()
            raise RoomFailed(f"{response.url.path} answered {response.status}")
    except (aiohttp.ClientError, OSError) as error:
        raise RoomFailed(f"the simulated room does not answer: {type(error).__name__}") from error
