"""Whatever code the program can put before a person has its words, in every place that shows it.

The codes are read out of the source, so that a new one without words fails here and not in front
of an operator.
"""

import ast
import dataclasses
import json
import re
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

import pytest
from catalogues import families

from tgd.conflict import KINDS as LOCKS
from tgd.geo import zones
from tgd.justice.domain import handing, life, red_list, stock
from tgd.justice.flow import releases
from tgd.justice.flow.waiting import REFUSALS
from tgd.ledger import REDACTED
from tgd.platform import territory
from tgd.platform.channels import cisu_words
from tgd.platform.domain.alert import CLOSING_VERDICTS, SYSTEM, Plan
from tgd.platform.domain.apart import MISTAKES
from tgd.platform.domain.decision import REASONS
from tgd.platform.domain.dispatch import STEPS
from tgd.platform.domain.listening import MODES
from tgd.platform.flow.triage import VOICES
from tgd.platform.persons import Dangers, PersonFile
from tgd.platform.places import RADIUS_M
from tgd.store import refusals as refused
from tgd.store.presence import WANTS
from tgd.web.office import STATES_SAID
from tgd.web.office_in import MEANS, SOURCES

ROOT = Path(str(resources.files("tgd")))
DOUBTING = (
    *(ROOT / "devices" / f"{name}.py" for name in ("ingest", "phone_clock", "salvage", "wire")),
    *(ROOT / "geo" / f"{name}.py" for name in ("locate", "position", "trail")),
    ROOT / "platform" / "channels" / "script.py",
    ROOT / "web" / "alert_json.py",
)
ROUTING = (ROOT / "platform" / "competence.py", ROOT / "platform" / "domain" / "routing.py")
CODE = re.compile(r"(?=.{4})[a-z]+(_[a-z]+)*")  # names of fields in a message are shorter
PROMISED = {
    *("press_unreadable", "id_missing", "id_reused", "oversized", "retained", "clock_wrong"),
    *("late", "location_absent", "location_invalid", "location_stale", "location_refused"),
    *("consent_unknown", "device_unknown", "device_unassigned", "assignment_ended"),
    "device_lost",
}
"""Those of docs/protocol.md: what does not find these in the source finds nothing."""


def words(language: str, page: str = "console") -> dict[str, dict[str, str]]:
    return families(ROOT / "web", page, language)


def nodes(paths: Iterable[Path]) -> Iterator[ast.AST]:
    for path in paths:
        yield from ast.walk(ast.parse(path.read_text()))


def codes(node: ast.AST | None) -> set[str]:
    """The codes written anywhere in an expression."""
    texts = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant)) if node else ()
    return {text for text in texts if isinstance(text, str) and CODE.fullmatch(text)}


def assigned(node: ast.AST, part: str) -> set[str]:
    """The codes assigned to a name with ``part`` in it, by ``=`` or as an argument."""
    if isinstance(node, ast.keyword) and part in (node.arg or ""):
        return codes(node.value)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = {one.id for t in targets for one in ast.walk(t) if isinstance(one, ast.Name)}
        if any(part in name for name in names):
            return codes(node.value)
    return set()


def collected(node: ast.AST) -> set[str]:
    """The code of ``doubts.append(code)`` and the like."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="doubts" | "found"), attr="append" | "add"),
            args=[ast.Constant() as code],
        ):
            return codes(code)
    return set()


def returned(node: ast.AST) -> set[str]:
    """The codes of the tuples of nothing but codes in what a function returns."""
    if not isinstance(node, ast.Return) or node.value is None:
        return set()
    tuples = (one for one in ast.walk(node.value) if isinstance(one, ast.Tuple))
    only = (t for t in tuples if all(isinstance(e, ast.Constant | ast.Starred) for e in t.elts))
    return {code for one in only for code in codes(one)}


def doubts() -> set[str]:
    found = {
        code
        for node in nodes(DOUBTING)
        for code in assigned(node, "doubts") | collected(node) | returned(node)
    }
    schema = (ROOT / "store" / "schema.sql").read_text()
    [register] = re.findall(r"array_remove\(ARRAY\[(.*?)\], NULL\) AS doubts", schema, re.DOTALL)
    found |= set(re.findall(r"THEN '(\w+)'", register))
    for added in re.findall(r"nullif\(r\.doubts, ''\), '([\w,]+)'", schema):
        found |= set(added.split(","))
    return found


def reasons() -> set[str]:
    """Why a room is named competent."""
    found = {code for node in nodes(ROUTING) for code in assigned(node, "why")}
    for node in nodes(ROUTING):
        match node:
            case ast.Call(func=ast.Name(id="default") | ast.Attribute(attr="default")):
                found |= {code for one in node.args[1:] for code in codes(one)}
            case ast.BoolOp(op=ast.Or(), values=[ast.Name(id="reason"), other]):
                found |= codes(other)
    told = (zones.OUTSIDE, zones.PARTLY_OUTSIDE, zones.NO_SERVICE, zones.TOO_WIDE)
    return found | {*told, territory.LOADING, territory.NONE, territory.UNUSABLE}


def refusals() -> set[str]:
    found = set()
    for node in nodes([*(ROOT / "platform").rglob("*.py")]):
        match node:
            case ast.Call(func=ast.Name(id="Refused"), args=[code, *_]):
                found |= codes(code)
    return found


def facts() -> set[str]:
    """The kinds of a journal's entries about an alert, as far as the rules write them."""
    found = set()
    for node in nodes([*(ROOT / "platform").rglob("*.py")]):
        match node:
            case ast.Call(func=ast.Attribute(attr="record"), args=[_, _, kind, *_]):
                found |= codes(kind)
            case ast.Call(func=ast.Name(id="let_go"), args=[_, _, _, kind]):
                found |= codes(kind)
    return found


def details() -> dict[tuple[str, str], str]:
    """What the rules write beside a kind: the expression of each detail."""
    found = {}
    for node in nodes([*(ROOT / "platform").rglob("*.py")]):
        match node:
            case ast.Call(func=ast.Attribute(attr="record"), args=[_, _, kind, *_], keywords=more):
                given = codes(kind)
            case ast.Call(func=ast.Name(id="let_go"), args=[_, _, _, kind]):
                given, more = codes(kind), [ast.keyword("holder", ast.Constant(None))]
            case _:
                continue
        found |= {(one, word.arg): ast.unparse(word.value) for one in given for word in more}
    return found


def shown() -> dict[tuple[str, str], str]:
    """What the timeline shows of an entry: the family of each detail's words."""
    text = (ROOT / "web" / "static" / "timeline.js").read_text()
    [table] = re.findall(r"^const SHOWN = (\{.*?^\});", text, re.MULTILINE | re.DOTALL)
    read = json.loads(re.sub(r",\s*\}", "}", table))
    return {(kind, name): family for kind, one in read.items() for name, family in one.items()}


UNSHOWN = {
    *("dispatch", "message", "press", "since_sent_s", "since_press_s", "overdue_s", "late", "line"),
    *("share", "due_in_s", "until", "rooms", "of", "cause", "outcome", "before"),
}
"""Details that say nothing to an operator, or nothing that the console does not show elsewhere."""
SAID = {
    ("voice", "heard"): {*VOICES},
    ("listening", "mode"): {*MODES},
    ("verdict", "verdict"): {*CLOSING_VERDICTS, "police"},
    ("coercion", "verdict"): {*CLOSING_VERDICTS},
    ("forwarded", "reason"): {*REASONS.values()},
    ("closed", "verdict"): {*CLOSING_VERDICTS, "police", "forwarded"},
    ("deadline", "name"): {one.name for one in dataclasses.fields(Plan)} - {"forward"},
    ("rang_everyone", "why"): {"nobody_there"},
    ("dispatched", "why"): reasons() | {"no_room"},
    ("room_said", "step"): {*STEPS},
    ("patrol", "state"): {"engaged", "on_scene", "closed"},
    ("dispatch_cancelled", "why"): {*MISTAKES},
}
"""The codes of each detail that is one."""


def test_the_timeline_shows_what_the_server_records():
    known, recorded = shown(), details()
    assert ("dispatched", "room") in recorded
    assert ("undecided", "holder") in recorded
    assert {pair for pair in recorded if pair[1] not in UNSHOWN} - {*known} <= {
        ("offered", "holder")
    }
    by_statement = {("sheet_opened", "room"), ("sheet_revoked", "room")}
    assert {*known} - {*recorded} == by_statement
    assert {pair for pair, family in known.items() if family not in {"room", "name"}} == {*SAID}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_timeline_has_words_for_every_code_it_shows(language: str):
    said = words(language)
    for pair, family in shown().items():
        assert SAID.get(pair, set()) - set(said.get(family, {})) == set(), (pair, family)


def fields(struct: type) -> set[str]:
    return set(struct.__struct_fields__)


def test_the_codes_are_found_in_the_source():
    assert facts() >= {"answered", "verdict", "offered", "taken_over", "voice", "contact_lost"}
    assert facts() >= {"released", "holder_gone", "undecided"}
    assert doubts() >= PROMISED | {"fix_mocked", "jump", "wire_fault", "contact_lost", "cell_only"}
    assert reasons() >= {"zone", "nearest", "declared_place", "no_position", "territory_failed"}
    assert refusals() >= {"answered_by_another", "holder_not_heard", "not_located"}


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    ("catalogue", "every"),
    [
        ("doubt", doubts),
        ("doubt_said", doubts),
        ("why", reasons),
        ("error", refusals),
        ("place", lambda: set(RADIUS_M)),
        ("place_short", lambda: set(RADIUS_M)),
        ("kind", facts),
        ("danger", lambda: fields(Dangers)),
        ("file", lambda: fields(PersonFile) - {"dangers", "children", "evaluation"} | {"child"}),
        ("guide_do", lambda: {*VOICES, "listening", "opening", "again", "language"}),
        ("guide_say", lambda: {*VOICES, "listening", "opening", "again"}),
        ("state", lambda: {*WANTS, "busy"}),
    ],
)
def test_the_console_has_words_for_every_code(language: str, catalogue: str, every):
    assert every() - set(words(language)[catalogue]) == set()


def actors() -> set[str]:
    """Who acts in an alert's journal and is no person: written in statements, or the rules'."""
    statements = [ROOT / "store" / "schema.sql", *(ROOT / "store" / "sql").glob("*.sql")]
    text = "\n".join(path.read_text() for path in statements)
    written = re.findall(
        r"INSERT INTO journal \(at, actor, alert_id[^)]*\)\s+SELECT [^,]+, '(\w+)',", text
    )
    return {*written, SYSTEM, REDACTED}


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("page", ["console", "report"])
def test_who_acted_has_words_where_it_is_nobody(language: str, page: str):
    assert actors() >= {"phone", "rescue", "deadline", "redacted"}
    assert actors() - set(words(language, page)["actor"]) == set()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_report_has_words_for_every_entry_of_an_alert_s_journal(language: str):
    assert facts() - set(words(language, "report")["entry"]) == set()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_doubt_about_a_position_is_a_whole_sentence(language: str):
    said = words(language)["doubt_said"].values()
    assert [text for text in said if not re.fullmatch(r"[A-ZÉ].+\.", text)] == []


def test_rooms_read_words_for_every_doubt():
    assert doubts() - set(cisu_words.DOUBTS) == set()


def office_refusals() -> set[str]:
    found = {code for code, _ in refused._BY_CONSTRAINT.values()}
    for node in nodes([*(ROOT / "justice").rglob("*.py")]):
        match node:
            case ast.Call(func=ast.Name(id="Refused"), args=[code, *_]):
                found |= codes(code)
    # Of the administrator's commands, not of the page.
    return found - {"enrolled", "not_enrolled", "device_known"}


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    ("catalogue", "every"),
    [
        ("red", {*red_list.REASONS}),
        ("red_short", {*red_list.REASONS}),
        ("state", {*stock.STATES}),
        ("move", {*STATES_SAID}),
        ("waits", {*stock.UNMET, *REFUSALS, "granted", "withdrawn"}),
        ("waits_short", {*stock.UNMET}),
        ("refusal", {*REFUSALS}),
        ("consent", {*life.CONSENTS}),
        ("end_reason", {*life.REASONS}),
        ("basis", {*life.BASES}),
        ("release", {*releases.KINDS}),
        ("outcome", {*releases.OUTCOMES}),
        ("conflict", {*LOCKS}),
        ("source", {*SOURCES, "unsaid"}),
        ("means", {*MEANS}),
        ("handing", {*handing.STEPS}),
        ("handing_state", {*handing.STATES}),
        ("missing", {*life.IDENTIFIED, "press_heard", "located", "wiped", "device_sound"}),
    ],
)
def test_the_prosecutors_page_has_words_for_every_code(language: str, catalogue: str, every: set):
    said = families(ROOT / "web", "parquet", language)
    assert every - set(said[catalogue]) == set()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_whatever_is_refused_to_the_office_has_words(language: str):
    said = families(ROOT / "web", "parquet", language)
    assert office_refusals() - set(said["error"]) == set()


def test_a_red_list_is_shown_the_worst_first():
    said = families(ROOT / "web", "parquet", "fr")
    assert tuple(said["red"]) == red_list.REASONS
