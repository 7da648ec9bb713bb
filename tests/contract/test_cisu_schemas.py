import csv
import json
import math
from datetime import UTC, datetime, timedelta, timezone
from functools import cache

import pytest
from cisu_messages import MESSAGE, NOW, PLACE, REFERENCE, needs_reference, report
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from tgd.demo.salle_envelope import LADDER, read_case, reply
from tgd.errors import Invalid
from tgd.platform.channels import cisu
from tgd.platform.channels import cisu_inbound as inbound

pytestmark = needs_reference


@cache
def validator(name):
    path = REFERENCE / "cisu" / "json-schema" / f"{name}.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    schema["$id"] = f"https://schemas.invalid/{name}"  # all of them carry the same one
    return Draft7Validator(schema)


@cache
def codes(name):
    path = REFERENCE / "cisu" / "nomenclatures" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        return frozenset(row["code"] for row in csv.DictReader(lines))


BODIES = {"createCase": "RC-EDA", "reference": "RC-REF", "emsi": "EMSI", "error": "RS-ERROR"}


def check(envelope):
    """Hold an envelope, its header and its one body to the official schemas; return the body."""
    decoded = json.loads(cisu.encode(envelope))
    validator("EDXL-DE-envelope-only").validate(decoded)
    (content,) = decoded["content"]
    message = content["jsonContent"]["embeddedJsonContent"]["message"]
    validator("RC-DE").validate(message)
    (body,) = [name for name in BODIES if name in message]
    if body == "createCase":
        assert len(message[body]["caseId"]) <= 128
    validator(BODIES[body]).validate(message[body])
    assert message["messageId"] == decoded["distributionID"]
    assert message["kind"] == decoded["distributionKind"]
    assert message["status"] == decoded["distributionStatus"]
    return message[body]


def example(name):
    return json.loads((REFERENCE / "examples" / name).read_text(encoding="utf-8"))


def test_a_report_says_what_the_worked_example_says():
    envelope = cisu.envelope(report(distribution_id=MESSAGE.distribution_id))
    worked = example("01-RC-EDA-report.json")
    case = check(envelope)
    for field in ("distributionID", "senderID", "dateTimeSent", "distributionKind", "descriptor"):
        assert envelope[field] == worked[field]
    (content,) = worked["content"]
    told = content["jsonContent"]["embeddedJsonContent"]["message"]["createCase"]
    for field in ("caseId", "senderCaseId", "creation", "referenceVersion"):
        assert case[field] == told[field]
    assert case["qualification"]["whatsHappen"] == told["qualification"]["whatsHappen"]
    assert case["qualification"]["riskThreat"] == told["qualification"]["riskThreat"]
    assert case["location"]["geometry"] == told["location"]["geometry"]
    assert case["initialAlert"].keys() == told["initialAlert"].keys()


def test_an_update_and_an_exercise_are_named_as_in_the_worked_examples():
    update = cisu.envelope(report(kind="Update"))
    worked = example("02-RC-EDA-update-position.json")
    assert update["distributionKind"] == worked["distributionKind"] == "Update"
    assert check(update)["freetext"][0] == "Téléphone Grave Danger : mise à jour de l'affaire."
    drill = cisu.envelope(report(exercise=True))
    worked = example("09-RC-EDA-exercise.json")
    assert drill["distributionStatus"] == worked["distributionStatus"] == "Exercise"
    assert check(drill)["freetext"][0].startswith("EXERCICE : ne pas intervenir")


def test_without_a_position_the_case_still_stands_and_says_so():
    case = check(cisu.envelope(report(position=None)))
    assert "geometry" not in case["location"]
    assert case["location"]["freetext"] == "Aucune position."
    refused = check(cisu.envelope(report(position=None, doubts=("location_refused",))))
    assert refused["location"]["freetext"].startswith("Localisation refusée")
    keys = [entry["key"] for entry in case["additionalInformation"]["customMap"]]
    assert keys == ["tgd.presses"]


def test_a_position_never_goes_without_radius_age_and_source():
    case = check(cisu.envelope(report()))
    assert (
        "<gml:radius uom='urn:ogc:def:uom:EPSG::9001'>29</gml:radius>"
        in (case["location"]["geometry"]["sketch"])
    )
    text = case["location"]["freetext"]
    assert text == "Position GNSS, rayon 95 % 29 m, âge 9 s, relevée à 22:30:58."
    custom = {e["key"]: e["value"] for e in case["additionalInformation"]["customMap"]}
    assert custom["tgd.uncertaintyM95"] == "29"
    assert custom["tgd.locationSource"] == "gnss"


@pytest.mark.parametrize(("lat", "lon"), [(200, 0), (0, 181), (math.nan, 0), (math.inf, math.inf)])
def test_coordinates_that_do_not_exist_are_no_position(lat, lon):
    place = cisu.Place(lat=lat, lon=lon, r95_m=5, fixed_at=NOW, age_s=1)
    assert "geometry" not in check(cisu.envelope(report(position=place)))["location"]


def test_several_rooms_are_named_with_their_lead():
    case = check(cisu.envelope(report(lead="CIC 86", others=("CORG 86", "CORG 37"))))
    assert case["freetext"][-1] == (
        "Salle chef de file : CIC 86. Autres salles prévenues : CORG 86, CORG 37."
    )
    custom = {e["key"]: e["value"] for e in case["additionalInformation"]["customMap"]}
    assert custom["tgd.rooms"] == "CIC 86, CORG 86, CORG 37"
    assert len(custom) == 3


def test_the_holders_number_and_ours_go_out_in_international_form():
    case = check(cisu.envelope(report(phone="07 00 00 00 00", callback="05 00 00 00 00")))
    caller = case["initialAlert"]["caller"]
    assert caller["callerContact"]["detail"] == "+33700000000"
    assert caller["callbackContact"]["detail"] == "+33500000000"
    assert case["initialAlert"]["callTaker"]["calltakerContact"]["detail"] == "+33500000000"
    silent = check(cisu.envelope(report(phone="17")))["initialAlert"]["caller"]
    assert silent["callerContact"]["detail"] == "Appareil tgd-86-01, sans numéro"
    assert "callbackContact" not in silent


def test_the_same_message_is_the_same_to_the_last_byte():
    assert cisu.encode(cisu.envelope(MESSAGE)) == cisu.encode(cisu.envelope(MESSAGE))


@pytest.mark.parametrize(
    "wrong",
    [
        {"room": "CIC de Poitiers"},
        {"sender_id": ""},
        {"case_id": "a.b"},
        {"distribution_id": "x\x00"},
        {"sent_at": datetime(2026, 1, 1)},  # noqa: DTZ001  the fault itself
    ],
)
def test_what_would_name_another_case_or_time_is_refused(wrong):
    with pytest.raises(Invalid):
        cisu.envelope(report(**wrong))


texts = st.text(max_size=600)
times = st.datetimes(
    min_value=datetime(1970, 1, 2), max_value=datetime(2105, 12, 31)  # noqa: DTZ001  made aware
).map(lambda moment: moment.replace(tzinfo=UTC)) | st.just(
    datetime(2026, 10, 25, 2, 30, 0, 1, tzinfo=timezone(timedelta(hours=2)))
)  # fmt: skip
numbers = st.floats() | st.integers(min_value=-(10**9), max_value=10**9)
places = st.builds(
    cisu.Place,
    lat=st.floats(-90, 90) | numbers,
    lon=st.floats(-180, 180) | numbers,
    r95_m=st.floats(0, 1e7) | numbers,
    fixed_at=times,
    age_s=numbers,
    method=st.sampled_from(["G", "W", "C", "F", None, "?"]),
    speed_kmh=st.none() | numbers,
    heading_deg=st.none() | numbers,
    doubts=st.lists(texts, max_size=3).map(tuple),
)
words = st.from_regex(r"[A-Za-z0-9_-]{1,20}(\.[A-Za-z0-9_-]{1,20}){0,2}", fullmatch=True)
messages = st.builds(
    cisu.CaseMessage,
    distribution_id=st.uuids().map(lambda unique: cisu.distribution_id("fr.tgd.p", unique)),
    sender_id=words,
    room=words,
    sent_at=times,
    expires_at=times,
    exercise=st.booleans(),
    kind=st.sampled_from(["Report", "Update"]),
    case_id=st.from_regex(r"20[0-9]{6}-[0-9]{6}", fullmatch=True),
    alert_id=texts,
    case_created_at=times,
    alert_opened_at=times,
    reason=texts,
    position=st.none() | places,
    presses=st.integers(min_value=0, max_value=10**9),
    last_press_at=times,
    device_label=texts,
    beneficiary_label=st.none() | texts,
    phone=st.none() | texts,
    callback=st.none() | texts,
    operator_id=st.none() | texts,
    voice=st.sampled_from([None, "holder", "child", "other", "nobody"]),
    doubts=st.lists(texts | st.just("late"), max_size=4).map(tuple),
    notes=st.lists(texts, max_size=30).map(tuple),
    lead=st.none() | texts,
    others=st.lists(texts, max_size=4).map(tuple),
    nature=texts | st.just("C02.15.07"),
    nature_label=st.none() | texts,
)


@settings(max_examples=60)
@given(messages)
def test_every_envelope_is_valid_and_bounded_whatever_the_texts(message):
    raw = cisu.encode(cisu.envelope(message))
    assert len(raw) < 64 * 1024
    case = check(json.loads(raw))
    coord = case["location"].get("geometry", {}).get("point", {}).get("coord", {})
    assert -90 <= coord.get("lat", 0) <= 90
    assert -180 <= coord.get("lon", 0) <= 180
    assert all(character.isprintable() for character in raw.decode())


def test_every_code_is_in_its_official_list():
    case = check(cisu.envelope(report(voice="nobody", phone="0700000000", callback="0500000000")))
    other = check(cisu.envelope(report(voice="child", beneficiary_label=None)))
    asked, caller = case["qualification"], case["initialAlert"]["caller"]
    used = {
        "HubSante.fait": {asked["whatsHappen"]["code"]},
        "HubSante.risque": {risk["code"] for risk in asked["riskThreat"]},
        "HubSante.nbVictimes": {asked["victims"]["count"]},
        "HubSante.signalement": {case["initialAlert"]["reporting"]},
        "HubSante.canal": {
            caller["callerContact"]["channel"],
            caller["callbackContact"]["channel"],
        },
        "HubSante.langue": {caller["language"]},
        "HubSante.communication": {
            caller["communication"],
            other["initialAlert"]["caller"]["communication"],
        },
        "HubSante.typeAppelant": {caller["type"], other["initialAlert"]["caller"]["type"]},
        "HubSante.precision": {
            check(cisu.envelope(report(position=place_of(radius))))["location"]["geometry"][
                "point"
            ]["coord"]["precision"]
            for radius in (5, 200, 5_000, 50_000, math.inf)
        },
    }
    for name, mine in used.items():
        assert mine <= codes(name), name
    assert len(used["HubSante.precision"]) == 4


def place_of(radius):
    return cisu.Place(lat=PLACE.lat, lon=PLACE.lon, r95_m=radius, fixed_at=NOW, age_s=1)


def test_the_codes_that_are_understood_are_the_official_ones():
    assert set(inbound._STEPS) == codes("HubSante.etape")
    assert set(inbound._EVENT) == codes("EMSI-EVENT.STATUS")
    schema = validator("EMSI").schema
    statuses = schema["definitions"]["resource"]["properties"]["STATUS"]["enum"]
    assert set(inbound._RESOURCE) == set(statuses)


def test_our_error_report_is_valid():
    bad = cisu.BadEnvelope(300, "INVALID_MESSAGE", "step : code inconnu\x00")
    error = cisu.rs_error(
        bad,
        sender_id="fr.tgd.plateforme",
        recipient="fr.police.cic86",
        distribution_id="fr.tgd.plateforme_1",
        sent_at=NOW,
        expires_at=NOW + timedelta(minutes=5),
    )
    assert check(error)["errorCause"] == "step : code inconnu"


@pytest.mark.parametrize("exercise", [False, True])
@pytest.mark.parametrize("step", ["ERREUR", *LADDER])
def test_the_simulated_rooms_answers_are_valid_and_understood(step, exercise):
    told = read_case(cisu.encode(cisu.envelope(report(exercise=exercise))))
    answer = reply(told, step, NOW)
    check(answer)
    heard = cisu.read(cisu.encode(answer))
    assert heard.exercise == exercise
    assert step == (heard.step if isinstance(heard, cisu.Reference) else heard.state)


def test_a_configured_nature_is_checked_when_configured():
    assert cisu.check_nature("C02.15.07") == "C02.15.07"
    with pytest.raises(Invalid):
        cisu.check_nature("TGD")
