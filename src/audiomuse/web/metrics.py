"""Library and jobs in the text format of Prometheus, read from the databases at every scrape.

Nothing is counted in a process, so restarts and any number of workers leave the numbers right.
"""

from __future__ import annotations

from collections.abc import Iterator

from audiomuse.model import JobState
from audiomuse.services.jobs import JobEngine
from audiomuse.storage import LibraryStatistics, MusicStore


def render_metrics(known: LibraryStatistics, music: MusicStore, engine: JobEngine) -> str:
    """Return every metric with its help line."""
    return "".join(f"{line}\n" for line in _lines(known, music, engine))


def _lines(known: LibraryStatistics, music: MusicStore, engine: JobEngine) -> Iterator[str]:
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
    newest = {kind: engine.store.jobs.last(kind) for kind in ("analysis", "clustering", "publishing")}
    jobs = {kind: job for kind, job in newest.items() if job is not None}
    if not jobs:
        return
    yield "# HELP audiomuse_job_items Items of the newest job of each kind."
    yield "# TYPE audiomuse_job_items gauge"
    for kind, job in jobs.items():
        # What a cancelled job left undone waits for nobody: an autoscaler must not start workers for it.
        pending = 0 if job.state.is_final else job.total - job.done - job.failed
        for state, count in (("pending", pending), ("done", job.done), ("failed", job.failed)):
            yield f'audiomuse_job_items{{kind="{kind}",state="{state}"}} {count}'
    yield "# HELP audiomuse_job_state 1 for the state of the newest job of each kind."
    yield "# TYPE audiomuse_job_state gauge"
    for kind, job in jobs.items():
        for one in JobState:
            yield f'audiomuse_job_state{{kind="{kind}",state="{one.value}"}} {int(job.state is one)}'


def _gauge(name: str, text: str, value: float) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} gauge"
    yield f"{name} {value:g}"
