"""Texts of settings become values: each reader takes a text and returns the value.

Serves the configuration. A reader raises ValueError that says what the text must be, in words that
follow the setting's name and quote nothing of the text: it may be a secret.
"""

import ipaddress
import math
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit


def matching(pattern: str, what: str) -> Callable[[str], str]:
    """Return a reader of texts of a shape, which errors call ``what``."""

    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {what}")
        return text

    return read


def one_of(*words: str) -> Callable[[str], str]:
    """Return a reader of one of these words, in any case."""

    def read(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text.lower()

    return read


def boolean(text: str) -> bool:
    """Read yes or no, in several spellings."""
    if text.lower() in {"true", "yes", "on", "1"}:
        return True
    if text.lower() in {"false", "no", "off", "0"}:
        return False
    raise ValueError("must be true or false")


def seconds(text: str) -> float:
    """Read a number greater than 0."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError("must be a number") from None
    if not math.isfinite(value) or value <= 0:
        raise ValueError("must be a number greater than 0")
    return value


def count(text: str) -> int:
    """Read a whole number greater than 0."""
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise ValueError("must be a whole number greater than 0")
    return int(text)


def url(*schemes: str) -> Callable[[str], str]:
    """Return a reader of addresses with one of these schemes."""

    def read(text: str) -> str:
        try:
            parts = urlsplit(text)
            _ = parts.port  # reading it validates it
        except ValueError:
            raise ValueError("is not a valid address") from None
        if parts.scheme not in schemes:
            raise ValueError(f"must begin with {' or '.join(s + '://' for s in schemes)}")
        if not parts.hostname:
            raise ValueError("must name a host")
        return text

    return read


PUBLIC = (".data.gouv.fr", ".geopf.fr")  # the nation's own, where everybody asks


def own_server(text: str) -> str:
    """Read the address of a server that is told positions: not in clear over a network."""
    parts = urlsplit(url("https", "http")(text))
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must have no user, no ? and no #")
    host = parts.hostname or ""
    if host.endswith(PUBLIC):
        raise ValueError("must be a server of your own: a public service would learn positions")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("must begin with https:// unless the server is on this machine")
    return text


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def hosts(text: str) -> str:
    """Read addresses of machines, comma-separated."""
    try:
        return ",".join(str(ipaddress.ip_address(part.strip())) for part in text.split(","))
    except ValueError:
        raise ValueError("must be IP addresses, comma-separated") from None


def demo_pages(text: str) -> tuple[str, ...]:
    """Read addresses of the demo's pages; they stand on this machine and nowhere else."""
    pages = tuple(part.strip() for part in text.split(","))
    if not all(re.fullmatch(r"http://127\.0\.0\.1:[0-9]{1,5}/(phones|salle)", p) for p in pages):
        raise ValueError("must be http://127.0.0.1:PORT/phones or /salle, comma-separated")
    return pages


def mqtt_urls(text: str) -> str:
    """Read brokers' addresses, comma-separated."""
    read = url("mqtt", "mqtts")
    return ",".join(read(part.strip()) for part in text.split(","))


def control_urls(text: str) -> str:
    """Read where brokers are given their rights: their addresses, or files (``file:///…``)."""
    parts = [part.strip() for part in text.split(",")]
    if wrong := [p for p in parts if p.startswith("file:") and not p.startswith("file:///")]:
        raise ValueError(f"must be file:/// and a full path ({len(wrong)} are not)")
    return ",".join(part if part.startswith("file:") else mqtt_urls(part) for part in parts)


def listen(text: str) -> str:
    """Read HOST:PORT."""
    host, colon, port = text.rpartition(":")
    if not (host and colon and port.isdecimal() and int(port) < 65536):  # noqa: PLR2004  TCP
        raise ValueError("must be HOST:PORT")
    return text


def existing(text: str) -> Path:
    """Read the name of a file that is there."""
    path = Path(text)
    if not path.is_file():
        raise ValueError("must name a file that exists")
    return path


def directory(text: str) -> Path:
    """Read the full path of a directory, which may still have to be made."""
    path = Path(text)
    if not path.is_absolute() or (path.exists() and not path.is_dir()):
        raise ValueError("must be the full path of a directory, or of one that can be made")
    return path
