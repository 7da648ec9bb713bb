"""Codes out of the file's words: each from its own place, and what denies counts for nothing."""

from datetime import date

import pytest

from tgd.platform.channels import cisu_risks, codes
from tgd.platform.channels.cisu_message import KnownPlace
from tgd.platform.persons import Aggressor, Child, Dangers, PersonFile

TODAY = date(2026, 11, 22)


def risks(**said: str) -> set[str]:
    him = {name: said.pop(name) for name in ("description", "relation") if name in said}
    file = PersonFile(
        name="", dangers=Dangers(**said), aggressor=Aggressor("", **him) if him else None
    )
    return set(cisu_risks.hers(file, TODAY, None).risks)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, set()),
        ({"weapons": "fusil de chasse non déclaré"}, {"R05"}),
        ({"weapons": "arme de poing supposée, jamais retrouvée"}, {"R05"}),
        ({"weapons": "Couteaux, menaces connues"}, {"R04", "R03"}),
        ({"weapons": "carabine et machette"}, {"R04", "R05"}),
        ({"weapons": "battes"}, {"R07"}),
        ({"weapons": "aucune arme à feu"}, set()),
        ({"weapons": "pas de fusil mais un couteau"}, {"R04"}),
        ({"weapons": "néant"}, set()),
        ({"weapons": "n'a pas d'arme"}, set()),
        ({"dog": "molosse"}, {"R16"}),
        ({"dog": "aucun"}, set()),
        ({"other": "évadé le mois dernier"}, {"R02"}),
        ({"other": "à la recherche d'un emploi"}, set()),
        ({"other": "très violent"}, {"R03"}),
        ({"relation": "ex-mari, policier municipal"}, {"R24"}),
        ({"description": "ancien militaire"}, set()),
        ({"description": "ex-gendarme"}, set()),
        ({"description": "manteau à lames"}, set()),
    ],
)
def test_each_code_comes_from_its_own_words(said: dict[str, str], found: set[str]) -> None:
    assert risks(**said) == found


def test_every_code_is_in_the_list() -> None:
    every = {*cisu_risks.WORDS, *cisu_risks.ALWAYS, "R03", "R07", "R16", "R21"}
    assert every <= codes.known("HubSante.risque").keys()


@pytest.mark.parametrize(
    ("born", "victim"),
    [
        (None, None),
        ("vers 1990", None),
        ("1990-02-30", None),
        ("2008-11-22", "ADULTE"),
        ("2008-11-23", "ENFANT"),
        ("23/11/1961", "ADULTE"),
        ("22/11/1961", "SENIOR"),
    ],
)
def test_the_class_of_her_age_is_said_where_her_birth_is_a_date(
    born: str | None, victim: str | None
) -> None:
    told = cisu_risks.hers(PersonFile(name="", born=born), TODAY, None)
    assert told.victim == victim


def test_languages_go_by_their_codes_in_her_order() -> None:
    file = PersonFile(name="", languages=("Pachto", "français", "langue des signes", "ru"))
    assert cisu_risks.hers(file, TODAY, None).languages == ("ps", "fr", "ru")


def test_names_are_taken_out_and_words_that_look_like_them_are_not() -> None:
    file = PersonFile(
        name="Blanche Inventée",
        aggressor=Aggressor("Jean Inventé"),
        children=(Child("Li"),),
    )
    safe = cisu_risks.without_names(file)
    assert safe("BLANCHE dit que Jean a une arme blanche") == (
        "[bénéficiaire] dit que [auteur] a une arme blanche"
    )
    assert safe("chez Jean Inventé, avec Li, pas avec Lise") == (
        "chez [auteur], avec [enfant], pas avec Lise"
    )
    assert cisu_risks.without_names(None)("Jean") == "Jean"


def test_a_neighbour_is_told_the_codes_and_nothing_else() -> None:
    file = PersonFile(name="", dangers=Dangers(weapons="fusil"), languages=("arabe",))
    told = cisu_risks.hers(file, TODAY, KnownPlace("home", "1 rue de l'Exemple"))
    assert told.lines
    least = cisu_risks.least(told)
    assert (least.risks, least.lines, least.languages, least.home) == (("R05",), (), (), None)
