"""The sheet: made of the message and no more, and one page whatever is written on it."""

import re
from dataclasses import replace

import pytest
from cisu_messages import MESSAGE, PLACE, report
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tgd.errors import Invalid
from tgd.platform.channels import cisu
from tgd.platform.channels.cisu_message import Access, Hers, KnownPlace, Note
from tgd.platform.channels.cisu_risks import DANGER, HIM
from tgd.platform.channels.sheet import EXERCISE, NEVER_CALL, sheet
from tgd.web import sheet_fit, sheet_html, sheet_pdf

LINK = "https://tgd.example/fiche/not-on-paper"


def of(**changes):
    return sheet(cisu.envelope(report(**changes)))


def note(text):
    return Note(MESSAGE.sent_at, text)


def words(made):
    blocks = [line for block in (*made.beside, *made.blocks) for line in block.lines]
    return "\n".join([made.headline, *made.why, *made.place, *blocks])


def pages(file):
    return len(re.findall(rb"/Type\s*/Page\b", file))


def test_the_sheet_says_what_the_message_says():
    made = of(
        callback="+33549000000", operator_id="operateur-1", voice="nobody", doubts=("late",),
        lead="fr.police.cic86", others=("fr.gendarmerie.corg86",), silent=True,
        notes=(note("Porte du fond."),),
    )  # fmt: skip
    said = words(made)
    assert made.headline == "Téléphone Grave Danger : intervention immédiate demandée."
    assert "Salle chef de file : fr.police.cic86." in said
    assert "46.57983, 0.33817" in said
    assert "rayon 95 % 29 m, âge 9 s" in said
    assert "personne n'a répondu" in said
    assert "Personne n'a parlé à la plateforme" in said
    assert "appui parvenu en retard" in said
    assert "Porte du fond." in said
    assert dict(made.facts)["Affaire"] == MESSAGE.case_id
    assert made.callback == "+33549000000"
    assert (made.disc.lat, made.disc.lon, made.disc.radius_m) == (PLACE.lat, PLACE.lon, 29)
    assert made.made == "21/11/2026 à 22:31:07"


def test_rooms_are_called_by_their_names_where_these_are_known():
    names = {"fr.police.cic86": "CIC de la Vienne", "fr.police.cic8": "Une autre"}
    told = cisu.envelope(report(lead="fr.police.cic86", others=("fr.police.cic861",)))
    made = sheet(told, names)
    assert dict(made.facts)["Pour la salle"] == "CIC de la Vienne"
    assert "Salle chef de file : CIC de la Vienne. Autres salles prévenues : fr.police.cic861." in (
        made.why
    )


def test_what_threatens_those_who_go_there_stands_in_red_and_once():
    known = (f"{DANGER}armes : fusil de chasse.", f"{HIM}ex-conjoint.", "Langues : fr.")
    made = of(hers=Hers(lines=known))
    [alarm] = [block for block in made.beside if block.alarm]
    assert alarm.lines[1:3] == known[:2]
    assert words(made).count("fusil") == 1
    assert known[2] in made.blocks[0].lines


def test_how_to_get_in_stands_beside_the_map():
    inside = Access(floor="3", codes=("A1234", "B5"), interphone="12", door="droite")
    home = KnownPlace(
        "home", address="1 rue Inventée, Poitiers", access=inside, how=("Par la cour.",)
    )
    made = of(position=replace(PLACE, at=home))
    [access] = [block for block in made.beside if block.title == "Accès"]
    assert access.lines == ("code A1234, B5 · interphone 12 · étage 3 · porte droite",)
    assert made.place[0] == "1 rue Inventée, Poitiers"
    assert "Par la cour." in words(made)


def test_no_position_is_said_and_no_map_drawn():
    made = of(position=None, doubts=("location_refused",))
    assert made.disc is None
    assert "Localisation refusée" in words(made)
    page, _ = sheet_html.page(made)
    assert "<svg" not in page


def test_a_radius_that_nobody_knows_draws_no_disc():
    made = of(position=replace(PLACE, r95_m=float("nan")))
    assert made.disc.radius_m is None
    page, _ = sheet_html.page(made)
    assert "rayon inconnu" in page
    assert 'class="disc"' not in page
    assert pages(sheet_pdf.pdf(made, MESSAGE.sent_at)) == 1


def test_an_exercise_is_not_overlooked():
    page, _ = sheet_html.page(of(exercise=True))
    assert f'<p class="exercise" role="alert">{EXERCISE}</p>' in page
    page, _ = sheet_html.page(of())
    assert EXERCISE not in page
    assert NEVER_CALL in page


def test_the_link_to_the_sheet_is_not_printed_on_it():
    told = cisu.envelope(report(sheet=LINK))
    case = told["content"][0]["jsonContent"]["embeddedJsonContent"]["message"]["createCase"]
    assert case["initialAlert"]["attachment"][0]["URI"] == LINK
    assert any(LINK in line for line in case["freetext"])
    assert "not-on-paper" not in repr(sheet(told))


def test_a_case_that_is_withdrawn_says_so_and_nothing_of_her():
    made = of(
        kind="Cancel", reason="affaire adressée à votre salle par erreur", beneficiary_label="X Y"
    )
    assert made.headline.startswith("Annulation")
    assert made.disc is None
    assert "X Y" not in repr(made)
    assert pages(sheet_pdf.pdf(made, MESSAGE.sent_at)) == 1


@pytest.mark.parametrize("broken", [{}, {"content": []}, {"content": [{"jsonContent": None}]}])
def test_what_holds_no_case_has_no_sheet(broken):
    with pytest.raises(Invalid):
        sheet(broken)


def test_what_is_written_is_never_markup():
    page, style = sheet_html.page(of(reason="<script>alert(1)</script>", case_id="A-1"))
    policy = sheet_html.policy(style)
    assert "<script>" not in page
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_a_long_file_gets_smaller_letters_and_then_says_that_it_is_cut():
    short = sheet_fit.fitted(of())
    long = sheet_fit.fitted(of(notes=(note("Une phrase d'une certaine longueur. " * 8),) * 5))
    longest = sheet_fit.fitted(of(notes=(note("W" * 300),) * 20, reason="W" * 400))
    assert short.size_pt == 14 > long.size_pt > longest.size_pt
    assert "la suite est dans le message" not in words(long.sheet)
    assert "la suite est dans le message" in words(longest.sheet)


def test_of_many_notes_the_newest_stay():
    notes = tuple(note(f"{n} " + "Une phrase d'une certaine longueur. " * 8) for n in range(20))
    shown = words(sheet_fit.fitted(of(notes=notes)).sheet).replace("\u00a0", " ")
    assert "TGD : 1 appui" in shown
    assert "22:31:07 : 19 Une" in shown
    assert "22:31:07 : 9 Une" not in shown


def test_no_line_breaks_before_its_punctuation():
    shown = words(sheet_fit.fitted(of()).sheet)
    assert " :" not in shown
    assert "TGD\u00a0: 1 appui" in shown


TEXT = st.text(max_size=700) | st.sampled_from(["W" * 700, "😀" * 700, "mot " * 200, "é|" * 300])

FAR = replace(PLACE, r95_m=19_000_000.0, doubts=("x" * 40,) * 20)


@given(
    reason=TEXT,
    notes=st.lists(TEXT, max_size=25).map(lambda texts: tuple(map(note, texts))),
    others=st.lists(TEXT, max_size=25).map(tuple),
    beneficiary_label=TEXT,
    operator_id=TEXT,
    doubts=st.lists(TEXT, max_size=30).map(tuple),
    exercise=st.booleans(),
    position=st.sampled_from([None, PLACE, FAR]),
    voice=st.sampled_from([None, "nobody", "child"]),
)  # fmt: skip
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_it_is_one_page_whatever_is_written_on_it(**changes):
    made = of(**changes)
    fitted = sheet_fit.fitted(made)
    assert sheet_fit.height_mm(fitted.sheet, fitted.size_pt) <= 277
    assert pages(sheet_pdf.pdf(made, MESSAGE.sent_at)) == 1
