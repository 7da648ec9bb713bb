"""What a room is told of her: all that those who go there need, no name, a neighbour the least.

And that nothing which does not open keeps a message back.
"""

import json
import re
from typing import Any
from uuid import UUID

import pytest
from world import BY_HAND, PLACE, World

from tgd.demo.salle_envelope import Envelope
from tgd.platform import persons, places
from tgd.platform.persons import Aggressor, Child, Dangers, PersonFile
from tgd.platform.places import Access, Place

FILE = PersonFile(
    name="Berthe Inventée",
    born="1991-04-02",
    description="manteau rouge",
    languages=("Arabe", "français"),
    health="SANTE-SECRETE",
    contact="CONTACT-SECRET",
    contact_hours="HEURES-SECRETES",
    evaluation="EVALUATION-SECRETE",
    children=(Child("Ada Inventée", note="dort au fond"), Child("Noé Inventée")),
    aggressor=Aggressor(
        "Gaston Inventé", description="grand, policier", vehicle="fourgon gris", relation="ex"
    ),
    dangers=Dangers(weapons="fusil de chasse, aucun couteau", dog="molosse", access="par la cour"),
)
HOME = Place(
    "home",
    "Chez elle",
    "1 rue de l'Exemple, 86000 Poitiers",
    PLACE["lat"],
    PLACE["lon"],
    100.0,
    "portail bleu",
    Access(floor="3", codes=("1234A", "B5"), interphone="au nom d'Inventée"),
)
SECRET = ("SANTE-SECRETE", "CONTACT-SECRET", "HEURES-SECRETES", "EVALUATION-SECRETE")
NAMES = ("Berthe", "Gaston", "Ada", "Noé Inventée")


async def known(world: World) -> None:
    """The register knows all that it can of whoever holds the phone."""
    who = await world.value("SELECT beneficiary_id FROM holder WHERE device = 'tgd-86-01'")
    async with world.database.transaction() as transaction:
        await persons.put(transaction, world.sealer, who, FILE, world.clock)
        await places.replace(transaction, world.sealer, who, [HOME], world.clock.now())


async def case_of(world: World, envelope: str) -> dict[str, Any]:
    """The case as it was sent, out of what is kept."""
    row = (
        await world.rows(
            "SELECT e.content, a.key FROM envelope e JOIN alert a ON a.id = e.alert_id "
            "WHERE e.id = $1",
            UUID(envelope.rpartition("_")[2]),
        )
    )[0]
    whole = json.loads(world.sealer.unwrap(row["key"]).open(row["content"], "envelope"))
    return whole["content"][0]["jsonContent"]["embeddedJsonContent"]["message"]["createCase"]


async def sent(world: World) -> tuple[Envelope, dict[str, Any]]:
    """A press at home, decided: the Report, and the case as it was sent."""
    at = world.clock.now().timestamp()
    alert = (await world.phone().press(loc={**PLACE, "tst": at})).alert
    operator = world.operator()
    await operator.answers(alert)
    await operator.does(alert, "notes", {"text": "Berthe crie, porte fermée"}, 200)
    await operator.decides(alert, "police", note="il est là, avec Gaston son frère")
    told = await world.room.expects("Report", alert=alert)
    return told, await case_of(world, told.distribution_id)


@pytest.mark.settings(behaviour=BY_HAND)
async def test_a_room_is_told_what_those_who_go_there_need(world: World) -> None:
    await known(world)
    _, case = await sent(world)
    first = case["initialAlert"]
    asked = case["qualification"]
    assert [risk["code"] for risk in asked["riskThreat"]] == [
        "R03", "R05", "R16", "R21", "R24", "R34", "R37",
    ]  # fmt: skip
    assert asked["locationKind"] == {"code": "L01.00.00", "label": "Domicile"}
    assert asked["victims"] == {
        "count": "1",
        "mainVictim": "ADULTE",
        "freetext": "Au dossier : 2 enfants, présence inconnue.",
    }
    where = case["location"]
    assert where["detailedAddress"] == {"complete": HOME.address}
    assert where["access"] == {
        "floor": "3",
        "accessCode": ["1234A", "B5"],
        "interphone": "au nom d'[bénéficiaire]",
    }
    assert "Portail bleu. " in where["freetext"]
    assert "ar la cour." in where["freetext"]
    assert "gml:CircleByCenterPoint" in where["geometry"]["sketch"]
    caller = first["caller"]
    assert (caller["type"], caller["language"]) == ("SUJET", "ar")
    assert caller["callbackContact"]["detail"] == "+33549000000"
    assert "Ne pas rappeler" in caller["freetext"]
    told = " / ".join([*case["freetext"], *(note["freetext"] for note in first["notes"])])
    for said in ("fusil de chasse", "molosse", "fourgon gris", "manteau rouge", "dort au fond"):
        assert said in told
    assert "[bénéficiaire] crie, porte fermée" in told
    assert "il est là, avec [auteur] son frère" in told
    whole = json.dumps(case, ensure_ascii=False)
    for secret in (*SECRET, *NAMES):
        assert secret not in whole, secret


@pytest.mark.settings(behaviour=BY_HAND)
async def test_a_further_press_is_a_new_alert_and_the_first_stays_what_it_was(world: World) -> None:
    await known(world)
    report, before = await sent(world)
    await world.room.says(report, "CONSULTE")
    await world.advance(31)
    at = world.clock.now().timestamp()
    await world.phone().press(loc={**PLACE, "lat": 46.61, "tst": at})
    told = await world.room.expects("Update", text="nouvel appui")
    case = await case_of(world, told.distribution_id)
    assert case["initialAlert"] == before["initialAlert"]
    assert "newAlert" not in before
    (further,) = case["newAlert"]
    assert further["reporting"] == "ATTENTION"
    assert further["location"]["geometry"]["point"]["coord"]["lat"] == 46.61
    assert "nouvel appui à" in further["notes"][0]["freetext"]
    assert further["id"] != case["initialAlert"]["id"]
    # Her door is told of where she is, not of where she was.
    assert case["location"]["geometry"]["point"]["coord"]["lat"] == 46.61
    assert "access" not in case["location"]
    assert case["initialAlert"]["location"]["access"]["floor"] == "3"


@pytest.mark.settings(behaviour=BY_HAND)
async def test_without_a_position_her_home_is_named_as_no_more_than_that(world: World) -> None:
    await known(world)
    alert = (await world.phone().press(loc={"pm": "N"})).alert
    await world.operator().decides(alert, "police")
    told = await world.room.expects("Report", alert=alert)
    case = await case_of(world, told.distribution_id)
    assert "geometry" not in case["location"]
    assert case["location"]["detailedAddress"] == {"complete": HOME.address}
    assert "où elle n'est peut-être pas" in case["location"]["freetext"]


@pytest.mark.settings(behaviour=BY_HAND)
async def test_a_file_that_does_not_open_keeps_no_message_back(world: World) -> None:
    await known(world)
    await world.owner("UPDATE person_file SET content = content || 'x'::bytea")
    await world.owner("UPDATE known_place SET content = 'x'")
    await world.owner("UPDATE beneficiary SET key = 'x' WHERE key IS NOT NULL")
    _, case = await sent(world)
    risks = [risk["code"] for risk in case["qualification"]["riskThreat"]]
    assert risks == ["R03", "R34", "R37"]
    assert "access" not in case["location"]
    assert "geometry" in case["location"]
    assert not re.search("fusil", json.dumps(case))
