"""Every text that people read stands in a gettext catalogue, in each language, and is read."""

import gettext
import json
import re
from functools import cache
from pathlib import Path

import pytest
from catalogues import (
    BLANK,
    LANGUAGES,
    TGD,
    Asked,
    asked_by_page,
    asked_by_program,
    entries,
    families,
    po,
    raw,
)

from tgd.demo.page_files import page_files
from tgd.web import catalogue
from tgd.web.filling import filled, whole
from tgd.web.wording import Words

WEB, DEMO = TGD / "web", TGD / "demo"
PAGES = dict.fromkeys(("account", "console", "parquet", "report", "recontacts", "statistics"), WEB)
PAGES |= dict.fromkeys(("phones", "salle"), DEMO)
"""Each page, which is also the name of its catalogue, and the folder that both are in."""
CATALOGUES = PAGES | {"pages": WEB}
WORDED = {"report": [WEB / "wording.py", *sorted(WEB.glob("report*.py"))]}
"""What the server words itself."""
ALSO = {"console": ("screen",), "parquet": ("remise",)}
"""Pages that say what another one says, out of its catalogue."""
RULES = {
    "fr": (("fr_FR", 2), lambda n: n > 1),
    "en": (("en_GB", 2), lambda n: n != 1),
}


def asked(page: str) -> Asked:
    found = asked_by_page(PAGES[page] / "static" / f"{page}.html", WEB / "static")
    found.add(asked_by_program(*WORDED.get(page, [])))
    for other in ALSO.get(page, ()):
        found.add(asked_by_page(PAGES[page] / "static" / f"{other}.html"))
    return found


every_catalogue = pytest.mark.parametrize("name", CATALOGUES)
every_page = pytest.mark.parametrize("name", PAGES)


@every_catalogue
def test_all_languages_say_the_same_things_with_the_same_blanks(name: str):
    first, *others = (entries(CATALOGUES[name], name, language) for language in LANGUAGES)

    def blanks(said: dict) -> dict:
        return {
            key: {b for one in forms for b in BLANK.findall(one)} for key, forms in said.items()
        }

    for other in others:
        assert blanks(first) == blanks(other)
    several = {key for key, forms in first.items() if len(forms) > 1}
    for other in others:
        assert {key for key, forms in other.items() if len(forms) > 1} == several
    for key in several:
        assert "n" in blanks(first)[key], f"{key}: the number that chooses the form is called n"


@every_catalogue
def test_no_french_line_breaks_before_its_punctuation_or_its_unit(name: str):
    texts = [one for forms in entries(CATALOGUES[name], name, "fr").values() for one in forms]
    assert [one for one in texts if re.search(r" [:;!?»%]|« |[\d}] (s|h|min|m|km|ms)\b", one)] == []


@every_catalogue
@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogues_are_whole(name: str, language: str):
    path = po(CATALOGUES[name], name, language)
    found = raw(path)
    (locale, forms), rule = RULES[language]
    assert (found.locale_identifier, found.num_plurals, found.charset) == (locale, forms, "utf-8")
    ours = gettext.c2py(found.plural_expr)
    assert [ours(n) for n in range(300)] == [int(rule(n)) for n in range(300)]
    assert not found.fuzzy
    assert not found.obsolete
    assert "#~" not in path.read_text()
    messages = [one for one in found if one.id]
    written = re.findall(r'^msgid (?!""$)|^msgid ""\n"(?!Project)', path.read_text(), re.MULTILINE)
    assert len(messages) == len(written), "an entry stands twice"
    for one in messages:
        assert not one.fuzzy, one.id
        assert not list(one.check(found)), one.id
        texts = (one.string,) if isinstance(one.string, str) else one.string
        assert len(texts) == (1 if isinstance(one.id, str) else forms), one.id
        for text in texts:
            assert text, one.id
            assert text == text.strip(), one.id
            assert BLANK.sub("", text).count("{") == BLANK.sub("", text).count("}") == 0, one.id


@every_page
def test_what_a_page_asks_for_is_there(name: str):
    own, wanted = entries(PAGES[name], name, "fr"), asked(name)
    known = own.keys() | entries(WEB, "pages", "fr").keys()
    assert wanted.texts
    assert wanted.texts - {key for family, key in known if not family} == set()
    assert wanted.families - {family for family, _ in known} == set()


def used(key: tuple[str, str], wanted: Asked) -> bool:
    family, text = key
    if family:
        return family in wanted.families | wanted.spoken
    spoken = wanted.texts | wanted.spoken
    return text in spoken or any(s.endswith("*") and text.startswith(s[:-1]) for s in spoken)


@every_page
def test_what_a_catalogue_holds_is_asked_for(name: str):
    wanted = asked(name)
    assert [key for key in entries(PAGES[name], name, "fr") if not used(key, wanted)] == []


def test_what_pages_share_is_asked_for_by_several():
    wanted = [asked(page) for page in PAGES]
    for key in entries(WEB, "pages", "fr"):
        if key != ("", "language_name"):  # the server's own
            assert sum(used(key, one) for one in wanted) > 1, key


@cache
def written() -> str:
    """The program, and what it keeps: where codes come from."""
    paths = (p for ending in ("py", "sql", "js", "html") for p in TGD.rglob(f"*.{ending}"))
    return "\n".join(path.read_text() for path in paths)


@every_catalogue
def test_a_code_that_has_words_is_some_code_of_the_program_s(name: str):
    unknown = [
        (family, code)
        for family, code in entries(CATALOGUES[name], name, "fr")
        if family not in {"", "phrase", "phrase_language"}
        and not re.search(rf"(?<![\w]){re.escape(code)}(?![\w])", written())
    ]
    assert unknown == []


@pytest.mark.parametrize("name", [*PAGES, "screen", "remise"])
def test_pages_hold_no_text_of_their_own(name: str):
    page = whole((PAGES.get(name, WEB) / "static" / f"{name}.html").read_text())
    body = re.sub(r"<[^>]*>|<!--.*?-->|{{agencies}}", "\n", page)
    assert [line for line in body.split() if re.search(r"\w", line)] == []
    assert not re.search(r'\s(aria-label|title|alt|placeholder)="[^"]', page)


@every_page
def test_pages_speak_before_their_script_runs(name: str):
    folder = PAGES[name]
    page = (folder / "static" / f"{name}.html").read_text()
    page = filled(page, name, f"tgd.{folder.name}")
    assert '<html lang="fr" data-languages="fr en">' in page
    assert re.search(r"<title data-t=\"\w+\">[^<]+</title>", page)
    assert not re.search(r"data-t=\"\w+\"[^>]*></", page)
    assert page.count("data-t-label") == page.count("aria-label=")
    assert "Cette page a besoin de JavaScript." in page
    assert '<p lang="en" data-t="no_script">This page needs JavaScript.</p>' in page


def test_what_is_filled_in_is_escaped():
    assert "Ce qu'il en est (chiffré" in filled('<b data-t="note"></b>', "recontacts")
    labelled = filled('<ul data-t-label="caution"></ul>', "recontacts")
    assert 'aria-label="Prudence\u00a0: le mot convenu n&#x27;a pas' in labelled
    assert (
        filled('<b data-t="no_such_key"></b>', "console")
        == '<b data-t="no_such_key">no_such_key</b>'
    )


@pytest.mark.parametrize("page", ["phones", "salle"])
def test_a_demo_page_comes_with_every_script_that_is_imported(page: str):
    held = page_files(page)
    scripts = [text.decode() for name, text in held.items() if name.endswith(".js")]
    wanted = {name for text in scripts for name in re.findall(r'from "\./([\w.]+)"', text)}
    assert {"texts.js"} <= wanted <= held.keys()


# ── the numbers' forms ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("language", "n", "said"),
    [
        ("fr", 0, "0 appui brut"),
        ("fr", 1, "1 appui brut"),
        ("fr", 2, "2 appuis bruts"),
        ("fr", 101, "101 appuis bruts"),
        ("en", 0, "0 raw presses"),
        ("en", 1, "1 raw press"),
        ("en", 201, "201 raw presses"),
    ],
)
def test_the_number_chooses_the_form(language: str, n: int, said: str):
    assert Words("report", language).code("erased", "presses", n=n) == said


@pytest.mark.parametrize("language", LANGUAGES)
def test_browsers_get_the_rule_as_digits(language: str):
    sent = json.loads(catalogue.served("console")[f"console.{language}.json"])
    _, rule = RULES[language]
    for n in (*range(300), 1000, 1001, 123_456):
        assert int(sent["forms"][n if n < 100 else 100 + n % 100]) == rule(n)
    assert (
        sent["next"]
        == {
            "fr": {"language": "en", "name": "English"},
            "en": {"language": "fr", "name": "Français"},
        }[language]
    )
    assert sent["texts"]["log_in"] == [Words("console", language)("log_in")]
    assert sent["codes"]["doubt"].keys() == families(WEB, "report", language)["doubt"].keys()


def test_nothing_unknown_fails():
    words = Words("report", "fr")
    assert words("no_such_text", n=1) == "no_such_text"
    assert words.code("doubt", "a {brace}") == "a {brace}"
    assert words.code("no_such_family", 7) == "7"
    assert words.code("doubt", None) == "—"
    assert words("made", at="12:00") == (
        "Établi le 12:00 pour …, d'après le journal et les registres de la plateforme."
    )
    assert words("cut", n="beaucoup").startswith("Et beaucoup lignes")
    assert not words.knows("why", "no_such_code")


@pytest.mark.parametrize("folder", [WEB, DEMO])
def test_scripts_write_no_text_of_their_own(folder: Path):
    """What a script puts before people comes out of ``t``; single signs are no text."""
    shown = r'(?:textContent = |(?<![.\w])(?:make|element)\("\w+", |\bsay\(\$\("[\w-]+"\), )'
    for script in (folder / "static").glob("*.js"):
        text = re.sub(r"(^|\s)//.*", "", script.read_text())
        assert re.findall(rf'{shown}["`][^"`$]*[A-Za-zÀ-ÿ]{{2}}', text) == [], script
        literals = re.findall(r'"[^"\n]*"|`[^`]*`', text)
        assert [one for one in literals if re.search(r"[À-ÖØ-öø-ÿ«»]", one)] == [], script
