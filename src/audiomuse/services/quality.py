"""How good the current playlists are, as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audiomuse.errors import NotFound
from audiomuse.playlists import PlaylistChange, PlaylistSet
from audiomuse.playlists.report import QualityReport, quality_report
from audiomuse.playlists.report_html import render_html
from audiomuse.services.clustering import last_run
from audiomuse.services.library import JudgedLibrary
from audiomuse.storage import MusicStore


def measure(music: MusicStore, library: JudgedLibrary) -> QualityReport:
    """Measure the current playlists against the library.

    Raises
    ------
    NotFound
        If there are no playlists yet.
    """
    playlists = music.playlists.all()
    noted = last_run(music)
    if not playlists or noted is None:
        raise NotFound("There are no playlists yet: run the clustering first.")
    saved = music.clusterings.get(noted["clustering"])
    changes = tuple(_change(values) for values in noted["changes"])
    known = {change.playlist_id for change in changes}
    made = PlaylistSet(
        tuple(playlist for playlist in playlists if playlist.id in known),
        changes,
        tuple(noted["notes"]),
        noted["coverage"],
    )
    clustering = saved.clustering if saved else None
    return quality_report(library.matrix, library.places, made, clustering)


def current_report(music: MusicStore, library: JudgedLibrary) -> str:
    """Return the measurements as a self-contained HTML page; raises like `measure`."""
    return render_html(measure(music, library))


def _change(values: Mapping[str, Any]) -> PlaylistChange:
    return PlaylistChange(**{**values, "came": tuple(values["came"]), "went": tuple(values["went"])})
