"""The operators' desk, scripted: it works the platform's public interface and nothing else.

Serves the story on the near side of arrow 2. It follows ``/stream`` as the console does (a hint to
re-read, never the data), so that ``until`` sees a fact as soon as a person could. One operator is
logged in with a session and its CSRF token, as a browser is; another has a bearer token, as a
program has. What the platform refuses ends the story with the platform's own words.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

import aiohttp

from tgd.errors import TgdError

API = "/api/v1"
_LOOK_S = 0.5
"""A hint may be missed: looked at least so often."""

Alert = Mapping[str, Any]


class DeskFailed(TgdError):
    """The platform refused what an operator did, or does not answer."""


class Operator:
    """One operator at work."""

    def __init__(self, name: str, session: aiohttp.ClientSession, headers: dict[str, str]) -> None:
        self.name = name
        self._session = session
        self._headers = headers

    async def act(self, alert: str, act: str, **body: object) -> Alert:
        """Do something with an alert; returns it as it stands afterwards."""
        path = f"{API}/alerts/{alert}/{act}"
        after: Alert = await _read(self._session.post(path, json=body, headers=self._headers))
        return after

    async def post(self, path: str, body: Mapping[str, object]) -> Any:
        """Do something else than with an alert."""
        return await _read(self._session.post(f"{API}{path}", json=body, headers=self._headers))

    async def get(self, path: str) -> Any:
        """Read something."""
        return await _read(self._session.get(f"{API}{path}", headers=self._headers))

    async def hints(self, heard: asyncio.Event) -> None:
        """Set ``heard`` at each hint, for ever."""
        wait = aiohttp.ClientTimeout(total=None, sock_read=30)
        path = f"{API}/stream"
        try:
            async with self._session.get(path, headers=self._headers, timeout=wait) as response:
                async for line in response.content:
                    if line.startswith(b"event:"):
                        heard.set()
        except (aiohttp.ClientError, OSError) as error:
            raise DeskFailed(f"the platform's stream broke: {type(error).__name__}") from error
        raise DeskFailed("the platform's stream has ended")

    async def close(self) -> None:
        """Leave."""
        await self._session.close()


class Desk:
    """What the operators see: every alert as last read, and when each was first shown."""

    def __init__(self, reader: Operator) -> None:
        self.alerts: dict[str, Alert] = {}
        self.shown_at: dict[str, float] = {}
        """Epoch seconds at which an alert first stood on the list."""
        self.read_at = 0.0
        """Epoch seconds of the last reading."""
        self._reader = reader
        self._hint = asyncio.Event()
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Follow the stream and re-read at each hint, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reader.hints(self._hint), name="desk: hints")
            group.create_task(self._follow(), name="desk: reading")

    async def until(self, alert: str, fact: Callable[[Alert], object]) -> Alert:
        """Return the alert once it is on the list and ``fact`` holds of it."""
        async with self._news:
            await self._news.wait_for(lambda: alert in self.alerts and fact(self.alerts[alert]))
        return self.alerts[alert]

    async def until_device(self, device: str, known: set[str]) -> Alert:
        """Return the alert of a phone that is not among the ``known`` ones, once it is shown."""

        def found() -> list[Alert]:
            return [
                a for a in self.alerts.values() if a["device"] == device and a["id"] not in known
            ]

        async with self._news:
            await self._news.wait_for(found)
        return found()[0]

    async def read(self) -> None:
        """Read the whole list."""
        cursor = ""
        while True:
            page = await self._reader.get(f"/alerts?limit=500{cursor}")
            self.read_at = now = time.time()
            for alert in page["items"]:
                self.alerts[alert["id"]] = alert
                self.shown_at.setdefault(alert["id"], now)
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        async with self._news:
            self._news.notify_all()

    async def _follow(self) -> None:
        while True:
            self._hint.clear()
            await self.read()
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._hint.wait()
            except TimeoutError:
                continue


async def by_password(origin: str, username: str, password: str) -> Operator:
    """Log in as a browser does."""
    session = aiohttp.ClientSession(origin, cookie_jar=aiohttp.CookieJar(unsafe=True))
    try:
        given = {"username": username, "password": password}
        opened = await _read(session.post(f"{API}/session", json=given))
    except BaseException:
        await session.close()
        raise
    return Operator(username, session, {"X-CSRF-Token": opened["csrf"]})


async def by_token(origin: str, name: str, token: str) -> Operator:
    """Come with a bearer token, as a program does."""
    return Operator(name, aiohttp.ClientSession(origin), {"Authorization": f"Bearer {token}"})


def epoch(stamp: str) -> float:
    """Return a time of the interface as epoch seconds."""
    return datetime.fromisoformat(stamp).timestamp()


async def _read(request: Any) -> Any:
    try:
        async with request as response:
            told = await response.json(content_type=None)
            if response.status < HTTPStatus.BAD_REQUEST:
                return told
            where = f"{response.method} {response.url.path}"
            raise DeskFailed(f"{where} answered {response.status}: {told['detail']}")
    except (aiohttp.ClientError, OSError, ValueError, KeyError) as error:
        raise DeskFailed(f"the platform does not answer: {type(error).__name__}") from error
