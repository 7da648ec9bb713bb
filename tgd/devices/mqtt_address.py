"""Where a broker is, and which MQTT it was found to speak.

Serves the MQTT link. Promises that no user name or password shows in a representation, an error
or a log. MQTT 5 is tried first; a broker that refuses it, or closes without a word, is spoken to
in 3.1.1, and what worked is kept. `?version=5` or `?version=3.1.1` settles it beforehand.
"""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

SILENT_CLOSES = 3  # closes without an answer before a version that once worked is doubted


@dataclass(slots=True)
class Address:
    """One broker, and the protocol version that it is known to speak."""

    host: str
    port: int
    tls: bool
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    v5: bool = True
    fixed: bool = False
    proven: bool = False
    silent: int = 0

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read `mqtt[s]://[user[:password]@]host[:port]`; ValueError without the secrets."""
        parts = urlsplit(url)
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise ValueError("a broker's address is mqtt://host[:port] or mqtts://host[:port]")
        version = parse_qs(parts.query).get("version", [""])[-1]
        if version not in {"", "5", "3.1.1"}:
            raise ValueError("the version in a broker's address is 5 or 3.1.1")
        tls = parts.scheme == "mqtts"
        return cls(
            parts.hostname,
            parts.port or (8883 if tls else 1883),
            tls,
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
            v5=version != "3.1.1",
            fixed=version != "",
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def other_version(self) -> None:
        """Speak the other version next time, unless one was asked for."""
        self.v5 = self.v5 if self.fixed else not self.v5
        self.proven, self.silent = False, 0

    def closed_silently(self) -> None:
        """Note a close without an answer: it may not know the version, or may only be dying."""
        self.silent += 1
        if not self.proven or self.silent >= SILENT_CLOSES:
            self.other_version()
