"""A country of 35,156 invented communes: contours, services, and both as the files they come in.

The contours are a patchwork as large as France, 120 vertices each, neighbours sharing every vertex;
there are some 3,000 services.
"""

import json
from pathlib import Path

import shapely

from tgd.geo.disc import Floats
from tgd.geo.synthetic import patchwork
from tgd.geo.zones import Zone

ROWS, COLUMNS, DETAIL = 187, 188, 29
SOUTH, WEST, NORTH, EAST = 43.0, -1.5, 50.0, 6.9
COMMUNES = ROWS * COLUMNS


def rings() -> Floats:
    """Return the contours, (communes, vertices, 2) in degrees."""
    box = (WEST, SOUTH, EAST, NORTH)
    return patchwork(ROWS, COLUMNS, box, detail=DETAIL, seed=1)


def zones(contours: Floats) -> list[Zone]:
    """Return the communes with their services."""
    shapes = shapely.to_wkb(shapely.polygons(contours)).tolist()
    return [Zone(_code(n), _name(n), _service(n), "GN", shape) for n, shape in enumerate(shapes)]


def write(folder: Path, contours: Floats) -> tuple[Path, Path]:
    """Write the two files as they would come: GeoJSON and the table of competence."""
    geojson, table = folder / "communes.geojson", folder / "competence.csv"
    shapes = shapely.to_geojson(shapely.polygons(contours)).tolist()
    with geojson.open("w", encoding="utf-8") as file:
        file.write('{"type":"FeatureCollection","features":[\n')
        for n, shape in enumerate(shapes):
            about = json.dumps({"code": _code(n), "nom": _name(n)})
            comma = "" if n == 0 else ",\n"
            file.write(f'{comma}{{"type":"Feature","properties":{about},"geometry":{shape}}}')
        file.write("\n]}\n")
    head = "code_commune;libelle_commune;institution;id_service;service;code_postal;codes_postaux\n"
    lines = (
        f"{_code(n)};{_name(n)};GN;{_service(n)};Brigade fictive {_service(n)};;\n"
        for n in range(COMMUNES)
    )
    table.write_text(head + "".join(lines), encoding="utf-8")
    return geojson, table


def _code(number: int) -> str:
    """Return an INSEE code: departments 20 to 55, in which no city has districts."""
    return f"{20 + number // 999}{number % 999:03}"


def _name(number: int) -> str:
    return f"Commune fictive {number}"


def _service(number: int) -> str:
    row, column = divmod(number, COLUMNS)
    return f"{900_000 + (row // 4) * (COLUMNS // 3 + 1) + column // 3}"
