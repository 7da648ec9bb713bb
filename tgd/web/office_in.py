"""What the prosecutor's office sends, read into what its acts take; and for which tribunal.

Serves the routes of ``office`` and ``assignments``. Promises: a field that cannot be used is named
and never quoted; a name that is sent where a person is meant is taken as her name, which is sealed,
and never as a label, which is not.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from aiohttp import web

from tgd.errors import Invalid, NotFound
from tgd.justice.domain import life, stock
from tgd.justice.files import LISTENS
from tgd.justice.flow.assigning import Demand, Person
from tgd.justice.flow.stock import Known
from tgd.store import stock as rows
from tgd.store.db import Connection
from tgd.web.access import Caller
from tgd.web.kept import NOTHING, hers, hidden_from, named
from tgd.web.reading import WORD_MAX, Fields

SOURCES = (
    *("victim", "association", "police", "gendarmerie", "prosecutor", "judge", "lawyer"),
    *("health", "social", "relative", "other"),
)
MEANS = ("telephone", "email", "letter", "in_person", "form", "other")
_DEVICE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGITS = re.compile(r"\D")


async def scope(connection: Connection, caller: Caller) -> str | None:
    """Return whose register the caller may see; None: every tribunal's; the empty text: none.

    A program's token names no tribunal: where there is only one, it is that.
    """
    if caller.role == "admin":
        return None
    if caller.session is not None:
        return caller.session.tribunal_id or ""
    every = await rows.tribunals(connection)
    return str(every[0]["id"]) if len(every) == 1 else ""


def demand(fields: Fields, *, request: UUID | None = None) -> Demand:
    """Return what is asked for, or decided."""
    order = _object(fields, "order")
    return Demand(
        person=_person(fields),
        tribunal=fields.optional("tribunal", WORD_MAX),
        device=fields.optional("device", WORD_MAX),
        request=request or identity(fields, "request"),
        replaces=identity(fields, "replaces"),
        legal_basis=basis(fields),
        order=_order(order) if order else None,
        consents=consents(fields),
        starts_at=moment(fields, "starts_at"),
        ends_at=moment(fields, "ends_at") or moment(fields, "until"),
        handed_over=flag(fields, "handed_over", default=True),
        use_reserve=flag(fields, "use_reserve", default=False),
        source=_among(fields, "source", SOURCES),
        means=_among(fields, "means", MEANS),
        asked_at=moment(fields, "asked_at"),
    )


async def seen(request: web.Request, demand: Demand) -> Demand:
    """Return a demand that names nothing about anybody who is hidden from whoever makes it."""
    if not hidden_from(request):
        return demand
    device = demand.device
    if device is not None and await hers(request, "devices", device):
        device = NOTHING
    return replace(
        demand,
        person=replace(demand.person, id=await named(request, "beneficiaries", demand.person.id)),
        device=device,
        request=await named(request, "requests", demand.request),
        replaces=await named(request, "assignments", demand.replaces),
    )


def known(fields: Fields) -> Known:
    """Return what is said of a phone."""
    sim = fields.value("sim")
    card = Fields(sim) if isinstance(sim, dict) else fields
    iccid = card.optional("iccid", WORD_MAX) or (sim if isinstance(sim, str) else None)
    number = card.optional("msisdn", WORD_MAX) or fields.optional("number", WORD_MAX)
    imei = fields.optional("imei", WORD_MAX)
    generation = fields.optional("generation", WORD_MAX)
    if imei is not None and not re.fullmatch(r"\d{15}", imei := _DIGITS.sub("", imei)):
        raise Invalid("imei", "must be 15 digits")
    if iccid is not None and not re.fullmatch(r"\d{18,20}", iccid := _DIGITS.sub("", iccid)):
        raise Invalid("iccid", "must be 18 to 20 digits")
    if number is not None and not re.fullmatch(
        r"\+\d{6,15}", number := re.sub(r"[ .-]", "", number)
    ):
        raise Invalid("msisdn", "must be an international number: + and 6 to 15 digits")
    if generation is not None and generation not in stock.GENERATIONS:
        raise Invalid("generation", f"must be one of {', '.join(stock.GENERATIONS)}")
    label, firmware = fields.optional("label", WORD_MAX), fields.optional("firmware", WORD_MAX)
    return Known(label, imei, generation, firmware, iccid, number)


def device(fields: Fields) -> str:
    """Return a new phone's id, which is its name at the broker."""
    found = fields.optional("id", WORD_MAX) or fields.text("device", WORD_MAX)
    if not _DEVICE.fullmatch(found):
        raise Invalid("id", "must be 1 to 64 letters, digits, - or _")
    return found


def consents(fields: Fields) -> dict[str, bool]:
    """Return what she agreed to: ``{"phone", "location", "audio"}``, each true or false."""
    said = _object(fields, "consents") or _object(fields, "consent") or {}
    for kind, given in said.items():
        if kind not in life.CONSENTS or not isinstance(given, bool):
            raise Invalid("consents", f"has {', '.join(life.CONSENTS)}, each true or false")
    return said


def basis(fields: Fields) -> str | None:
    """Return 1 or 2, of 1°, 2°, as text or number."""
    value = fields.value("legal_basis")
    if value is None:
        return None
    text = str(value).strip().rstrip("°")
    if isinstance(value, bool) or text not in life.BASES:
        raise Invalid("legal_basis", "must be 1 or 2 (article 41-3-1, 1° or 2°)")
    return text


def order(fields: Fields) -> dict[str, str] | None:
    """Return the judge's order, if one is named."""
    said = _object(fields, "order")
    return _order(said) if said else None


def flag(fields: Fields, name: str, *, default: bool) -> bool:
    """Return true or false, ``default`` where it is not said."""
    return default if fields.value(name) is None else fields.boolean(name)


def moment(fields: Fields, name: str) -> datetime | None:
    """Return a time (RFC 3339), or the midnight in France with which a day begins."""
    text = fields.optional(name, WORD_MAX)
    if text is None:
        return None
    try:
        if len(text) == len("2027-01-31"):
            return datetime.combine(date.fromisoformat(text), time(), life.FRANCE).astimezone(UTC)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(name, "must be a time as in RFC 3339, or a day") from None
    if found.tzinfo is None:
        raise Invalid(name, "must have an offset from UTC")
    return found.astimezone(UTC)


def identity(fields: Fields, name: str) -> UUID | None:
    """Return an id."""
    text = fields.optional(name, WORD_MAX)
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise Invalid(name, "must be an id") from None


def path_id(request: web.Request, what: str) -> UUID:
    """Return the id in the address; what cannot be one names nothing."""
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        raise NotFound(what) from None


def _person(fields: Fields) -> Person:
    said = fields.value("beneficiary")
    if said is None:
        return Person(id=identity(fields, "beneficiary_id"))
    if isinstance(said, str):
        try:
            return Person(id=UUID(said))
        except ValueError:
            said = {"name": fields.text("beneficiary", WORD_MAX)}
    if not isinstance(said, dict):
        raise Invalid("beneficiary", "must be an id, a name or an object")
    one = Fields(said)
    label = one.optional("label", WORD_MAX)
    name = str(said.get("name") or "")
    if label is not None and (label == name or _names(label) & _names(name)):
        raise Invalid("beneficiary.label", "is shown to rooms, and never a name")
    listen = one.optional("listen", WORD_MAX)
    if listen not in {None, *LISTENS}:
        raise Invalid("beneficiary.listen", f"must be one of {', '.join(LISTENS)}")
    word = one.optional("all_clear_word", WORD_MAX)
    other = {"id", "label", "listen", "all_clear_word"}
    file = {name: value for name, value in said.items() if name not in other}
    return Person(identity(one, "id"), label, listen, word, file)


def _order(said: Mapping[str, Any]) -> dict[str, str]:
    one = Fields(dict(said))
    names = ("reference", "issued_at", "expires_at")
    return {n: text for n in names if (text := one.optional(n, WORD_MAX)) is not None}


def _object(fields: Fields, name: str) -> dict[str, Any] | None:
    value = fields.value(name)
    if value is not None and not isinstance(value, dict):
        raise Invalid(name, "must be an object")
    return value


def _among(fields: Fields, name: str, known_words: tuple[str, ...]) -> str:
    value = fields.optional(name, WORD_MAX)
    if value is None:
        return "unsaid"
    if value not in known_words:
        raise Invalid(name, f"must be one of {', '.join(known_words)}")
    return value


def _names(text: str) -> set[str]:
    """Return the words of a text that may be somebody's name."""
    return set(re.findall(r"[^\W\d_]{3,}", text.casefold()))
