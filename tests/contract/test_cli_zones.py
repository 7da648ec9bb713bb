"""``tgd zones`` as an administrator meets it: what it takes, what it says, what it changes."""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import shapely
from cisu_messages import REFERENCE
from commands import Run, on

from tgd.geo.synthetic import SERVICES, fictive
from tgd.geo.zones import Territory, Zone
from tgd.store import zones
from tgd.store.db import Database

CONTOURS = REFERENCE / "geo" / "communes-86-cog2026-derived.geojson"
UNSERVED = "warning: services without a control room, whose communes the default one takes:"
FOUR = (
    f"{UNSERVED} 4 (990001 Circonscription fictive Centre; 990002 Brigade fictive Nord;"
    " 990003 Brigade fictive Sud; 990004 Brigade fictive Est)"
)
HEAD = "code_commune;libelle_commune;institution;id_service;service;code_postal;codes_postaux"


@pytest.fixture
def tgd(database: str) -> Run:
    return on(database)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    opened = Database(database, size=2)
    await opened.open()
    yield opened
    await opened.close()


def contours(territory: list[Zone]) -> str:
    features = [
        {
            "type": "Feature",
            "properties": {"code": one.code, "nom": one.name},
            "geometry": json.loads(shapely.to_geojson(shapely.from_wkb(one.shape))),
        }
        for one in territory
    ]
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in features)
    return f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n'


def table(territory: list[Zone]) -> str:
    rows = [
        f"{one.code};{one.name};{one.institution};{one.service};"
        f"{SERVICES[one.service or ''][1]};86000;86000|86001"
        for one in territory
        if one.service
    ]
    return "\n".join([HEAD, *rows]) + "\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """The fictive territory as the two files that it would come in."""
    (tmp_path / "communes.geojson").write_text(contours(fictive()), encoding="utf-8")
    (tmp_path / "competence.csv").write_text(table(fictive()), encoding="utf-8-sig")
    return str(tmp_path / "communes.geojson"), str(tmp_path / "competence.csv")


async def journal(store: Database) -> list[tuple[str, dict[str, object]]]:
    async with store.connection() as connection:
        rows = await connection.fetch("SELECT kind, details FROM journal ORDER BY no")
    return [(row["kind"], row["details"]) for row in rows]


async def listed(store: Database) -> list[tuple[int, bool]]:
    async with store.connection() as connection:
        return [(row.no, row.active) for row in await zones.sets(connection)]


async def stored(store: Database, no: int) -> list[Zone]:
    async with store.connection() as connection:
        return [one async for page in zones.pages(connection, no) for one in page]


# ── A sound territory ───────────────────────────────────────────────────────────────


async def test_a_sound_territory_is_in_force_at_once(
    tgd: Run, store: Database, files: tuple[str, str]
) -> None:
    done = await tgd("zones", "import", *files)
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        "read: communes.geojson, 31 contours",
        "read: competence.csv, 31 rows",
        "found: gaps enclosed by communes: 1 (00023, 195 ha)",
        FOUR,
        "zone set 1: 31 communes, 4 services, in force",
    ]
    assert await listed(store) == [(1, True)]
    found = Territory.build(await stored(store, 1))
    expected = Territory.build(fictive())
    for radius in (50.0, 3_000.0):
        assert found.claim(46.58, 0.34, radius) == expected.claim(46.58, 0.34, radius)
    ((kind, details),) = await journal(store)
    assert kind == "zones_imported"
    assert {key: details[key] for key in ("set", "zones", "services", "active", "findings")} == {
        "set": 1,
        "zones": 31,
        "services": 4,
        "active": True,
        "findings": {"gap": 1},
    }


async def test_files_may_be_gzipped_and_in_latin_1(
    tgd: Run, store: Database, tmp_path: Path
) -> None:
    zipped, latin = tmp_path / "communes.json.gz", tmp_path / "table"
    zipped.write_bytes(gzip.compress(contours(fictive()).encode()))
    accented = table(fictive()).replace("Brigade", "Brigade territoriale réunie")
    latin.write_bytes(accented.encode("latin-1"))
    assert (await tgd("zones", "import", str(latin), str(zipped))).code == 0
    async with store.connection() as connection:
        names = {one.name for one in await zones.services(connection, 1)}
    assert "Brigade territoriale réunie fictive Nord" in names


async def test_several_files_make_one_territory(
    tgd: Run, store: Database, tmp_path: Path, files: tuple[str, str]
) -> None:
    west, east = tmp_path / "west.geojson", tmp_path / "east.geojson"
    west.write_text(contours(fictive()[:11]))
    east.write_text(contours(fictive()[11:]))
    assert (await tgd("zones", "import", str(west), files[1], str(east))).code == 0
    assert len(await stored(store, 1)) == 31


async def test_rooms_and_zones_that_do_not_fit_are_named(
    tgd: Run, tmp_path: Path, files: tuple[str, str]
) -> None:
    rooms = tmp_path / "rooms.toml"
    rooms.write_text(
        '[[room]]\nid = "cic"\nname = "CIC"\ninstitution = "PN"\nservices = ["990001", "7"]\n'
        '[[room]]\nid = "corg"\nname = "CORG"\ninstitution = "GN"\n'
        'services = ["990002", "990003"]\n'
    )
    assert (await tgd("rooms", "import", str(rooms))).code == 0
    lines = (await tgd("zones", "import", *files)).err.splitlines()
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert warnings == [
        f"{UNSERVED} 1 (990004 Brigade fictive Est)",
        "warning: room cic: no commune has its service 7",
    ]


# ── Sets ────────────────────────────────────────────────────────────────────────────


async def test_sets_are_listed_checked_and_put_back(
    tgd: Run, store: Database, files: tuple[str, str]
) -> None:
    assert "import one" in (await tgd("zones", "check")).refusal
    empty = await tgd("zones", "list")
    assert (empty.code, empty.out, empty.err) == (0, "", "no zone set is in force\n")
    await tgd("zones", "import", *files, "--name", "first")
    second = await tgd("zones", "import", *files, "--name", "second")
    assert second.err.splitlines()[-1].endswith("in force instead of set 1")
    back = await tgd("zones", "activate", "1")
    assert (back.code, back.out) == (0, "")
    assert back.err.splitlines()[-1] == "zone set 1 in force instead of set 2"
    done = await tgd("zones", "list")
    later, earlier = done.out.splitlines()
    assert later.startswith("    2 ")
    assert later.endswith("second")
    assert earlier.startswith("*   1 ")
    assert "31 communes      4 services  nothing serious  first" in earlier
    assert await listed(store) == [(2, False), (1, True)]
    checked = await tgd("zones", "check")
    assert checked.code == 0
    assert checked.out.splitlines()[0].startswith("found: gaps enclosed")
    assert checked.err == "zone set 1: 31 communes, 4 services, nothing serious\n"
    assert (await tgd("zones", "activate", "9")).refusal == (
        "there is no zone set 9; there is 1, 2"
    )
    kinds = [kind for kind, _details in await journal(store)]
    assert kinds == ["zones_imported", "zones_imported", "zones_activated"]


async def test_a_serious_finding_keeps_a_set_from_taking_effect(
    tgd: Run, store: Database, tmp_path: Path, files: tuple[str, str]
) -> None:
    await tgd("zones", "import", *files)
    over = shapely.box(0.30, 46.55, 0.34, 46.60)
    wrong = tmp_path / "wrong.geojson"
    wrong.write_text(contours([*fictive(), Zone("00099", "Sur", None, None, shapely.to_wkb(over))]))
    done = await tgd("zones", "import", str(wrong), files[1])
    assert (done.code, done.out) == (1, "")
    serious = [line for line in done.err.splitlines() if line.startswith("serious: ")]
    assert len(serious) == 2
    assert any("overlaps of communes" in line and "/00099, " in line for line in serious)
    assert any("communes without a service: 1 (Sur 00099)" in line for line in serious)
    assert "set 2" in done.err.splitlines()[-1]
    assert "NOT in force" in done.err.splitlines()[-1]
    assert await listed(store) == [(2, False), (1, True)]
    assert "--accept-findings" in (await tgd("zones", "activate", "2")).refusal
    assert (await tgd("zones", "activate", "2", "--accept-findings")).code == 0
    assert await listed(store) == [(2, True), (1, False)]
    checked = await tgd("zones", "check")
    assert checked.code == 1
    assert "overlaps of communes" in checked.out
    assert (await tgd("zones", "import", str(wrong), files[1], "--accept-findings")).code == 0
    assert await listed(store) == [(3, True), (2, False), (1, False)]


async def test_the_doctor_looks_at_the_zones(
    tgd: Run, tmp_path: Path, files: tuple[str, str]
) -> None:
    rooms = tmp_path / "rooms.toml"
    rooms.write_text(
        '[[room]]\nid = "cic"\nname = "CIC"\ninstitution = "PN"\nservices = ["990001", "7"]\n'
    )
    await tgd("rooms", "import", str(rooms))
    assert "zones: no set is in force" in (await tgd("doctor")).out
    await tgd("seed")
    assert "zones: set 1 of " in (await tgd("doctor")).out
    assert "31 communes: fictive" in (await tgd("doctor")).out
    await tgd("zones", "import", *files)
    told = (await tgd("doctor")).out
    assert "ok" in next(line for line in told.splitlines() if "zones: set 2 of " in line)
    assert "services: 3 of 4 have no room" in told
    assert "room cic: no commune has its service 7" in told


# ── Files that cannot be used ───────────────────────────────────────────────────────


async def test_a_bad_line_is_named_and_nothing_is_stored(
    tgd: Run, store: Database, tmp_path: Path, files: tuple[str, str]
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text(table(fictive()).replace("00007;Commune fictive 07;GN", "00007;X;XX"))
    refusal = (await tgd("zones", "import", files[0], str(bad))).refusal
    assert refusal == f"{bad}, line 8, column institution: 'XX': expected PN or GN"
    missing = tmp_path / "missing.csv"
    assert (await tgd("zones", "import", files[0], str(missing))).refusal == (
        f"{missing}: cannot be read: No such file or directory"
    )
    assert "no table of competence" in (await tgd("zones", "import", files[0])).refusal
    assert "no contours" in (await tgd("zones", "import", files[1])).refusal
    assert await listed(store) == []
    assert await journal(store) == []


# ── The seed, and real contours where they are at hand ──────────────────────────────


async def test_the_seed_brings_the_fictive_territory(tgd: Run, store: Database) -> None:
    done = await tgd("seed")
    assert (done.code, done.out) == (0, "")
    assert "zone set 1, fictive, in force" in done.err
    assert await stored(store, 1) == fictive()
    assert await listed(store) == [(1, True)]


async def test_the_seed_keeps_what_was_imported(
    tgd: Run, store: Database, files: tuple[str, str]
) -> None:
    await tgd("zones", "import", *files)
    assert "zone sets are there: kept" in (await tgd("seed")).err
    assert await listed(store) == [(1, True)]


@pytest.mark.skipif(not CONTOURS.exists(), reason="the contours of the Vienne are not there")
async def test_real_contours_with_a_table_of_former_communes(
    tgd: Run, store: Database, tmp_path: Path
) -> None:
    """Boivre-la-Vallée stands in an older table under three of the communes it was made of."""
    features = json.loads(CONTOURS.read_text(encoding="utf-8"))["features"]
    rows = [HEAD]
    for feature in features:
        about = feature["properties"]
        former = [code for code in about.get("mergedFrom", []) if code != about["code"]]
        service = "990001;Circonscription fictive" if about["code"] == "86194" else ""
        for code in former or [about["code"]]:
            told = f"PN;{service}" if service else "GN;990002;Brigade fictive"
            rows.append(f"{code};Ancienne commune;{told};;")
    competence = tmp_path / "competence.csv"
    competence.write_text("\n".join(rows))
    done = await tgd("zones", "import", str(CONTOURS), str(competence))
    assert done.code == 0
    assert "communes found under the codes of former or later ones: 4 (" in done.err
    assert "serious" not in done.err
    territory = Territory.build(await stored(store, 1))
    claim = territory.claim(46.53889, 0.09011, 50.0)
    assert (claim.communes, claim.reason) == (("86123",), None)
    assert [(one.service, one.share) for one in claim.shares] == [("990002", 1.0)]
