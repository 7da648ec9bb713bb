"""Whether a line's other end is there, found out without a case: what every adapter's probe is.

Serves arrow 3 while nothing is to be sent. A probe says nothing that a room could take for a case.
Over HTTPS it is the TCP connection, the TLS handshake and an ``OPTIONS`` to the line's path: any
HTTP answer will do, also a refusal, because what is asked is whether somebody would answer.
"""

import asyncio
import ssl

from yarl import URL

from tgd.errors import Temporary
from tgd.platform.channels import Tried
from tgd.platform.channels.certificates import Files, Valid, ours_until, theirs_until

_LONGEST_LINE = 4096
_HTTPS = "https"


async def by_https(tried: Tried, url: URL, files: Files, trust: ssl.SSLContext) -> Valid:
    """Return until when the room's certificate is valid, and ours; none over plain HTTP.

    ``url`` and ``files`` are the line's, checked. Raises ``errors.Temporary`` where nobody answers
    in HTTP within the time.
    """
    try:
        async with asyncio.timeout(tried.timeout_s):
            reader, writer = await asyncio.open_connection(
                url.host, url.port, ssl=trust if url.scheme == _HTTPS else None, limit=_LONGEST_LINE
            )
            try:
                until = theirs_until(writer.get_extra_info("peercert"))
                writer.write(_options(url))
                line = await reader.readline()
            finally:
                writer.transport.abort()
    except TimeoutError:
        raise Temporary(f"no answer within {tried.timeout_s:g} s") from None
    except ssl.SSLError as error:
        raise Temporary(f"TLS: {type(error).__name__}") from None
    except (OSError, ValueError) as error:  # ValueError: a first line without an end
        raise Temporary(f"connection: {type(error).__name__}") from None
    if not line.startswith(b"HTTP/1."):
        raise Temporary("what answers there does not speak HTTP")
    return Valid(until, ours_until(files))


def _options(url: URL) -> bytes:
    path = url.raw_path or "/"
    return (
        f"OPTIONS {path} HTTP/1.1\r\nHost: {url.raw_host}:{url.port}\r\n"
        "User-Agent: tgd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ).encode()
