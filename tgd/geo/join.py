"""Contours and competence brought together: which service has which commune.

Serves `tgd zones import`. The two files are seldom of the same year. A commune that has been merged
out of others may stand in the table under the codes of those, or the other way round; it is
resolved where the data itself shows it: by the successions that the contours name, or by a name
that is unique in its department. What stays open is a finding, never a guess.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tgd.geo.findings import Finding
from tgd.geo.sources import Contour, FileError, Row, Source
from tgd.geo.zones import Zone

DISTRICTS: Final = {
    "75056": range(75101, 75121),  # Paris
    "13055": range(13201, 13217),  # Marseille
    "69123": range(69381, 69390),  # Lyon
}
"""Cities whose districts have codes of their own (Code général des collectivités, L2511-3)."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A territory as the files give it; `services` are institution and name by id."""

    zones: list[Zone]
    services: dict[str, tuple[str, str]]
    findings: list[Finding]


def join(sources: Sequence[Source]) -> Joined:
    """Bring files together; raises `FileError` where they contradict one another outright."""
    contours = _contours(sources)
    rows = [row for source in sources for row in source.rows]
    if not contours:
        raise FileError("no contours among the files: expected a GeoJSON file of communes")
    if not rows:
        raise FileError("no table of competence among the files: expected a CSV file")
    services = _services(rows)
    table: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        table[row.code].append(row)
    resolved, several, left = _resolve(contours, table, _successions(sources))
    zones = []
    for code, contour in sorted(contours.items()):
        service = resolved.get(code)
        institution = services[service][0] if service is not None else None
        zones.append(Zone(code, contour.name, service, institution, contour.shape))
    findings = [
        Finding.of(
            "several_services",
            "communes with several services in the table, left without one",
            several,
            serious=True,
        ),
        Finding.of(
            "resolved_by_succession",
            "communes found under the codes of former or later ones",
            [
                f"{contours[code].name} {code}"
                for code in sorted(resolved)
                if code not in table and resolved[code] is not None
            ],
            serious=False,
        ),
        Finding.of(
            "unknown_commune", "communes of the table without a contour", left, serious=False
        ),
    ]
    return Joined(zones, services, [finding for finding in findings if finding.count])


def _contours(sources: Sequence[Source]) -> dict[str, Contour]:
    found: dict[str, Contour] = {}
    seen: dict[str, str] = {}
    for source in sources:
        for contour in source.contours:
            if contour.code in found:
                both = f"{seen[contour.code]} and {source.name}"
                where = source.name if seen[contour.code] == source.name else both
                raise FileError(f"{where}: commune {contour.code} has two contours")
            found[contour.code], seen[contour.code] = contour, source.name
    for city, districts in DISTRICTS.items():
        if any(str(district) in found for district in districts):
            found.pop(city, None)  # else it would lie over its own districts
    return found


def _services(rows: Iterable[Row]) -> dict[str, tuple[str, str]]:
    """Return institution and name by id; the same id must not be both police and gendarmerie."""
    found: dict[str, tuple[str, str]] = {}
    for row in rows:
        if row.service is None or row.institution is None:
            continue
        known = found.setdefault(row.service, (row.institution, row.service_name))
        if known[0] != row.institution:
            raise FileError(
                f"the table has service {row.service} as PN and as GN: at commune {row.code}"
            )
    return found


def _successions(sources: Sequence[Source]) -> dict[str, str]:
    """Return the code of the commune that each former commune, or district, belongs to."""
    found = {str(part): city for city, parts in DISTRICTS.items() for part in parts}
    for source in sources:
        found |= source.former
        for contour in source.contours:
            found |= {code: contour.code for code in contour.former if code != contour.code}
    return found


def _resolve(
    contours: Mapping[str, Contour], table: Mapping[str, list[Row]], later: Mapping[str, str]
) -> tuple[dict[str, str | None], list[str], list[str]]:
    """Return the service of each commune, those with several, and the table's that are left."""
    claims = {code: table[code] for code in contours if code in table}
    named = _by_name(contours)
    left = []
    for code, rows in sorted(table.items()):
        if code in contours:
            continue
        heir = later.get(code)
        if heir not in contours:
            heir = named.get((_department(code), _plain(rows[0].commune)))
        if heir is None:
            left.append(f"{rows[0].commune} {code}")
        elif heir not in table:
            claims.setdefault(heir, []).extend(rows)
    # A contour that is older than the table: what it became has its service.
    for code in contours:
        heir = later.get(code)
        if code not in claims and heir is not None and heir in table:
            claims[code] = table[heir]
    resolved: dict[str, str | None] = {}
    several = []
    for code, rows in sorted(claims.items()):
        choices = Counter(row.service for row in rows if row.service is not None)
        if len(choices) > 1:
            several.append(f"{contours[code].name} {code}")
        resolved[code] = next(iter(choices)) if len(choices) == 1 else None
    return resolved, several, left


def _by_name(contours: Mapping[str, Contour]) -> dict[tuple[str, str], str]:
    """Return codes by department and name, as far as that names one commune alone."""
    named: dict[tuple[str, str], list[str]] = defaultdict(list)
    for code, contour in contours.items():
        named[_department(code), _plain(contour.name)].append(code)
    return {key: codes[0] for key, codes in named.items() if len(codes) == 1}


def _department(code: str) -> str:
    return code[:3] if code.startswith("97") else code[:2]


def _plain(name: str) -> str:
    """Return a name as it may be compared: no accents, no case, no punctuation, "St" in full."""
    bare = unicodedata.normalize("NFKD", name.replace("œ", "oe").replace("Œ", "oe"))
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter)).casefold()
    words = re.sub(r"[^a-z0-9]+", " ", bare).split()
    return " ".join({"st": "saint", "ste": "sainte"}.get(word, word) for word in words)
