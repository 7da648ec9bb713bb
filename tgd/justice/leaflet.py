"""The holder's leaflet: one page, in French, that says what the button does.

Serves the hand-over of a phone. It names nobody and no phone, and has no code on it: it may be
found by whom it is to protect from. It does not say either that a word may be agreed. Its words
are in ``leaflet.toml``, where an association can mend them without touching code: a line that ends
with a colon leaves room to write; the font (Roboto, Apache 2.0) goes into the file.
"""

import tomllib
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

from fpdf import FPDF
from xstatic.pkg import roboto_fontface

from tgd.errors import TgdError

_FAMILY = "Roboto"
_STYLES = {"": "Roboto-Regular.ttf", "B": "Roboto-Bold.ttf"}
_MARGIN_MM, _TEXT, _HEADING, _TITLE = 18, 12.5, 15, 24
_LINE, _GAP_MM, _WRITTEN_MM = 1.33, 3, 5
_MM_PER_POINT = 0.3528


class TooLong(TgdError):
    """The leaflet's words do not fit on one page."""


def words() -> dict[str, Any]:
    """Return the leaflet's text: ``title``, ``subtitle``, ``part`` of ``heading`` and ``lines``."""
    file = resources.files("tgd.justice").joinpath("leaflet.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def pdf(made_at: datetime) -> bytes:
    """Return the leaflet on one page of A4, large enough to be read without glasses."""
    said = words()
    page = FPDF(format="A4")
    page.set_creation_date(made_at)
    page.set_title(said["title"])
    page.set_lang("fr")
    page.set_margin(_MARGIN_MM)
    page.set_auto_page_break(auto=True, margin=_MARGIN_MM)
    fonts = Path(roboto_fontface.BASE_DIR) / "fonts" / "roboto"
    for style, name in _STYLES.items():
        page.add_font(_FAMILY, style, fonts / name)
    page.add_page()
    _line(page, said["title"], _TITLE, "B")
    _line(page, said["subtitle"], _TEXT, "")
    for part in said["part"]:
        page.ln(_GAP_MM)
        _line(page, part["heading"], _HEADING, "B")
        for line in part["lines"]:
            _line(page, line, _TEXT, "")
            if line.endswith(":"):
                _to_be_written(page, line)
    if page.page_no() != 1:
        raise TooLong("the leaflet's words do not fit on one page")
    return bytes(page.output())


def _line(page: FPDF, text: str, size: float, style: str) -> None:
    page.set_font(_FAMILY, style, size)
    height = size * _LINE * _MM_PER_POINT
    page.multi_cell(0, height, text, new_x="LMARGIN", new_y="NEXT", align="L")
    page.ln(height * 0.2)


def _to_be_written(page: FPDF, text: str) -> None:
    """Rule a line behind the text, to the margin."""
    at = page.l_margin + page.get_string_width(text) + _GAP_MM
    page.line(at, page.get_y(), page.w - page.r_margin, page.get_y())
    page.ln(_WRITTEN_MM)
