"""``tgd addresses import``: the national export as it is, a bad line named, nothing half done."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from commands import Run, on

from tgd.cli.addresses import AddressFile, AddressFileError
from tgd.platform.address import Ban
from tgd.store import addresses
from tgd.store.db import Database

HEADER = (
    "id;id_fantoir;numero;rep;nom_voie;code_postal;code_insee;nom_commune;"
    "code_insee_ancienne_commune;nom_ancienne_commune;x;y;lon;lat;type_position;alias;nom_ld;"
    "libelle_acheminement;nom_afnor;source_position;source_nom_voie;certification_commune;"
    "cad_parcelles"
)
USUAL = {
    "numero": "12",
    "nom_voie": "Rue Inventée",
    "code_postal": "86000",
    "code_insee": "86194",
    "nom_commune": "Ville Fictive",
    "lon": "0.340456",
    "lat": "46.580123",
}


def line(**said: str) -> str:
    fields = USUAL | said
    return ";".join(fields.get(name, "") for name in HEADER.split(";"))


def text(*lines: str, header: str = HEADER) -> str:
    return "\n".join([header, *lines]) + "\n"


def read(folder: Path, content: str | bytes) -> tuple[list[tuple[str, str]], int]:
    path = folder / "adresses-86.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    file = AddressFile(path)
    rows = [row for batch in file.batches() for row in batch]
    return [(department, row.label) for department, row in rows], file.skipped


@pytest.mark.parametrize(
    ("said", "department", "label"),
    [
        ({}, "86", "12 Rue Inventée, 86000 Ville Fictive"),
        ({"rep": "bis"}, "86", "12 bis Rue Inventée, 86000 Ville Fictive"),
        ({"numero": "99999"}, "86", "Rue Inventée, 86000 Ville Fictive"),
        ({"numero": "0", "rep": "a"}, "86", "Rue Inventée, 86000 Ville Fictive"),
        ({"numero": ""}, "86", "Rue Inventée, 86000 Ville Fictive"),
        ({"code_postal": ""}, "86", "12 Rue Inventée, Ville Fictive"),
        ({"nom_voie": "", "nom_ld": "Le Hameau"}, "86", "12 Le Hameau, 86000 Ville Fictive"),
        ({"code_insee": "2A004"}, "2A", "12 Rue Inventée, 86000 Ville Fictive"),
        ({"code_insee": "01004"}, "01", "12 Rue Inventée, 86000 Ville Fictive"),
        ({"code_insee": "97411"}, "974", "12 Rue Inventée, 86000 Ville Fictive"),
        ({"code_insee": "98818"}, "988", "12 Rue Inventée, 86000 Ville Fictive"),
        ({"nom_voie": '"Rue ""A"";B"'}, "86", '12 Rue "A";B, 86000 Ville Fictive'),
    ],
)
def test_a_line_is_read(tmp_path: Path, said: dict[str, str], department: str, label: str) -> None:
    assert read(tmp_path, text(line(**said))) == ([(department, label)], 0)


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    names = ["lat", "lon", "nom_commune", "code_insee", "code_postal", "nom_voie", "rep", "numero"]
    row = ";".join(USUAL.get(name, "") for name in names)
    found, _ = read(tmp_path, text(row, header=";".join(names)))
    assert found == [("86", "12 Rue Inventée, 86000 Ville Fictive")]


def test_what_is_of_no_use_is_counted(tmp_path: Path) -> None:
    nothing = [line(lon="", lat=""), line(nom_voie=""), ""]
    assert read(tmp_path, text(*nothing, line())) == (
        [("86", "12 Rue Inventée, 86000 Ville Fictive")],
        2,
    )


def test_a_byte_order_mark_and_windows_lines_are_no_matter(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + text(line()).replace("\n", "\r\n").encode()
    assert len(read(tmp_path, content)[0]) == 1
    assert len(read(tmp_path, gzip.compress(content))[0]) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: the header lacks numero, rep, nom_voie, "),
        (text(header=HEADER.replace("lat;", "")), "line 1: the header lacks lat"),
        (text(line(), line(lat="46,58")), "line 3, column lat: is not a number"),
        (text(line(lat="")), "line 2, column lat: is empty"),
        (text(line(lon="")), "line 2, column lon: is empty"),
        (text(line(lat="nan")), "line 2, column lat: is not within ±90 degrees"),
        (text(line(lon="6610000")), "line 2, column lon: is not within ±180 degrees"),
        (text(line(code_insee="8619")), "line 2, column code_insee: is not a commune's code"),
        (text(line(code_insee="2C004")), "line 2, column code_insee: is not a commune's code"),
        (text(line(numero="douze")), "line 2, column numero: is not a number"),
        (text(line(code_postal="8600")), "line 2, column code_postal: is not a postcode"),
        (text(line(nom_commune="")), "line 2, column nom_commune: is empty"),
        (text(line(nom_voie="Rue\x07")), "line 2, column nom_voie: holds control characters"),
        (text(line(), "12;Rue"), "line 3: 2 columns, the header has 23"),
        (text(line()).encode("latin-1"), "the text is not UTF-8"),
        (gzip.compress(text(line()).encode())[:-9], "the gzip data is broken or cut off"),
        (text(line(nom_voie='"Rue" A')), "not CSV"),
        (text(), "line 1: there is no address in it"),
        (text(line(lat="", lon="")), "line 2: there is no address in it"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff\xff\xff", "gzip data is broken"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(AddressFileError) as failure:
        read(tmp_path, content)
    assert str(failure.value).startswith("adresses-86.csv, line ")
    assert said in str(failure.value)
    assert "\n" not in str(failure.value)


@pytest.fixture
def tgd(database: str) -> Run:
    return on(database)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    opened = Database(database, size=2)
    await opened.open()
    yield opened
    await opened.close()


async def counts(store: Database) -> dict[str, int]:
    async with store.connection() as connection:
        return {one.department: one.addresses for one in await addresses.extracts(connection)}


async def journal(store: Database) -> list[tuple[str, object]]:
    async with store.connection() as connection:
        rows = await connection.fetch("SELECT kind, details FROM journal ORDER BY no")
    return [(row["kind"], row["details"]) for row in rows]


async def test_departments_are_imported_and_replaced(
    tgd: Run, store: Database, tmp_path: Path
) -> None:
    one, two = tmp_path / "adresses-86.csv", tmp_path / "adresses-79.csv.gz"
    one.write_text(text(line(), line(numero="14", lat="46.59"), line(lon="", lat="")))
    two.write_bytes(gzip.compress(text(line(code_insee="79191")).encode()))
    done = await tgd("addresses", "import", str(one), str(two))
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        "department 79: 1 address, instead of 0",
        "department 86: 2 addresses, instead of 0",
        "left out: 1 without a position or a name",
    ]
    near = await Ban(store).near(46.5901, 0.340456)
    assert near is not None
    assert near.label == "14 Rue Inventée, 86000 Ville Fictive"
    one.write_text(text(line()))
    again = await tgd("addresses", "import", str(one))
    assert (again.code, again.err) == (0, "department 86: 1 address, instead of 2\n")
    assert await counts(store) == {"79": 1, "86": 1}
    imported = [
        ("addresses_imported", {"departments": {"79": 1, "86": 2}, "skipped": 1}),
        ("addresses_imported", {"departments": {"86": 1}, "skipped": 0}),
    ]
    assert await journal(store) == imported


async def test_a_bad_line_in_the_last_file_changes_nothing(
    tgd: Run, store: Database, tmp_path: Path
) -> None:
    good, bad = tmp_path / "adresses-86.csv", tmp_path / "adresses-79.csv"
    good.write_text(text(line()))
    assert (await tgd("addresses", "import", str(good))).code == 0
    good.write_text(text(line(), line()))
    bad.write_text(text(line(code_insee="79191"), line(lat="x")))
    refusal = (await tgd("addresses", "import", str(good), str(bad))).refusal
    assert refusal == "adresses-79.csv, line 3, column lat: is not a number"
    absent = (await tgd("addresses", "import", str(tmp_path / "none.csv"))).refusal
    assert absent.endswith("none.csv: No such file or directory")
    assert await counts(store) == {"86": 1}
    assert len(await journal(store)) == 1


async def test_the_doctor_says_what_there_is(tgd: Run, database: str, tmp_path: Path) -> None:
    async def says(**settings: str) -> list[str]:
        lines = (await tgd("doctor", **settings)).out.splitlines()
        return [one for one in lines if " addresses: " in one]

    (none,) = await says()
    assert none.startswith("warning  addresses: none")
    file = tmp_path / "adresses-86.csv"
    file.write_text(text(line(), line()))
    await tgd("addresses", "import", str(file))
    (some,) = await says()
    assert some.startswith(
        "ok       addresses: 2 addresses of 1 department, the oldest import of 20"
    )
    (away,) = await says(TGD_ADDOK_URL="http://127.0.0.1:1")
    assert away.startswith("warning  addresses: 127.0.0.1:1 does not answer (address server: ")
    owner = await asyncpg.connect(database)
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f"ALTER DATABASE {name} SET log_min_duration_statement = 1000")
    await owner.close()
    warned, _ = await says()
    assert "log_parameter_max_length" in warned
