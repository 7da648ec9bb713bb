"""What every message to a control room is held to: our own checks, and the official schemas.

The schemas are there where the reference is (``cisu_messages.needs_reference``); our own checks
are of what they let pass: codes, coordinates, telephone numbers, lengths, and one body that agrees
with its envelope.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from xml.etree import ElementTree as ET

from cisu_messages import REFERENCE
from jsonschema import Draft7Validator

from tgd.platform.channels import codes

BODIES = {"createCase": "RC-EDA", "reference": "RC-REF", "emsi": "EMSI", "error": "RS-ERROR"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")
CASE_ID = re.compile(r"[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+){1,9}")
TEXT_MAX = 1_200
THERE = (REFERENCE / "cisu").is_dir()
OF_LISTS = {
    "whatsHappen": "HubSante.fait",
    "riskThreat": "HubSante.risque",
    "locationKind": "HubSante.lieu",
    "count": "HubSante.nbVictimes",
    "mainVictim": "HubSante.patient",
    "reporting": "HubSante.signalement",
    "channel": "HubSante.canal",
    "language": "HubSante.langue",
    "communication": "HubSante.communication",
    "precision": "HubSante.precision",
}
"""The fields that hold a code, and the list that it must stand in."""


@cache
def validator(name: str) -> Draft7Validator:
    path = REFERENCE / "cisu" / "json-schema" / f"{name}.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    schema["$id"] = f"https://schemas.invalid/{name}"  # all of them carry the same one
    return Draft7Validator(schema)


@cache
def official(name: str) -> Mapping[str, frozenset[str]]:
    """The codes of an official list, each with all that it is called."""
    path = REFERENCE / "cisu" / "nomenclatures" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        return {row["code"]: frozenset(row.values()) for row in csv.DictReader(lines)}


def check(raw: bytes) -> dict[str, Any]:
    """Hold an envelope, its header and its one body to all there is; return the body."""
    decoded = json.loads(raw)
    (content,) = decoded["content"]
    message = content["jsonContent"]["embeddedJsonContent"]["message"]
    (body,) = [name for name in BODIES if name in message]
    if body == "createCase":
        own_checks(message[body])
    if THERE:
        validator("EDXL-DE-envelope-only").validate(decoded)
        validator("RC-DE").validate(message)
        validator(BODIES[body]).validate(message[body])
    assert message["messageId"] == decoded["distributionID"]
    assert message["kind"] == decoded["distributionKind"]
    assert message["status"] == decoded["distributionStatus"]
    for name in ("dateTimeSent", "dateTimeExpires"):
        assert TIME.fullmatch(decoded[name])
    assert len(raw) < 64 * 1024
    return message[body]


def own_checks(case: Mapping[str, Any]) -> None:
    """Hold a case to what the schemas are blind to."""
    assert len(case["caseId"]) <= 128
    assert CASE_ID.fullmatch(case["caseId"])
    assert 1 <= len(case["freetext"]) <= 60
    assert len(case.get("additionalInformation", {}).get("customMap", [])) <= 3
    for name, value in fields(case):
        if isinstance(value, str):
            assert len(value) <= TEXT_MAX, name
            assert value.isprintable(), name
        if name in OF_LISTS and not isinstance(value, list):
            coded = isinstance(value, dict)
            code = value["code"] if coded else value
            assert code in codes.known(OF_LISTS[name]), (name, code)
            if coded and name != "whatsHappen":  # whose label may be configured
                assert value["label"] == codes.label(OF_LISTS[name], code)
        if name == "coord":
            assert -90 <= value["lat"] <= 90
            assert -180 <= value["lon"] <= 180
        if name == "sketch":
            (circle,) = ET.fromstring(value)  # noqa: S314  our own
            assert float(circle[1].text or "") >= 0
        if isinstance(value, dict) and value.get("type") == "TEL":
            assert re.fullmatch(r"\+\d{5,15}", value["detail"]), name
        if name == "caller":
            assert value.get("type", "SUJET") in codes.known("HubSante.typeAppelant")
            if value["callerContact"]["type"] == "TEL" and "callbackContact" in value:
                assert value["callbackContact"] != value["callerContact"]


def fields(value: object, name: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in a body with the name of its field, the items of a list each under its own."""
    yield name, value
    if isinstance(value, dict):
        for key, one in value.items():
            yield from fields(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from fields(one, name)
