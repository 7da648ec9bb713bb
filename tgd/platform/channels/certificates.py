"""The certificates of a line's way: whom we trust there, who we are, and until when both hold.

Serves arrow 3, every adapter that speaks TLS. A rooms file names paths on the server, never what
the files hold; they are read again whenever they have changed, because certificates are renewed
while we run. A file that is not there or is none is ``errors.Temporary``, named by its key:
somebody has to put it there, and until then the line does not answer.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from cryptography import x509

from tgd.errors import Invalid, Temporary

MEND_S = 60.0
"""Somebody has to mend a certificate: worth another attempt, not a quick one."""


@dataclass(frozen=True, slots=True)
class Files:
    """Absolute paths on the server: who may sign the other side's certificate (the machine's own
    list if unsaid), and ours; its key may stand in the certificate's file.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def said(self) -> Mapping[str, str]:
        """Return those that are said, by their keys in a rooms file."""
        told = {one.name: getattr(self, one.name) for one in fields(Files)}
        return {name: path for name, path in told.items() if path}

    def check(self, *, tls: bool, scheme: str) -> None:
        """Raise ``errors.Invalid`` naming the key that does not fit the line; opens nothing."""
        if (self.ca or self.certificate) and not tls:
            raise Invalid("ca" if self.ca else "certificate", f"is for {scheme}:// only")
        if self.key and not self.certificate:
            raise Invalid("key", "is there without its certificate")
        for name, path in self.said().items():
            if not PurePosixPath(path).is_absolute():
                raise Invalid(name, "must be an absolute path: it is the server that reads it")


class Valid(NamedTuple):
    """Until when the other side's certificate and ours are valid; None where there is none."""

    theirs: datetime | None = None
    ours: datetime | None = None


def context(files: Files) -> ssl.SSLContext:
    """Return how to speak TLS with these; the same one as long as the files are the same.

    Raises ``errors.Temporary``.
    """
    marks = []
    for name, path in files.said().items():
        try:
            found = Path(path).stat()
        except OSError as error:
            raise _missing(name, path, error) from None
        marks.append((found.st_mtime_ns, found.st_size, found.st_ino))
    return _context(files, tuple(marks))


def ours_until(files: Files) -> datetime | None:
    """Return until when our certificate is valid; raises ``errors.Temporary``."""
    if files.certificate is None:
        return None
    try:
        pem = Path(files.certificate).read_bytes()
        return x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc
    except OSError as error:
        raise _missing("certificate", files.certificate, error) from None
    except ValueError:
        raise Temporary(f"certificate {files.certificate}: holds none", MEND_S) from None


def unusable(files: Files) -> str | None:
    """Say which of these is not there or holds nothing that can be used.

    What only the server may read is for the server to say.
    """
    try:
        for path in files.said().values():
            Path(path).read_bytes()
    except PermissionError:
        return None
    except OSError:
        pass  # said below, by its key
    try:
        context(files)
    except Temporary as error:
        return str(error)
    return None


def theirs_until(shown: Mapping[str, object] | None) -> datetime | None:
    """Return the end of what ``getpeercert`` has told."""
    told = (shown or {}).get("notAfter")
    if not isinstance(told, str):
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(told), UTC)


@lru_cache(maxsize=256)
def _context(files: Files, _marks: tuple[tuple[int, int, int], ...]) -> ssl.SSLContext:
    name, path = "ca", files.ca
    try:
        made = ssl.create_default_context(cafile=files.ca)
        if files.certificate is not None:
            name, path = "certificate", files.certificate
            made.load_cert_chain(files.certificate, files.key)
    except ssl.SSLError:
        raise Temporary(f"{name} {path}: holds none that can be used", MEND_S) from None
    except OSError as error:
        raise _missing(name, path or "", error) from None
    return made


def _missing(name: str, path: str, error: OSError) -> Temporary:
    return Temporary(f"{name} {path}: {error.strerror or type(error).__name__}", MEND_S)
