"""``tgd demo``: everything on one machine, for a person to try or as a story told by itself.

Serves whoever has just cloned the repository. By hand, it ends with exit code 0 when it is told
to. As a story (``seconds``), 0 means that every press was receipted and ended acknowledged by a
control room or closed by an operator's verdict; 1 says which was not. Whatever happens, all that
was started is stopped; the folder with the logs stays only where something failed or it was asked
for (``DEMO_KEEP=1``). ``DEMO_BROKER`` forces ``mosquitto`` or ``amqtt``.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from tgd.demo import audit, desk, room, telling
from tgd.demo.broker import kind_here
from tgd.demo.by_hand import Keyboard, Screen, panel
from tgd.demo.stage import PROGRAM, ROOM, Stage
from tgd.demo.story import LEAST_S, Story
from tgd.errors import TgdError

INTERRUPTED = 130  # what a shell says of a program that SIGINT ended
_BROKERS = ("", "mosquitto", "amqtt")
_LOOK_S = 0.5


class DemoFailed(TgdError):
    """The demo cannot begin, or could not go on; the message is one line."""


def main(seconds: int | None) -> int:
    """Run the demo; ``seconds`` asks for the story and bounds it. Returns the exit code."""
    if seconds is not None and seconds < LEAST_S:
        raise DemoFailed(f"the story takes up to {LEAST_S} s: DEMO_SECONDS={seconds} is too little")
    kind = os.environ.get("DEMO_BROKER", "")
    if kind not in _BROKERS:
        raise DemoFailed(f"DEMO_BROKER is mosquitto or amqtt, not {kind!r}")
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")  # a terminal that lacks a character still gets the rest
    return asyncio.run(_run(seconds, kind))


async def _run(seconds: int | None, kind: str) -> int:
    teller = telling.Teller(telling.console())
    keep = os.environ.get("DEMO_KEEP") == "1"
    stage = Stage(teller.ready, broker_kind=kind, keep=keep, by_hand=seconds is None)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    asked = kind or kind_here(secured=True)
    teller.say(f"Téléphone Grave Danger · démonstration · {asked}", "bold")
    try:
        if seconds is None:
            return await _by_hand(stage, teller, stop)
        return await _unless(stop, _story(stage, teller, seconds), INTERRUPTED)
    finally:
        if stage.keep and stage.folder.exists():
            teller.say(f"dossier gardé · kept: {stage.folder}", "dim")


async def _by_hand(stage: Stage, teller: telling.Teller, stop: asyncio.Event) -> int:
    keyboard = Keyboard(stop.set)
    with keyboard.listening() as keys:
        code = await _unless(stop, _tried(stage, teller, keyboard, keys=keys), 0)
        teller.say("Tout est arrêté · everything is stopped", "dim")
    return code


async def _tried(stage: Stage, teller: telling.Teller, keyboard: Keyboard, *, keys: bool) -> int:
    """Set the stage and stay until broken off, or until a part of it falls."""
    async with stage, _ordered_room(stage, room.BY_HAND):
        stage.phones.listeners.append(Screen(teller.out))
        keyboard.phones = stage.phones
        teller.out.print(panel(stage, keys=keys))
        await _watch(stage)
    return 0


async def _story(stage: Stage, teller: telling.Teller, seconds: int) -> int:
    """Play the story and check its end; the whole in ``seconds``."""
    began = time.monotonic()
    async with stage:
        found = await _played(stage, teller, began + seconds)
        stage.keep = stage.keep or bool(found)
    took = time.monotonic() - began
    for fault in found:
        teller.say(f"✗ {fault}", "bold red")
    if found:
        return 1
    teller.say(f"everything stopped; {took:.1f} s of {seconds} s", "dim")
    return 0


async def _played(stage: Stage, teller: telling.Teller, end: float) -> list[str]:
    """Play the scenes beside the desk, close with the table; returns what ended wrongly.

    ``end`` is on the monotonic clock. A story that breaks off is checked as well, to say which
    presses it leaves.
    """
    async with _ordered_room(stage, room.STORY) as control_room, _operators(stage) as operators:
        followed = desk.Desk(operators[1])
        story = Story(stage.phones, followed, operators, control_room, teller)
        found = await _told(story, stage, followed, end)
        try:
            await followed.read()
            teller.table(await story.rows())
            figures = (await control_room.shown())["figures"]
        except TgdError as failed:  # nothing is there any more that could be asked
            return [*found, str(failed)]
        names = {operator.name for operator in operators}
        found += audit.faults(stage.phones.gestures, followed.alerts, figures, names)
        if not found:
            _well(teller, followed, len(stage.phones.gestures))
        return found


async def _told(story: Story, stage: Stage, followed: desk.Desk, end: float) -> list[str]:
    """Play the scenes; returns what broke them off, if anything did."""
    try:
        async with asyncio.timeout(end - time.monotonic()):
            async with _beside(followed.run(), _watch(stage)):
                await story.play()
    except TimeoutError:
        return ["the story did not end in its time"]
    except TgdError as failed:
        return [str(failed)]
    return []


def _well(teller: telling.Teller, followed: desk.Desk, presses: int) -> None:
    alerts = followed.alerts.values()
    told = sum(map(audit.acknowledged, alerts))
    teller.say(
        f"✓ {presses} presses, {presses} receipts, {len(alerts)} alerts: {told} acknowledged by"
        f" the control room, {len(alerts) - told} closed by an operator's verdict",
        "bold green",
    )


@contextlib.asynccontextmanager
async def _ordered_room(
    stage: Stage, behaviour: dict[str, float]
) -> AsyncIterator[room.ControlRoom]:
    """Give the room its pace, and let it be in the end."""
    control_room = room.ControlRoom(stage.room_origin, ROOM)
    try:
        await control_room.order(**behaviour)
        yield control_room
    finally:
        await control_room.close()


@contextlib.asynccontextmanager
async def _operators(stage: Stage) -> AsyncIterator[tuple[desk.Operator, desk.Operator]]:
    """Two operators: one as a browser, with a session; one as a program, with a token."""
    async with contextlib.AsyncExitStack() as stack:
        first = await desk.by_password(stage.origin, "operateur-1", stage.logins["operateur-1"])
        stack.push_async_callback(first.close)
        second = await desk.by_token(stage.origin, PROGRAM, stage.token)
        stack.push_async_callback(second.close)
        yield first, second


@contextlib.asynccontextmanager
async def _beside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run the works beside the block; one that fails breaks the block off with its own error."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
            yield
            for task in tasks:
                task.cancel()
    except* TgdError as failed:
        first: BaseException = failed
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None


async def _watch(stage: Stage) -> None:
    """Fail as soon as a part of the stage has fallen."""
    while True:
        if fallen := stage.fallen():
            raise DemoFailed(f"the {fallen} has ended by itself: see {stage.folder}")
        await asyncio.sleep(_LOOK_S)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, int], instead: int) -> int:
    """Return what ``work`` does; ``instead`` if ``stop`` came first, ``work`` being broken off."""
    doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else instead
    finally:
        for task in (doing, stopping):
            task.cancel()
        await asyncio.wait({doing, stopping})
