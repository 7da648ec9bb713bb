"""The demo's file of persons: one for each phone, plainly invented, with what the console shows."""

from importlib import resources

from tgd.cli.persons import read


def test_the_demo_s_persons_are_plainly_invented():
    text = resources.files("tgd.demo").joinpath("persons.toml").read_text(encoding="utf-8")
    given, linked = read(text)
    assert set(given) == {f"tgd-86-0{n}" for n in range(1, 9)}
    for phone, person in given.items():
        assert person.name == f"Bénéficiaire {phone.removeprefix('tgd-')}"
        assert person.aggressor
        assert person.aggressor.name.startswith("Auteur fictif")
        assert all(child.name.startswith("Enfant fictif") for child in person.children)
    assert linked == [["tgd-86-05", "tgd-86-06"]]
    assert sum(len(person.children) for person in given.values()) > 1
    assert {one for person in given.values() for one in person.languages} >= {"français", "español"}
