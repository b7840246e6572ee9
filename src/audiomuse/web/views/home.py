"""The first page: what is known, the one next step, the live jobs and the history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from audiomuse.model import Job, JobState
from audiomuse.storage import LibraryStatistics
from audiomuse.web.job_reports import JobReport, active_reports, report
from audiomuse.web.state import backend
from audiomuse.web.words import _

bp = Blueprint("home", __name__)

NextStep = Literal["analyse", "analyse-new", "cluster", "cluster-again", "watch"]

_HISTORY = 8
_FAILURES_SHOWN = 100


@dataclass(frozen=True, slots=True)
class HomeView:
    """Everything that the home page shows."""

    known: LibraryStatistics
    playlists: int
    active: tuple[JobReport, ...]
    history: tuple[Job, ...]
    next_step: NextStep

    @property
    def share_heard(self) -> float:
        """Share of the songs that were heard, 0..1."""
        return self.known.analysed / self.known.tracks if self.known.tracks else 0.0

    @property
    def unheard(self) -> int:
        """Songs that were listed, but neither heard nor given up."""
        return max(0, self.known.tracks - self.known.analysed - self.known.failed)


def next_step(known: LibraryStatistics, playlists: int, *, busy: bool) -> NextStep:
    """Choose the one thing to do next: a page has one primary button."""
    if busy:
        return "watch"
    if not known.analysed:
        return "analyse"
    if known.tracks > known.analysed + known.failed:
        return "analyse-new"
    return "cluster-again" if playlists else "cluster"


def _view() -> HomeView:
    known = backend().statistics()
    runs = backend().music.playlists.runs()
    playlists = next((run.playlist_count for run in runs if not run.undone), 0)
    engine = backend().engine
    active = tuple(active_reports(engine))
    newest = engine.store.jobs.all(limit=_HISTORY + len(active))
    history = tuple(job for job in newest if job.state.is_final)
    return HomeView(
        known, playlists, active, history[:_HISTORY], next_step(known, playlists, busy=bool(active))
    )


@bp.get("/")
def index() -> ResponseReturnValue:
    """Show the home page."""
    return render_template("home/index.html", view=_view())


@bp.get("/live")
def live() -> ResponseReturnValue:
    """Return the part of the home page that changes by itself."""
    return render_template("home/live.html", view=_view())


@bp.post("/analysis")
def start_analysis() -> ResponseReturnValue:
    """Begin to hear songs, with the saved settings."""
    backend().start_analysis({})
    return redirect(url_for("home.index"))


@bp.post("/jobs/<job_id>/cancel")
def cancel(job_id: str) -> ResponseReturnValue:
    """Ask a job to stop."""
    backend().engine.cancel(job_id)
    return redirect(_back())


@bp.post("/jobs/<job_id>/retry")
def retry(job_id: str) -> ResponseReturnValue:
    """Go on with a job that was stopped or failed; after a success, try again what could not be done."""
    engine = backend().engine
    old = engine.store.jobs.get(job_id)
    if old.kind == "publishing":
        backend().start_publishing()  # of the playlists as they are now; what is there already costs little
    elif old.state is JobState.SUCCESS and old.kind == "analysis":
        backend().start_analysis(old.parameters, retry_failed=True)
    else:
        engine.resume(job_id)
    return redirect(_back())


@bp.get("/jobs/<job_id>")
def job(job_id: str) -> ResponseReturnValue:
    """Show one job: its course, its log, and what failed with the reason."""
    engine = backend().engine
    found = report(engine, job_id)
    failures = engine.store.items.failed(job_id, limit=_FAILURES_SHOWN) if found.job.failed else ()
    template = "home/job_live.html" if request.args.get("part") == "live" else "home/job.html"
    return render_template(template, report=found, failures=failures)


def _back() -> str:
    """The page that the button was on."""
    target = request.form.get("next", "")
    return (
        target
        if target in (url_for("playlists.index"), url_for("library.failures"))
        else url_for("home.index")
    )


@bp.app_template_filter("job_kind")
def job_kind(job: Job) -> str:
    """Return what a job does, for people."""
    return {
        "analysis": _("Analysis"),
        "clustering": _("Playlist search"),
        "publishing": _("Publishing"),
    }.get(job.kind, job.kind)


@bp.app_template_filter("job_unit")
def job_unit(job: Job) -> str:
    """Return what a job counts, for people."""
    return {"analysis": _("songs"), "publishing": _("playlists")}.get(job.kind, _("tries"))


@bp.app_template_filter("job_pace_unit")
def job_pace_unit(job: Job) -> str:
    """Return what a job's pace is measured in, for people."""
    return {"analysis": _("songs a minute"), "publishing": _("playlists a minute")}.get(
        job.kind, _("tries a minute")
    )


@bp.app_template_filter("job_state")
def job_state(job: Job) -> str:
    """Return the true state of a job, for people."""
    if (job.cancel_requested or job.error) and not job.state.is_final:
        return _("Stopping")
    return {
        JobState.PENDING: _("Waiting"),
        JobState.STARTED: _("Starting"),
        JobState.PROGRESS: _("Running"),
        JobState.SUCCESS: _("Done"),
        JobState.FAILURE: _("Failed"),
        JobState.REVOKED: _("Cancelled"),
    }[job.state]


@bp.app_template_filter("job_tone")
def job_tone(job: Job) -> str:
    """Return the colour of a job's state."""
    return {JobState.SUCCESS: "good", JobState.FAILURE: "bad", JobState.REVOKED: "note"}.get(job.state, "")


@bp.app_template_filter("phase")
def phase(name: str) -> str:
    """Return what a job does in this phase, for people."""
    return {
        "listing": _("Looking at what is in your library …"),
        "hearing": _("Listening …"),
        "planning": _("Looking at your songs …"),
        "searching": _("Trying groupings …"),
        "making playlists": _("Making the playlists …"),
        "publishing": _("Putting the playlists on your server …"),
    }.get(name, "")
