"""The life of an assignment: six months, renewed, ended by a person, returned, wiped.

Article 41-3-1 of the Code de procédure pénale: six months, renewable, with express consent, on one
of two grounds; law 2024-536: the prosecutor may shorten them. Promises: a term is never longer than
six months by the calendar of France; expiry ends nothing by itself; an end has a person and a
reason; a hand-over is finished only by a press that was heard from the phone that the register
means. What the database refuses as well is in the schema; who may do what is left to the web.
"""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tgd.errors import Invalid, Refused

FRANCE: Final = ZoneInfo("Europe/Paris")
MONTHS: Final = 6
WARNED_DAYS: Final = (60, 30, 7)
"""So many days before the end of a term, it is said that it ends; somebody says to have seen it."""
BASES: Final = ("1", "2")
"""1°: a judicial no-contact order; 2°: proven, imminent danger, the order not there yet."""
REASONS: Final = (
    "danger_over",
    "aggressor_jailed",
    "her_wish",
    "instructions_not_respected",
    "no_protection_order",
    "replaced",
    "other",
)
"""Why a person ended an assignment; ``other`` has its words sealed beside it."""
CONSENTS: Final = ("phone", "location", "audio")
IDENTIFIED: Final = ("label", "imei", "sim", "identity")
"""What is compared at the hand-over: sticker, phone, card, and who speaks."""


@dataclass(frozen=True, slots=True)
class Held:
    """An assignment as the rules see it."""

    status: str
    term_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    device_state: str
    device_wiped: bool
    located: bool | None
    """Whether she agreed to be located; None: it was not asked."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A press of the phone since it was decided; ``heard``: its alert was closed as a test."""

    pressed_at: datetime
    heard: bool
    located: bool


def six_months(start: datetime) -> datetime:
    """Return the moment six months later by the calendar of France, at the same hour."""
    local = start.astimezone(FRANCE)
    years, month = divmod(local.month - 1 + MONTHS, 12)
    day = min(local.day, calendar.monthrange(local.year + years, month + 1)[1])
    later = local.replace(year=local.year + years, month=month + 1, day=day, fold=0)
    return later.astimezone(start.tzinfo)


def term(start: datetime, until: datetime | None) -> datetime:
    """Return the end of a term that starts then; raises ``Invalid`` where it cannot be one."""
    most = six_months(start)
    if until is None:
        return most
    if until <= start:
        raise Invalid("ends_at", "must be after the start of the term")
    if until > most:
        raise Invalid("ends_at", "a term lasts six months at most")
    return until


def renewed(held: Held, now: datetime, until: datetime | None) -> tuple[datetime, datetime]:
    """Return start and end of the term that follows.

    In time it follows the present one, once; late it starts now: nothing is renewed backwards.
    """
    standing(held)
    if held.term_at > now:
        raise Refused("renewed_already", "the term that follows has not begun")
    start = max(held.ends_at, now)
    return start, term(start, until)


def shortened(held: Held, now: datetime, until: datetime) -> datetime:
    """Return the earlier end that a prosecutor sets; the phone works on after it all the same."""
    standing(held)
    if not now <= until < held.ends_at:
        raise Invalid("ends_at", "must be from now on and before the end of the present term")
    return until


def ended(held: Held, reason: str | None) -> tuple[str, str | None]:
    """Return the code of the reason and the words that are to be sealed, if it has its own."""
    standing(held)
    if reason is None or not reason.strip():
        raise Invalid("reason", "an end has its reason")
    return (reason, None) if reason in REASONS else ("other", reason)


def returned(held: Held) -> None:
    """Refuse a return that does not fit; one that is there already is nobody's fault."""
    if held.status in {"returned", "wiped"}:
        raise Refused("returned_already", "the phone is back")
    if held.ended_at is None:
        raise Refused("not_ended", "a person ends the assignment first, with a reason")


def tested(
    held: Held, press: Heard | None, said: Mapping[str, object], known: Mapping[str, str | None]
) -> list[str]:
    """Return what the hand-over test still lacks; nothing: it is passed.

    ``said`` has for each of ``IDENTIFIED`` true, false, or what was read; ``known`` what the
    register has of it. Where it has nothing, a person's true counts.
    """
    standing(held)
    missing = [] if press and press.heard else ["press_heard"]
    if held.located and press and press.heard and not press.located:
        missing.append("located")
    if not held.device_wiped:
        missing.append("wiped")
    if held.device_state not in {"handed_over", "reserved"}:
        missing.append("device_sound")
    return missing + [n for n in IDENTIFIED if not _matches(said.get(n), known.get(n))]


def warned(ends_at: datetime, now: datetime) -> int | None:
    """Return the closest warning that is due, 60, 30 or 7 (days); None: none yet, or it is over."""
    left = ends_at - now
    if left <= timedelta(0):
        return None
    due = [days for days in WARNED_DAYS if left <= timedelta(days=days)]
    return min(due) if due else None


def warning(ends_at: datetime, now: datetime) -> int | None:
    """Return the step that somebody has to take note of: as ``warned``, and 0 once it is over."""
    return 0 if ends_at <= now else warned(ends_at, now)


def _matches(said: object, known: str | None) -> bool:
    if said is True:
        return True
    if not isinstance(said, str) or not said.strip():
        return False
    return known is None or plain(said) == plain(known)


def plain(text: str) -> str:
    """Return a number or a label as it is compared: neither spaces nor signs matter."""
    return "".join(c for c in text.casefold() if c.isalnum())


def standing(held: Held) -> None:
    """Refuse an act on what has ended."""
    if held.ended_at is not None:
        raise Refused("ended_already", "the assignment has ended")
