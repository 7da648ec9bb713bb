"""The report of an alert: as data with its words, as a page, as a PDF for a case file.

Serves what comes after the arrows. Who may read it: the alert's own staff (an operator what he has
acted in, supervisors all), the prosecutor of the phone's tribunal, and auditors; nobody else, since
whoever holds the phone may be on the other side. Each reading is on the record.
"""

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from tgd.errors import Invalid, Temporary
from tgd.platform.report import Reporting
from tgd.platform.report_parts import Report
from tgd.web import reading
from tgd.web.access import CALLER
from tgd.web.answers import answer
from tgd.web.catalogue import LANGUAGES
from tgd.web.context import Context
from tgd.web.errors import Problem
from tgd.web.kept import hidden_from
from tgd.web.pages import Pages
from tgd.web.report_document import document
from tgd.web.typeset import Press
from tgd.web.wording import Words

_FORMS = ("data", "page")


class Reports:
    """The handlers; those under ``/api`` run behind the guard of their route."""

    def __init__(self, context: Context, pages: Pages) -> None:
        self._reporting: Reporting = context.reporting
        self._pages = pages
        self._press = Press("tgd.web.report_pdf")

    async def get(self, request: web.Request) -> web.Response:
        """Answer the report: its values, and ``document``, the same in words."""
        form = reading.query(request, "form") or "data"
        if form not in _FORMS:
            raise Invalid("form", f"must be one of {', '.join(_FORMS)}")
        words = _words(request)
        report = await self._report(request, form)
        said = await asyncio.to_thread(document, report, words)
        values: dict[str, Any] = msgspec.to_builtins(report, builtin_types=())
        return answer(values | {"document": msgspec.to_builtins(said)})

    async def pdf(self, request: web.Request) -> web.Response:
        """Answer the report as a file."""
        words = _words(request)
        report = await self._report(request, "pdf")
        said = await asyncio.to_thread(document, report, words)
        try:
            file = await self._press.pdf(said, report.made_at)
        except Temporary:
            raise Problem(503, "slow", "the pages take too long to set: try again") from None
        name = f"alerte-{report.case_id}.pdf"
        return web.Response(
            body=file,
            content_type="application/pdf",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    async def page(self, _request: web.Request) -> web.Response:
        """Answer the page that shows one."""
        return self._pages.page("report")

    async def _report(self, request: web.Request, form: str) -> Report:
        caller = request[CALLER]
        tribunal = None
        if caller.role == "prosecutor":
            tribunal = (caller.session.tribunal_id if caller.session else None) or ""
        return await self._reporting.of(
            reading.alert_id(request),
            caller.name,
            caller.role,
            form=form,
            own_only=caller.role == "operator",
            tribunal=tribunal,
            hidden=hidden_from(request),
        )


def _words(request: web.Request) -> Words:
    language = reading.query(request, "lang") or LANGUAGES[0]
    if language not in LANGUAGES:
        raise Invalid("lang", f"must be one of {', '.join(LANGUAGES)}")
    return Words("report", language)
