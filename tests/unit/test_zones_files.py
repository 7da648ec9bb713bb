"""The files of the territory: read strictly, brought together without guessing, judged exactly."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from tgd.geo import load
from tgd.geo.findings import Finding
from tgd.geo.join import Joined, join
from tgd.geo.sources import Contour, FileError, Row, Source
from tgd.geo.survey import mended, survey
from tgd.geo.synthetic import SERVICES, fictive, patchwork
from tgd.geo.zones import Zone

HEAD = "code_commune;libelle_commune;institution;id_service;service;code_postal;codes_postaux"
METRES = [[[7e5, 6e6], [7e5, 7e6], [8e5, 7e6], [7e5, 6e6]]]
SQUARE = [[[0.0, 46.0], [0.1, 46.0], [0.1, 46.1], [0.0, 46.1], [0.0, 46.0]]]


def feature(code: Any = "86001", nom: Any = "Adriers", **more: Any) -> dict[str, Any]:
    geometry = more.pop("geometry", {"type": "Polygon", "coordinates": SQUARE})
    properties = {"code": code, "nom": nom} | more
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(*features: Any, **more: Any) -> str:
    lines = ",\n".join(json.dumps(one) for one in features)
    head = "".join(f"{json.dumps(key)}: {json.dumps(value)}, " for key, value in more.items())
    return f'{{"type": "FeatureCollection", {head}"features": [\n{lines}\n]}}'


def read(tmp_path: Path, text: str | bytes) -> Source:
    file = tmp_path / "file"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load.read(file)


def refusal(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(FileError) as refused:
        read(tmp_path, text)
    said = str(refused.value)
    assert "\n" not in said
    assert said.startswith(str(tmp_path / "file"))
    return said.removeprefix(str(tmp_path / "file"))


# ── Contours ────────────────────────────────────────────────────────────────────────


def test_contours_of_both_publishers_are_read(tmp_path: Path) -> None:
    ign = {
        "type": "Feature",
        "properties": {"INSEE_COM": "2A004", "NOM": "Ajaccio", "POPULATION": 1},
        "geometry": {"type": "MultiPolygon", "coordinates": [SQUARE]},
    }
    source = read(tmp_path, collection(feature(mergedFrom=["86001", "86002"]), ign))
    assert [(one.code, one.name, one.former) for one in source.contours] == [
        ("86001", "Adriers", ("86001", "86002")),
        ("2A004", "Ajaccio", ()),
    ]
    shapes = [shapely.from_wkb(one.shape) for one in source.contours]
    assert [shape.geom_type for shape in shapes] == ["Polygon", "MultiPolygon"]
    assert shapes[0].bounds == (0.0, 46.0, 0.1, 46.1)


def test_heights_are_dropped_and_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    ring = [[[*point, 80.0] for point in SQUARE[0]]]
    text = collection(feature(geometry={"type": "Polygon", "coordinates": ring}))
    (contour,) = read(tmp_path, b"\xef\xbb\xbf" + text.encode()).contours
    assert not shapely.from_wkb(contour.shape).has_z


def test_districts_and_delegated_communes_are_told_apart(tmp_path: Path) -> None:
    district = feature(INSEE_ARM="75101", INSEE_COM="75056", code=None)
    delegated = feature(INSEE_CAD="86021", INSEE_COM="86123", code=None)
    source = read(tmp_path, collection(district, delegated))
    assert [one.code for one in source.contours] == ["75101"]
    assert source.former == {"86021": "86123"}


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ([feature(), feature(code="8600")], ", line 3, feature 2: property code: '8600':"),
        ([feature(code=86001)], ", line 2, feature 1: property code: '86001': expected an INSEE"),
        ([feature(code="1001")], "(the leading zero is lost)"),
        ([feature(code=None)], ": property code or INSEE_COM is missing"),
        ([feature(nom="")], ": property nom or NOM: expected the commune's name"),
        ([feature(nom=7)], ": property nom or NOM: expected the commune's name"),
        ([feature(mergedFrom="86001")], ": property mergedFrom: expected a list of INSEE codes"),
        ([feature(geometry=None)], ", line 2, feature 1: geometry: expected a Polygon"),
        ([feature(geometry={"type": "Point", "coordinates": [0, 46]})], "expected a Polygon"),
        ([feature(geometry={"type": "Polygon", "coordinates": []})], "expected a Polygon"),
        ([feature(geometry={"type": "Polygon", "coordinates": [[[0, 46]]]})], "expected a Polygon"),
        ([feature(geometry={"type": "Polygon", "coordinates": "x"})], "expected a Polygon"),
        (
            [feature(geometry={"type": "Polygon", "coordinates": METRES})],
            "expected longitude and latitude in degrees (WGS 84), not metres",
        ),
        ([{"type": "Feature", "properties": {}}], ", line 2, feature 1: is no GeoJSON feature"),
        ([7], ", line 2, feature 1: is no GeoJSON feature"),
        ([], ": holds no feature"),
    ],
)
def test_a_feature_that_cannot_be_used_is_named(
    tmp_path: Path, features: list[Any], said: str
) -> None:
    assert said in refusal(tmp_path, collection(*features))


def test_json_that_is_no_collection_is_named(tmp_path: Path) -> None:
    assert ": is a 'Feature', expected a FeatureCollection" in refusal(
        tmp_path, json.dumps(feature())
    )
    assert ": is no GeoJSON FeatureCollection" in refusal(tmp_path, "[]")
    assert ", line 3, column 3: is no JSON" in refusal(
        tmp_path, '{"type":\n "FeatureCollection",\n  x}'
    )
    assert ", line 1, column " in refusal(tmp_path, '{"type": "Feature')
    lambert = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2154"}}
    assert ": member crs names another system" in refusal(
        tmp_path, collection(feature(), crs=lambert)
    )


def test_a_damaged_gzip_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"\x1f\x8b\x08\x00damaged") == ": is gzipped, and damaged"


# ── The table ───────────────────────────────────────────────────────────────────────


def test_the_table_is_read_by_its_header(tmp_path: Path) -> None:
    text = (
        "service;id_service;institution;libelle_commune;code_commune\r\n"
        "Brigade A;101;GN;Adriers;86001\r\n\r\n"
        '"Brigade; B";102;PN;Amberre;86002\r\n'
        ";;;Anché;86003\r\n"
    )
    for encoded in (text.encode(), text.encode("utf-8-sig"), text.encode("latin-1")):
        assert read(tmp_path, encoded).rows == [
            Row("86001", "Adriers", "GN", "101", "Brigade A"),
            Row("86002", "Amberre", "PN", "102", "Brigade; B"),
            Row("86003", "Anché", None, None, ""),
        ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("86001;Adriers;GN;1;B;86000", ", line 3: 6 columns, expected 7 as in line 1"),
        ("8600;Adriers;GN;1;B;;", ", line 3, column code_commune: '8600': expected an INSEE"),
        ("1001;A;GN;1;B;;", "(the leading zero is lost)"),
        ("86001;;GN;1;B;;", ", line 3, column libelle_commune: expected the commune's name"),
        ("86001;Adriers;gn;1;B;;", ", line 3, column institution: 'gn': expected PN or GN"),
        ("86001;Adriers;GN;;B;;", ", line 3, column id_service: '': expected the id"),
        ("86001;Adriers;GN;1 2;B;;", ", line 3, column id_service: '1 2': expected the id"),
        ("86001;Adriers;;1;B;;", ", line 3, column institution: '': expected PN or GN"),
        ("86001;Adriers;GN;1;;;", ", line 3, column service: '': expected the name of service 1"),
        ('86001;"Adriers;GN;1;B;;', ", line 3: is no CSV"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: str, said: str) -> None:
    assert said in refusal(tmp_path, f"{HEAD}\n86000;A;GN;1;B;;\n{line}")


def test_a_file_that_is_neither_is_named(tmp_path: Path) -> None:
    assert ", line 1: no column code_commune, libelle_commune" in refusal(tmp_path, "a,b\n1,2\n")
    assert "expected a GeoJSON FeatureCollection or a table" in refusal(tmp_path, b"\x00\x01")
    assert "no column" in refusal(tmp_path, "")
    assert refusal(tmp_path, HEAD) == ": holds no row"


# ── Bringing both together ──────────────────────────────────────────────────────────


def contour(code: str, name: str = "X", *former: str) -> Contour:
    return Contour(code, name, shapely.to_wkb(shapely.box(0, 46, 1, 47)), former)


def row(code: str, service: str | None = "1", commune: str = "Y", institution: str = "GN") -> Row:
    return Row(code, commune, institution if service else None, service, f"Brigade {service}")


def joined(*parts: Contour | Row, former: dict[str, str] | None = None) -> Joined:
    source = Source("file", "00", former=former or {})
    source.contours = [one for one in parts if isinstance(one, Contour)]
    source.rows = [one for one in parts if isinstance(one, Row)]
    return join([source])


def served(found: Joined) -> dict[str, str | None]:
    return {zone.code: zone.service for zone in found.zones}


def kinds(findings: list[Finding]) -> dict[str, int]:
    return {one.kind: one.count for one in findings}


def test_each_commune_gets_its_service_and_institution() -> None:
    found = joined(
        contour("86002"), contour("86001"), row("86001"), row("86002", "2", institution="PN")
    )
    assert [(one.code, one.service, one.institution) for one in found.zones] == [
        ("86001", "1", "GN"),
        ("86002", "2", "PN"),
    ]
    assert found.services == {"1": ("GN", "Brigade 1"), "2": ("PN", "Brigade 2")}
    assert found.findings == []


def test_a_merged_commune_is_found_under_the_codes_of_its_former_ones() -> None:
    merged = contour("86123", "Boivre-la-Vallée", "86021", "86056", "86123", "86166")
    found = joined(merged, row("86021"), row("86056"), row("86166"))
    assert served(found) == {"86123": "1"}
    assert kinds(found.findings) == {"resolved_by_succession": 1}


def test_a_merged_commune_of_several_services_is_left_open() -> None:
    merged = contour("86123", "Boivre-la-Vallée", "86021", "86056")
    found = joined(merged, row("86021", "1"), row("86056", "2"))
    assert served(found) == {"86123": None}
    (finding,) = found.findings
    assert (finding.kind, finding.serious) == ("several_services", True)
    assert finding.examples == ("Boivre-la-Vallée 86123",)


def test_the_communes_own_line_goes_before_those_of_former_ones() -> None:
    merged = contour("86123", "Boivre-la-Vallée", "86021")
    assert served(joined(merged, row("86123", "1"), row("86021", "2"))) == {"86123": "1"}


def test_contours_older_than_the_table_have_the_service_of_what_they_became() -> None:
    found = joined(contour("86021"), row("86123"), former={"86021": "86123"})
    assert served(found) == {"86021": "1"}


def test_a_delegated_commune_names_its_own() -> None:
    found = joined(contour("86123"), row("86021"), former={"86021": "86123"})
    assert served(found) == {"86123": "1"}


def test_a_name_that_is_unique_in_the_department_is_enough() -> None:
    found = joined(contour("86123", "Saint-Léger-la-Pallu"), row("86999", "1", "ST LEGER LA PALLU"))
    assert served(found) == {"86123": "1"}
    other_department = joined(contour("86123", "Boivre"), row("85999", "1", "Boivre"))
    assert served(other_department) == {"86123": None}
    twice = joined(
        contour("86123", "Boivre"), contour("86124", "Boivre"), row("86999", "1", "Boivre")
    )
    assert served(twice) == {"86123": None, "86124": None}
    assert kinds(twice.findings) == {"unknown_commune": 1}


def test_a_city_gives_way_to_its_districts_and_the_other_way_round() -> None:
    found = joined(contour("75056", "Paris"), contour("75101"), contour("75102"), row("75101"))
    assert served(found) == {"75101": "1", "75102": None}
    assert served(joined(contour("75056", "Paris"), row("75101"), row("75102"))) == {"75056": "1"}
    several = joined(contour("75056", "Paris"), row("75101", "1"), row("75102", "2"))
    assert served(several) == {"75056": None}


def test_contradictions_are_refused() -> None:
    with pytest.raises(FileError, match="commune 86001 has two contours"):
        joined(contour("86001"), contour("86001"), row("86001"))
    with pytest.raises(FileError, match="service 1 as PN and as GN: at commune 86002"):
        joined(contour("86001"), row("86001"), row("86002", institution="PN"))
    assert served(joined(contour("86001"), row("86001"), row("86001"))) == {"86001": "1"}
    both = joined(contour("86001"), row("86001", "1"), row("86001", "2"))
    assert served(both) == {"86001": None}
    assert kinds(both.findings) == {"several_services": 1}


# ── Judging ─────────────────────────────────────────────────────────────────────────


def zone(code: str, shape: shapely.Geometry, service: str | None = "1") -> Zone:
    return Zone(code, f"Commune {code}", service, service and "GN", shapely.to_wkb(shape))


def grid() -> list[Zone]:
    cells = patchwork(8, 8, (0.0, 46.0, 0.6, 46.4), detail=5, seed=1)
    return [zone(f"{n:05}", shapely.Polygon(ring)) for n, ring in enumerate(cells)]


def judged(zones: list[Zone], services: tuple[str, ...] = ("1",)) -> dict[str, int]:
    return kinds(survey(zones, dict.fromkeys(services)))


def test_a_sound_territory_has_no_finding() -> None:
    assert judged(grid()) == {}
    assert kinds(survey(fictive(), SERVICES)) == {"gap": 1}
    assert survey([], {}) == []


def test_what_lies_twice_is_found_with_its_size() -> None:
    zones = grid()
    over = zone("99999", shapely.box(0.3, 46.2, 0.32, 46.21))
    (finding,) = [one for one in survey([*zones, over], {"1": 0}) if one.kind == "overlap"]
    assert finding.serious
    assert all("/99999, " in example for example in finding.examples)
    assert judged([*zones, zones[9]]) == {"overlap": 1}
    twin = [*zones, zone("99999", shapely.from_wkb(zones[9].shape))]
    assert judged(twin) == {"overlap": 1}


def test_what_lies_nowhere_is_found() -> None:
    zones = grid()
    del zones[27]
    (finding,) = survey(zones, {"1": 0})
    assert (finding.kind, finding.count, finding.serious) == ("gap", 1, False)
    assert judged(zones[:5]) == {}  # what is not enclosed is the world outside


def test_borders_drawn_apart_are_slivers() -> None:
    zones = grid()
    ring = shapely.get_coordinates(shapely.from_wkb(zones[27].shape))
    moved = ring + np.array([0.00004, 0.0])  # three metres
    zones[27] = zone(zones[27].code, shapely.Polygon(moved))
    found = judged(zones)
    assert found.keys() == {"gap_sliver", "overlap_sliver"}


def test_a_vertex_that_only_one_neighbour_has_is_no_finding_of_size() -> None:
    zones = grid()
    shape = shapely.segmentize(shapely.from_wkb(zones[27].shape), 0.003)
    zones[27] = zone(zones[27].code, shape)
    assert judged(zones).keys() <= {"gap_sliver", "overlap_sliver"}


def test_communes_without_a_service_and_services_without_a_commune() -> None:
    zones = grid()
    zones[0] = zone(zones[0].code, shapely.from_wkb(zones[0].shape), None)
    found = {one.kind: one for one in survey(zones, {"1": 0, "2": 0})}
    assert found["commune_without_service"].serious  # one in 64
    assert found["commune_without_service"].examples == ("Commune 00000 00000",)
    assert found["service_without_commune"].examples == ("2",)
    assert not found["service_without_commune"].serious


def test_an_invalid_shape_is_mended_and_named() -> None:
    bow = shapely.Polygon([(0, 46), (0.1, 46.1), (0.1, 46), (0, 46.1)])
    zones, (finding,) = mended([*grid()[:2], zone("99999", bow)])
    assert finding.serious
    assert finding.examples == ("Commune 99999 99999, self-intersection",)
    assert all(shapely.is_valid(shapely.from_wkb(one.shape)) for one in zones)
    assert mended(grid()) == (grid(), [])


def test_a_finding_shows_some_examples() -> None:
    finding = Finding.of("kind", "things", [str(n) for n in range(9)], serious=True)
    assert str(finding) == "things: 9 (0; 1; 2; 3; 4; …)"
    assert finding.as_json()["count"] == 9
