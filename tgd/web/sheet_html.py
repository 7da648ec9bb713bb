"""The sheet as a page: one document with its style inside, no script, nothing loaded.

Serves the sheet, on a room's screen and on its printer: on paper it is one A4 page, in the sizes
that ``sheet_fit`` has chosen. Whatever a text holds is escaped. The Content-Security-Policy that
goes with the page allows this very style and nothing else at all.
"""

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib import resources

from tgd.platform.channels.sheet import EXERCISE, NEVER_CALL, Block, Disc, Sheet
from tgd.web.sheet_fit import PLAN_MM, call_back, fitted
from tgd.web.sheet_plan import BORDERS, plan

STALE = (
    "Heure de Paris. Cette fiche vieillit : la position et les faits changent. Rouvrir le lien"
    " donne la suite."
)
NO_ANSWER = "Ouvrir cette fiche ne répond pas à la plateforme : elle attend votre accusé."
SCREEN_PT = 13.0
_HALF, _LOW = PLAN_MM / 2, PLAN_MM - 5


def page(sheet: Sheet, pdf: str | None = None) -> tuple[str, str]:
    """Return the page and its style; ``pdf`` is the file's address."""
    it = fitted(sheet)
    style = _css() + _sized(it.size_pt)
    shown = it.sheet
    body = [
        f'<p class="exercise" role="alert">{EXERCISE}</p>' if shown.exercise else "",
        f"<header><h1>{escape(shown.headline)}</h1>",
        *(f'<p class="why">{escape(line)}</p>' for line in shown.why),
        "</header>",
        _facts(shown.facts),
        f'<div class="never"><p>{NEVER_CALL}</p><p>{escape(call_back(shown))}</p></div>',
        _where(shown),
        f'<div class="blocks">{"".join(_block(block) for block in shown.blocks)}</div>',
        _footer(shown, pdf),
    ]
    return document(f"Fiche TGD {shown.case}", style, "".join(body)), style


def document(title: str, style: str, body: str) -> str:
    """Return a whole page with its style inside."""
    return (
        '<!doctype html><html lang="fr"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex, nofollow, noarchive">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main>{body}</main></body></html>"
    )


def policy(style: str) -> str:
    """Return the policy of a page with this style: no script, no address, no frame around it."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def plain_style() -> str:
    """Return the style of the pages beside the sheet."""
    return _css() + _sized(SCREEN_PT)


def _sized(size_pt: float) -> str:
    """Return the size of the letters; a screen can be scrolled, so that they are never small."""
    screen_pt = max(size_pt, SCREEN_PT)
    return f":root{{--size:{size_pt}pt}}@media screen{{:root{{--size:{screen_pt}pt}}}}"


@cache
def _css() -> str:
    """Return the style sheet, as it stands inside the page."""
    text = resources.files("tgd.web").joinpath("static", "sheet.css").read_text(encoding="utf-8")
    return text.replace("\n", "")


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    pairs = (f"<div><dt>{escape(title)}</dt><dd>{escape(said)}</dd></div>" for title, said in facts)
    return f'<dl class="facts">{"".join(pairs)}</dl>'


def _where(sheet: Sheet) -> str:
    lines = "".join(f"<p>{escape(line)}</p>" for line in sheet.place)
    drawn = "" if sheet.disc is None else _plan(sheet.disc)
    kind = "where" if drawn else "where alone"
    beside = "".join(_block(block) for block in sheet.beside)
    return f'<div class="{kind}"><div><h2>Où elle est</h2>{lines}{beside}</div>{drawn}</div>'


def _block(block: Block) -> str:
    lines = "".join(f"<p>{escape(line)}</p>" for line in block.lines)
    kind = ' class="alarm"' if block.alarm else ""
    return f"<section{kind}><h2>{escape(block.title)}</h2>{lines}</section>"


def _plan(disc: Disc) -> str:
    drawn = plan(disc)
    ring = ""
    if drawn.disc_mm is not None:
        ring = f'<circle class="disc" cx="{_HALF}" cy="{_HALF}" r="{drawn.disc_mm:.2f}"/>'
    bar, low = 4 + drawn.bar_mm, _LOW
    north = PLAN_MM - 5
    borders = "".join(f"M{' '.join(f'{x:.2f} {y:.2f}' for x, y in line)}" for line in drawn.borders)
    key = ""
    if borders:
        borders = f'<path class="border" d="{borders}"/>'
        key = f'<text class="left" x="3" y="5">{BORDERS}</text>'
    return (
        f'<svg class="plan" viewBox="0 0 {PLAN_MM} {PLAN_MM}" role="img" '
        f'aria-label="Disque autour de la position, {escape(drawn.radius)}">'
        f'<rect class="frame" x=".2" y=".2" width="{PLAN_MM - 0.4}" height="{PLAN_MM - 0.4}"/>'
        f'<path class="cross" d="M{_HALF} 0V{PLAN_MM}M0 {_HALF}H{PLAN_MM}"/>{ring}{borders}{key}'
        f'<circle class="point" cx="{_HALF}" cy="{_HALF}" r="1.2"/>'
        f'<path class="north" d="M{north} 3l-2 5h4z"/><text x="{north}" y="12">N</text>'
        f'<path class="bar" d="M4 {low - 1.5}v1.5H{bar:.2f}v-1.5"/>'
        f'<text class="left" x="4" y="{low - 2.5}">{escape(drawn.bar)}</text>'
        f'<text class="right" x="{PLAN_MM - 3}" y="{low}">{escape(drawn.radius)}</text></svg>'
    )


def _footer(sheet: Sheet, pdf: str | None) -> str:
    link = f' <a href="{escape(pdf)}">Imprimer (PDF)</a>' if pdf else ""
    return (
        f"<footer><p><b>Fiche établie le {escape(sheet.made)}.</b> {STALE}</p>"
        f"<p>{NO_ANSWER} Affaire {escape(sheet.case)}.{link}</p></footer>"
    )
