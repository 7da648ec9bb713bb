"""The address of an ``amqp`` line: which broker, by which exchange, with which certificates.

Serves arrow 3, adapter ``amqp``. A rooms file says it in several keys; it is kept as one URL, whose
query holds what else is needed (``exchange``, ``ca``, ``certificate``, ``key``: absolute paths on
the server, never what the files hold). Pure: no file is opened and nobody is called here. The
password is the line's token, and the user is whoever the envelope names as its sender.
"""

from dataclasses import dataclass, fields
from functools import lru_cache
from urllib.parse import unquote

from yarl import URL

from tgd.errors import Invalid
from tgd.platform.channels.certificates import Files
from tgd.readers import is_loopback

TLS, PLAIN = "amqps", "amqp"
_PORTS = {TLS: 5671, PLAIN: 5672}
_NAME_MAX = 127
"""What AMQP lets an exchange or a virtual host be called, in characters."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is said of a line beside its URL; the key may stand in the certificate's file."""

    exchange: str | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    @property
    def files(self) -> Files:
        """Return what of it are certificates."""
        return Files(self.ca, self.certificate, self.key)


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker as it is called; ``settings`` belong to the way there and not to the place."""

    host: str
    port: int
    vhost: str
    tls: bool
    settings: Settings

    @property
    def place(self) -> tuple[str, int, str]:
        """What two lines share if their queues are the same."""
        return self.host, self.port, self.vhost


def kept(url: str, settings: Settings) -> str:
    """Return the URL to keep for a line; raises ``errors.Invalid`` naming the key."""
    broker = _place(url, settings)
    settings.files.check(tls=broker.tls, scheme=TLS)
    if settings.exchange is not None and len(settings.exchange) > _NAME_MAX:
        raise Invalid("exchange", f"must be at most {_NAME_MAX} characters")
    said = {one.name: getattr(settings, one.name) for one in fields(settings)}
    return str(URL(url).with_query({name: value for name, value in said.items() if value}))


@lru_cache(maxsize=256)
def read(url: str) -> Broker:
    """Return the broker that a kept URL names; raises ``errors.Invalid`` (field ``url``)."""
    try:
        query = dict(URL(url).query)
    except ValueError:
        raise Invalid("url", "cannot be read") from None
    if set(query) - {one.name for one in fields(Settings)}:
        raise Invalid("url", "has a query that is not ours")
    return _place(str(URL(url).with_query(None)), Settings(**query))


def _place(url: str, settings: Settings) -> Broker:
    try:
        parsed = URL(url)
        host, port = parsed.host, parsed.port
    except ValueError:
        raise Invalid("url", "cannot be read") from None
    if not host or parsed.scheme not in _PORTS:
        raise Invalid("url", "amqps://host/… is expected")
    if parsed.user or parsed.password:
        raise Invalid("url", "holds a user or a password: use the line's token")
    if parsed.query_string or parsed.fragment:
        raise Invalid("url", "holds a query: exchange, ca, certificate and key are keys")
    if parsed.scheme == PLAIN and not is_loopback(host):
        raise Invalid("url", "plain amqp is for loopback only")
    vhost = unquote(parsed.raw_path[1:]) or "/"
    if len(vhost) > _NAME_MAX:
        raise Invalid("url", "names a virtual host that is too long")
    return Broker(host, port or _PORTS[parsed.scheme], vhost, parsed.scheme == TLS, settings)
