"""A phone's paths to the platform: what the shell needs of any of them.

Serves rule 2 of the protocol: a press goes by every path that the phone has. A path carries bytes
and tells what happens; it knows no rule and keeps nothing that a crash may not lose.
"""

from __future__ import annotations

from typing import Protocol

from firmware_sim.events import Kind


class Ear(Protocol):
    """Who is told what a path brings (the phone's shell)."""

    def came_down(self, path: str, payload: bytes) -> None:
        """Take a message that came from the platform."""

    def path_opened(self, path: str, address: str) -> None:
        """Take note that from now on messages leave."""

    def path_told(self, path: str, kind: Kind, reason: str) -> None:
        """Take note of a disconnection or a failure."""


class PhonePath(Protocol):
    """One way to the platform."""

    name: str

    @property
    def ready(self) -> bool:
        """Whether `send` would leave now."""
        ...

    def start(self, ear: Ear) -> None:
        """Begin to connect, and keep connecting."""

    def send(self, leaf: str, payload: bytes) -> None:
        """Send to `up/{leaf}`; only called when `ready`."""

    def carries(self, leaf: str) -> bool:
        """Whether such messages go this way at all."""
        ...

    def hurry(self) -> None:
        """Try again now: somebody is pressing the button."""

    def abort(self) -> None:
        """Be gone at once and say goodbye to nobody: dead zone, crash, flat battery."""

    async def stop(self) -> None:
        """Leave in good order."""
