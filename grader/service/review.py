"""The pages on which people decide: a contact sheet, and a page for each item."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, redirect, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from grader.batch.folder.batch_folder import BatchFolder
from grader.batch.review.decisions import DecidedMeanwhile, decide, take_back
from grader.batch.review.matters import Matter, Wanted, matters, matters_of, neighbours, wanted_of
from grader.batch.review.reasons import ACCEPTED, REFUSED, reasons
from grader.errors import ConfigurationError, GraderError
from grader.model import Entry
from grader.overrides import Override
from grader.report.page import render
from grader.report.student_page import name_of
from grader.service.guard import POLICY, Guard

TEMPLATES = Path(__file__).with_name("templates")
WHO = "grader-review-who"
MOST_CHARACTERS = 2000
MOST_BYTES = 64 * 1024
_YEAR = 365 * 24 * 3600

Answer = str | bytes | AnyResponse | tuple[bytes, int]


def make_app(
    folder: BatchFolder,
    guard: Guard,
    who: str,
    changed: Callable[[], None],
    problem: Callable[[], str],
) -> Flask:
    """Return the application that serves the review of a batch.

    Parameters
    ----------
    folder : BatchFolder
        Of the batch.
    guard : Guard
        Who is let in.
    who : str
        The person, until they say another name.
    changed : callable
        Told after each decision, to bring up to date what is made of all reports.
    problem : callable
        Says what went wrong with that the last time, if anything did.
    """
    app = Flask(__name__, static_folder="static", template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    guard.watch(app)
    pages = _Pages(folder, who, changed, problem)
    app.add_url_rule("/", "sheet", pages.sheet)
    app.add_url_rule("/student/<key>", "student", pages.student)
    app.add_url_rule("/decide/<key>/<item>", "matter", pages.matter)
    app.add_url_rule("/decide/<key>/<item>", "decide", pages.decide, methods=["POST"])
    app.add_url_rule("/picture/<key>/<path:name>", "picture", pages.picture)
    app.register_error_handler(GraderError, _of_ours)
    app.register_error_handler(HTTPException, _refused)
    return app


class _Pages:
    def __init__(
        self,
        folder: BatchFolder,
        who: str,
        changed: Callable[[], None],
        problem: Callable[[], str],
    ) -> None:
        self._folder = folder
        self._who = who
        self._changed = changed
        self._problem = problem

    def sheet(self) -> Answer:
        """Show all that is wanted, small."""
        wanted = _wanted(request.args)
        entries = self._folder.outlines()
        every = matters(entries, self._folder.overrides())
        of = {kind: wanted_of(every, kind) for kind in Wanted}
        return self._page(
            "sheet.html",
            shown=of[wanted],
            wanted=wanted,
            counts={kind: len(found) for kind, found in of.items()},
            kept=self._kept(),
            broken=[entry for entry in entries if entry.report is None],
        )

    def student(self, key: str) -> Answer:
        """Show every item of a submission, to decide on any of them."""
        entry = self._entry(key)
        of = matters_of(entry, self._folder.overrides())
        return self._page("items.html", entry=entry, shown=of, wanted=Wanted.WAITING)

    def matter(self, key: str, item: str) -> Answer:
        """Show one item, large."""
        return self._matter(key, item, request.args, "")

    def decide(self, key: str, item: str) -> Answer:
        """Keep a decision, or take one back, and go on to the next item."""
        form = request.form
        here, wanted = self._find(key, item), _wanted(form)
        try:
            if form.get("act") == "take back":
                take_back(self._folder, key, form.get("sha256", ""), item, form.get("seen", ""))
                self._changed()
                return redirect(url_for("matter", key=key, item=item, show=wanted))
            nothing_for = here.unread if form.get("act") == "refuse" else ()
            decide(self._folder, self._decision(here, form), form.get("seen", ""), nothing_for)
        except DecidedMeanwhile as error:
            return self._matter(key, item, form, str(error)), 409
        except ConfigurationError as error:
            return self._matter(key, item, form, str(error)), 400
        self._changed()
        _, after = neighbours(self._list(wanted), here.place)
        kept = f"{key}/{item}"
        if after is None:
            address = url_for("sheet", show=wanted, kept=kept)
        else:
            address = url_for("matter", key=after.key, item=after.item.id, show=wanted, kept=kept)
        answer = redirect(address)
        answer.set_cookie(
            WHO, form.get("who", "").strip(), max_age=_YEAR, httponly=True, samesite="Strict"
        )
        return answer

    def picture(self, key: str, name: str) -> Answer:
        """Send a picture that the report names."""
        report = self._entry(key).report
        if report is None or not any(name in item.artefacts for item in report.items):
            abort(404, "The report names no such picture.")
        path = self._folder.artefacts_path(key) / name
        if not path.is_file():
            abort(404, "The picture is not in the batch's folder. Run the batch again.")
        return Response(path.read_bytes(), mimetype="image/png")

    def _matter(self, key: str, item: str, given: Mapping[str, str], error: str) -> bytes:
        here, wanted = self._find(key, item), _wanted(given)
        overrides = self._folder.overrides()
        every = self._list(wanted)
        before, after = neighbours(every, here.place)
        return self._page(
            "matter.html",
            here=here,
            wanted=wanted,
            before=before,
            after=after,
            position=sum(one.place <= here.place for one in every),
            of=len(every),
            choices=reasons(overrides, item, here.item.max_points),
            refused=REFUSED,
            nowhere=_nowhere,
            who=self._person(),
            error=error,
            given=given if error else {},
            kept=self._kept(),
            student=[one for one in here.item.artefacts if not _is_reference(one)],
            reference=[one for one in here.item.artefacts if _is_reference(one)],
            captions={
                one.name: f"{one.path}: {one.format}, {one.width} x {one.height}"
                for one in here.item.pictures
            },
        )

    def _page(self, template: str, **content: Any) -> bytes:
        return render(
            template,
            TEMPLATES,
            policy=POLICY,
            name_of=name_of,
            url_for=url_for,
            Wanted=Wanted,
            problem=self._problem(),
            **content,
        )

    def _decision(self, here: Matter, form: Mapping[str, str]) -> Override:
        points, why = form.get("points", ""), form.get("why", "")
        if form.get("act") == "accept":
            points, why = str(here.item.proposed), ACCEPTED
        elif form.get("act") == "refuse":
            points, why = "0", REFUSED
        elif form.get("act", "").startswith("choose "):
            points, _, why = form["act"].removeprefix("choose ").partition(" ")
        return Override(
            sha256=form.get("sha256", ""),
            item=here.item.id,
            points=_number(points),
            who=_line(form.get("who", "")),
            when=datetime.now().astimezone().isoformat(timespec="microseconds"),
            why=_line(why),
            key=here.key,
        )

    def _kept(self) -> Matter | None:
        """Return what was decided last, to say so and to look at it again."""
        key, _, item = request.args.get("kept", "").partition("/")
        entry = self._known(key)
        for one in matters_of(entry, self._folder.overrides()) if entry is not None else ():
            if one.item.id == item and one.item.decision is not None:
                return one
        return None

    def _list(self, wanted: Wanted) -> tuple[Matter, ...]:
        return wanted_of(matters(self._folder.outlines(), self._folder.overrides()), wanted)

    def _find(self, key: str, item: str) -> Matter:
        of = {one.item.id: one for one in matters_of(self._entry(key), self._folder.overrides())}
        if item not in of:
            abort(404, "The submission has no such item, or could not be graded.")
        return of[item]

    def _entry(self, key: str) -> Entry:
        entry = self._known(key)
        if entry is None:
            abort(404, "The batch has no such submission.")
        return entry

    def _known(self, key: str) -> Entry | None:
        """Return a submission with its whole report; None if there is none with that key."""
        handed = (one for one in self._folder.manifest().handed if one.key == key)
        return next(map(self._folder.entry, handed), None)

    def _person(self) -> str:
        return request.cookies.get(WHO) or self._who


def _nowhere(_case: str) -> str:
    """Lead nowhere: there is no page about a case."""
    return ""


def _wanted(given: Mapping[str, str]) -> Wanted:
    try:
        return Wanted(given.get("show", Wanted.WAITING))
    except ValueError:
        return Wanted.WAITING


def _is_reference(name: str) -> bool:
    return Path(name).stem == "reference"


def _number(text: str) -> float:
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigurationError(f"{text!r} is no number of points.", "Write one, such as 7.5.")
    return number


def _line(text: str) -> str:
    """Return what a person wrote as one line of bounded length."""
    return " ".join(text.split())[:MOST_CHARACTERS]


def _of_ours(error: GraderError) -> tuple[bytes, int]:
    return _sorry("The grader could not do this", str(error)), 500


def _refused(error: HTTPException) -> tuple[bytes, int]:
    return _sorry(error.name, error.description or ""), error.code or 500


def _sorry(name: str, why: str) -> bytes:
    return render("sorry.html", TEMPLATES, name=name, why=why)
