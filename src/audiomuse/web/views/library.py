"""The library: find songs, look at one, see the whole in charts, and what could not be heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from audiomuse.errors import LibraryEmpty, NotFound
from audiomuse.model import MSD_TAGS, TrackFeatures
from audiomuse.similarity import Likeness, SearchRules, explain_neighbours
from audiomuse.storage import SortKey, TrackQuery
from audiomuse.web import charts
from audiomuse.web.backend import tracks_by_id
from audiomuse.web.formats import key_name_of_index
from audiomuse.web.sonic_map import current_map
from audiomuse.web.state import backend
from audiomuse.web.words import _, ngettext

bp = Blueprint("library", __name__)

_PAGE = 50
_NEIGHBOURS = 12
_VARIED = SearchRules(max_per_artist=3)
_TAGS_SHOWN = 8
_ANALYSED: dict[str, bool] = {"heard": True, "waiting": False}


def _offset() -> int:
    return min(max(0, request.args.get("offset", 0, type=int)), 10_000_000)


@bp.get("/library")
def index() -> ResponseReturnValue:
    """Find and sort songs."""
    text = request.args.get("q", "")[:200]
    artist = request.args.get("artist", "")[:300]
    show = request.args.get("show", "")
    sort = request.args.get("sort", "title")
    if sort not in get_args(SortKey):
        sort = "title"
    query = TrackQuery(
        text=text,
        exact_artist=artist or None,
        sort=sort,  # type: ignore[arg-type]
        descending=request.args.get("desc") == "1",
        offset=_offset(),
        limit=_PAGE,
        analysed=_ANALYSED.get(show),
        failed=False if show == "waiting" else None,
    )
    page = backend().music.catalogue.search(query, backend().features_version)

    def address(**changed: Any) -> str:
        kept = {
            "q": text,
            "artist": artist,
            "show": show,
            "sort": sort,
            "desc": "1" if query.descending else "",
        }
        values = {name: value for name, value in (kept | changed).items() if value not in ("", 0, None)}
        return url_for("library.index", **values)

    return render_template(
        "library/index.html", page=page, query=query, show=show, artist=artist, address=address, size=_PAGE
    )


@bp.get("/library/song/<path:track_id>")
def song(track_id: str) -> ResponseReturnValue:
    """Show everything about one song, and its neighbours."""
    music = backend().music
    track = music.tracks.get(track_id)
    heard = music.features.get(track_id, backend().features_version)
    neighbours = _neighbours(track_id) if heard is not None else ()
    return render_template(
        "library/song.html",
        track=track,
        heard=heard,
        failure=music.failures.get(track_id),
        tags=_strongest(heard),
        playlists=music.playlists.containing(track_id),
        neighbours=neighbours,
        tracks=tracks_by_id(backend(), [one.track_id for one in neighbours]),
    )


def _neighbours(track_id: str) -> Sequence[Likeness]:
    """The nearest songs and what they share with it; none for a song that cannot be compared (silence)."""
    try:
        index = backend().library().index
        found = index.similar_tracks(track_id, _NEIGHBOURS, rules=_VARIED)
        return explain_neighbours(index, track_id, found)
    except (LibraryEmpty, NotFound):
        return ()


@bp.app_template_filter("shared")
def shared(one: Likeness) -> str:
    """Say what two songs have in common; nothing if it is only the sound as a whole."""
    facts = [*one.shared_tags]
    if one.same_tempo:
        facts.append(_("same tempo"))
    if one.same_key:
        facts.append(_("same key"))
    if one.same_energy:
        facts.append(_("same energy"))
    return " · ".join(facts)


def _strongest(heard: TrackFeatures | None) -> list[tuple[str, float]]:
    if heard is None or heard.tags is None:
        return []
    order = heard.tags.argsort()[::-1][:_TAGS_SHOWN]
    return [(MSD_TAGS[i], float(heard.tags[i])) for i in order]


@bp.get("/library/map")
def sonic_map() -> ResponseReturnValue:
    """Show the library as a map."""
    try:
        library = backend().library()
        drawn = current_map(library)
    except LibraryEmpty:
        return render_template("library/map.html", drawn=None)
    points = [point for island in drawn.islands for point in island.middle]
    ids = {point: library.songs.ids[drawn.rows[point]] for point in points}
    tracks = tracks_by_id(backend(), list(ids.values()))
    return render_template("library/map.html", drawn=drawn, ids=ids, tracks=tracks)


@bp.get("/library/map/points")
def map_points() -> ResponseReturnValue:
    """Return the points of the map, column by column, for its script."""
    library = backend().library()
    drawn = current_map(library)
    rows, songs = drawn.rows.tolist(), library.songs
    return {
        "x": drawn.places[:, 0].round(4).tolist(),
        "y": drawn.places[:, 1].round(4).tolist(),
        "island": drawn.island_of.tolist(),
        "id": [songs.ids[row] for row in rows],
        "title": [songs.titles[row] for row in rows],
        "artist": [songs.artists[row] for row in rows],
    }


@bp.get("/library/charts")
def picture() -> ResponseReturnValue:
    """Draw the library: moods, tempo, keys."""
    known = backend().statistics()
    counts = [songs for _tonic, _scale, songs in known.keys]
    return render_template(
        "library/charts.html",
        known=known,
        tempo=charts.columns([(str(low), float(songs)) for low, songs in known.tempo]),
        wheel=charts.key_wheel(counts),
        key_label=key_name_of_index,
        energy=charts.columns([(f"{10 * i}", float(songs)) for i, songs in enumerate(known.energy)]),
    )


@bp.get("/library/failures")
def failures() -> ResponseReturnValue:
    """List the songs that could not be heard, with the reason."""
    music = backend().music
    found = music.failures.all(offset=_offset(), limit=_PAGE)
    return render_template(
        "library/failures.html",
        failures=found,
        tracks=tracks_by_id(backend(), [one.track_id for one in found]),
        total=music.failures.count(),
        offset=_offset(),
        size=_PAGE,
    )


@bp.post("/library/failures/retry")
def retry() -> ResponseReturnValue:
    """Forget the failures, so that the next analysis tries these songs again, and start one."""
    waiting = backend().music.failures.count()
    backend().start_analysis({}, retry_failed=True)
    flash(ngettext("%(num)d song is tried again.", "%(num)d songs are tried again.", waiting))
    return redirect(url_for("home.index"))


@bp.app_template_filter("sort_mark")
def sort_mark(query: TrackQuery, column: str) -> str:
    """Return the aria-sort value of a column."""
    if query.sort != column:
        return "none"
    return "descending" if query.descending else "ascending"


@bp.app_template_filter("failure_kind")
def failure_kind(kind: str) -> str:
    """Return the short reason of a failure."""
    return {
        "empty": _("Empty file"),
        "not-audio": _("Not audio"),
        "no-audio-stream": _("No sound in it"),
        "corrupt": _("Damaged"),
        "too-short": _("Too short"),
        "encrypted": _("Encrypted"),
        "unsupported-codec": _("Unknown format"),
        "missing": _("File is gone"),
        "timeout": _("Took too long"),
        "crashed": _("Crashed the decoder"),
        "too-large": _("Too large"),
    }.get(kind, kind)
