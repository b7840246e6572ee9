"""Playlists: search for them, look at them, keep them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from audiomuse.errors import JobConflict, LibraryEmpty, ParameterError
from audiomuse.model import Job, JobState, Playlist
from audiomuse.playlists import ListFingerprint, list_fingerprint
from audiomuse.services.clustering_request import CLUSTERING_FIELDS
from audiomuse.services.playlist_job import KIND as SEARCH
from audiomuse.services.publishing_job import KIND as PUBLISHING
from audiomuse.storage import CatalogueEntry
from audiomuse.web import parameters
from audiomuse.web.changes import ListChange, compare
from audiomuse.web.failures import status_of
from audiomuse.web.job_reports import JobReport, active_reports
from audiomuse.web.sentences import say
from audiomuse.web.state import backend
from audiomuse.web.words import _, ngettext

bp = Blueprint("playlists", __name__)

_SIMPLE = ("clustering_runs", "max_songs_per_cluster", "max_songs_per_artist")
_GROUPS = ("search", "kmeans", "dbscan", "gmm", "pca", "playlists", "fitness")
_BATCH = 400


def _previous() -> Sequence[Playlist] | None:
    """The playlists before the last run; None if there are none to go back to."""
    runs = [run for run in backend().music.playlists.runs() if not run.undone]
    return backend().music.playlists.all(runs[1].id) if len(runs) > 1 else None


def _reports() -> list[JobReport]:
    """The jobs that change playlists, ours or the server's, and are not at their end."""
    engine = backend().engine
    return [one for kind in (SEARCH, PUBLISHING) for one in active_reports(engine, kind)]


@bp.get("/playlists")
def index() -> ResponseReturnValue:
    """Show every playlist, and the search and the publishing while they run."""
    lists = backend().music.playlists.all()
    before = _previous()
    published = {one.id: backend().music.publications.of(one.id) for one in lists}
    return render_template(
        "playlists/index.html",
        lists=lists,
        published=published,
        reports=_reports(),
        changed=len(compare(before, lists)) if before is not None else None,
        can_redo=any(run.undone for run in backend().music.playlists.runs()),
    )


@bp.get("/playlists/live")
def live() -> ResponseReturnValue:
    """Return the part of the overview that changes while a search or a publishing runs."""
    reports = _reports()
    if not reports and request.headers.get("HX-Request"):
        _tell_end(backend().engine.store.jobs.last())
        return Response(status=204, headers={"HX-Redirect": url_for("playlists.index")})
    return render_template("playlists/live.html", reports=reports)


def _tell_end(job: Job | None) -> None:
    """Say how the job went that somebody watched."""
    if job is not None and job.state is JobState.FAILURE:
        flash(say(job.error), "error")
    if job is None or job.kind != PUBLISHING or job.state is not JobState.SUCCESS:
        return  # new playlists speak for a search, and who cancelled knows
    n = len(job.result["published"])
    flash(ngettext("%(num)d playlist is on your server now.", "%(num)d playlists are on your server now.", n))
    for item in backend().engine.store.items.failed(job.id, limit=job.failed):
        flash(say(item.error), "error")
    for sentence in job.result["warnings"]:
        flash(say(sentence), "note")


@bp.route("/playlists/new", methods=["GET", "POST"])
def create() -> ResponseReturnValue:
    """Show the form of the search, and start one."""
    if request.method == "GET":
        return _form()
    try:
        backend().start_clustering(
            parameters.changed_values(backend().settings, {}, request.form, CLUSTERING_FIELDS),
            publish="publish" in request.form,
            start_over="start_over" in request.form,
        )
    except (ParameterError, JobConflict, LibraryEmpty) as e:
        return _form(problem=say(str(e))), status_of(e)
    return redirect(url_for("playlists.index"))


def _form(*, problem: str | None = None) -> str:
    groups = parameters.groups(backend().settings, {}, _GROUPS, for_one_run=True)
    by_name = {one.name: one for group in groups for one in group.parameters}
    return render_template(
        "playlists/create.html",
        groups=groups,
        by_name=by_name,
        simple=_SIMPLE,
        typed=request.form,
        problem=problem,
        ranges=parameters.RANGES,
    )


@bp.get("/playlists/changes")
def changes() -> ResponseReturnValue:
    """Compare with the run before: what came, what went."""
    before = _previous()
    found = compare(before, backend().music.playlists.all()) if before is not None else []
    tracks = backend().music.tracks.get_many(_ids_in(found))
    return render_template(
        "playlists/changes.html", changes=found, tracks=tracks, can_undo=before is not None
    )


def _ids_in(found: Sequence[ListChange]) -> list[str]:
    return sorted({track for change in found for track in (*change.came, *change.went)})


@bp.post("/playlists/undo")
def undo() -> ResponseReturnValue:
    """Bring back the playlists of the run before."""
    backend().music.playlists.undo()
    flash(_("The playlists are as they were before the last run."))
    return redirect(url_for("playlists.index"))


@bp.post("/playlists/redo")
def redo() -> ResponseReturnValue:
    """Take back the last undo."""
    backend().music.playlists.redo()
    flash(_("The newest playlists are back."))
    return redirect(url_for("playlists.index"))


@bp.post("/playlists/publish")
def publish_all() -> ResponseReturnValue:
    """Begin to make the music server hold every playlist."""
    backend().start_publishing()
    return redirect(url_for("playlists.index"))


@bp.get("/playlists/<playlist_id>")
def show(playlist_id: str) -> ResponseReturnValue:
    """Show one playlist with its songs."""
    playlist = backend().music.playlists.get(playlist_id)
    return render_template(
        "playlists/show.html",
        playlist=playlist,
        songs=_songs_of(playlist),
        fingerprint=_fingerprint_of(playlist),
        publications=backend().music.publications.of(playlist_id),
    )


def _songs_of(playlist: Playlist) -> Mapping[str, CatalogueEntry]:
    """The songs of a playlist by id, read in batches."""
    found: dict[str, CatalogueEntry] = {}
    ids = list(playlist.track_ids)
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        found |= backend().music.catalogue.entries(batch, backend().features_version)
    return found


def _fingerprint_of(playlist: Playlist) -> ListFingerprint | None:
    """The charts of a playlist; None while its songs are not analysed (by this version)."""
    try:
        library = backend().library()
        heard = library.songs.take(library.index.known_rows(playlist.track_ids))
        return list_fingerprint(heard, library.mean_tags)
    except LibraryEmpty:
        return None


@bp.post("/playlists/<playlist_id>/rename")
def rename(playlist_id: str) -> ResponseReturnValue:
    """Give a playlist a name that later runs keep."""
    name = request.form.get("name", "").strip()[:200]
    backend().music.playlists.rename(playlist_id, name)
    flash(_("It is called %(name)s now.", name=name))
    return redirect(url_for("playlists.show", playlist_id=playlist_id))


@bp.post("/playlists/<playlist_id>/lock")
def lock(playlist_id: str) -> ResponseReturnValue:
    """Decide whether later runs leave a playlist as it is."""
    locked = request.form.get("locked") == "yes"
    backend().music.playlists.set_locked(playlist_id, locked)
    flash(
        _("Locked: the next run keeps it as it is.") if locked else _("Unlocked: the next run may change it.")
    )
    return redirect(url_for("playlists.show", playlist_id=playlist_id))


@bp.post("/playlists/<playlist_id>/drop")
def drop(playlist_id: str) -> ResponseReturnValue:
    """Take a song out of a playlist for good."""
    backend().music.playlists.ban(playlist_id, request.form.get("track_id", ""))
    flash(_("The song is out, and will not come back to this playlist."))
    return redirect(url_for("playlists.show", playlist_id=playlist_id))


@bp.post("/playlists/<playlist_id>/pin")
def pin(playlist_id: str) -> ResponseReturnValue:
    """Have every later run keep a song in a playlist, or not."""
    pinned = request.form.get("pinned") == "yes"
    backend().music.playlists.set_pinned(playlist_id, request.form.get("track_id", ""), pinned)
    return redirect(url_for("playlists.show", playlist_id=playlist_id))


@bp.post("/playlists/<playlist_id>/publish")
def publish(playlist_id: str) -> ResponseReturnValue:
    """Make the music server hold one playlist."""
    report = backend().publish(playlist_id)
    if report.published:
        flash(_("This playlist is on your server now."))
    for sentence in report.short:
        flash(say(sentence), "note")
    return redirect(url_for("playlists.show", playlist_id=playlist_id))


@bp.get("/playlists/<playlist_id>/m3u8")
def m3u8(playlist_id: str) -> ResponseReturnValue:
    """Download a playlist as a file that every player opens."""
    playlist = backend().music.playlists.get(playlist_id)
    response = Response(backend().m3u8(playlist), content_type="application/vnd.apple.mpegurl; charset=utf-8")
    name = re.sub(r'[\x00-\x1f/\\:*?"<>|]+', "_", playlist.name).strip(". ") or "playlist"
    response.headers.set("Content-Disposition", "attachment", filename=f"{name}.m3u8")
    return response
