"""What was typed without a full stop is read as sentences all the same."""

import pytest

from tgd.platform.channels.cisu_words import sentences


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ([], ""),
        (["", " \n "], ""),
        (
            ["portail bleu", "digicode 0000B", "À proximité : domicile connu de l'auteur."],
            "Portail bleu. Digicode 0000B. À proximité : domicile connu de l'auteur.",
        ),
        (["sonner deux fois\npuis attendre !"], "Sonner deux fois. Puis attendre !"),
        (["  étage   2…", "chien ?"], "Étage 2… Chien ?"),
        (
            ["Fiche d'une page : https://tgd.example/s/a"],
            "Fiche d'une page : https://tgd.example/s/a",
        ),
        (["\x00", "a\x07b"], "A b."),
    ],
)
def test_each_text_is_a_sentence(told: list[str], read: str) -> None:
    assert sentences(told) == read
