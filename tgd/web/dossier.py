"""A person's file over HTTP (PROTOCOL, "The register"): read and mended by the office, read by
whoever of an association follows her.

Serves the prosecutor's office. Each reading is on record and bounded per minute; which field who
sees stands in the table of rights. A field that is not sent stays, one that is null goes; what is
wrong is named by its field and never quoted. The all-clear word is set, and shown to nobody.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID

from aiohttp import web

from tgd.errors import Invalid, NotFound
from tgd.justice import picture
from tgd.justice.domain import life
from tgd.justice.files import LISTENS
from tgd.justice.flow.dossier import UNSAID, Mended
from tgd.platform.dossier import FIELDS
from tgd.store import conflicts
from tgd.store.stock import Row
from tgd.web import acts, office_in, reading
from tgd.web.access import CALLER
from tgd.web.answers import answer
from tgd.web.context import Context
from tgd.web.glass import Glass
from tgd.web.kept import Kept, hidden_from, named
from tgd.web.office import plain

LINKED_MAX = 20
_SAID = ("file", "places", "all_clear_word", "listen", "linked", "seen")


class Dossiers:
    """The handlers; each runs behind the guard of its route."""

    def __init__(self, context: Context, glass: Glass, kept: Kept) -> None:
        self._glass = glass
        self._database = context.database
        self._office = context.office
        self._kept = kept

    async def search(self, request: web.Request) -> web.Response:
        """Answer who has this name, or a phone with this number; what is asked is in no address."""
        fields = await reading.fields(request)
        async with self._database.connection() as connection:
            own = await office_in.scope(connection, request[CALLER])
        return self._told(await self._found(request, fields, own))

    async def search_everywhere(self, request: web.Request) -> web.Response:
        """Answer the same of every tribunal, with a reason: whoever is found is opened by it."""
        fields = await reading.fields(request)
        reason = fields.text("reason")
        found = await self._found(request, fields, None)
        await self._glass.open(request[CALLER], [row["beneficiary_id"] for row in found], reason)
        return self._told(found)

    async def _found(
        self, request: web.Request, fields: reading.Fields, own: str | None
    ) -> list[Row]:
        caller, hidden = request[CALLER], hidden_from(request)
        name = fields.optional("name", reading.WORD_MAX)
        number = fields.optional("number", reading.WORD_MAX)
        found, kept = await self._office.searching.find(
            caller.name, own, name=name, number=number, spared=hidden
        )
        if kept:
            await self._kept.looked(caller, kept, "beneficiaries")
        return found

    def _told(self, found: list[Row]) -> web.Response:
        rows = [plain(picture.found(row, self._office.files)) for row in found]
        return answer({"items": rows, "next": None})

    async def read(self, request: web.Request) -> web.Response:
        """Answer a person's file; the reading is in the journal."""
        shown = await self._shown(request)
        who = office_in.path_id(request, "beneficiary")
        async with self._database.connection() as connection:
            alerted = await conflicts.in_alert(connection, who)
        if not alerted:
            await self._glass.seen(request[CALLER], who)
        return shown

    async def mend(self, request: web.Request) -> web.Response:
        """Change what is said, and answer the file as it stands."""
        said = replace(_mended(await reading.fields(request)), spared=hidden_from(request))
        if said.linked:
            found = [await named(request, "beneficiaries", one) for one in said.linked]
            said = replace(said, linked=[one for one in found if one is not None])
        who, by, own = await self._of(request)
        with acts.once:
            await acts.under(request, self._office).dossier.mend(who, said, by, own)
        return await self._shown(request)

    async def _of(self, request: web.Request) -> tuple[UUID, str, str | None]:
        caller, who = request[CALLER], office_in.path_id(request, "beneficiary")
        if caller.role == "association" and caller.session is None:
            raise NotFound("beneficiary")  # a program is no member whom somebody has cleared
        async with self._database.connection() as connection:
            own = await office_in.scope(connection, caller)
        return who, caller.name, own

    async def _shown(self, request: web.Request) -> web.Response:
        who, by, own = await self._of(request)
        follows = request[CALLER].role == "association"
        found = await self._office.dossier.read(who, by, own, follows=follows)
        hidden = {str(one) for one in hidden_from(request)}
        found["linked"] = [one for one in found["linked"] if one["id"] not in hidden]
        held = found.pop("assignment_id")
        values = {name: found.pop(name) for name in ("device_id", "status", "ends_at")}
        values["device"] = values.pop("device_id")
        consents = found["consents"] or {}
        found["consents"] = {kind: consents.get(kind) for kind in life.CONSENTS}
        return answer(plain({**found, "assignment": {"id": held, **values} if held else None}))


def _mended(fields: reading.Fields) -> Mended:
    """Return what is said anew; a name that is not known would be lost silently: it is refused."""
    if unknown := fields.names() - set(_SAID):
        raise Invalid("body", f"has {len(unknown)} fields that are not known")
    file = fields.value("file")
    if file is not None and not isinstance(file, dict):
        raise Invalid("file", "must be an object")
    if file and set(file) - FIELDS:
        raise Invalid("file", "has a field that is not known")
    listen = fields.optional("listen", reading.WORD_MAX)
    if listen not in {None, *LISTENS}:
        raise Invalid("listen", f"must be one of {', '.join(LISTENS)}")
    if file and not (file.get("name", "?") or "").strip():
        raise Invalid("file.name", "must not be empty")
    said = fields.names()
    return Mended(
        file=_emptied(file or {}),
        places=(fields.value("places") or []) if "places" in said else UNSAID,
        word=_word(fields) if "all_clear_word" in said else UNSAID,
        listen=listen,
        linked=_linked(fields.value("linked")) if "linked" in said else None,
        seen=office_in.moment(fields, "seen") if "seen" in said else UNSAID,
    )


def _emptied(file: dict[str, Any]) -> dict[str, Any]:
    """Return the file's fields with what null stands for where a list is due."""
    return {
        name: [] if value is None and name in {"children", "languages"} else value
        for name, value in file.items()
    }


def _word(fields: reading.Fields) -> str | None:
    if fields.value("all_clear_word") is None:
        return None
    return fields.text("all_clear_word", reading.WORD_MAX).strip()


def _linked(said: object) -> list[UUID]:
    if said is None:
        return []
    if not isinstance(said, list) or len(said) > LINKED_MAX:
        raise Invalid("linked", f"must be a list of at most {LINKED_MAX} ids")
    try:
        return list(dict.fromkeys(UUID(one) for one in said))
    except (TypeError, ValueError, AttributeError):
        raise Invalid("linked", "must be a list of ids") from None
