"""The https line of a control room: one envelope, one POST, any 2xx means delivered.

Serves arrow 3. It promises that ``send`` returns only after the room's server has said 2xx, that
it never takes longer than it was given, and that no foreign exception leaves it: what may pass
later is ``errors.Temporary`` (after a few quick repeats), what will not is ``errors.Rejected``.
Repeating is safe because the envelope carries its own id and rooms keep each id once. Errors name
the status and the room's error code, never the body: the room may have echoed a position. Leases,
slower repeats and other lines are left to the flow ``sending``.
"""

import asyncio
import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from types import TracebackType
from typing import Self

import aiohttp
import tenacity
from yarl import URL

from tgd.errors import Invalid, Rejected, Temporary
from tgd.platform.channels import Tried
from tgd.platform.channels.certificates import MEND_S, Files, Valid, context
from tgd.platform.channels.cisu_inbound import BadEnvelope, ErrorReport, read
from tgd.platform.channels.https_address import TLS
from tgd.platform.channels.https_address import read as read_address
from tgd.platform.channels.probe import by_https

TRIES = 3
SHORTEST_WAIT_S, LONGEST_WAIT_S = 0.05, 0.4
CONNECTIONS = 500
"""So many answers can be waited for at once: a storm of deadlines forwards in one instant."""
SHORT_RETRY_AFTER_S = 2.0
"""A room that asks for no more than this is repeated within the attempt, if there is time."""

_KEEPALIVE_S = 30.0
_AGAIN = frozenset({408, 425, 429})
_DELIVERED = range(200, 300)
_SERVER_ERROR = 500
_LONGEST_DELAY_S = 60.0
_ANSWER_MAX = 16 * 1024
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_CODE = re.compile(r"[A-Z_]{1,64}")
_JSON = "application/json"


class CisuHttps:
    """A ``Channel`` by HTTPS on one shared session; close it, or use it as a context manager.

    ``trust`` says whom rooms' certificates may be signed by where a line does not say it; without
    it the machine's own list.
    """

    def __init__(self, content_type: str = _JSON, trust: ssl.SSLContext | None = None) -> None:
        self._headers = {"Content-Type": content_type, "Accept": _JSON}
        self._trust = trust or _of_this_machine()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; what is being sent is broken off and counts as not sent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, url: str, token: str | None, body: bytes, timeout_s: float) -> None:
        """Deliver ``body`` to ``url`` within ``timeout_s`` seconds; return on any 2xx.

        Refused or broken connections, 408, 425, 429 and 5xx are repeated twice after 50 to 400 ms,
        or after the room's Retry-After where that is short. Raises ``errors.Temporary`` (with the
        delay that the room asked for, at most 60 s; whether to grant it is the caller's choice),
        ``errors.Rejected`` on any other answer (redirects are not followed), ``errors.Invalid``
        for an address or a token that cannot be used.
        """
        target, files = read_address(url)
        trust = self._by(target, files)
        headers = self._headers | _bearer(token)
        attempts = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(TRIES) | tenacity.stop_before_delay(timeout_s),
            wait=_wait,
            retry=tenacity.retry_if_exception(_soon),
            reraise=True,
        )
        try:
            async with asyncio.timeout(timeout_s):
                await attempts(self._post, target, trust, headers, body)
        except TimeoutError:
            raise Temporary(f"no answer within {timeout_s:g} s") from None

    async def probe(self, tried: Tried) -> Valid:
        """Return until when the certificates are valid; raises as ``send``. Posts nothing."""
        target, files = read_address(tried.url)
        return await by_https(tried, target, files, self._by(target, files))

    def _by(self, url: URL, files: Files) -> ssl.SSLContext:
        """Return how to speak TLS with a room; its own files are looked at each time."""
        return context(files) if url.scheme == TLS and files.said() else self._trust

    async def _post(
        self, url: URL, trust: ssl.SSLContext, headers: dict[str, str], body: bytes
    ) -> None:
        try:
            async with self._open().post(
                url, data=body, headers=headers, allow_redirects=False, ssl=trust
            ) as answer:
                await _judge(answer)
        except aiohttp.ClientSSLError as error:
            raise Temporary(f"TLS: {type(error).__name__}", MEND_S) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Temporary(f"connection: {type(error).__name__}") from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=_KEEPALIVE_S),
                timeout=aiohttp.ClientTimeout(total=None),  # one clock: that of send()
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


@cache
def _of_this_machine() -> ssl.SSLContext:
    """Read the machine's own list of authorities, which takes 20 ms, once."""
    return ssl.create_default_context()


async def _judge(answer: aiohttp.ClientResponse) -> None:
    """Return on 2xx without waiting for the rest of the answer; raise what the status means."""
    status = answer.status
    if status in _DELIVERED:
        return
    if status in _AGAIN or status >= _SERVER_ERROR:
        raise Temporary(f"HTTP {status}", _retry_after(answer.headers.get("Retry-After")))
    raise Rejected(f"HTTP {status}{await _code(answer)}")


async def _code(answer: aiohttp.ClientResponse) -> str:
    """Return the RS-ERROR code in an answer, if there is one: a fixed word, never a text."""
    try:
        told = read(await answer.content.read(_ANSWER_MAX))
    except (BadEnvelope, aiohttp.ClientError):
        return ""
    known = isinstance(told, ErrorReport) and _CODE.fullmatch(told.string)
    return f" {told.string}" if isinstance(told, ErrorReport) and known else ""


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header (a number or a date), None if there are none."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}", value):
        return _bounded(float(value))
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = when if when.tzinfo else when.replace(tzinfo=UTC)
    return _bounded((moment - datetime.now(UTC)).total_seconds())


def _bounded(seconds: float) -> float:
    return min(max(0.0, seconds), _LONGEST_DELAY_S)


def _soon(error: BaseException) -> bool:
    """Repeat within this attempt only what the room has not asked to be spared for longer."""
    if not isinstance(error, Temporary):
        return False
    return error.delay_s is None or error.delay_s <= SHORT_RETRY_AFTER_S


_jitter = tenacity.wait_random(SHORTEST_WAIT_S, LONGEST_WAIT_S)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.delay_s if isinstance(error, Temporary) else None
    return max(SHORTEST_WAIT_S, asked) if asked is not None else _jitter(state)


def _bearer(token: str | None) -> dict[str, str]:
    if token is None:
        return {}
    if not _TOKEN.fullmatch(token):
        raise Invalid("token", "printable characters without spaces are expected")
    return {"Authorization": f"Bearer {token}"}
