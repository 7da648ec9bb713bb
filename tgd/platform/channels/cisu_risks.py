"""Risks by their official codes, and what else of her file is told to those who go there.

Serves arrow 3. The file says things in words; the list (HubSante.risque) has codes. Each code comes
from one place, by the words of one table (docs/protocol.md has it as well): nothing is guessed from
anything else, a clause that denies (« aucune arme connue ») counts for nothing, and the words
themselves always go beside the code. Names are taken out; the evaluation, her health, and how and
when to reach her stay with those whom they were told to. A file that says nothing costs nothing.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Final

from tgd.platform.channels import codes
from tgd.platform.channels.cisu_message import NOTHING_KNOWN, CaseMessage, Hers, KnownPlace
from tgd.platform.persons import PersonFile

ALWAYS: Final = ("R34", "R37")
"""She was given the phone because she is in grave danger; and nobody has seen the place yet."""
THREAT, HARD_TO_REACH, MATERIAL, ANIMAL = "R03", "R21", "R07", "R16"
FLED, BLADE, FIREARM, PUBLIC_AGENT = "R02", "R04", "R05", "R24"
SENIOR_FROM, ADULT_FROM = 65, 18
DANGER, HIM = "D'après le dossier, ", "Auteur, d'après le dossier : "
FOR_OFFICERS = (DANGER, HIM)
"""How the lines begin that concern whoever goes there."""

WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        FIREARM: (
            "arme a feu", "armes a feu", "arme de poing", "armes de poing", "arme de chasse",
            "armes de chasse", "fusil", "carabine", "pistolet", "revolver", "mitraillette",
        ),
        BLADE: (
            "arme blanche", "armes blanches", "couteau", "couteaux", "poignard", "machette",
            "hache", "sabre", "lame", "cutter",
        ),
        FLED: (
            "en fuite", "evade", "fugitif", "activement recherche", "recherche par", "sous mandat",
        ),
        THREAT: ("menace", "menacant", "violent", "agressif", "dangereux"),
        PUBLIC_AGENT: (
            "policier", "gendarme", "militaire", "agent public", "fonctionnaire", "surveillant",
            "douanier", "magistrat", "pompier", "agent penitentiaire",
        ),
    }
)  # fmt: skip
"""The words, without accents, that stand for a code; each also in the plural."""
_DENIES = re.compile(
    r"^(?:aucune?s?|neant|rien|non|ni|sans|pas)\b|\bn'(?:a|y a) (?:pas|plus|aucune?)\b"
)
_FORMER = r"(?<!\bex-)(?<!\bex )(?<!\bancien )(?<!\bancienne )"
_CLAUSE = re.compile(r"[,;.\n]|\bmais\b")
_WORD = re.compile(r"[^\W\d_]{2,}")
_TWICE = re.compile(r"(\[\w+\])(?:[\s-]+\1)+")
_PARTICLES = frozenset(
    ("de", "du", "des", "la", "le", "les", "da", "di", "dos", "van", "von", "el", "al", "ben")
)
_BORN = (re.compile(r"(\d{4})-(\d{2})-(\d{2})"), re.compile(r"(\d{2})/(\d{2})/(\d{4})"))


def of(message: CaseMessage, *, first: bool) -> list[str]:
    """Return a case's risks in the list's order, those it began with or those of now."""
    found = {*ALWAYS, *message.hers.risks}
    place = message.first_position if first else message.position
    inside = message.hers.home if place is None else place.at
    if inside is not None and (inside.access is not None or inside.how):
        found.add(HARD_TO_REACH)
    if message.danger_retained and not first:
        found.add(THREAT)
    return sorted(found)


def hers(
    file: PersonFile | None,
    today: date,
    home: KnownPlace | None,
    safe: Callable[[str], str] | None = None,
) -> Hers:
    """Return what a room is told of a file; ``home`` is where she lives.

    ``safe`` is ``without_names`` of the file, where it is at hand.
    """
    if file is None:
        return Hers(home=home) if home is not None else NOTHING_KNOWN
    return Hers(
        risks=tuple(_risks(file)),
        victim=_victim(file.born, today),
        children=len(file.children),
        languages=tuple(_languages(file)),
        lines=tuple(_lines(file, safe or without_names(file))),
        home=home,
    )


def least(told: Hers) -> Hers:
    """Return the minimum, for a neighbour: what endangers those who go there, as codes."""
    return Hers(risks=told.risks)


def without_names(file: PersonFile | None) -> Callable[[str], str]:
    """Return what takes the names that the file knows out of a text, as far as they are spelt so.

    Each word of a name counts that begins with a capital there and in the text; particles do not.
    """
    instead: dict[str, str] = {}
    for name, label in () if file is None else _names(file):
        for word in _WORD.findall(name):
            if word[0].isupper() and word.casefold() not in _PARTICLES:
                instead.setdefault(word, label)
                instead.setdefault(word.upper(), label)
    if not instead:
        return str

    def safe(text: str) -> str:
        cut = _WORD.sub(lambda found: instead.get(found[0], found[0]), text)
        return text if cut == text else _TWICE.sub(r"\1", cut)

    return safe


def _names(file: PersonFile) -> Iterator[tuple[str, str]]:
    yield file.name, "[bénéficiaire]"
    if file.aggressor is not None:
        yield file.aggressor.name, "[auteur]"
    for child in file.children:
        yield child.name, "[enfant]"


def _risks(file: PersonFile) -> Iterator[str]:
    dangers, him = file.dangers, file.aggressor
    if dangers is not None and (weapons := _affirmed(dangers.weapons)):
        known = [code for code in (FIREARM, BLADE) if _says(weapons, code)]
        yield from known or [MATERIAL]
    if dangers is not None and _affirmed(dangers.dog):
        yield ANIMAL
    other = _affirmed(dangers.other) if dangers is not None else []
    threats = other + (_affirmed(dangers.weapons) if dangers is not None else [])
    about_him = _affirmed(him.description) if him is not None else []
    relation = _affirmed(him.relation) if him is not None else []
    for code, said in (
        (FLED, other + about_him),
        (THREAT, threats + about_him),
        (PUBLIC_AGENT, about_him + relation),
    ):
        if _says(said, code):
            yield code


def _says(clauses: list[str], code: str) -> bool:
    return any(_pattern(code).search(clause) for clause in clauses)


def _affirmed(text: str | None) -> list[str]:
    """Return what a text affirms, clause by clause, in small letters without accents."""
    plain = unicodedata.normalize("NFKD", (text or "")[:4000].casefold())
    bare = "".join(c for c in plain if not unicodedata.combining(c))
    clauses = [clause.strip() for clause in _CLAUSE.split(bare)]
    return [clause for clause in clauses if clause and not _DENIES.search(clause)]


@cache
def _pattern(code: str) -> re.Pattern[str]:
    former = _FORMER if code == PUBLIC_AGENT else ""
    return re.compile(rf"{former}\b(?:{'|'.join(WORDS[code])})e?s?\b")


def _lines(file: PersonFile, safe: Callable[[str], str]) -> Iterator[str]:
    dangers, him = file.dangers, file.aggressor
    if dangers is not None:
        said = (("armes", dangers.weapons), ("chien", dangers.dog), ("danger", dangers.other))
        yield from (f"{DANGER}{what} : {safe(text)}." for what, text in said if text)
    if him is not None:
        known = (him.relation, him.description, him.vehicle and f"véhicule : {him.vehicle}")
        if any(known):
            yield f"{HIM}{safe(' ; '.join(one for one in known if one))}."
    if file.description:
        yield f"Bénéficiaire, d'après le dossier : {safe(file.description)}."
    if file.languages:
        yield f"Langues : {', '.join(file.languages)}."
    for child in file.children:
        if child.note:
            yield f"Enfant : {safe(child.note)}."


def _languages(file: PersonFile) -> Iterator[str]:
    for language in file.languages:
        code = _listed().get(language.strip().casefold())
        if code is not None:
            yield code


@cache
def _listed() -> dict[str, str]:
    listed = codes.known("HubSante.langue")
    return {one: code for code, text in listed.items() for one in (code, text)}


def _victim(born: str | None, today: date) -> str | None:
    """Return the class of her age; None where her birth is not known as a date."""
    iso, french = (pattern.fullmatch((born or "").strip()) for pattern in _BORN)
    found = iso.groups() if iso else tuple(reversed(french.groups())) if french else None
    if found is None:
        return None
    try:
        birth = date(*map(int, found))
    except ValueError:
        return None
    birthday_to_come = (today.month, today.day) < (birth.month, birth.day)
    age = today.year - birth.year - birthday_to_come
    return "ENFANT" if age < ADULT_FROM else "ADULTE" if age < SENIOR_FROM else "SENIOR"
