"""The demo's eight phones: a process of their own, driven by orders, followed by its events.

Serves the demo on the far side of arrow 1. The phones share no code with the platform, so they run
as ``python -m firmware_sim --control`` and are spoken to in JSON lines. It promises that every
gesture is kept with its receipt once there is one, and that the phones end with us: they end when
their input does, which the system closes for us even if we are killed.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tgd.errors import TgdError

COUNT = 8
_STOP_S = 5.0


class PhonesFailed(TgdError):
    """The simulated phones could not be started, have ended, or refused an order."""


class Event(msgspec.Struct):
    """What happened to a phone; ``at`` in epoch seconds. ``refused`` answers a wrong order."""

    phone: str = ""
    at: float = 0.0
    kind: str = ""
    details: dict[str, Any] = {}
    refused: str | None = None


@dataclass(slots=True)
class Gesture:
    """A button pressed at ``at`` (epoch seconds); ``receipt`` are its receipt's details."""

    phone: str
    press: str
    at: float
    receipt: Mapping[str, Any] | None = None
    receipted: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def alert(self) -> str | None:
        """The alert that the receipt named."""
        return self.receipt["alert"] if self.receipt else None


class Phones:
    """The fleet; ``start`` first. Each of ``listeners`` is called with every event.

    ``words`` tell the simulator who they are and where their broker is.
    """

    def __init__(self, words: Sequence[str], log: Path) -> None:
        self.gestures: list[Gesture] = []
        self.connected: set[str] = set()
        self.dark: set[str] = set()
        """The phones that are out of reach of any network."""
        self.listeners: list[Callable[[Event], None]] = []
        self.failed: str = ""
        self._words = words
        self._log = log
        self._news = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Switch them on."""
        command = ["-m", "firmware_sim", "--control", *self._words]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us: we stop things in order
            )
        self._reading = asyncio.create_task(self._read(), name="phones")

    async def stop(self) -> None:
        """Switch them off."""
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading

    def order(self, phone: int | Sequence[str], action: str, **fields: object) -> None:
        """Have something done to a phone: an action of a scenario with its fields."""
        pipe = self._process.stdin if self._process else None
        if pipe is None or self.failed:
            raise PhonesFailed(f"the simulated phones: {self.failed or 'not started'}")
        pipe.write(msgspec.json.encode({"phone": phone, "action": action, **fields}) + b"\n")

    async def press(self, phone: int, **fields: object) -> Gesture:
        """Press a button and return the gesture once it was made."""
        return (await self.press_all([phone], **fields))[0]

    async def press_all(self, phones: list[int], **fields: object) -> list[Gesture]:
        """Press several phones' buttons in one instant."""
        before = len(self.gestures)
        names = [name(phone) for phone in phones]
        self.order(names, "press", **fields)
        await self.until(lambda: len(self.gestures) >= before + len(phones))
        made = {gesture.phone: gesture for gesture in self.gestures[before:]}
        return [made[phone] for phone in names]

    async def until(self, fact: Callable[[], bool]) -> None:
        """Wait until ``fact`` holds, looking at each event; raises ``PhonesFailed``."""
        while not fact():
            if self.failed:
                raise PhonesFailed(f"the simulated phones: {self.failed}")
            self._news.clear()
            await self._news.wait()

    async def _read(self) -> None:
        out = self._process.stdout if self._process else None
        while out is not None and (line := await out.readline()):
            self._take(msgspec.json.decode(line, type=Event))
        self._fail("they have ended")

    def _take(self, event: Event) -> None:
        match event.kind:
            case "pressed":
                press = str(event.details["press"])
                self.gestures.append(Gesture(event.phone, press, event.at))
            case "receipt":
                self._receipted(event)
            case "connected":
                self.connected.add(event.phone)
            case "network":
                (self.dark.discard if event.details["on"] else self.dark.add)(event.phone)
            case _ if event.refused is not None:
                self._fail(event.refused)
            case _:
                pass
        for listener in self.listeners:
            listener(event)
        self._news.set()

    def _receipted(self, event: Event) -> None:
        for gesture in self.gestures:
            if gesture.press == event.details["press"]:
                gesture.receipt = event.details
                gesture.receipted.set()

    def _fail(self, why: str) -> None:
        self.failed = self.failed or why
        self._news.set()


def name(number: int) -> str:
    """Return the id of the demo's phone of that number, from 1."""
    return f"tgd-86-{number:02}"
