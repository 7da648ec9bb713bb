"""The journal in words: who did what, when.

Serves the report of an alert. An entry of a kind that has no words is shown by its name, so that
nothing that happened is left out.
"""

from collections.abc import Mapping
from datetime import datetime

from tgd.ledger import REDACTED
from tgd.platform.report_parts import Entry, Step
from tgd.web.wording import Words

_DETAILS = {
    "heard": "voice",
    "verdict": "verdict",
    "reason": "reason",
    "purpose": "purpose",
    "step": "step",
    "state": "ladder",
    "name": "deadline",
    "form": "form",
    "role": "role",
    "ground": "ground",
}
"""Details of the journal that are codes, and the family of their words."""
_ERASED = ("positions", "presses", "messages", "notes")
"""Details of an erasure: how many of each."""


def sentence(entry: Entry | Step, words: Words) -> str:
    """Return an entry in words; one of a kind that has none is shown by its name."""
    given: dict[str, object] = {
        name: words.code(_DETAILS[name], value) if name in _DETAILS else value
        for name, value in entry.details.items()
        if value is not None
    }
    if "room" in given:
        given["room"] = words.room(str(given["room"]))
    if entry.kind == "erased":
        given |= {name: words.code("erased", name, n=given.get(name, 0)) for name in _ERASED}
    if "why" in given:
        why = given["why"]
        given["why"] = words.code("why", why) if words.knows("why", why) else words("why_default")
    if isinstance(entry, Entry) and entry.actor == REDACTED:
        return words.code("entry", "emptied")
    further = entry.kind == "press" and entry.details.get("opened") is False
    return words.code("entry", "press_again" if further else entry.kind, **given)


def actor(who: str, words: Words) -> str:
    """Return who acted: a person or a room by name, a part of the platform in words."""
    return words.room(words.code("actor", who))


def by(words: Words, at: datetime, who: str | None, day: datetime | None = None) -> str:
    """Return when and by whom; the hour alone where it was on that day."""
    moment = words.moment(at) if day is None else words.hour(at, day)
    return words("by_at", at=moment, who=words("none") if who is None else actor(who, words))


def counted(counts: Mapping[str, int], family: str, words: Words) -> str | None:
    """Return codes in words, each with its number; None where there are none."""
    said = [words("counted", what=words.code(family, code), n=n) for code, n in counts.items()]
    return ", ".join(said) or None
