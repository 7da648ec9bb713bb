"""``tgd addresses import``: the Base adresse nationale, a department at a time.

Serves arrow 2 before it is needed. Reads the national export (``adresses-86.csv``, as it is or
gzipped: UTF-8, separated by ``;``, columns found by their names), strictly: a line that cannot be
read is an error that names file, line and column, and then nothing has changed. What is no mistake
but of no use here is left out and counted: hamlets without a position, points without a name.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tgd.cli.administration import actor, say
from tgd.cli.counts import counted
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import TgdError
from tgd.store import addresses, command
from tgd.store.addresses import AddressRow

COLUMNS: Final = (
    *("numero", "rep", "nom_voie", "code_postal", "code_insee", "nom_commune"),
    *("lon", "lat", "nom_ld"),
)
UNNUMBERED: Final = ("", "0", "99999")
"""What the export writes for a street or a hamlet as a whole."""

_BATCH: Final = 20_000
_INSEE: Final = re.compile(r"(?=.{5}\Z)(9[78][0-9]|2[AB]|[0-9]{2})[0-9]+")
_NUMBER: Final = re.compile(r"[0-9]{1,5}")
_POSTCODE: Final = re.compile(r"[0-9]{5}|")
_MOST: Final = {"lat": 90.0, "lon": 180.0}
_GZIP: Final = b"\x1f\x8b"


class AddressFileError(TgdError):
    """A file cannot be used; the message is one line and says where."""


Rows = list[tuple[str, AddressRow]]


class AddressFile:
    """One export. ``batches`` yields its rows with their departments; the counts grow with it."""

    def __init__(self, path: Path, read: Callable[[int], object] = lambda _: None) -> None:
        self.path = path
        self.rows = self.skipped = 0
        self._read = read
        self._lines: Any = None

    def batches(self) -> Iterator[Rows]:
        """Yield the rows; raises ``AddressFileError``. ``read`` is told the bytes read so far."""
        try:
            with self.path.open("rb") as raw, _text(raw) as text:
                self._lines = csv.reader(text, delimiter=";", strict=True)
                yield from self._batches(self._header(), raw)
        except UnicodeDecodeError:
            raise self._fail("the text is not UTF-8") from None
        except csv.Error as error:
            raise self._fail(f"not CSV: {error}") from None
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise self._fail("the gzip data is broken or cut off") from None
        except OSError as error:
            raise AddressFileError(f"cannot read {self.path}: {error.strerror}") from None

    def _header(self) -> list[str]:
        header: list[str] = next(self._lines, [])
        lacking = [name for name in COLUMNS[:-1] if name not in header]
        if lacking:
            raise self._fail(f"the header lacks {', '.join(lacking)}")
        return header

    def _batches(self, header: list[str], raw: io.BufferedReader) -> Iterator[Rows]:
        at = [header.index(name) if name in header else -1 for name in COLUMNS]
        batch: Rows = []
        for fields in self._lines:
            if not fields:
                continue
            if len(fields) != len(header):
                raise self._fail(f"{len(fields)} columns, the header has {len(header)}")
            row = self._row([fields[i].strip() if i >= 0 else "" for i in at])
            if row is None:
                self.skipped += 1
                continue
            self.rows += 1
            batch.append(row)
            if len(batch) == _BATCH:
                yield batch
                self._read(raw.tell())
                batch = []
        if not self.rows:
            raise self._fail("there is no address in it")
        yield batch
        self._read(raw.tell())

    def _row(self, fields: list[str]) -> tuple[str, AddressRow] | None:
        number, repeated, street, postcode, insee, town, lon, lat, hamlet = fields
        if not lon and not lat:
            return None
        point = self._degrees("lat", lat), self._degrees("lon", lon)
        code = _INSEE.fullmatch(insee)
        if code is None:
            raise self._fail("is not a commune's code", "code_insee")
        if number and not _NUMBER.fullmatch(number):
            raise self._fail("is not a number of at most 5 digits", "numero")
        if not _POSTCODE.fullmatch(postcode):
            raise self._fail("is not a postcode", "code_postal")
        if not town:
            raise self._fail("is empty", "nom_commune")
        if not street and not hamlet:
            return None
        parts = [] if number in UNNUMBERED else [number, repeated]
        where = " ".join(filter(None, (*parts, street or hamlet)))
        label = f"{where}, {postcode} {town}" if postcode else f"{where}, {town}"
        if not label.isprintable():
            raise self._fail("holds control characters", self._unprintable(fields))
        return code[1], AddressRow(*point, label)

    def _degrees(self, column: str, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise self._fail("is empty" if not text else "is not a number", column) from None
        if not abs(value) <= _MOST[column]:
            raise self._fail(f"is not within ±{_MOST[column]:g} degrees", column)
        return value

    @staticmethod
    def _unprintable(fields: list[str]) -> str:
        return next(n for n, text in zip(COLUMNS, fields, strict=True) if not text.isprintable())

    def _fail(self, why: str, column: str = "") -> AddressFileError:
        line = max(1, self._lines.line_num if self._lines is not None else 0)
        where = f"{self.path.name}, line {line}"
        return AddressFileError(f"{where}, column {column}: {why}" if column else f"{where}: {why}")


@contextmanager
def _text(raw: io.BufferedReader) -> Iterator[io.TextIOWrapper]:
    """Read as text what may be gzipped, whatever it is called."""
    zipped = raw.peek(2)[:2] == _GZIP
    binary = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if zipped else raw
    with io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
        yield text


async def addresses_import(config: Config, files: Sequence[Path]) -> None:
    """Store the addresses of these files over those of the same departments."""
    now = Clock().now()
    skipped = 0
    with _progress() as progress:
        async with command.transaction(config.database_url) as connection:
            before = {one.department: one.addresses for one in await addresses.extracts(connection)}
            work = addresses.Import(connection)
            for path in files:
                file = AddressFile(path, _told(progress, path))
                for batch in file.batches():
                    await work.add(batch)
                skipped += file.skipped
            await work.finish(now)
            done = {"departments": work.addresses, "skipped": skipped}
            await command.record(connection, now, actor(), "addresses_imported", done)
    for department, count in sorted(work.addresses.items()):
        now_there = counted(count, "address", "addresses")
        say(f"department {department}: {now_there}, instead of {before.get(department, 0)}")
    if skipped:
        say(f"left out: {skipped} without a position or a name")


def _progress() -> Progress:
    """Return the bar, which shows on a terminal only."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _told(progress: Progress, path: Path) -> Callable[[int], None]:
    size = path.stat().st_size if path.is_file() else None
    task: TaskID = progress.add_task(path.name, total=size)
    return lambda read: progress.update(task, completed=read)
