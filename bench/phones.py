"""Phones as the benchmark presses them one at a time: over the server's own MQTT client.

One connection speaks for every phone (the broker here gives no rights per phone), so that a
measured press costs what the product and the broker cost, and not a thousand clients. ``press``
times one press until its receipt is in our hands. Loads are another matter: see ``generator``.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from uuid import uuid4

import msgspec

from tgd.devices.mqtt import Arrived, MqttLink, State

PATIENCE_S = 30.0


def press_point(seq: int) -> tuple[float, float]:
    """Return where the ``seq``-th press is made: latitude and longitude in degrees."""
    return round(46.58 + (seq % 1000) / 20000, 5), 0.34


def press_bytes(
    press_id: str, seq: int, at: float, point: tuple[float, float] | None = None
) -> bytes:
    """Write the press of an invented phone, with a position, as the protocol has it."""
    lat, lon = point or press_point(seq)
    return msgspec.json.encode(
        {
            "_type": "press",
            "id": press_id,
            "seq": seq,
            "attempt": 1,
            "tst": round(at - 0.2, 3),
            "created_at": round(at, 3),
            "trigger": "button",
            "loc": {
                "lat": lat,
                "lon": lon,
                "acc": 12.5,
                "pm": "G",
                "tst": round(at - 2.0, 3),
                "alt": 116.0,
                "vel": 3.0,
                "cog": 87.0,
            },
            "batt": 74,
            "bs": 1,
            "conn": "m",
            "net": {"rat": "lte", "rsrp": -97},
        }
    )


class Phones:
    """Every phone's end of the wire, on one connection. Use as a context manager."""

    def __init__(self, broker_url: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._receipts: dict[str, asyncio.Future[tuple[float, str]]] = {}
        self._listening = asyncio.Event()
        self._seq = 0
        name = f"bench-phones-{secrets.token_hex(4)}"
        self._link = MqttLink(
            *(name, [broker_url], [("tgd/v1/+/down", 1)], self._came),
            on_state=self._state,
            keep_session=False,
        )
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._link.run())
        await asyncio.wait_for(self._listening.wait(), PATIENCE_S)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def press(self, device: str) -> tuple[float, str]:
        """Press one phone's button; return the seconds to its receipt, and the alert's id."""
        begin, receipt = self._send(device)
        came, alert = await asyncio.wait_for(receipt, PATIENCE_S)
        return came - begin, alert

    async def press_all(
        self, devices: Sequence[str], points: Sequence[tuple[float, float]] = ()
    ) -> list[str]:
        """Press them all at once, there if it is said where; return their alerts, in order."""
        where = points or [None] * len(devices)
        receipts = [self._send(*one)[1] for one in zip(devices, where, strict=True)]
        async with asyncio.timeout(PATIENCE_S):
            return [(await receipt)[1] for receipt in receipts]

    def _send(
        self, device: str, point: tuple[float, float] | None = None
    ) -> tuple[float, asyncio.Future[tuple[float, str]]]:
        self._seq += 1
        press_id = str(uuid4())
        payload = press_bytes(press_id, self._seq, time.time(), point)
        receipt = self._receipts[press_id] = self._loop.create_future()
        begin = time.perf_counter()
        if not self._link.publish(f"tgd/v1/{device}/up/press", payload):
            raise ConnectionError("the broker is away")
        self._link.flush()
        return begin, receipt

    def _came(self, batch: list[Arrived]) -> None:
        at = time.perf_counter()
        for message in batch:
            self._link.ack(message.token)
            told = msgspec.json.decode(message.payload)
            if told["_type"] == "receipt" and told["id"] in self._receipts:
                self._receipts.pop(told["id"]).set_result((at, told["alert"]))

    def _state(self, now: State) -> None:
        if now is State.LISTENING:
            self._listening.set()
