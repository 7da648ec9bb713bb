"""The cases of a person, and one of them as a signed archive, for the prosecutor.

Serves what comes after the arrows. Promises: only of a person of the own tribunal; only of
what is over, as the archive may say where she was; who took it, and on what ground, is in the
alert's journal before it leaves, and in the archive itself. Anybody verifies it with the script
inside it.
"""

from aiohttp import web

from tgd.errors import Invalid, NotFound, Refused
from tgd.platform import case
from tgd.signing import NoSigningKey
from tgd.store import assignments
from tgd.store import case as rows
from tgd.store.assignments import Filter
from tgd.web import office_in, reading
from tgd.web.access import CALLER
from tgd.web.answers import answer
from tgd.web.archive import Archives
from tgd.web.context import Context
from tgd.web.office import plain


class Cases:
    """The handlers; each runs behind the guard of its route."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._clock = context.clock
        self._signing_dir = context.config.signing_dir
        self._archives = Archives(
            *(context.database, context.clock, context.metrics),
            context.office.sealer,
            context.reporting,
        )

    async def list(self, request: web.Request) -> web.Response:
        """Answer the cases of an assignment, the latest first."""
        one, own = office_in.path_id(request, "assignment"), await self._own(request)
        async with self._database.connection() as connection:
            held = await assignments.listed(connection, Filter(own, id=one))
            found = await rows.of_assignment(connection, one) if held else []
        if not held:
            raise NotFound("assignment")
        items = [{"alert": row["id"], **row} for row in found]
        return answer({"items": plain(items), "next": None})

    async def export(self, request: web.Request) -> web.Response:
        """Answer a closed case as a signed archive."""
        alert_id, own = reading.alert_id(request), await self._own(request)
        fields = await reading.fields(request)
        ground = fields.choice("ground", *case.GROUNDS)
        reference = fields.optional("reference", reading.WORD_MAX)
        if ground == "procedure" and not (reference or "").strip():
            raise Invalid("reference", "is missing: of which procedure")
        async with self._database.connection() as connection:
            found = await rows.one(connection, alert_id)
            if found is None or found["beneficiary_id"] is None:
                raise NotFound("alert")
            if not await assignments.of_tribunal(connection, found["beneficiary_id"], own):
                raise NotFound("alert")
        if found["status"] != "closed":
            raise Refused("not_closed", "the alert is not over: its archive is made afterwards")
        if self._signing_dir is None:
            raise _no_key()
        made = case.Made(self._clock.now(), request[CALLER].name, ground, reference)
        try:
            packed = await self._archives.pack(self._signing_dir, alert_id, found["case_id"], made)
        except NoSigningKey:
            raise _no_key() from None
        name = f"dossier-{found['case_id']}.zip"
        said = {"Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(body=packed, content_type="application/zip", headers=said)

    async def _own(self, request: web.Request) -> str | None:
        async with self._database.connection() as connection:
            return await office_in.scope(connection, request[CALLER])


def _no_key() -> Refused:
    return Refused("no_signing_key", "the server has no key to sign with: see TGD_JOURNAL_DIR")
