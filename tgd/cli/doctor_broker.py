"""The doctor's look at the brokers: can phones be heard and answered, and by whom else?

Serves arrow 1. Each broker is connected to with our credentials in both versions of MQTT; a message
goes to the ``down`` topic of a phone that does not exist, never to an ``up`` topic: whatever
arrives there is a press or a report. Then a client without credentials tries the same. A broker
that lets it in is served as well, and the line says what that leaves open. Whether one phone can
use another's topics cannot be seen without a phone's password; it is in the broker's access list.
"""

import asyncio
import ipaddress
import logging
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from tgd.cli.findings import FAILED, OK, WARNING, Finding
from tgd.config import Config
from tgd.devices import trust
from tgd.devices.mqtt import Arrived, MqttLink, State
from tgd.devices.mqtt_address import Address

CONNECT_S = 5.0
ANSWER_S = 2.0
VERSIONS = ("5", "3.1.1")

_POLL_S = 0.002
_PAYLOAD = b'{"_type":"doctor"}'


class _Words(logging.Handler):
    """Keeps the links' last words, which say why there is no connection, off the terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep ``name: words`` by name."""
        name, _, words = record.getMessage().partition(": ")
        self.last[name] = words


@dataclass
class _Probe:
    """A passing client: up inside an ``async with``, in one version of MQTT."""

    url: str
    tls: ssl.SSLContext | None
    words: _Words
    topics: tuple[str, ...] = ()
    name: str = field(default_factory=lambda: f"tgd-doctor-{secrets.token_hex(6)}")
    heard: list[Arrived] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        asked = [(topic, 1) for topic in self.topics]
        self.link = MqttLink(
            self.name, [self.url], asked, self.heard.extend, tls=self.tls, keep_session=False
        )
        self._task = asyncio.create_task(self.link.run())
        # Its first words without a connection say why there is none: no need to wait for more.
        await _until(lambda: self.link.connected or self.name in self.words.last, CONNECT_S)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def listening(self) -> bool:
        """Say whether every subscription is granted."""
        return await _until(lambda: self.link.state is State.LISTENING, ANSWER_S)


async def examine_brokers(config: Config) -> AsyncIterator[Finding]:
    """Yield what was found of each broker."""
    words, log = _Words(), logging.getLogger("tgd.devices")
    log.addHandler(words)
    log.setLevel(logging.DEBUG)
    try:
        tls = trust.tls(config.mqtt_ca, config.mqtt_cert)
        for url in config.mqtt_urls:
            async for finding in _broker(url, tls, words):
                yield finding
    except (OSError, ssl.SSLError) as error:
        yield Finding(FAILED, "TLS", f"TGD_MQTT_CA, TGD_MQTT_CERT: {type(error).__name__}")
    finally:
        log.removeHandler(words)


async def _broker(url: str, tls: ssl.SSLContext | None, words: _Words) -> AsyncIterator[Finding]:
    address = Address.parse(url)
    what = f"broker {address}"
    spoken, why = await _versions(url, tls, words)
    if not spoken:
        yield Finding(FAILED, what, f"no connection: {why}")
        return
    yield Finding(OK, what, f"takes our connection, MQTT {' and '.join(spoken)}")
    chosen = _in_version(url, spoken[0])
    phone = f"tgd/v1/doctor-{secrets.token_hex(6)}"
    async with _Probe(chosen, tls, words, (f"{phone}/up/press",)) as ours:
        yield await _exchange(what, ours, f"{phone}/down")
        yield await _open_to(what, ours, f"{phone}/down")
    if not address.tls and not _loopback(address.host):
        yield Finding(WARNING, what, "not encrypted: use mqtts:// beyond this machine")


async def _versions(url: str, tls: ssl.SSLContext | None, words: _Words) -> tuple[list[str], str]:
    """Return the versions in which the broker takes our connection, and the last refusal."""

    async def speaks(version: str) -> tuple[str | None, str]:
        async with _Probe(_in_version(url, version), tls, words) as probe:
            said = words.last.get(probe.name, "no answer in time")
            return (version if probe.link.connected else None), said

    asked = (_asked(url),) if _asked(url) else VERSIONS
    answers = await asyncio.gather(*(speaks(version) for version in asked))
    # The older version's refusal is the plainer one: the newer may only be unknown there.
    why = answers[-1][1].removeprefix(f"{Address.parse(url)}: ")
    return [version for version, _ in answers if version is not None], why


async def _exchange(what: str, ours: _Probe, topic: str) -> Finding:
    """Send to a phone that does not exist, as a receipt would be sent."""
    loop = asyncio.get_running_loop()
    granted = await ours.listening()
    since = loop.time()
    ours.link.publish(topic, _PAYLOAD)
    if not await _until(lambda: not ours.link.pending, ANSWER_S):
        return Finding(FAILED, what, "a message to a phone is not acknowledged by the broker")
    took = (loop.time() - since) * 1000
    if ours.link.counts.denied:
        why = "our user may not write to the phones' down topics: no phone would be receipted"
        return Finding(FAILED, what, why)
    if not granted:
        return Finding(WARNING, what, "a subscription is refused: we must read tgd/v1/+/up/#")
    return Finding(OK, what, f"took a message to a phone in {took:.1f} ms")


async def _open_to(what: str, ours: _Probe, topic: str) -> Finding:
    """Say what somebody without a password can do."""
    if Address.parse(ours.url).username is None:
        why = "we connect without a password, so can anybody: press for any phone, read any answer"
        return Finding(WARNING, what, why)
    async with _Probe(_anonymous(ours.url), ours.tls, ours.words, (topic,)) as anybody:
        if not anybody.link.connected:
            said = "refuses clients without a password; phones' own rights were not tried"
            return Finding(OK, what, said)
        await anybody.listening()
        ours.link.publish(topic, _PAYLOAD)
        reads = await _until(lambda: bool(anybody.heard), ANSWER_S)
    does = "reads what phones are told" if reads else "does not read what phones are told"
    return Finding(WARNING, what, f"a client without a password connects and {does}")


async def _until(fact: Callable[[], bool], seconds: float) -> bool:
    """Wait for ``fact`` to come true; say whether it did in time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not fact() and loop.time() < end:  # noqa: ASYNC110  the link's facts come without an event
        await asyncio.sleep(_POLL_S)
    return fact()


def _asked(url: str) -> str:
    """Return the version that the address itself settles, if any."""
    return parse_qs(urlsplit(url).query).get("version", [""])[-1]


def _in_version(url: str, version: str) -> str:
    return url if _asked(url) else f"{url}{'&' if '?' in url else '?'}version={version}"


def _anonymous(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
