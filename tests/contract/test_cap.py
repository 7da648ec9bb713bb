"""What we write in CAP 1.2: valid against the official schema, and the case as every other adapter
tells it."""

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from cisu_messages import MESSAGE, NOW, PLACE, REFERENCE, needs_reference, report
from hypothesis import given, settings
from hypothesis import strategies as st

from tgd.errors import Invalid
from tgd.platform.channels import cap
from tgd.platform.channels.cisu_message import Note

NS = {"cap": cap.SCHEMA}
TEXT = st.text(max_size=600)
DEGREES = st.floats(allow_nan=True, allow_infinity=True)
anything = given(
    texts=st.tuples(TEXT, TEXT, TEXT, TEXT, TEXT),
    at=st.tuples(DEGREES, DEGREES, DEGREES),
    notes=st.lists(TEXT, max_size=3),
)


def read(body: bytes) -> ET.Element:
    return ET.fromstring(body)  # noqa: S314  our own


def said(body: bytes, *path: str) -> list[str]:
    found = read(body).findall("/".join(f"cap:{name}" for name in path), NS)
    return [one.text or "" for one in found]


@cache
def schema() -> Any:
    return xmlschema.XMLSchema(str(Path(REFERENCE) / "cap" / "CAP-v1.2.xsd"))


def test_the_case_stands_where_every_alarm_screen_looks() -> None:
    body = cap.written(replace(MESSAGE, callback="0549000000", operator_id="op-17", lead="a"))
    assert said(body, "identifier") == [MESSAGE.distribution_id]
    assert said(body, "scope") == ["Private"]
    assert said(body, "addresses") == [MESSAGE.room]
    assert said(body, "incidents") == ["fr.tgd.plateforme.20261121-000042"]
    assert said(body, "info", "urgency") == ["Immediate"]
    assert said(body, "info", "certainty") == ["Likely"]
    assert said(body, "info", "contact") == ["+33549000000"]
    assert said(body, "info", "eventCode", "value") == ["C02.15.04"]
    assert said(body, "info", "instruction") == [
        "Bénéficiaire TGD. Ne pas rappeler le téléphone de la victime."
    ]
    [description] = said(body, "info", "description")
    assert MESSAGE.reason in description
    assert "Salle chef de file : a." in description
    assert "rayon 95 % 29 m, âge 9 s" in description
    assert said(body, "info", "area", "circle") == ["46.579830,0.338170 0.029"]


@needs_reference
def test_the_sheet_is_where_a_browser_and_a_printer_look_for_it() -> None:
    body = cap.written(replace(MESSAGE, sheet="https://tgd.example/fiche/x"))
    assert said(body, "info", "web") == ["https://tgd.example/fiche/x"]
    assert said(body, "info", "resource", "uri") == ["https://tgd.example/fiche/x"]
    schema().validate(body.decode())
    assert said(cap.written(MESSAGE), "info", "web") == []


def test_a_test_says_that_nobody_is_to_be_sent() -> None:
    body = cap.written(replace(MESSAGE, exercise=True))
    assert said(body, "status") == ["Exercise"]
    assert said(body, "info", "responseType") == ["None"]
    assert said(body, "info", "headline")[0].startswith("EXERCICE : ne pas intervenir")


WITHDRAWN = replace(
    report(operator_id="op-17", callback="0549000000", phone="+33612345678", voice="child"),
    kind="Cancel",
    reason="affaire adressée à votre salle par erreur",
    notes=(Note(NOW, "Elle pleure."), Note(MESSAGE.alert_opened_at, "Des cris.")),
)


@needs_reference
def test_a_withdrawn_case_is_valid_as_well() -> None:
    schema().validate(cap.written(WITHDRAWN).decode())


def test_a_case_is_withdrawn_from_the_wrong_room_without_a_word_of_her() -> None:
    body = cap.written(WITHDRAWN)
    assert said(body, "incidents") == ["fr.tgd.plateforme.20261121-000042"]
    assert said(body, "info", "headline")[0].startswith("Annulation")
    assert said(body, "info", "description") == ["Affaire adressée à votre salle par erreur."]
    assert said(body, "info", "responseType") == ["None"]
    assert said(body, "info", "urgency") == ["Unknown"]
    assert said(body, "info", "contact") == ["+33549000000"]
    assert said(body, "info", "area", "areaDesc") == ["Sans objet : affaire adressée à tort."]
    text = body.decode()
    for hers in ("46.5", "612345678", "Bénéficiaire", "86-01", "pleure", "cris", "parameter"):
        assert hers not in text


def test_without_a_position_there_is_no_circle_and_it_says_why() -> None:
    body = cap.written(replace(MESSAGE, position=None, doubts=("location_refused",)))
    assert said(body, "info", "area", "circle") == []
    assert said(body, "info", "area", "areaDesc") == ["Localisation refusée par la bénéficiaire."]


def test_the_same_message_is_the_same_to_the_last_byte() -> None:
    assert cap.written(MESSAGE) == cap.written(MESSAGE)


def test_an_identifier_that_would_break_the_wire_is_refused() -> None:
    for wrong in (
        {"room": "a room"},
        {"case_id": "x" * 200},
        {"sent_at": NOW.replace(tzinfo=None)},
    ):
        with pytest.raises(Invalid):
            cap.written(report(**wrong))


@anything
@settings(deadline=None)
def test_whatever_is_said_it_is_well_formed_and_a_circle_is_on_earth(
    texts: tuple[str, ...], at: tuple[float, ...], notes: list[str]
) -> None:
    body = _anything(texts, at, notes)
    circles = said(body, "info", "area", "circle")
    lat, lon, radius = at
    on_earth = abs(lat) <= 90 and abs(lon) <= 180
    assert (circles != []) == (on_earth and 0 <= radius <= 20_000_000)
    for circle in circles:
        assert float(circle.split()[1]) * 1000 >= min(radius, math.ceil(radius)) - 1e-6


@needs_reference
@anything
@settings(deadline=None)
def test_whatever_is_said_it_is_valid_against_the_official_schema(
    texts: tuple[str, ...], at: tuple[float, ...], notes: list[str]
) -> None:
    schema().validate(_anything(texts, at, notes).decode())


@needs_reference
def test_the_schema_refuses_what_is_not_cap() -> None:
    schema().validate((REFERENCE / "examples" / "20-CAP-1.2-alert.xml").read_text("utf-8"))
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        schema().validate(cap.written(MESSAGE).decode().replace("Private", "Secret"))


def _anything(texts: tuple[str, ...], at: tuple[float, ...], notes: list[str]) -> bytes:
    reason, device, label, operator, nature = texts
    lat, lon, radius = at
    return cap.written(
        report(
            reason=reason,
            device_label=device,
            beneficiary_label=label,
            operator_id=operator,
            nature=nature,
            notes=tuple(Note(NOW, text) for text in notes),
            position=replace(PLACE, lat=lat, lon=lon, r95_m=radius),
        )
    )
