"""The sheet as PDF: one A4 page, with the font inside, as the page for screens prints.

Serves the sheet; set in the other process, as reports are (``report_pdf``). Sizes and widths are
``sheet_fit``'s, so that it is one page whatever is written on it.
"""

from datetime import datetime

from tgd.platform.channels.sheet import EXERCISE, NEVER_CALL, Block, Disc, Sheet
from tgd.web.sheet_fit import (
    BANNER_MM,
    BANNER_PT,
    BLOCK_MM,
    FACTS,
    GAP_MM,
    HEAD_PT,
    HIGH,
    LEFT_MM,
    MARGIN_MM,
    PLAN_MM,
    PT_MM,
    SMALL_PT,
    WARNING_PT,
    WIDE_MM,
    call_back,
    fitted,
)
from tgd.web.sheet_html import NO_ANSWER, STALE
from tgd.web.sheet_plan import BORDERS, Plan, plan
from tgd.web.typeset import FAMILY, Paper, work

_INK, _SOFT, _EDGE = (16, 24, 32), (68, 80, 92), (170, 178, 188)
_BAD, _PALE, _WHITE, _YELLOW = (176, 0, 32), (248, 224, 228), (255, 255, 255), (255, 212, 0)


def pdf(sheet: Sheet, made_at: datetime) -> bytes:
    """Return the file."""
    it = fitted(sheet)
    page = _Page(it.sheet, it.size_pt)
    page.set_creation_date(made_at)
    page.add_page()
    page.write_all()
    return bytes(page.output())


class _Page(Paper):
    """The one page."""

    def __init__(self, sheet: Sheet, size_pt: float) -> None:
        super().__init__(f"Fiche TGD {sheet.case}", "fr", MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=MARGIN_MM)
        self.c_margin = 0
        self._sheet = sheet
        self._size = size_pt

    def write_all(self) -> None:
        """Write the page from top to bottom."""
        sheet = self._sheet
        if sheet.exercise:
            self._banner()
        self._line(sheet.headline, HEAD_PT, style="B")
        for line in sheet.why:
            self._line(line, self._size + 1)
        self._facts()
        self._never()
        self._where()
        for block in sheet.blocks:
            self._block(block)
        self._foot()

    def _banner(self) -> None:
        self.set_fill_color(_YELLOW)
        self.set_draw_color(_INK)
        self.set_line_width(1)
        self.set_font(FAMILY, "B", BANNER_PT)
        self.set_text_color(_INK)
        self.cell(WIDE_MM, BANNER_MM, EXERCISE, border=1, fill=True, align="C")
        self.set_xy(MARGIN_MM, self.get_y() + BANNER_MM + BLOCK_MM)

    def _facts(self) -> None:
        self._rule(_EDGE)
        top, bottom, wide = self.get_y(), self.get_y(), WIDE_MM / FACTS
        for place, (title, said) in enumerate(self._sheet.facts):
            self.set_xy(MARGIN_MM + place * wide, top)
            self._column(title, SMALL_PT, wide - 2, _SOFT)
            self._column(said, self._size, wide - 2, style="B")
            bottom = max(bottom, self.get_y())
        self.set_xy(MARGIN_MM, bottom)
        self._rule(_EDGE)

    def _never(self) -> None:
        """Write whom not to call on red; the red is as high as its words, measured first."""
        wide, text = WIDE_MM - 2 * BLOCK_MM, f"{NEVER_CALL}\n{call_back(self._sheet)}"
        self.set_y(self.get_y() + BLOCK_MM / 2)
        top = self.get_y()
        self.set_font(FAMILY, "B", WARNING_PT)
        line = WARNING_PT * PT_MM * HIGH
        measured = self.multi_cell(wide, line, self.legible(text), dry_run=True, output="LINES")
        high = line * len(measured) if isinstance(measured, list) else 2 * line
        self.set_fill_color(_BAD)
        self.rect(MARGIN_MM, top, WIDE_MM, high + BLOCK_MM, style="F")
        self.set_xy(MARGIN_MM + BLOCK_MM, top + BLOCK_MM / 2)
        self._column(text, WARNING_PT, wide, _WHITE, "B")
        self.set_xy(MARGIN_MM, top + high + 1.5 * BLOCK_MM)

    def _where(self) -> None:
        sheet, top = self._sheet, self.get_y()
        wide = WIDE_MM if sheet.disc is None else LEFT_MM
        self._column("Où elle est", self._size, wide, _SOFT, "B")
        for n, line in enumerate(sheet.place):
            self._column(line, self._size + 1, wide, style="" if n else "B")
        for block in sheet.beside:
            self._block(block, wide)
        bottom = self.get_y()
        if sheet.disc is not None:
            self._plan(sheet.disc, MARGIN_MM + LEFT_MM + GAP_MM, top)
            bottom = max(bottom, top + PLAN_MM)
        self.set_xy(MARGIN_MM, bottom + BLOCK_MM / 2)

    def _plan(self, disc: Disc, left: float, top: float) -> None:
        drawn, half = plan(disc), PLAN_MM / 2
        self.set_draw_color(_EDGE)
        self.set_line_width(0.15)
        self.line(left + half, top, left + half, top + PLAN_MM)
        self.line(left, top + half, left + PLAN_MM, top + half)
        if drawn.disc_mm is not None:
            self.set_fill_color(_PALE)
            self.set_draw_color(_BAD)
            self.set_line_width(0.6)
            self.circle(left + half, top + half, drawn.disc_mm, style="DF")
        self._borders(drawn, left, top)
        self.set_fill_color(_BAD)
        self.circle(left + half, top + half, 1.2, style="F")
        self.set_draw_color(_EDGE)
        self.set_line_width(0.4)
        self.rect(left, top, PLAN_MM, PLAN_MM)
        self._legend(left, top, drawn.bar_mm, drawn.bar, drawn.radius)

    def _borders(self, drawn: Plan, left: float, top: float) -> None:
        if not drawn.borders:
            return
        self.set_draw_color(_SOFT)
        self.set_line_width(0.3)
        self.set_dash_pattern(dash=1.2, gap=1)
        for line in drawn.borders:
            self.polyline([(left + x, top + y) for x, y in line])
        self.set_dash_pattern()
        self.set_font(FAMILY, "", 7)
        self.set_text_color(_SOFT)
        self.text(left + 3, top + 5, BORDERS)

    def _legend(self, left: float, top: float, bar_mm: float, bar: str, radius: str) -> None:
        north, low = left + PLAN_MM - 5, top + PLAN_MM - 5
        self.set_fill_color(_INK)
        self.polygon([(north, top + 3), (north - 2, top + 8), (north + 2, top + 8)], style="F")
        self.set_draw_color(_INK)
        self.set_line_width(0.5)
        self.line(left + 4, low, left + 4 + bar_mm, low)
        self.set_font(FAMILY, "B", 9)
        self.set_text_color(_INK)
        self.text(north - 1.1, top + 12, "N")
        self.text(left + 4, low - 2, bar)
        wide = self.get_string_width(radius)
        self.text(left + PLAN_MM - 3 - wide, low, radius)

    def _block(self, block: Block, wide_mm: float = WIDE_MM) -> None:
        ink, style = (_BAD, "B") if block.alarm else (_SOFT, "")
        if not block.alarm:
            self._rule(_EDGE, wide_mm)
        top = self.get_y() + (BLOCK_MM / 2 if block.alarm else 0)
        inset = BLOCK_MM if block.alarm else 0.0
        self.set_xy(MARGIN_MM + inset, top)
        self._column(block.title, self._size, wide_mm - inset, ink, "B")
        for line in block.lines:
            self._column(line, self._size, wide_mm - inset, style=style)
        if block.alarm:
            self.set_fill_color(_BAD)
            self.rect(MARGIN_MM, top, 1.2, self.get_y() - top, style="F")
        self.set_xy(MARGIN_MM, self.get_y())

    def _foot(self) -> None:
        self._rule(_INK)
        self._line(f"Fiche établie le {self._sheet.made}. {STALE}", SMALL_PT, style="B")
        self._line(f"{NO_ANSWER} Affaire {self._sheet.case}.", SMALL_PT)

    def _rule(self, ink: tuple[int, int, int], wide_mm: float = WIDE_MM) -> None:
        at = self.get_y() + BLOCK_MM / 2
        self.set_draw_color(ink)
        self.set_line_width(0.3)
        self.line(MARGIN_MM, at, MARGIN_MM + wide_mm, at)
        self.set_xy(MARGIN_MM, at + BLOCK_MM / 4)

    def _line(
        self, text: str, size_pt: float, ink: tuple[int, int, int] = _INK, style: str = ""
    ) -> None:
        self._column(text, size_pt, WIDE_MM, ink, style)

    def _column(
        self,
        text: str,
        size_pt: float,
        wide_mm: float,
        ink: tuple[int, int, int] = _INK,
        style: str = "",
    ) -> None:
        """Write a text from here down in a column; the next stands below it."""
        self.set_font(FAMILY, style, size_pt)
        self.set_text_color(ink)
        self.multi_cell(
            *(wide_mm, size_pt * PT_MM * HIGH, self.legible(text)),
            align="L",
            new_x="LEFT",
            new_y="NEXT",
        )


if __name__ == "__main__":
    work(Sheet, pdf)
