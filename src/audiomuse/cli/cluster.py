"""`audiomuse cluster`: search the best grouping and make playlists of it."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from audiomuse.cli.opening import opened_services
from audiomuse.cli.options import setting_option, setting_options
from audiomuse.cli.progress import active_or_new, run_job
from audiomuse.errors import NotFound
from audiomuse.model import Job, Playlist
from audiomuse.playlists.report import explain as explain_playlist
from audiomuse.services.app import Services
from audiomuse.services.clustering_request import CLUSTERING_FIELDS
from audiomuse.services.jobs import JobStatus

_SHORT_FLAGS = {"cluster_algorithm": "--algorithm", "clustering_runs": "--runs", "clustering_seed": "--seed"}


@click.command()
@setting_option("cluster_algorithm", "--algorithm")
@setting_option("clustering_runs", "--runs")
@setting_option("clustering_seed", "--seed")
@setting_options(*(name for name in CLUSTERING_FIELDS if name not in _SHORT_FLAGS))
@click.option("--publish", is_flag=True, help="Send the playlists to the media server at the end.")
@click.option("--start-over", is_flag=True, help="Forget yesterday's playlists instead of continuing them.")
@click.option("--explain", "explained", metavar="LIST", help="Afterwards say why each song is in this list.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document with the playlists.")
def cluster(publish: bool, start_over: bool, explained: str | None, as_json: bool, **chosen: Any) -> None:
    """Turn the analysed songs into playlists.

    The same seed, songs and parameters give the same playlists.
    """
    with opened_services() as services:
        job, resumed = active_or_new(
            services,
            "clustering",
            lambda: services.start_clustering(chosen, publish=publish, start_over=start_over),
        )
        if resumed:
            click.echo(
                "Going on with the clustering that was interrupted, with its own parameters.", err=True
            )
        ended = run_job(services, job, workers=1, unit="runs", describe=_describe)
        if as_json:
            click.echo(json.dumps(_document(services, ended), ensure_ascii=False))
        else:
            _print(services, ended)
        if explained:
            explain(services, explained)


def explain(services: Services, wanted: str) -> None:
    """Print why each song is in one playlist, found by id or name; raises `NotFound`."""
    playlist = find_playlist(services, wanted)
    library = services.judged_library()
    explanation = explain_playlist(playlist, library.matrix, library.places)
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(f"\n[bold]{explanation.name}[/]", highlight=False)
    for sentence in explanation.sentences:
        console.print(f"  {sentence}", highlight=False)
    table = Table("song", "artist", "BPM", "why")
    for song in explanation.songs:
        table.add_row(song.title, song.artist, _round(song.tempo_bpm), song.reason)
    console.print(table)


def find_playlist(services: Services, wanted: str) -> Playlist:
    """Return the current playlist with that id, or that name in any case.

    Raises
    ------
    NotFound
        If there is none; the message lists the names.
    """
    playlists = services.playlists()
    for playlist in playlists:
        if wanted == playlist.id or wanted.casefold() == playlist.name.casefold():
            return playlist
    names = ", ".join(repr(playlist.name) for playlist in playlists) or "none yet"
    raise NotFound(f"There is no playlist {wanted!r}; there are: {names}.")


def _describe(status: JobStatus) -> str:
    detail = status.job.detail
    score = detail.get("score")
    phase = str(detail.get("phase", "starting"))
    return phase if score is None else f"{phase}, best {score:.3f}"


def _document(services: Services, job: Job) -> dict[str, Any]:
    """Return the documented JSON of a finished clustering."""
    return {
        "job": job.id,
        "playlists": [
            {"id": playlist.id, "name": playlist.name, "tracks": list(playlist.track_ids)}
            for playlist in services.playlists()
        ],
        **{name: job.result.get(name) for name in ("score", "parts", "parameters", "seed", "algorithm")},
        "coverage": job.result.get("coverage"),
        "notes": job.result.get("notes", []),
        "published": job.result.get("published"),
    }


def _print(services: Services, job: Job) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table("playlist", "songs", "artists", "BPM", "energy", "typical")
    playlists = services.playlists()
    tracks = services.music.tracks.get_many([track for p in playlists for track in p.track_ids])
    for playlist in playlists:
        artists = {tracks[track].artist for track in playlist.track_ids if track in tracks}
        typical = ", ".join(name for name, _ in playlist.tags[:3])
        table.add_row(
            playlist.name,
            str(len(playlist.entries)),
            str(len(artists)),
            _round(playlist.tempo_bpm),
            "-" if playlist.energy is None else f"{playlist.energy:.2f}",
            typical,
        )
    console.print(table)
    parts = ", ".join(f"{name} {value:.2f}" for name, value in (job.result.get("parts") or {}).items())
    coverage = job.result.get("coverage") or 0.0
    console.print(
        f"Score {job.result.get('score', 0):.3f} ({parts}). {coverage:.0%} of the library is in a playlist.",
        highlight=False,
    )
    for note in job.result.get("notes", []):
        console.print(f"- {note}", highlight=False)
    for warning in job.result.get("warnings", []):
        console.print(f"[yellow]- {warning}[/]", highlight=False)
    if job.result.get("published") is not None:
        console.print(f"{len(job.result['published'])} playlists are on the server.", highlight=False)


def _round(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
