"""A report in words: one document, which the page and the PDF both show as it stands here.

Serves the report of an alert. Pure: the report's values and a catalogue in, titles and tables out.
A document is a title, remarks, and sections; a section is a table, with or without a head. A row
has a tone (``good``, ``bad`` or none), so that a target that was not met is seen, and not by colour
alone: the words say it too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from tgd.platform.report_parts import Dispatch, Entry, Leg, Positions, Press, Report
from tgd.web.report_sentences import actor, by, counted, sentence
from tgd.web.wording import Words

MOST_ROWS = 600
"""A table longer than this (a storm of presses) is cut, and says so; the values hold all."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table."""

    cells: list[str]
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A table under a title; ``widths`` are shares, ``remark`` stands below."""

    name: str
    title: str
    widths: list[int]
    rows: list[Row]
    head: list[str] = field(default_factory=list)
    remark: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """The whole report in one language."""

    language: str
    title: str
    heading: str
    subtitle: str
    of_case: str
    warning: str | None
    remarks: list[str]
    sections: list[Section]


def document(report: Report, words: Words) -> Document:
    """Return the report in words, rooms by their names."""
    words = words.naming(_rooms(report))
    return Document(
        language=words.language,
        title=words("title", case=report.case_id),
        heading=words("heading"),
        subtitle=words("subtitle"),
        of_case=words("of_case", case=report.case_id),
        warning=words("provisional") if report.provisional else None,
        remarks=[
            words("made", at=words.moment(report.made_at), who=report.made_for),
            words("times"),
            words("no_place"),
        ],
        sections=[
            _identity(report, words),
            _legs(report, words),
            _presses(report, words),
            _doubt(report, words),
            _dispatches(report, words),
            *_steps(report, words),
            _calls(report, words),
            _notes(report, words),
            _positions(report.positions, words),
            _recontacts(report, words),
            _journal(report, words),
        ],
    )


def _rooms(report: Report) -> dict[str, str]:
    known = ((key, one.name) for one in report.dispatches for key in (one.room, one.address))
    return {key: name for key, name in known if key and name}


def _facts(name: str, words: Words, facts: Mapping[str, str | None]) -> Section:
    rows = [Row([words.code("fact", key), said]) for key, said in facts.items() if said is not None]
    return Section(name, words.code("section", name), [3, 7], rows)


def _table(
    name: str, words: Words, columns: Mapping[str, int], rows: Iterable[Row], empty: str = ""
) -> Section:
    found = list(rows)
    title = words.code("section", name)
    if not found:
        return Section(name, title, [1], [Row([words(empty)])])
    head = [words.code("head", column) for column in columns]
    left = len(found) - MOST_ROWS
    remark = words("cut", n=left) if left > 0 else None
    return Section(name, title, list(columns.values()), found[:MOST_ROWS], head, remark)


def _identity(report: Report, words: Words) -> Section:
    verdict = words.code("verdict", report.verdict)
    if report.reason is not None:
        verdict += f" — {words.code('reason', report.reason)}"
    if report.verdict_at is not None:
        verdict += f" ({by(words, report.verdict_at, report.verdict_by)})"
    closed = words("open")
    if report.closed_at is not None:
        closed = by(words, report.closed_at, report.closed_by)
        if report.outcome is not None:
            closed += f" — {words.code('outcome', report.outcome)}"
    answered = words("not_answered")
    if report.answered_at is not None:
        answered = by(words, report.answered_at, report.answered_by)
    section = _facts(
        "identity",
        words,
        {
            "case": report.case_id,
            "follows": report.follows_case,
            "device": report.device,
            "beneficiary": report.beneficiary or words("unknown_holder"),
            "tribunal": report.tribunal,
            "consent": words.code("consent", report.consent),
            "opened_at": words.moment(report.opened_at),
            "answered": answered,
            "status": words.code("status", report.status),
            "verdict": verdict,
            "police_at": None if report.police_at is None else words.moment(report.police_at),
            "closed": closed,
        },
    )
    if not report.rescued:
        return section
    return Section(
        section.name, section.title, section.widths, section.rows, remark=words("rescued")
    )


def _legs(report: Report, words: Words) -> Section:
    columns = {"leg": 38, "from": 15, "to": 15, "took": 13, "target": 18, "met": 13}
    table = _table(
        "legs", words, columns, (_leg(leg, report.opened_at, words) for leg in report.legs)
    )
    return Section(
        table.name, table.title, table.widths, table.rows, table.head, words("receipt_unstored")
    )


def _leg(leg: Leg, day: datetime, words: Words) -> Row:
    met = words("none") if leg.met is None else words("met_yes" if leg.met else "met_no")
    return Row(
        [
            words.code("leg", leg.name),
            words.hour(leg.started_at, day),
            words.hour(leg.ended_at, day),
            words.span(leg.seconds),
            words("within", n=words.span(leg.target_s)),
            met,
        ],
        "" if leg.met is None else ("good" if leg.met else "bad"),
    )


def _presses(report: Report, words: Words) -> Section:
    columns = {"pressed": 20, "received": 20, "late": 14, "path": 12, "battery": 12, "doubts": 34}
    rows = (_press(press, words) for press in report.presses)
    return _table("presses", words, columns, rows, "no_presses")


def _press(press: Press, words: Words) -> Row:
    battery = words("none") if press.batt is None else words("battery", n=press.batt)
    return Row(
        [
            words.moment(press.pressed_at),
            words.moment(press.received_at),
            words.span(press.age_s),
            words.code("path", press.path),
            battery,
            ", ".join(words.code("doubt", doubt) for doubt in press.doubts) or words("none"),
        ]
    )


_DECIDING = frozenset(
    {"answered", "taken_over", "voice", "extended", "verdict", "forwarded", "coercion"}
)


def _doubt(report: Report, words: Words) -> Section:
    """Return how it was found out whether the danger was real, in its order."""
    acts = [entry for entry in report.journal if entry.kind in _DECIDING]
    rows = (
        Row([words.hour(e.at, report.opened_at), actor(e.actor, words), sentence(e, words)])
        for e in acts
    )
    return _table("doubt", words, {"at": 2, "by": 3, "what": 7}, rows, "no_voices")


def _dispatches(report: Report, words: Words) -> Section:
    columns = {"room": 28, "dispatched": 13, "sent": 13, "state": 18, "attempts": 10}
    columns |= {"acknowledged": 30}
    rows = (_dispatch(one, report.opened_at, words) for one in report.dispatches)
    return _table("dispatches", words, columns, rows, "no_dispatches")


def _dispatch(one: Dispatch, day: datetime, words: Words) -> Row:
    room = one.name or one.room or words("no_room")
    done = words("none")
    if one.acknowledged_at is not None:
        done = by(words, one.acknowledged_at, one.acknowledged_by, day)
        if one.reference is not None:
            done += f" — {one.reference}"
    return Row(
        [
            words("lead", room=room) if one.lead else room,
            words.hour(one.dispatched_at, day),
            words.hour(one.sent_at, day),
            words.code("ladder", one.state),
            str(one.attempts),
            done,
        ],
        "good" if one.acknowledged_at is not None else "bad",
    )


def _steps(report: Report, words: Words) -> list[Section]:
    """Return what happened with the rooms, in its order; nothing where none was told.

    A position goes out every 30 s: these and what the room answers to them are counted, and stand
    in the journal.
    """
    if not report.dispatches:
        return []
    steps = sorted(
        ((step, one.name or one.room) for one in report.dispatches for step in one.steps),
        key=lambda pair: pair[0].at,
    )
    kinds = {"dispatched", "sent", "not_sent", "room_said", "room_refused", "patrol"}
    kinds |= {"acknowledged", "voice_handoff"}
    positions = {
        step.details.get("message")
        for step, _ in steps
        if step.kind == "sent" and step.details.get("purpose") == "position"
    }
    rows = [
        Row(
            [
                words.hour(step.at, report.opened_at),
                room or words("no_room"),
                actor(step.by, words),
                sentence(step, words),
            ]
        )
        for step, room in steps
        if step.kind in kinds
        and not (step.kind in {"sent", "room_said"} and step.details.get("message") in positions)
    ]
    columns = {"at": 2, "room": 3, "by": 3, "what": 5}
    section = _table("steps", words, columns, rows, "no_dispatches")
    if positions:
        told = words("positions_told", n=len(positions))
        section = replace(section, remark=" ".join(filter(None, (section.remark, told))))
    return [section]


def _calls(report: Report, words: Words) -> Section:
    rows = (
        Row(
            [
                words.room(call.room) if call.room else words("no_room"),
                words.code("about", call.about.partition(":")[0]),
                words.hour(call.raised_at, report.opened_at),
                by(words, call.done_at, call.done_by, report.opened_at)
                if call.done_at is not None
                else words("none"),
            ]
        )
        for call in report.calls
    )
    columns = {"room": 2, "about": 4, "raised": 2, "done": 4}
    return _table("calls", words, columns, rows, "no_calls")


def _notes(report: Report, words: Words) -> Section:
    rows = []
    for note in report.notes:
        gone = "unreadable"
        text = note.text
        if text is None and note.erased_at is not None:
            text = words("effaced", at=words.moment(note.erased_at))
        rows.append(
            Row(
                [
                    words.hour(note.at, report.opened_at),
                    actor(note.by, words),
                    text if text is not None else words(gone),
                ]
            )
        )
    return _table("notes", words, {"at": 2, "by": 2, "text": 8}, rows, "no_notes")


def _positions(held: Positions, words: Words) -> Section:
    radii = None
    if held.radii_m is not None:
        figures = {
            name: words.number(getattr(held.radii_m, name)) for name in ("least", "middle", "most")
        }
        radii = words("radii", **figures)
    lost = held.kept - held.readable
    kept = words("kept_unreadable", kept=held.kept, n=lost) if lost else str(held.kept)
    erased = [words("erased_some", n=e.positions, at=words.moment(e.at)) for e in held.erased]
    due = words("due_none")
    if held.held:
        due = words("due_held", case=held.held_for)
    elif held.due_at is not None:
        due = words("due_at", at=words.moment(held.due_at))
    return _facts(
        "positions",
        words,
        {
            "kept": kept,
            "radii": radii,
            "methods": counted(held.methods, "method", words),
            "doubts": counted(held.doubts, "doubt", words),
            "erased": " ; ".join(erased) or words("erased_none"),
            "due": due,
            "authorised": held.eight_days_by,
        },
    )


def _recontacts(report: Report, words: Words) -> Section:
    rows = []
    for one in report.recontacts:
        late = one.done_at is None and one.due_at < report.made_at
        done = words("overdue" if late else "none")
        if one.done_at is not None:
            done = by(words, one.done_at, one.done_by)
        said = words("recontact", hours=one.hours)
        cells = [said, words.moment(one.due_at), words.code("owner", one.owner), done]
        rows.append(Row(cells, "bad" if late else ""))
    columns = {"recall": 3, "due": 3, "owner": 3, "done": 4}
    return _table("recontacts", words, columns, rows, "no_recontacts")


def _journal(report: Report, words: Words) -> Section:
    rows = [
        Row(
            [
                str(entry.no),
                words.hour(entry.at, report.opened_at),
                actor(entry.actor, words),
                sentence(entry, words) + (f" (× {count})" if count > 1 else ""),
            ]
        )
        for entry, count in _runs(report.journal)
    ]
    return _table("journal", words, {"no": 1, "at": 3, "by": 3, "what": 8}, rows)


def _runs(journal: Sequence[Entry]) -> Iterable[tuple[Entry, int]]:
    """Yield entries; what merely repeats the one before it is counted."""
    same = attrgetter("at", "actor", "kind", "details")
    for _, run in groupby(journal, key=same):
        entries = list(run)
        yield entries[0], len(entries)
