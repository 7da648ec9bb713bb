"""A report as PDF, for a case file: PDF/A-2u, so that it can be archived, searched and copied from.

Serves the report of an alert. It shows the document as it stands (``report_document``), on A4, with
its case and the page on every page. The font (Roboto, Apache 2.0) comes from a package and goes
into the file; a character that it does not have is shown as a question mark.

It is made in a process of its own, at a low priority: setting pages takes a processor for a while,
and no press is to wait for it. The report goes there and back through pipes.
"""

import asyncio
import os
import sys
from datetime import datetime
from pathlib import Path

import msgspec
from fpdf import FPDF
from fpdf.enums import DocumentCompliance, TableBordersLayout
from fpdf.fonts import FontFace, TTFFont
from fpdf.table import Row as TableRow
from xstatic.pkg import roboto_fontface

from tgd.errors import Temporary, TgdError
from tgd.web.report_document import Document, Row, Section
from tgd.web.wording import Words

_FAMILY = "Roboto"
_STYLES = {"": "Roboto-Regular.ttf", "B": "Roboto-Bold.ttf"}
_MARGIN_MM, _SMALL, _TEXT, _TITLE, _HEADING = 15, 8, 9, 11, 17
_INK, _SOFT, _EDGE, _SHADE = (16, 24, 32), (68, 80, 92), (170, 178, 188), (233, 237, 241)
_TONES = {"good": (10, 92, 43), "bad": (176, 0, 32)}
_INSTEAD = {"→": "–", "\u202f": "\xa0", "\t": " "}
_LONGEST_S, _NICE = 30.0, 10
_LAST_LINES_MM = 30
"""So much has to be left on a page for a section to begin on it."""


class Job(msgspec.Struct, frozen=True):
    """What the other process is given."""

    document: Document
    made_at: datetime


class NotSet(TgdError):
    """The pages could not be set; what the other process said is not told, it may quote them."""


class Press:
    """Sets one report at a time."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Semaphore(1)

    async def pdf(self, document: Document, made_at: datetime) -> bytes:
        """Return the file; ``Temporary`` where it takes too long, ``NotSet`` where it fails."""
        job = msgspec.json.encode(Job(document, made_at))
        async with self._one_at_a_time:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-m", __name__),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
            )
            try:
                async with asyncio.timeout(_LONGEST_S):
                    file, _ = await process.communicate(job)
            except TimeoutError:
                raise Temporary("a report takes too long to set") from None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode != 0:
            raise NotSet(f"setting a report ended with {process.returncode}")
        return file


def main() -> None:
    """Read a job and write the file: the other process."""
    os.nice(_NICE)
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(pdf(job.document, job.made_at))


def pdf(document: Document, made_at: datetime) -> bytes:
    """Return the file."""
    words = Words("report", document.language)
    sheet = _Sheet(document, words)
    sheet.set_creation_date(made_at)
    sheet.add_page()
    sheet.opening()
    for section in document.sections:
        sheet.section(section)
    return bytes(sheet.output())


class _Sheet(FPDF):
    """The pages of one document."""

    def __init__(self, document: Document, words: Words) -> None:
        super().__init__(format="A4", enforce_compliance=DocumentCompliance.PDFA_2U)
        self._document = document
        self._words = words
        for style, file in _STYLES.items():
            self.add_font(_FAMILY, style, _folder() / file)
        known = [set(font.cmap) for font in self.fonts.values() if isinstance(font, TTFFont)]
        self._known = set.intersection(*known)
        self.set_margin(_MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=_MARGIN_MM + 5)
        self.set_title(self._legible(document.title))
        self.set_subject(self._legible(document.subtitle))
        self.set_lang(words.locale)
        self.set_creator("tgd")
        self.alias_nb_pages()

    def footer(self) -> None:
        """Say on each page which case and which page it is."""
        self.set_y(-_MARGIN_MM)
        self.set_font(_FAMILY, "", _SMALL)
        self.set_text_color(_SOFT)
        self.cell(0, 5, self._legible(self._document.title))
        self.set_x(self.l_margin)
        page = self._words("page", n=self.page_no(), of=self.str_alias_nb_pages)
        self.cell(0, 5, self._legible(page), align="R")

    def opening(self) -> None:
        """Write what stands above the sections."""
        document = self._document
        self._line(document.subtitle, _TEXT, _SOFT)
        self._line(document.heading, _HEADING, _INK, "B")
        self._line(document.of_case, _TITLE, _INK, "B")
        if document.warning is not None:
            self._line(document.warning, _TITLE, _TONES["bad"], "B")
        for remark in document.remarks:
            self._line(remark, _SMALL, _SOFT)

    def section(self, section: Section) -> None:
        """Write one section; its title never stands alone at a page's end."""
        if self.will_page_break(_LAST_LINES_MM):
            self.add_page()
        self.ln(3)
        self.start_section(self._legible(section.title))
        self._line(section.title, _TITLE, _INK, "B")
        self._table(section)
        if section.remark is not None:
            self._line(section.remark, _SMALL, _SOFT)

    def _table(self, section: Section) -> None:
        self.set_font(_FAMILY, "", _SMALL)
        self.set_text_color(_INK)
        self.set_draw_color(_EDGE)
        with self.table(
            col_widths=tuple(section.widths),
            first_row_as_headings=bool(section.head),
            headings_style=FontFace(emphasis="BOLD", fill_color=_SHADE),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            line_height=4.2,
            padding=(0.7, 1),
            text_align="LEFT",
            v_align="TOP",
        ) as table:
            if section.head:
                table.row([self._legible(cell) for cell in section.head])
            facts = not section.head and len(section.widths) > 1
            for row in section.rows:
                self._row(table.row(), row, facts=facts)

    def _row(self, written: TableRow, row: Row, *, facts: bool) -> None:
        last = len(row.cells) - 1
        for place, cell in enumerate(row.cells):
            style = None
            if facts and place == 0:
                style = FontFace(color=_SOFT)
            elif row.tone and place == last:
                style = FontFace(color=_TONES[row.tone], emphasis="BOLD")
            written.cell(self._legible(cell), style=style)

    def _legible(self, text: str) -> str:
        """Return the text in characters that the font has."""
        shown = (_INSTEAD.get(sign, sign) for sign in text)
        return "".join(sign if ord(sign) in self._known or sign == "\n" else "?" for sign in shown)

    def _line(self, text: str, size: int, color: tuple[int, int, int], style: str = "") -> None:
        self.set_font(_FAMILY, style, size)
        self.set_text_color(color)
        self.multi_cell(
            0, size * 0.5, self._legible(text), new_x="LMARGIN", new_y="NEXT", align="L"
        )


def _folder() -> Path:
    return Path(roboto_fontface.BASE_DIR) / "fonts" / "roboto"


if __name__ == "__main__":
    main()
