"""The numbers of the jobs and the library for Prometheus, read from the databases at every scrape.

They survive restarts, need no shared memory between processes, and are the same whichever web process
answers. The text format is version 0.0.4 of Prometheus' exposition format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from audiomuse.model import JobState
from audiomuse.services.jobs import JobEngine, JobStatus
from audiomuse.storage import MusicStore

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class _Sample:
    labels: Mapping[str, str]
    value: float


def prometheus_text(engine: JobEngine, music: MusicStore, features_version: str) -> str:
    """Return every metric of AudioMuse.

    Raises
    ------
    StorageError
        If a database does not answer; a scrape that fails is the right sign then.
    """
    numbers = music.statistics.library(features_version)
    running = [engine.status(job.id) for job in engine.store.jobs.active()]
    workers = engine.store.workers.alive()
    metrics = [
        _gauge("tracks", "Songs in the library.", numbers.tracks),
        _gauge("tracks_analysed", "Songs of the library that were heard.", numbers.analysed),
        _gauge("tracks_failed", "Songs of the library that could not be heard.", numbers.failed),
        _gauge("library_seconds", "Length of all songs.", numbers.duration_s),
        _gauge("playlists", "Playlists that are current.", len(music.playlists.all())),
        _gauge("workers", "Worker processes seen in the last 90 seconds.", len(workers)),
        _gauge("worker_slots", "Items that they work on at the same time.", sum(w.slots for w in workers)),
        _family("jobs_active", "Jobs that are not at their end.", _states(running)),
        _family("job_items", "Items of the active jobs by state.", _items(running)),
        _family(
            "job_items_per_minute",
            "Songs or clustering runs a minute of the active jobs.",
            [_Sample({"kind": s.job.kind}, s.items_per_minute or 0.0) for s in running],
        ),
        _family("job_last_success_seconds", "When a job last succeeded, since 1970.", _last_success(engine)),
    ]
    return "".join(metrics)


def _gauge(name: str, explanation: str, value: float) -> str:
    return _family(name, explanation, [_Sample({}, value)])


def _family(name: str, explanation: str, samples: Iterable[_Sample]) -> str:
    full = f"audiomuse_{name}"
    lines = [f"# HELP {full} {explanation}", f"# TYPE {full} gauge"]
    lines.extend(f"{full}{_labels(sample.labels)} {sample.value:.15g}" for sample in samples)
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _states(running: Iterable[JobStatus]) -> list[_Sample]:
    return [_Sample({"kind": s.job.kind, "state": s.job.state.value}, 1) for s in running]


def _items(running: Iterable[JobStatus]) -> list[_Sample]:
    return [
        _Sample(
            {"kind": status.job.kind, "state": state},
            sum(getattr(stage, state) for stage in status.stages),
        )
        for status in running
        for state in ("pending", "leased", "done", "failed")
    ]


def _last_success(engine: JobEngine) -> list[_Sample]:
    """Return one sample for each kind that has a success among the last hundred jobs."""
    newest: dict[str, float] = {}
    for job in engine.store.jobs.all(limit=100):
        if job.state is JobState.SUCCESS and job.finished_at is not None:
            newest.setdefault(job.kind, job.finished_at.timestamp())
    return [_Sample({"kind": kind}, at) for kind, at in sorted(newest.items())]
