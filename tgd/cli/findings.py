"""What a check of ``tgd doctor`` found: one line that says how it stands, of what, and why."""

from dataclasses import dataclass

OK, WARNING, FAILED = "ok", "warning", "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. ``state`` is ``OK``, ``WARNING`` (it works, but) or ``FAILED``."""

    state: str
    what: str
    said: str

    def __str__(self) -> str:
        return f"{self.state:<8} {self.what}: {self.said}"


def verdict(good: bool, what: str, said: str, otherwise: str) -> Finding:  # noqa: FBT001  the fact that is judged
    """Return ``said`` as OK where ``good``, else ``otherwise`` as FAILED."""
    return Finding(OK, what, said) if good else Finding(FAILED, what, otherwise)
