"""The demo's file of persons: one for each phone, plainly invented, with what the console shows."""

from importlib import resources
from pathlib import Path

from commands import on

from tgd.cli.persons import read


def test_the_demo_s_persons_are_plainly_invented():
    text = resources.files("tgd.demo").joinpath("persons.toml").read_text(encoding="utf-8")
    given, linked = read(text)
    assert set(given) == {f"tgd-86-0{n}" for n in range(1, 9)}
    for phone, person in given.items():
        assert person.name == f"Personne fictive {phone.removeprefix('tgd-')}"
        assert person.aggressor
        assert person.aggressor.name.startswith("Auteur fictif")
        assert all(child.name.startswith("Enfant fictif") for child in person.children)
    assert linked == [["tgd-86-05", "tgd-86-06"]]
    assert sum(len(person.children) for person in given.values()) > 1
    assert {one for person in given.values() for one in person.languages} >= {"français", "español"}


async def test_the_demo_s_persons_are_imported_by_the_command(database: str, tmp_path: Path):
    """With the rights of the application, those that belong together too."""
    run = on(database)
    keys = {"TGD_KEY_DIR": str(tmp_path / "keys")}
    assert (await run("seed", **keys)).code == 0
    with resources.as_file(resources.files("tgd.demo").joinpath("persons.toml")) as file:
        done = await run("persons", "import", str(file), **keys)
    assert (done.code, done.err) == (0, "imported: 8 persons, 1 group of linked ones\n")


async def test_a_person_is_found_by_the_name_that_is_typed_and_by_no_other(
    database: str, tmp_path: Path
):
    run = on(database)
    keys = {"TGD_KEY_DIR": str(tmp_path / "keys")}
    assert (await run("seed", **keys)).code == 0
    with resources.as_file(resources.files("tgd.demo").joinpath("persons.toml")) as file:
        assert (await run("persons", "import", str(file), **keys)).code == 0
    done = await run("persons", "find", given="86-03 FICTIVE personne\n", **keys)
    assert done.code == 0, done.err
    _, found = done.out.splitlines()
    assert "Bénéficiaire 86-03" in found
    assert "tgd-86-03" in found
    assert "fictive" not in done.out
    nobody = await run("persons", "find", given="Personne fictive\n", **keys)
    assert (nobody.code, len(nobody.out.splitlines())) == (0, 1)
