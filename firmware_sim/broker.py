"""One address of the broker, as the command line and the tests write it.

Serves the MQTT path. Promises one clear line where an address is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Broker:
    """One address of the broker, from `mqtt://` or `mqtts://` `[:PASSWORD@]HOST[:PORT]`."""

    host: str
    port: int
    tls: bool
    password: str | None

    @classmethod
    def parse(cls, url: str) -> Broker:
        """Read one address; ValueError with one clear line. A user in it is not used."""
        parts = urlsplit(url if "://" in url else f"mqtt://{url}")
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise ValueError("a broker is mqtt://HOST[:PORT] or mqtts://HOST[:PORT]")
        tls = parts.scheme == "mqtts"
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname, parts.port or (8883 if tls else 1883), tls, password)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
