"""The files of the territory: what is misread here is a patrol sent elsewhere.

Serves `tgd zones import`. A file holds contours (GeoJSON) or the table of competence (CSV), either
of them gzipped or not; which it is shows in the content. Whatever is wrong raises `FileError` with
the place.

Leaves to others: bringing files together (`join`), judging the whole (`survey`).
"""

import gzip
import hashlib
import zlib
from pathlib import Path

from tgd.geo.contours import read_contours
from tgd.geo.sources import FileError, Source, Tick
from tgd.geo.table import read_table


def read(path: Path, tick: Tick = lambda _done, _of: None) -> Source:
    """Read one file of either kind, gzipped or not."""
    try:
        given = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    source = Source(path.name, hashlib.sha256(given).hexdigest())
    if given.startswith(b"\x1f\x8b"):
        try:
            given = gzip.decompress(given)
        except (OSError, EOFError, zlib.error) as error:
            raise FileError(f"{path}: is gzipped, and damaged") from error
    if given.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        read_contours(path, given.removeprefix(b"\xef\xbb\xbf"), source, tick)
    else:
        read_table(path, given, source, tick)
    return source
