"""The documents do not drift from the code: what the code can say is named in them, and is true."""

import ast
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import jsonschema
import msgspec
import pytest
import yaml

from tgd import app
from tgd.cli.commands import app as commands
from tgd.config import SETTINGS, Config
from tgd.devices import live, wire
from tgd.justice.domain import life, red_list, stock
from tgd.metrics import Metrics
from tgd.platform.domain import alert, deadlines
from tgd.seal import Sealer
from tgd.store import refusals
from tgd.web.access import Access
from tgd.web.agencies import Agencies
from tgd.web.context import Context
from tgd.web.kept import Kept
from tgd.web.login import Login
from tgd.web.oidc import Oidc
from tgd.web.pages import Pages
from tgd.web.routes import routes

ROOT = Path(__file__).parents[2]
NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PROTOCOL, OPERATIONS = text("docs/protocol.md"), text("docs/operations.md")
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_readme_can_be_read_at_once() -> None:
    assert len(text("README.md").splitlines()) <= 100


def test_the_readme_tests_with_make_test() -> None:
    assert re.search(r"^    make test$", text("README.md"), re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


# ── settings, alarms, commands ──────────────────────────────────────────────────────────


def test_every_setting_is_in_the_table_with_its_default_and_maximum() -> None:
    rows = {
        cells[0]: cells[1:]
        for cells in re.findall(
            r"^\| `(TGD_\w+)` \| (.*?) \| ?(.*?) \| (.*?) \|$", OPERATIONS, re.MULTILINE
        )
    }
    assert set(rows) == {setting.name for setting in SETTINGS}
    for setting in SETTINGS:
        default, most, said = rows[setting.name]
        assert default == ("—" if setting.default is None else f"`{_shown(setting.default)}`")
        assert most == (f"{setting.maximum:g}" if setting.maximum else "")
        assert said == setting.help


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).replace("True", "true")


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    known = {setting.name for setting in SETTINGS}
    known |= {f"{setting.name}_FILE" for setting in SETTINGS if setting.secret} | {"TGD_CONFIG"}
    for document in DOCUMENTS:
        named = set(re.findall(r"\bTGD_[A-Z][A-Z_]*[A-Z]\b", document.read_text(encoding="utf-8")))
        assert named <= known, document.name


def test_every_alarm_is_explained_and_no_other() -> None:
    rules = yaml.safe_load(text("deploy/prometheus/rules.yml"))
    found = {
        (rule["alert"], rule["labels"]["severity"]) for g in rules["groups"] for rule in g["rules"]
    }
    assert set(re.findall(r"^\| `(\w+)` \((page|ticket)\)", OPERATIONS, re.MULTILINE)) == found


def test_every_command_is_listed() -> None:
    names = [_name(command) for command in commands.registered_commands]
    for group in commands.registered_groups:
        inner = group.typer_instance
        assert inner is not None
        names += [f"{group.name} {_name(one)}" for one in inner.registered_commands]
    assert [name for name in names if f"`tgd {name}" not in PROTOCOL] == []


def _name(command: Any) -> str:
    return command.name or command.callback.__name__


# ── the protocol ────────────────────────────────────────────────────────────────────────


def test_every_metric_is_named_and_no_other() -> None:
    exposed = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in Metrics().registry.collect()
        if metric.name.startswith("tgd_")
    }
    assert set(re.findall(r"`(tgd_[a-z_]+)", PROTOCOL)) == exposed


def test_the_flow_names_only_metrics_and_alarms_that_exist() -> None:
    flow = text("docs/flow.md")
    assert {m for m in re.findall(r"`(tgd_[a-z_]+)`", flow) if m not in PROTOCOL} == set()


def test_every_flow_has_its_row_and_its_paragraph() -> None:
    flow = text("docs/flow.md")
    for file in (ROOT / "tgd/platform/flow").glob("[a-z]*.py"):
        assert f"| `{file.stem}` |" in flow, file.stem
        assert f"**{file.stem}** (`{file.name}`" in flow, file.stem


async def test_every_route_is_documented_and_no_other() -> None:
    parts = app.App(Config(mqtt_url="mqtt://127.0.0.1", secret_key="0" * 64))
    context = Context(
        database=parts.database,
        clock=parts.clock,
        triage=parts.triage,
        inbound=parts.inbound,
        exercising=parts.exercising,
        forget=parts.forget,
        recontact=parts.recontact,
        reporting=parts.reporting,
        sheets=parts.sheets,
        notes=parts.notes,
        office=parts.office,
        whereabouts=parts.whereabouts,
        competence=parts.competence,
        persons=parts.persons,
        addresses=parts.addresses,
        ingest=parts.ingest,
        hub=parts.hub,
        metrics=parts.metrics,
        config=parts.config,
        ready=parts.ready,
    )
    access = Access(context.database, context.clock, timedelta(minutes=30))
    login = Login(context)
    oidc = Oidc(context, Agencies(), login.delays, login.opening)
    kept = Kept(context.database, context.clock, context.hub, context.metrics)
    table = routes(context, access, login, oidc, Pages(), kept)
    served = {f"{route.method} {route.path}" for route in table}
    named = set(re.findall(r"`((?:GET|POST|DELETE|PUT|PATCH) /[^`\s]*)`", PROTOCOL))
    assert named == served


def test_every_deadline_of_an_alert_is_explained() -> None:
    named = set(re.findall(r"^\| `(\w+)` \| .* → .* \| .* \| .* \|$", PROTOCOL, re.MULTILINE))
    acted = {*deadlines._OF_ALERT, *deadlines._OF_DISPATCH} - {"further_press"}
    assert named == acted | {"heartbeat"}


def test_every_refusal_is_explained() -> None:
    codes = set()
    for folder in ("platform", "justice"):
        for file in (ROOT / "tgd" / folder).rglob("*.py"):
            codes |= {call.args[0].value for call in _calls(file, "Refused")}
    codes |= {code for code, _ in refusals._BY_CONSTRAINT.values()}
    codes |= {*life.IDENTIFIED, *red_list.REASONS, *stock.UNMET, *stock.STATES}
    assert codes
    assert {code for code in codes if f"`{code}`" not in PROTOCOL} == set()


def test_every_doubt_is_explained_and_no_other() -> None:
    start = PROTOCOL.index("### Doubts")
    table = PROTOCOL[start : PROTOCOL.index("## 2.", start)]
    named = {
        code
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for code in re.findall(r"`(\w+)`", row)
    }
    assert named == _doubts()


DOUBTFUL = ("devices/wire", "devices/salvage", "devices/phone_clock", "geo/position", "geo/locate")


IN_SQL = {"device_unknown", "consent_unknown", "id_reused"}


def _doubts() -> set[str]:
    """What the code can emit: constants in the wire, the geometry, the register, the console."""
    trees = [ast.parse(text(f"tgd/{name}.py")) for name in DOUBTFUL]
    shown = ast.parse(text("tgd/web/alert_json.py"))
    trees += [f for f in shown.body if isinstance(f, ast.FunctionDef) and f.name == "_doubts"]
    found = {word for tree in trees for node in ast.walk(tree) for word in _words(node)}
    schema = text("tgd/store/schema.sql")
    assert all(code in schema for code in IN_SQL)
    holder = schema[schema.index("VIEW holder") : schema.index("AS doubts")]
    return found | IN_SQL | set(re.findall(r"THEN '(\w+_\w+)'", holder))


def _words(node: ast.AST) -> set[str]:
    """The constants of a tuple of doubts, or of an append to a list of them."""
    match node:
        case ast.Call(func=ast.Attribute(attr="append"), args=[ast.Constant(value=word)]):
            constants = [word]
        case ast.Tuple(elts=elements):
            constants = [one.value for one in elements if isinstance(one, ast.Constant)]
        case _:
            return set()
    shaped = re.compile(r"[a-z]+(_[a-z]+)+|late|retained|oversized|jump")
    return {word for word in constants if isinstance(word, str) and shaped.fullmatch(word)}


def _calls(file: Path, name: str) -> list[ast.Call]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == name
        and isinstance(node.args[0], ast.Constant)
    ]


# ── AsyncAPI ────────────────────────────────────────────────────────────────────────────


ASYNCAPI = yaml.safe_load(text("docs/asyncapi.yaml"))


def test_asyncapi_has_the_topics_of_the_code() -> None:
    assert ASYNCAPI["asyncapi"].startswith("3.")
    kinds = ("press", "position", "heartbeat", "lwt")
    expected = {f"{app._UP}{kind}".replace("+", "{device}") for kind in kinds}
    expected.add("tgd/v1/{device}/down")
    addresses = {channel["address"] for channel in ASYNCAPI["channels"].values()}
    assert addresses == expected
    assert all(f"`{address}`" in PROTOCOL for address in addresses)


def test_asyncapi_refers_to_what_is_there() -> None:
    for reference in re.findall(r"\$ref: '#/([^']+)'", text("docs/asyncapi.yaml")):
        found = ASYNCAPI
        for step in reference.split("/"):
            found = found[step]


def validate(kind: str, raw: bytes) -> None:
    schema = {"$ref": f"#/components/schemas/{kind}", "components": ASYNCAPI["components"]}
    jsonschema.Draft202012Validator(schema).validate(msgspec.json.decode(raw))


@pytest.mark.parametrize("press_id", [None, "12"])
@pytest.mark.parametrize("alert_id", [None, str(UUID(int=1))])
def test_what_the_server_says_is_what_asyncapi_says(press_id, alert_id) -> None:
    said = wire.receipt(press_id, code="duplicate", alert=alert_id, at=NOW, listen="mic_only")
    validate("receipt", said)
    validate("state", wire.state(str(UUID(int=1)), state="received", n=1, at=NOW))
    validate("command", msgspec.json.encode(live.report_location("a", NOW, NOW + live.LIVE_FOR)))
    validate("command", msgspec.json.encode(live.end_alert("a", NOW)))


def test_every_state_that_a_phone_is_told_is_in_asyncapi() -> None:
    told = {"received", "police_told"}  # said by the downlink and by the database
    for file in (ROOT / "tgd/platform/domain").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "tell_phone":
                told.add(node.args[0].value)
    assert told == set(ASYNCAPI["components"]["schemas"]["state"]["properties"]["state"]["enum"])
    assert all(f"`{state}`" in PROTOCOL for state in (*told, *alert.OPEN, *alert.VERDICTS))


# ── what the documents tell people to type ──────────────────────────────────────────────


def _statements() -> list[str]:
    found = []
    for document in DOCUMENTS:
        blocks = re.findall(r"(?:^    .*\n)+", document.read_text(encoding="utf-8"), re.MULTILINE)
        for block in blocks:
            found += re.findall(r"\b(?:UPDATE|DELETE)\b[^;]*;", block)
    return found


async def test_the_statements_in_the_documents_fit_the_schema(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        for statement in _statements():
            await connection.execute(statement)
    finally:
        await connection.close()


def test_the_rooms_file_in_the_documents_can_be_imported() -> None:
    from tgd.cli import rooms_file  # noqa: PLC0415  the command line is not needed elsewhere here

    start = OPERATIONS.index("    [[room]]")
    block = re.match(r"(?:(?:    .*)?\n)+", OPERATIONS[start:])
    assert block is not None
    toml = re.sub(r"^    ", "", block[0].replace("…", "invented"), flags=re.MULTILINE)
    rooms = rooms_file.read(toml, Sealer("0" * 64))
    assert [(room.id, len(room.lines)) for room in rooms] == [("cic86", 1)]


def test_the_places_file_in_the_documents_can_be_imported() -> None:
    from tgd.cli import places  # noqa: PLC0415  the command line is not needed elsewhere here

    start = OPERATIONS.index("    [[place]]")
    block = re.match(r"(?:(?:    .*)?\n)+", OPERATIONS[start:])
    assert block is not None
    (home,) = places.read(re.sub(r"^    ", "", block[0], flags=re.MULTILINE))["tgd-86-01"]
    assert (home.kind, home.radius_m) == ("home", places.RADIUS_M["home"])
