"""Twenty presses as no phone should send them, each with what the platform must say of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

Raw = Callable[[datetime], bytes]


@dataclass(frozen=True)
class Odd:
    """One malformed press: from which phone, its bytes at a moment, and the doubts due."""

    what: str
    raw: Raw
    doubts: tuple[str, ...]
    device: str = ""
    retained: bool = False
    sent_id: str | None = None


def _id(number: int) -> str:
    return str(UUID(int=number, version=4))


def press(number: int, now: datetime, **fields: object) -> bytes:
    """A press that is right but for ``fields``; a field that is ``...`` is left out."""
    at = now.timestamp()
    whole = {"_type": "press", "id": _id(number), "seq": 1, "attempt": 1, "tst": at}
    whole |= {"created_at": at, "trigger": "button", "loc": None, "batt": 55}
    return json.dumps(
        {name: value for name, value in (whole | fields).items() if value is not ...}
    ).encode()


def _with(**fields: object) -> Callable[[int], Raw]:
    return lambda number: lambda now: press(number, now, **fields)


def _bytes(raw: bytes) -> Callable[[int], Raw]:
    return lambda _: lambda _now: raw


def _clock(epoch: float) -> Callable[[int], Raw]:
    return _with(tst=epoch, created_at=epoch + 1)


def _late(number: int) -> Raw:
    return lambda now: press(number, now, tst=now.timestamp() - 600)


def _place(**loc: object) -> Callable[[int], Raw]:
    return lambda number: lambda now: press(number, now, loc={"acc": 5, **loc})


_UNREADABLE = ("press_unreadable", "id_missing")
_KINDS: tuple[tuple[str, Callable[[int], Raw], tuple[str, ...], str, bool], ...] = (
    ("bad-utf-8", _bytes(b"\xff\xfe\xfd\xfc"), _UNREADABLE, "", False),
    ("empty", _bytes(b""), _UNREADABLE, "", False),
    ("nul-in-the-id", _with(id="a\x00b"), ("id_missing",), "", False),
    ("nul-in-a-string", _with(trigger="but\x00ton", note="\x00"), (), "", False),
    ("brackets", _bytes(b"[" * 8192), _UNREADABLE, "", False),
    ("100-KiB", _with(padding="x" * 102_400), ("oversized",), "", False),
    ("nan", _place(lat=float("nan"), lon=float("nan")), ("location_invalid",), "", False),
    ("null-island", _place(lat=0, lon=0), ("location_invalid",), "", False),
    ("latitude-200", _place(lat=200, lon=0.3), ("location_invalid",), "", False),
    ("no-id", _with(id=...), ("id_missing",), "", False),
    ("long-id", _with(id="x" * 5000), ("id_missing",), "", False),
    ("clock-1970", _clock(7.0), ("clock_wrong",), "", False),
    ("clock-2106", _clock(4_294_967_000.0), ("clock_wrong",), "", False),
    ("ten-minutes-old", _late, ("late",), "", False),
    ("unknown", _with(), ("device_unknown", "consent_unknown"), "stranger-01", False),
    ("ill-formed-name", _with(), ("device_ill_formed", "device_unknown"), "téléphone 7", False),
    ("expired", _with(), ("assignment_ended",), "expired-01", False),
    ("revoked", _with(), ("assignment_ended",), "revoked-01", False),
    ("unassigned", _with(), ("device_unassigned", "consent_unknown"), "unassigned-01", False),
    ("lost", _with(), ("device_lost",), "lost-01", False),
    ("retained", _with(), ("retained",), "", True),
    ("a-list", _bytes(b'["press"]'), _UNREADABLE, "", False),
)
_IDLESS = {"nul-in-the-id", "no-id", "long-id"}


def _odd(number: int) -> Odd:
    what, raw, doubts, device, retained = _KINDS[number]
    sent = None if "id_missing" in doubts or what in _IDLESS else _id(number)
    return Odd(what, raw(number), doubts, device or f"bad-{number:02}", retained, sent)


ODD = tuple(_odd(number) for number in range(len(_KINDS)))


async def furnish(url: str, now: datetime) -> None:
    """Enter the phones of the odd presses, and ``good-01`` to ``good-30``, into the register."""
    own = [f"bad-{number:02}" for number in range(len(ODD))]
    good = [f"good-{number:02}" for number in range(1, 31)]
    special = ["expired-01", "revoked-01", "lost-01"]
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "INSERT INTO tribunal (id, name, allocation) VALUES ('essai', 'Tribunal d''essai', 100)"
        )
        for device in (*own, *good, *special, "unassigned-01"):
            await connection.execute(
                "INSERT INTO device (id, tribunal_id) VALUES ($1, 'essai')", device
            )
        for device in (*own, *good, *special):
            await connection.execute(ASSIGN, device, now - timedelta(days=200))
        await connection.execute(
            "UPDATE assignment SET ends_at = least(now(), $1) - interval '1 day' "
            "WHERE device_id = 'expired-01'", now,
        )  # fmt: skip
        await connection.execute(
            "UPDATE assignment SET ended_at = $1 WHERE device_id = 'revoked-01'", now
        )
        await connection.execute("UPDATE device SET lost_at = $1 WHERE id = 'lost-01'", now)
    finally:
        await connection.close()


ASSIGN = """
WITH who AS (
    INSERT INTO beneficiary (label) VALUES ('Bénéficiaire ' || $1) RETURNING id
), given AS (
    INSERT INTO assignment (device_id, beneficiary_id, starts_at, ends_at)
    SELECT $1, who.id, least(now() - interval '200 days', $2), now() + interval '100 years' FROM who
    RETURNING id
)
INSERT INTO consent (assignment_id, kind, given, at, recorded_by)
SELECT given.id, 'location', true, $2, 'test' FROM given
"""
