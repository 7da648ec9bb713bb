"""The texts of a page in one language, out of gettext's files: ``locale/fr/LC_MESSAGES/*.po``.

Serves whatever people read: pages get a catalogue as JSON, ``wording`` words reports with the same.
A text is named by a short key (``msgid``), a word for a code of the field by its family and the
code (``msgctxt`` and ``msgid``). What several pages say stands in ``pages.po``; a page's own
catalogue comes before it. They are read once, when first asked for. Promises: a catalogue that
cannot be read fails at the start and not later; a text that is missing fails nothing, its name is
shown instead.
"""

import gettext
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import msgspec
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

LANGUAGES: Final = ("fr", "en")
"""The first is what pages say before anybody has chosen, and what control rooms are told in."""
PACKAGE: Final = "tgd.web"
_SHARED: Final = "pages"
_TURN: Final = 100
"""A plural rule looks at a number itself below this, and from here on at its last two digits."""

Forms = tuple[str, ...]
"""A text: one form, or one for each of the language's numbers."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All texts of a page in one language; ``rule`` says which form goes with a number."""

    locale: str
    texts: Mapping[str, Forms]
    codes: Mapping[str, Mapping[str, Forms]]
    rule: Callable[[int], int]

    @property
    def language(self) -> str:
        """The language without its country."""
        return self.locale.partition("-")[0]

    def text(self, key: str, given: Mapping[str, object]) -> str:
        """Return a text with its blanks filled in; an unknown one is its own name."""
        forms = self.texts.get(key)
        return key if forms is None else self._filled(forms, given)

    def code(self, family: str, code: str, given: Mapping[str, object]) -> str:
        """Return the words for a code; an unknown one is shown as it is."""
        forms = self.codes.get(family, {}).get(code)
        return code if forms is None else self._filled(forms, given)

    def json(self, following: "Catalogue") -> bytes:
        """Return what a page in a browser needs, ``following`` being the language one click away.

        Its ``forms`` are the plural rule as a row of digits, for 0 to 199: whoever has a larger
        number looks at 100 and its last two digits.
        """
        return msgspec.json.encode(
            {
                "language": self.language,
                "locale": self.locale,
                "next": {
                    "language": following.language,
                    "name": following.text("language_name", {}),
                },
                "forms": "".join(str(self.rule(n)) for n in range(2 * _TURN)),
                "texts": self.texts,
                "codes": self.codes,
            }
        )

    def _filled(self, forms: Forms, given: Mapping[str, object]) -> str:
        n = given.get("n")
        which = self.rule(abs(n)) if len(forms) > 1 and isinstance(n, int) else -1
        return forms[which].format_map(_Blanks(given))


class _Blanks(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return "…"


@cache
def catalogue(page: str, language: str, package: str = PACKAGE) -> Catalogue:
    """Return a page's texts, those that pages share among them."""
    shared = _read(_SHARED, language, PACKAGE)
    own = _read(page, language, package)
    codes = {
        family: {**shared.codes.get(family, {}), **own.codes.get(family, {})}
        for family in (*shared.codes, *own.codes)
    }
    return Catalogue(own.locale, {**shared.texts, **own.texts}, codes, own.rule)


def served(page: str, package: str = PACKAGE) -> dict[str, bytes]:
    """Return a page's catalogues as files for browsers, by name."""
    after = dict(zip(LANGUAGES, (*LANGUAGES[1:], LANGUAGES[0]), strict=True))
    return {
        f"{page}.{language}.json": catalogue(page, language, package).json(
            catalogue(page, after[language], package)
        )
        for language in LANGUAGES
    }


@cache
def _read(name: str, language: str, package: str) -> Catalogue:
    path = resources.files(package).joinpath("locale", language, "LC_MESSAGES", f"{name}.po")
    with path.open("rb") as file:
        found = read_po(file, abort_invalid=True)
    texts: dict[str, Forms] = {}
    codes: dict[str, dict[str, Forms]] = {}
    for message in found:
        if message.id:
            family = codes.setdefault(message.context, {}) if message.context else texts
            family[_key(message)] = _forms(message)
    locale = str(found.locale_identifier).replace("_", "-")
    return Catalogue(locale, texts, codes, gettext.c2py(found.plural_expr))


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _forms(message: Message) -> Forms:
    said = message.string
    return (said,) if isinstance(said, str) else tuple(said or ())
