"""The address of an ``https`` or ``cap`` line: where to post, and with which certificates.

Serves arrow 3. A rooms file says it in several keys; it is kept as one URL, whose fragment names
the files (``ca``, ``certificate``, ``key``): a fragment goes to nobody, and a line that is changed
in anything is another line. Pure: no file is opened and nobody is called here.
"""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from yarl import URL

from tgd.errors import Invalid
from tgd.platform.channels.certificates import Files
from tgd.readers import is_loopback

TLS, PLAIN = "https", "http"
_KEYS = frozenset({"ca", "certificate", "key"})


class Address(NamedTuple):
    """Where to post; ``files`` belong to the way there."""

    url: URL
    files: Files


def kept(url: str, files: Files) -> str:
    """Return the URL to keep for a line; raises ``errors.Invalid`` naming the key."""
    parsed = check_url(url)
    if parsed.fragment:
        raise Invalid("url", "holds a fragment: ca, certificate and key are keys")
    files.check(tls=parsed.scheme == TLS, scheme=TLS)
    if not files.said():
        return url
    return str(parsed.with_fragment(urlencode(files.said(), safe="/")))


@lru_cache(maxsize=256)
def read(url: str) -> Address:
    """Return what a kept URL names; raises ``errors.Invalid`` (field ``url``)."""
    parsed = check_url(url)
    told = dict(parse_qsl(parsed.fragment))
    if set(told) - _KEYS:
        raise Invalid("url", "has a fragment that is not ours")
    return Address(parsed.with_fragment(None) if told else parsed, Files(**told))


@lru_cache(maxsize=256)
def check_url(url: str) -> URL:
    """Return the parsed address of a line; https only, but plain http on loopback.

    Raises ``errors.Invalid`` (field ``url``) otherwise, also for a user or password in it: an
    address is shown and logged.
    """
    try:
        parsed = URL(url)
        host, _port = parsed.host, parsed.port
    except ValueError:
        raise Invalid("url", "cannot be read") from None
    if not host or parsed.scheme not in {TLS, PLAIN}:
        raise Invalid("url", "https://host/… is expected")
    if parsed.user or parsed.password:
        raise Invalid("url", "holds a user or a password: use the line's token")
    if parsed.scheme == PLAIN and not is_loopback(host):
        raise Invalid("url", "plain http is for loopback only")
    return parsed
