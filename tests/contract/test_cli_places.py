"""``tgd places import`` as an administrator meets it: whole or not at all, and nothing repeated."""

from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path

import pytest
from commands import KEY, Done, on

from tgd.cli.places import PlacesFileError, read
from tgd.keys import KeyStore
from tgd.platform import places
from tgd.platform.places import RADIUS_M, Place
from tgd.seal import IN_SLOT, Sealer
from tgd.store import places as rows
from tgd.store.db import Database

HOME = """
[[place]]
device = "tgd-86-01"
kind = "home"
label = "Domicile fictif 86-01"
address = "1 rue Inventée, 86000 Ville"
lat = 46.5811
lon = 0.3422
approach = '''Portail à gauche.
Chien.'''
"""
HIS = """
[[place]]
device = "tgd-86-02"
kind = "aggressor"
label = "Adresse fictive"
lat = 46
lon = 0
radius_m = 350
"""
START = '[[place]]\ndevice = "tgd-86-01"\nkind = "home"\nlabel = "x"\n'
SECRETS = ("fictif", "fictive", "Invent", "46.58", "0.34", "Portail", "Chien")


def test_a_file_is_read() -> None:
    given = read(HOME + HIS)
    home = Place(
        "home",
        "Domicile fictif 86-01",
        "1 rue Inventée, 86000 Ville",
        46.5811,
        0.3422,
        RADIUS_M["home"],
        "Portail à gauche.\nChien.",
    )
    his = Place("aggressor", "Adresse fictive", None, 46.0, 0.0, 350.0, None)
    assert given == {"tgd-86-01": [home], "tgd-86-02": [his]}


def test_the_demo_s_places_are_plainly_invented() -> None:
    text = resources.files("tgd.demo").joinpath("places.toml").read_text(encoding="utf-8")
    given = read(text)
    assert set(given) == {f"tgd-86-0{n}" for n in range(1, 9)}
    for place in (place for some in given.values() for place in some):
        assert "ficti" in place.label
        assert place.address is None or "rue de l'Exemple" in place.address


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "missing required field `place`: only [[place]] is known"),
        ("place = []", "only [[place]] is known at the top, at least one"),
        ("[[place", "not TOML at"),
        (START + "lat 46.5811", "not TOML at line 5, column"),
        (START + "lat = 1\nlon = 1\n[[plaice]]", "unknown field `plaice`: only [[place]]"),
        ("place = [3]", "place 1: Expected `object`"),
        (HOME + "[[place]]\n", "place 2: Object missing required field `device`"),
        (HOME.replace("tgd-86-01", "1 rue Inventée"), "place 1: device: Expected `str` matching"),
        (HOME.replace('"home"', '"rue Inventée"'), "place 1: kind: must be one of home, work,"),
        (HOME.replace("46.5811", '"46.5811"'), "place 1: lat: Expected `float`, got `str`"),
        (HOME.replace("46.5811", "465.811"), "place 1: lat: Expected `float` <= 90"),
        (HOME.replace("0.3422", "-180.3422"), "place 1: lon: Expected `float` >= -180"),
        (HOME.replace("0.3422", "nan"), "place 1: lon: "),
        (START + "lat = 0\nlon = 0.0", "place 1: lat and lon are both 0"),
        (START + "lat = 1\nlon = 1\nradius_m = 0", "place 1: radius_m: Expected `float` >= 1"),
        (START + "lat = 1\nlon = 1\nradius_m = inf", "place 1: radius_m: "),
        (START + "lat = 1\nlon = 1\nadress = 'Inventée'", "place 1: Object contains unknown field"),
        (START + "lat = 1\nlon = 1\naddress = ' '", "place 1: address: not a legible text"),
        (START + 'lat = 1\nlon = 1\naddress = "a\\nb"', "place 1: address: not a legible text"),
        (START + 'lat = 1\nlon = 1\napproach = "a\\u0000"', "place 1: approach: not a legible"),
    ],
)
def test_what_is_wrong_is_named_and_not_quoted(text: str, said: str) -> None:
    with pytest.raises(PlacesFileError) as failure:
        read(text)
    assert said in str(failure.value)
    assert "\n" not in str(failure.value)
    for secret in SECRETS:
        assert secret not in str(failure.value)
    assert failure.value.__cause__ is None


class Desk:
    """An administrator at one database, with its key store and a file."""

    def __init__(self, url: str, folder: Path) -> None:
        self.keys = folder / "keys"
        self.file = folder / "places.toml"
        self.store = Database(url, size=2)
        self._run = on(url)

    async def tgd(self, *words: str, **more: str) -> Done:
        return await self._run(*words, **{"TGD_KEY_DIR": str(self.keys)} | more)

    async def imports(self, text: str, **more: str) -> Done:
        self.file.write_text(text)
        return await self.tgd("places", "import", str(self.file), **more)

    async def reads(self, device: str) -> list[str]:
        sealer = Sealer(KEY, KeyStore(self.keys))
        async with self.store.connection() as connection:
            her = (await rows.holders(connection, [device]))[device]
            assert her is not None
            opened = places.opened(await places.of_beneficiaries(connection, [her]), sealer)
        return [place.label for place in opened.get(her, [])]

    async def journal(self) -> list[tuple[str, object]]:
        async with self.store.connection() as connection:
            found = await connection.fetch("SELECT kind, details FROM journal ORDER BY no")
        return [(row["kind"], row["details"]) for row in found][1:]


@pytest.fixture
async def desk(database: str, tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(database, tmp_path)
    assert (await desk.tgd("seed")).code == 0
    await desk.store.open()
    yield desk
    await desk.store.close()


async def test_places_are_imported_for_the_present_holders(desk: Desk) -> None:
    done = await desk.imports(HOME + HIS)
    said = "imported: 2 places of 2 holders, instead of what they had\n"
    assert (done.code, done.out, done.err) == (0, "", said)
    assert await desk.reads("tgd-86-01") == ["Domicile fictif 86-01"]
    assert await desk.journal() == [("places_imported", {"holders": 2, "places": 2})]
    async with desk.store.connection() as connection:
        keys = await connection.fetch("SELECT key FROM beneficiary WHERE key IS NOT NULL")
    assert [row["key"][:1] for row in keys] == [IN_SLOT, IN_SLOT]


async def test_an_import_replaces_the_places_of_those_it_names(desk: Desk) -> None:
    await desk.imports(HOME + HIS)
    await desk.imports(HOME.replace("fictif 86-01", "nouveau"))
    assert await desk.reads("tgd-86-01") == ["Domicile nouveau"]
    assert await desk.reads("tgd-86-02") == ["Adresse fictive"]


async def test_a_file_with_an_error_changes_nothing(desk: Desk) -> None:
    await desk.imports(HOME)
    wrong = await desk.imports(HOME.replace("Domicile", "Autre") + HIS.replace("46", "460"))
    assert wrong.refusal == "place 2: lat: Expected `float` <= 90.0"
    unknown = await desk.imports(HOME.replace("Domicile", "Autre") + HIS.replace("86-02", "86-99"))
    assert unknown.refusal == "device tgd-86-99 is not in the register"
    none = await desk.tgd("places", "import", str(desk.file) + ".none")
    assert none.refusal.endswith("places.toml.none: No such file or directory")
    desk.file.write_bytes(b"\xff")
    assert "not UTF-8" in (await desk.tgd("places", "import", str(desk.file))).refusal
    assert await desk.reads("tgd-86-01") == ["Domicile fictif 86-01"]
    assert len(await desk.journal()) == 1


async def test_a_phone_that_nobody_holds_has_no_places(desk: Desk, database: str) -> None:
    async with desk.store.connection() as connection:
        await connection.execute("INSERT INTO device (id, tribunal_id) VALUES ('s', 'poitiers')")
    assert (
        await desk.imports(HIS.replace("tgd-86-02", "s"))
    ).refusal == "device s is held by nobody"


async def test_without_a_key_store_nothing_is_stored(desk: Desk) -> None:
    blocked = desk.file.with_name("blocked")
    blocked.mkdir()
    (blocked / "file").write_text("")
    done = await desk.imports(HOME, TGD_KEY_DIR=str(blocked / "file" / "keys"))
    assert (done.code, done.out) == (1, "")
    assert "TGD_KEY_DIR" in done.err.splitlines()[-1]
    assert await desk.reads("tgd-86-01") == []
    assert await desk.journal() == []
