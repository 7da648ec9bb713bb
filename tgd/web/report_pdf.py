"""A report as PDF, for a case file: PDF/A-2u, so that it can be archived, searched and copied from.

Serves the report of an alert. It shows the document as it stands (``report_document``), on A4, with
its case and the page on every page. The paper, its font, and the process in which it is set are
``typeset``'s.
"""

from datetime import datetime

from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace
from fpdf.table import Row as TableRow

from tgd.web.report_document import Document, Row, Section
from tgd.web.typeset import FAMILY, Paper, work
from tgd.web.wording import Words

_MARGIN_MM, _SMALL, _TEXT, _TITLE, _HEADING = 15, 8, 9, 11, 17
_INK, _SOFT, _EDGE, _SHADE = (16, 24, 32), (68, 80, 92), (170, 178, 188), (233, 237, 241)
_TONES = {"good": (10, 92, 43), "bad": (176, 0, 32)}
_LAST_LINES_MM = 30
"""So much has to be left on a page for a section to begin on it."""


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


class _Sheet(Paper):
    """The pages of one document."""

    def __init__(self, document: Document, words: Words) -> None:
        super().__init__(document.title, words.locale, _MARGIN_MM)
        self._document = document
        self._words = words
        self.set_auto_page_break(auto=True, margin=_MARGIN_MM + 5)
        self.set_subject(self.legible(document.subtitle))
        self.alias_nb_pages()

    def footer(self) -> None:
        """Say on each page which case and which page it is."""
        self.set_y(-_MARGIN_MM)
        self.set_font(FAMILY, "", _SMALL)
        self.set_text_color(_SOFT)
        self.cell(0, 5, self.legible(self._document.title))
        self.set_x(self.l_margin)
        page = self._words("page", n=self.page_no(), of=self.str_alias_nb_pages)
        self.cell(0, 5, self.legible(page), align="R")

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
        self.start_section(self.legible(section.title))
        self._line(section.title, _TITLE, _INK, "B")
        self._table(section)
        if section.remark is not None:
            self._line(section.remark, _SMALL, _SOFT)

    def _table(self, section: Section) -> None:
        self.set_font(FAMILY, "", _SMALL)
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
                table.row([self.legible(cell) for cell in section.head])
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
            written.cell(self.legible(cell), style=style)

    def _line(self, text: str, size: int, color: tuple[int, int, int], style: str = "") -> None:
        self.set_font(FAMILY, style, size)
        self.set_text_color(color)
        self.multi_cell(0, size * 0.5, self.legible(text), new_x="LMARGIN", new_y="NEXT", align="L")


if __name__ == "__main__":
    work(Document, pdf)
