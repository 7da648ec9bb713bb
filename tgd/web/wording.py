"""A catalogue of texts in one language, and how times, spans and numbers are said in it.

Serves what the server itself words: reports, on the screen and as PDF. The same catalogue serves
the browser, so that both say the same. An unknown code is shown as it is.
"""

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from zoneinfo import ZoneInfo

from tgd.web.catalogue import catalogue

_MINUTE, _TWO_MINUTES, _HOUR = 60, 120, 3600


class Words:
    """One catalogue: ``words("title", case=…)``, ``words.code("verdict", "police")``."""

    def __init__(self, page: str, language: str) -> None:
        self._catalogue = catalogue(page, language)
        self._zone = ZoneInfo("Europe/Paris")
        self.language = language
        self.locale = self._catalogue.locale
        self.rooms: Mapping[str, str] = {}
        """Names by ids and addresses."""

    def naming(self, rooms: Mapping[str, str]) -> "Words":
        """Return the same words, with the names of these rooms."""
        named = copy(self)
        named.rooms = rooms
        return named

    def room(self, known_as: str) -> str:
        """Return a room by its name; who is none of those rooms, as he is known."""
        return self.rooms.get(known_as, known_as)

    def __call__(self, key: str, **given: object) -> str:
        """Return a text with its blanks filled in; ``n`` chooses its form; unknown, its name."""
        return self._catalogue.text(key, given)

    def code(self, family: str, code: object, **given: object) -> str:
        """Return the words for a code; a dash for None."""
        return self("none") if code is None else self._catalogue.code(family, str(code), given)

    def knows(self, family: str, code: object) -> bool:
        """Say whether there are words for the code."""
        return str(code) in self._catalogue.codes.get(family, {})

    def moment(self, at: datetime | None) -> str:
        """Return a date and time in Paris, to the second."""
        return self("none") if at is None else f"{at.astimezone(self._zone):%d/%m/%Y %H:%M:%S}"

    def hour(self, at: datetime | None, beside: datetime | None = None) -> str:
        """Return the time of day; with the date where it is another day than ``beside``."""
        if at is None:
            return self("none")
        local = at.astimezone(self._zone)
        if beside is not None and local.date() != beside.astimezone(self._zone).date():
            return self.moment(at)
        return f"{local:%H:%M:%S}"

    def span(self, seconds: float | None) -> str:
        """Return a length of time: to the millisecond below a second, to the tenth below 2 min."""
        if seconds is None:
            return self("none")
        if seconds < _TWO_MINUTES:
            digits = 3 if seconds < 1 else 1
            return self("seconds", n=self.number(seconds, digits))
        if seconds < _HOUR:
            return self("minutes", m=int(seconds // _MINUTE), s=int(seconds % _MINUTE))
        return self("hours", h=int(seconds // _HOUR), m=int(seconds % _HOUR // _MINUTE))

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number with at most so many decimals."""
        text = f"{value:.{digits}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return text.replace(".", self("decimal"))
