"""Setting pages as PDF: the paper with its font, and the process of its own in which it is done.

Serves reports and sheets. The font (Roboto, Apache 2.0) comes from a package and goes into the
file; a character that it does not have is shown as a question mark. Setting pages takes a processor
for a while, and no press is to wait for it: it happens at a low priority in another process, and
what is set goes there and back through pipes.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from fpdf import FPDF
from fpdf.enums import DocumentCompliance
from fpdf.fonts import TTFFont
from xstatic.pkg import roboto_fontface

from tgd.errors import Temporary, TgdError

FAMILY = "Roboto"
_STYLES = {"": "Roboto-Regular.ttf", "B": "Roboto-Bold.ttf"}
_INSTEAD = {"→": "–", "\u202f": "\xa0", "\t": " "}
_LONGEST_S, _NICE = 30.0, 10
_Thing = TypeVar("_Thing")


class NotSet(TgdError):
    """The pages could not be set; what the other process said is not told, it may quote them."""


class Press:
    """Sets one thing at a time with a module of this package, which calls ``work``."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._one_at_a_time = asyncio.Semaphore(1)

    async def pdf(self, document: object, made_at: datetime) -> bytes:
        """Return the file; ``Temporary`` where it takes too long, ``NotSet`` where it fails."""
        job = msgspec.json.encode((document, made_at))
        async with self._one_at_a_time:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-m", self._module),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
            )
            try:
                async with asyncio.timeout(_LONGEST_S):
                    file, _ = await process.communicate(job)
            except TimeoutError:
                raise Temporary("the pages take too long to set") from None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode != 0:
            raise NotSet(f"setting pages ended with {process.returncode}")
        return file


def work(kind: type[_Thing], pdf: Callable[[_Thing, datetime], bytes]) -> None:
    """Read one job and write its file: the other process."""
    os.nice(_NICE)
    document, made_at = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[Any, datetime])
    sys.stdout.buffer.write(pdf(msgspec.convert(document, kind), made_at))


class Paper(FPDF):
    """A4, PDF/A-2u: it can be archived, searched and copied from."""

    def __init__(self, title: str, language: str, margin_mm: float) -> None:
        super().__init__(format="A4", enforce_compliance=DocumentCompliance.PDFA_2U)
        for style, file in _STYLES.items():
            self.add_font(FAMILY, style, _folder() / file)
        known = [set(font.cmap) for font in self.fonts.values() if isinstance(font, TTFFont)]
        self._known = set.intersection(*known)
        self.set_margin(margin_mm)
        self.set_title(self.legible(title))
        self.set_lang(language)
        self.set_creator("tgd")

    def legible(self, text: str) -> str:
        """Return the text in characters that the font has."""
        shown = (_INSTEAD.get(sign, sign) for sign in text)
        return "".join(sign if ord(sign) in self._known or sign == "\n" else "?" for sign in shown)


def _folder() -> Path:
    return Path(roboto_fontface.BASE_DIR) / "fonts" / "roboto"
