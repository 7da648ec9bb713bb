"""What a dump of the database is searched for: every plain value, however it may stand there."""

import asyncio
import base64
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any

import asyncpg

from tgd.demo.postgres import EmbeddedPostgres

NUMBER = "+33639980001"
ICCID = "8933000000000000017"
NUMBERS = (NUMBER, "06 39 98 00 01", "06.39.98.00.01", "0639980001", "639980001")
OF_THE_FILES = ("name", "description", "health", "note", "vehicle", "relation", "weapons", "dog")
OF_THE_FILES += ("access", "other", "label", "address", "approach", "contact", "reference", "born")
TABLES = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1
"""


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one, name)
    elif name in {"lat", "lon"} or name in OF_THE_FILES:
        yield name, str(value)


def demo_values() -> set[str]:
    """Every name, address, number and word of the demo's files, and of its magistrate."""
    found = {"Demande Fictive A", "Demande Fictive B", "RG fictif 86-01", "RG fictif 86-06"}
    for file in ("persons.toml", "places.toml"):
        text = resources.files("tgd.demo").joinpath(file).read_text(encoding="utf-8")
        found |= {value for _, value in leaves(tomllib.loads(text))}
    return {value for value in found if len(value) > 4}  # a year of birth is every date's


# A shorter run of base64 stands in any dump by chance, as the digits of a place do in its instants.
BY_NO_CHANCE = 7
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?")


def forms(plain: str) -> Iterator[str]:
    """A value as it may stand in a dump: as it is, escaped, or as bytes."""
    for text in {plain, plain.lower()}:
        for raw in (text.encode(), text.encode("latin-1", "ignore"), text.encode("utf-16-le")):
            yield raw.hex()
        for offset in range(3):  # base64 begins anywhere: the characters that are all its own
            coded = base64.b64encode(b"x" * offset + text.encode()).decode()
            own = coded[-(-8 * offset // 6) : 8 * (offset + len(text.encode())) // 6]
            if len(own) >= BY_NO_CHANCE:
                yield own
        yield json.dumps(text)[1:-1]
        yield text


def traces(dump: str, values: set[str]) -> list[tuple[str, str]]:
    dump = INSTANT.sub("", dump)
    lower = dump.lower()
    digits = {NUMBER.lstrip("+"), *(re.sub(r"\D", "", one) for one in NUMBERS), ICCID}
    found = [(value, form) for value in values for form in forms(value) if form.lower() in lower]
    return found + [(one, one) for one in digits if one in dump.replace(" ", "").replace(".", "")]


async def dumped(postgres: EmbeddedPostgres, url: str) -> str:
    """The database as ``pg_dump`` writes it, or, without one, every table as COPY does."""
    beside = postgres._bin / "pg_dump"
    program = str(beside) if beside.exists() else shutil.which("pg_dump")
    if program:
        command = [program, "-d", url]
        done = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
        return done.stdout.decode()
    connection = await asyncpg.connect(url)
    rows = []
    for table in await connection.fetch(TABLES):
        name = table["relname"]
        rows += await connection.fetch(f'SELECT t::text AS row FROM "{name}" t')  # noqa: S608  the catalogue's
    await connection.close()
    return "\n".join(row["row"] for row in rows)
