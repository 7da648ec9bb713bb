from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgd.errors import Invalid
from tgd.platform.channels import cisu_wire as wire


def test_times_are_in_paris_with_offset_and_whole_seconds():
    winter = datetime(2026, 11, 21, 21, 31, 7, 999_999, tzinfo=UTC)
    summer = datetime(2026, 7, 1, 22, 0, 0, tzinfo=UTC)
    assert wire.stamp(winter) == "2026-11-21T22:31:07+01:00"
    assert wire.stamp(summer) == "2026-07-02T00:00:00+02:00"
    assert wire.wall(summer) == "00:00:00"


def test_a_time_without_offset_is_refused():
    with pytest.raises(Invalid, match="offset"):
        wire.stamp(datetime(2026, 11, 21))  # noqa: DTZ001  the fault itself


@pytest.mark.parametrize(
    ("given_number", "sent"),
    [
        ("06 39 98 00 01", "+33639980001"),
        ("06.39-98(00)01", "+33639980001"),
        ("+33639980001", "+33639980001"),
        ("0033639980001", "+33639980001"),
        ("17", None),
        ("", None),
        (None, None),
        ("+33 6 poste 3", None),
        ("٠٦٣٩٩٨٠٠٠١", None),
        ("+" + "1" * 5000, None),
    ],
)
def test_telephone_numbers_go_out_in_international_form_or_not_at_all(given_number, sent):
    assert wire.e164(given_number) == sent


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_cleaned_texts_are_legible_and_bounded(text, longest):
    out = wire.clean(text, longest)
    assert len(out) <= longest
    assert out.isprintable() or not out
    assert wire.clean(out, longest) == out
    wire.encode({"text": out})


def test_control_and_direction_characters_go():
    assert wire.clean("a\x00b\n\u202ec\ud800 d", 80) == "a b c d"


def test_case_numbers_are_shared_behind_our_name_and_found_again():
    shared = wire.shared_case_id("fr.tgd.plateforme", "20261121-000042")
    assert shared == "fr.tgd.plateforme.20261121-000042"
    assert wire.local_case_id("fr.tgd.plateforme", shared) == "20261121-000042"
    assert wire.local_case_id("fr.autre", shared) is None
    assert wire.local_case_id("fr.tgd", shared) is None


@pytest.mark.parametrize("bad", ["", "a.b", "é", "a b", "x" * 65, "a\n", "20261121-000042\x00"])
def test_a_case_number_that_cannot_go_on_the_wire_is_refused(bad):
    with pytest.raises(Invalid):
        wire.shared_case_id("fr.tgd.plateforme", bad)


@pytest.mark.parametrize("bad", ["", ".", "fr..x", "fr.x.", "fr x", "x" * 64, "fr.é"])
def test_an_address_that_cannot_go_on_the_wire_is_refused(bad):
    with pytest.raises(Invalid):
        wire.address("room", bad)
