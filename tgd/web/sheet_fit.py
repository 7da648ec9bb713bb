"""Making a sheet fit one A4 page, whatever is written on it: the largest letters that do.

Serves the sheet, as HTML and as PDF: both show what ``fitted`` returns, in its size. Pure. Widths
are bounds for the sans-serif fonts that a room's machine may have (DejaVu Sans, the widest, bold
too), so that what fits here fits there: a text never takes more lines than are counted. Where the
smallest letters do not suffice, lines are cut and left out, those in the middle first, and it says
so: the message has them all.
"""

import re
from dataclasses import dataclass, replace

from tgd.platform.channels.sheet import NEVER_CALL, Block, Sheet

PAGE_MM, MARGIN_MM = (210.0, 297.0), 10.0
WIDE_MM = PAGE_MM[0] - 2 * MARGIN_MM
PLAN_MM, GAP_MM = 66.0, 5.0
LEFT_MM = WIDE_MM - PLAN_MM - GAP_MM
FACTS = 4
BANNER_MM, BLOCK_MM, FOOT_MM = 15.0, 2.5, 14.0
HEAD_PT, WARNING_PT, SMALL_PT, BANNER_PT = 19.0, 14.0, 8.0, 24.0
HIGH = 1.25
"""A line's height, in letters' sizes."""
PT_MM = 25.4 / 72
_HIGH_MM = PAGE_MM[1] - 2 * MARGIN_MM
_BOLD = 1.12
_HUGE, _BROAD, _COMMON, _SLIM = 1.12, 0.8, 0.66, 0.42
_OF = dict.fromkeys("MWm%@w—…Œœæ½¼¾‰™", _HUGE) | dict.fromkeys(" .,:;!'|ijl()[]-·", _SLIM)
_LAST_LATIN = 0x24F
_MORE = "(la suite est dans le message)"
_LOOSE = re.compile(r" (?=[:;!?»%])")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A sheet and the size of its letters in points, with which it fits."""

    sheet: Sheet
    size_pt: float


_TRIES = (
    *((size, 600, 60) for size in (14.0, 13.0, 12.5, 12.0, 11.5, 11.0, 10.5, 10.0, 9.5, 9.0, 8.5)),
    *((8.5, longest, 14) for longest in (300, 240, 180)),
    *((8.5, 180, most) for most in (12, 10, 8, 6)),
    *((8.5, 120, most) for most in (6, 5, 4)),
    *((8.5, 70, most) for most in (4, 3, 2)),
    (8.5, 40, 2),
)
"""Size, longest line, most lines of a block: the first that fits is taken."""


def fitted(sheet: Sheet) -> Fitted:
    """Return the sheet as it fits: whole if it can be, in letters as large as can be."""
    whole = _glued(sheet)
    for size, longest, most in _TRIES:
        shown = _cut(whole, longest, most)
        if height_mm(shown, size) <= _HIGH_MM:
            break
    return Fitted(shown, size)


def height_mm(sheet: Sheet, size_pt: float) -> float:
    """Return how high the page gets at most."""
    beside = PLAN_MM if sheet.disc is not None else 0.0
    where = LEFT_MM if sheet.disc is not None else WIDE_MM
    return (
        (BANNER_MM + BLOCK_MM if sheet.exercise else 0.0)
        + _text(sheet.headline, HEAD_PT, WIDE_MM, bold=True)
        + _texts(sheet.why, size_pt + 1, WIDE_MM)
        + BLOCK_MM
        + _line(SMALL_PT)
        + max(_text(value, size_pt, WIDE_MM / FACTS - 2, bold=True) for _, value in sheet.facts)
        + BLOCK_MM
        + _text(NEVER_CALL, WARNING_PT, WIDE_MM - 2 * BLOCK_MM, bold=True)
        + _text(call_back(sheet), WARNING_PT, WIDE_MM - 2 * BLOCK_MM, bold=True)
        + 2 * BLOCK_MM
        + max(beside, _where(sheet, size_pt, where))
        + BLOCK_MM
        + sum(_block(block, size_pt, WIDE_MM) for block in sheet.blocks)
        + FOOT_MM
    )


def call_back(sheet: Sheet) -> str:
    """Return whom to call instead of her."""
    return f"Appeler la plateforme TGD : {sheet.callback or 'numéro non renseigné'}"


def _where(sheet: Sheet, size_pt: float, wide_mm: float) -> float:
    return (
        _line(size_pt)
        + _texts(sheet.place, size_pt + 1, wide_mm, bold=True)
        + sum(_block(block, size_pt, wide_mm) for block in sheet.beside)
    )


def _block(block: Block, size_pt: float, wide_mm: float) -> float:
    return (
        2 * BLOCK_MM
        + _line(size_pt)
        + _texts(block.lines, size_pt, wide_mm - 2 * BLOCK_MM, bold=block.alarm)
    )


def _texts(lines: tuple[str, ...], size_pt: float, wide_mm: float, *, bold: bool = False) -> float:
    return sum(_text(line, size_pt, wide_mm, bold=bold) for line in lines)


def _text(line: str, size_pt: float, wide_mm: float, *, bold: bool = False) -> float:
    letters = wide_mm / (size_pt * PT_MM) / (_BOLD if bold else 1.0)
    return _lines(line, letters) * _line(size_pt)


def _line(size_pt: float) -> float:
    return size_pt * PT_MM * HIGH


def _lines(text: str, wide: float) -> int:
    """Count the lines of a text in a column of so many letters' sizes, as browsers break it."""
    lines, at = 1, 0.0
    for word in text.split(" "):
        width = sum(_width(sign) for sign in word)
        if at and at + _SLIM + width > wide:
            lines, at = lines + 1, 0.0
        at += width + (_SLIM if at else 0.0)
        if at > wide:  # a word longer than the line is broken anywhere; a letter is left over each
            more = int(at // max(_HUGE, wide - _HUGE))
            lines, at = lines + more, wide
    return lines


def _width(sign: str) -> float:
    known = _OF.get(sign)
    if known is not None:
        return known
    if ord(sign) > _LAST_LATIN:
        return _HUGE
    return _BROAD if sign.isupper() else _COMMON


def _glued(sheet: Sheet) -> Sheet:
    """Return the sheet with its double signs bound to the words before them, as French has it."""
    return replace(
        sheet,
        headline=_bound(sheet.headline),
        why=tuple(map(_bound, sheet.why)),
        place=tuple(map(_bound, sheet.place)),
        beside=tuple(replace(one, lines=tuple(map(_bound, one.lines))) for one in sheet.beside),
        blocks=tuple(replace(one, lines=tuple(map(_bound, one.lines))) for one in sheet.blocks),
    )


def _bound(line: str) -> str:
    return _LOOSE.sub("\u00a0", line)


def _cut(sheet: Sheet, longest: int, most: int) -> Sheet:
    if most == _TRIES[0][2]:
        return sheet
    return replace(
        sheet,
        why=_fewer(sheet.why, longest, most),
        facts=tuple((title, _shorter(value, 40)) for title, value in sheet.facts),
        place=_fewer(sheet.place, longest, most),
        beside=_less(sheet.beside, longest, most),
        blocks=_less(sheet.blocks, longest, most),
    )


def _less(blocks: tuple[Block, ...], longest: int, most: int) -> tuple[Block, ...]:
    return tuple(replace(one, lines=_fewer(one.lines, longest, most)) for one in blocks)


def _fewer(lines: tuple[str, ...], longest: int, most: int) -> tuple[str, ...]:
    """Keep the first lines and the last: those are the newest."""
    kept = tuple(_shorter(line, longest) for line in lines)
    if len(kept) <= most:
        return kept
    return (*kept[: most - most // 2], _MORE, *kept[len(kept) - most // 2 :])


def _shorter(line: str, longest: int) -> str:
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
