"""The Interior Ministry's table of territorial competence, read strictly.

Serves `tgd zones import`: CSV with semicolons, in UTF-8 with or without its mark, or in Latin-1;
`COLUMNS` must be there, in any order, and postcodes and whatever else stands beside are not read.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tgd.geo.sources import FileError, Row, Source, Tick, insee, is_text

COLUMNS: Final = ("code_commune", "libelle_commune", "institution", "id_service", "service")

_BATCH: Final = 500


def read_table(path: Path, given: bytes, source: Source, tick: Tick) -> None:
    """Read a table into `source`; raises `FileError`."""
    text = _text(given)
    total = text.count("\n") + 1
    lines = _lines(path, text)
    _line, header = next(lines, (1, []))
    places = _places(path, [name.strip().lower() for name in header])
    for line, cells in lines:
        if len(cells) != len(header):
            raise FileError(
                f"{path}, line {line}: {len(cells)} columns, expected {len(header)} as in line 1"
            )
        source.rows.append(_row(path, line, {name: cells[at] for name, at in places.items()}))
        if line % _BATCH == 0:
            tick(line, total)
    tick(total, total)
    if not source.rows:
        raise FileError(f"{path}: holds no row")


def _text(given: bytes) -> str:
    try:
        return given.decode("utf-8-sig")
    except UnicodeDecodeError:
        return given.decode("latin-1")


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Return each row with the line on which it ends; empty lines are none."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";", strict=True)
    try:
        for cells in reader:
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise FileError(f"{path}, line {reader.line_num}: is no CSV: {error}") from error


def _places(path: Path, header: list[str]) -> dict[str, int]:
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise FileError(
            f"{path}, line 1: no column {', '.join(missing)}: expected a GeoJSON FeatureCollection"
            f" or a table with {';'.join(COLUMNS)}"
        )
    return {name: header.index(name) for name in COLUMNS}


def _row(path: Path, line: int, cells: dict[str, str]) -> Row:
    cells = {name: cell.strip() for name, cell in cells.items()}

    def at(column: str) -> str:
        return f"{path}, line {line}, column {column}"

    code = insee(cells["code_commune"], lambda: at("code_commune"))
    if not is_text(cells["libelle_commune"]):
        raise FileError(f"{at('libelle_commune')}: expected the commune's name")
    institution, service, name = (cells[key] for key in ("institution", "id_service", "service"))
    if not institution and not service:
        return Row(code, cells["libelle_commune"], None, None, "")
    if institution not in ("PN", "GN"):
        raise FileError(f"{at('institution')}: {institution[:40]!r}: expected PN or GN")
    if not is_text(service) or " " in service:
        raise FileError(f"{at('id_service')}: {service[:40]!r}: expected the id of a service")
    if not is_text(name):
        raise FileError(f"{at('service')}: {name[:40]!r}: expected the name of service {service}")
    return Row(code, cells["libelle_commune"], institution, service, name)
