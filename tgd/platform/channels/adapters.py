"""What each adapter writes and how it is carried: a new one is one file beside this, one line here.

Serves arrow 3: ``flow.sending`` looks up the adapter of the line by which a message goes. Opened
and closed with the server. ``voice`` is not here: that is a person with a telephone.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tgd.clock import Clock
from tgd.platform.channels import Channel, Tried, cap, cisu, cisu_amqp
from tgd.platform.channels.certificates import Valid
from tgd.platform.channels.cisu_amqp import CisuAmqp
from tgd.platform.channels.cisu_https import CisuHttps
from tgd.platform.channels.cisu_message import CaseMessage


class Adapter(NamedTuple):
    """``written`` returns a case's bytes, ``channel`` delivers them, ``probe`` sends none.

    A probe returns until when the certificates of both sides are valid, and raises what ``send``
    raises.
    """

    written: Callable[[CaseMessage], bytes]
    channel: Channel
    probe: Callable[[Tried], Awaitable[Valid]]


class Adapters:
    """All of them, by the word that a rooms file uses. ``https`` stands in for a room in tests."""

    def __init__(self, https: Channel | None = None, *, clock: Clock | None = None) -> None:
        self.amqp = CisuAmqp(clock or Clock())
        self._post = CisuHttps()
        self._post_cap = CisuHttps(cap.CONTENT_TYPE)
        self._all = {
            "https": Adapter(_cisu, https or self._post, _probe_of(https, self._post)),
            "amqp": Adapter(_cisu, self.amqp, cisu_amqp.probe),
            "cap": Adapter(cap.written, self._post_cap, self._post_cap.probe),
        }

    def of(self, name: str) -> Adapter:
        """Return the adapter of that name; raises ``KeyError`` where nothing is sent by it."""
        return self._all[name]

    async def close(self) -> None:
        """Close every connection; what is being sent is broken off and counts as not sent."""
        await self._post.close()
        await self._post_cap.close()
        await self.amqp.close()


def _cisu(message: CaseMessage) -> bytes:
    return cisu.encode(cisu.envelope(message))


def _probe_of(given: Channel | None, ours: CisuHttps) -> Callable[[Tried], Awaitable[Valid]]:
    """Probe as the channel that sends does, where it can; a stand-in for the world cannot."""
    return given.probe if isinstance(given, CisuHttps) else ours.probe
