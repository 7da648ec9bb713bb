"""The words of `tgd-mqtt/1` as a phone speaks and hears them (protocol, §2).

Serves arrow 1, the phone's end of the wire. Promises: what is written here is what §2 lists, field
for field, in UTF-8 JSON far under 8 KiB; what is read here is checked before anyone acts on it.
Leaves the rules (when to send, whom to believe) to the machine. Epoch seconds, metres, degrees.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec

from firmware_sim.store import OpenPress

FIRMWARE = "sim-1.0"
LAST_TIME = 1e12  # epoch seconds; what says more is no time


def encode(message: dict[str, Any]) -> bytes:
    """Compact UTF-8 JSON."""
    return msgspec.json.encode(message)


def press(record: OpenPress, created_at: float) -> bytes:
    """Encode this sending of a press: the same id and seq, its own attempt and `created_at`."""
    return encode(
        {
            "_type": "press",
            "id": record.id,
            "seq": record.seq,
            "attempt": record.attempt,
            "tst": record.tst,
            "created_at": round(created_at, 3),
            **record.body,
        }
    )


def position(location: dict[str, Any], created_at: float) -> bytes:
    """Encode a position during an alert: a fix, and the phone's clock when it was sent.

    With `created_at` a phone whose clock is years off still says how old its fix is.
    """
    return encode({"_type": "location", **location, "created_at": round(created_at, 3)})


def heartbeat(seq: int, tst: float, health: dict[str, Any]) -> bytes:
    """Health and never a position: `health` is batt, bs, conn, net."""
    return encode(
        {"_type": "heartbeat", "seq": seq, "tst": round(tst, 3), **health, "fw": FIRMWARE}
    )


def last_will(tst: float) -> bytes:
    """Encode what the broker says when the phone is gone: since when it was there, not where."""
    return encode({"_type": "lwt", "tst": round(tst, 3)})


@dataclass(frozen=True, slots=True)
class Receipt:
    """The platform has the press. `id` None stops the phone whatever it had pressed.

    `at` is the platform's clock, None where it says nothing usable: a receipt counts all the same.
    """

    id: str | None
    code: str
    alert: str | None
    listen: str
    at: float | None = None


@dataclass(frozen=True, slots=True)
class State:
    """How far the alert is; void 60 s after `at`."""

    alert: str
    state: str
    n: int
    at: float


@dataclass(frozen=True, slots=True)
class Command:
    """Something asked of the phone; void 60 s after `at`."""

    id: str
    at: float
    action: str
    fields: dict[str, Any] = field(default_factory=dict)


class Unreadable(ValueError):
    """Something came down that is no message of §2; the text says why."""


def decode(raw: bytes) -> Receipt | State | Command:
    """Read what came down; Unreadable if it is nothing that §2 knows."""
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError) as fault:
        raise Unreadable("not JSON") from fault
    if not isinstance(message, dict):
        raise Unreadable("not an object")
    match message.get("_type"):
        case "receipt":
            return _receipt(message)
        case "state":
            return State(
                alert=_text(message, "alert"),
                state=_text(message, "state"),
                n=_whole(message, "n"),
                at=_number(message, "at"),
            )
        case "cmd":
            return Command(
                id=_text(message, "id"),
                at=_number(message, "at"),
                action=_text(message, "action"),
                fields=message,
            )
        case _:
            raise Unreadable("unknown _type")


def _receipt(message: dict[str, Any]) -> Receipt:
    # A receipt stops an alarm from repeating: an absent id is not the same as an id of null.
    if "id" not in message:
        raise Unreadable("receipt without id")
    return Receipt(
        id=None if message["id"] is None else _text(message, "id"),
        code=_text(message, "code"),
        alert=None if message.get("alert") is None else _text(message, "alert"),
        listen=str(message.get("listen", "mic_only")),
        at=_clock(message.get("at")),
    )


def _clock(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 < value < LAST_TIME else None


def _text(message: dict[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str):
        raise Unreadable(f"{name} is no text")
    return value


def _whole(message: dict[str, Any], name: str) -> int:
    value = message.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unreadable(f"{name} is no whole number")
    return value


def _number(message: dict[str, Any], name: str) -> float:
    value = message.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Unreadable(f"{name} is no number")
    # An endless `at` would never be void.
    if not abs(value) < LAST_TIME:
        raise Unreadable(f"{name} is no time")
    return float(value)
