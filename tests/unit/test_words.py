"""Words kept in clear: no coordinate stays in them, and nothing else goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgd.geo.words import without_coordinates


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("47.731942,2.864209", "…,…"),
        ("lat=-47.731942;lon=2.864", "lat=…;lon=…"),
        ("47,731942 2,864209", "… …"),
        ("47,731942,2,864209", "…,…"),
        ("geo:47.731942,-2.864209?z=12", "geo:…,…?z=12"),
        ("47°43'55\"N 2°51'51.2''E", "…N …E"),
        ("47° 43,9167’ N", "… N"),
        ("1.0 (47.731942)", "1.0 (…)"),
    ],
)
def test_a_coordinate_goes(words: str, kept: str) -> None:
    assert without_coordinates(words) == kept


@pytest.mark.parametrize(
    "words",
    [
        *("", "1.2.3", "1.2.345", "v1.234.5", "10.0.19045.3570", "2030/118", "+33549000017"),
        *("batt 3.71 V", "1 234,50", "12:30:45", "C02.15.04", "patrouille sur place", "47 rue X"),
        *("2030-01-15", "20°", "fièvre 38,5°"),
    ],
)
def test_what_is_none_stays(words: str) -> None:
    assert without_coordinates(words) == words


@given(st.floats(-180, 180), st.integers(3, 15), st.text(alphabet=" ;:/()abc", max_size=5))
def test_no_decimals_of_a_coordinate_are_left(figure: float, digits: int, around: str) -> None:
    text = f"{figure:.{digits}f}"
    left = without_coordinates(f"{around}{text}{around}")
    assert text.lstrip("-") not in left
    assert text.partition(".")[2] not in left


@given(st.text())
def test_twice_changes_nothing(words: str) -> None:
    once = without_coordinates(words)
    assert without_coordinates(once) == once
