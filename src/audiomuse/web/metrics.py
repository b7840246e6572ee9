"""Library and jobs in the text format of Prometheus, read from the databases at every scrape.

Nothing is counted in a process, so restarts and any number of workers leave the numbers right.
"""

from __future__ import annotations

from collections.abc import Iterator

from audiomuse.model import JobState
from audiomuse.services.jobs import JobEngine
from audiomuse.storage import MusicStore


def render_metrics(music: MusicStore, engine: JobEngine, features_version: str) -> str:
    """Return every metric with its help line."""
    return "".join(f"{line}\n" for line in _lines(music, engine, features_version))


def _lines(music: MusicStore, engine: JobEngine, features_version: str) -> Iterator[str]:
    known = music.statistics.library(features_version)
    yield from _gauge("audiomuse_tracks", "Songs in the library.", known.tracks)
    yield from _gauge("audiomuse_tracks_analysed", "Songs that were heard.", known.analysed)
    yield from _gauge("audiomuse_tracks_failed", "Songs that could not be heard.", known.failed)
    yield from _gauge("audiomuse_music_seconds", "Length of all songs together.", known.duration_s)
    yield from _gauge("audiomuse_playlists", "Playlists.", len(music.playlists.all()))
    yield from _gauge(
        "audiomuse_workers", "Workers that were seen lately.", len(engine.store.workers.alive())
    )
    yield from _job_lines(engine)


def _job_lines(engine: JobEngine) -> Iterator[str]:
    names = ("total", "done", "failed")
    rows: dict[str, list[str]] = {name: [] for name in names}
    states: list[str] = []
    for kind in ("analysis", "clustering"):
        job = engine.store.jobs.last(kind)
        if job is None:
            continue
        for name in names:
            rows[name].append(f'audiomuse_job_items{{kind="{kind}",state="{name}"}} {getattr(job, name)}')
        states += [
            f'audiomuse_job_state{{kind="{kind}",state="{state.value}"}} {int(job.state is state)}'
            for state in JobState
        ]
    if states:
        yield "# HELP audiomuse_job_items Items of the newest job of each kind."
        yield "# TYPE audiomuse_job_items gauge"
        for name in names:
            yield from rows[name]
        yield "# HELP audiomuse_job_state 1 for the state of the newest job of each kind."
        yield "# TYPE audiomuse_job_state gauge"
        yield from states


def _gauge(name: str, text: str, value: float) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} gauge"
    yield f"{name} {value:g}"
