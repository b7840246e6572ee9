"""Our nouns in the words of the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Response

from audiomuse.model import Job, JobState, Track
from audiomuse.similarity import Neighbour
from audiomuse.web.job_reports import JobReport

Answer = Response | dict[str, Any] | tuple[dict[str, Any], int]
"""What a view of the API returns."""

_TASK_TYPES = {"analysis": "main_analysis", "clustering": "main_clustering"}

_SENTENCES = {
    JobState.PENDING: "Waiting to start.",
    JobState.STARTED: "Starting.",
    JobState.PROGRESS: "Running.",
    JobState.SUCCESS: "Finished.",
    JobState.FAILURE: "Failed.",
    JobState.REVOKED: "Cancelled.",
}


def task_type(job: Job) -> str:
    """Return the name that clients know a kind of job by."""
    return _TASK_TYPES.get(job.kind, job.kind)


def sentence(job: Job) -> str:
    """Say the state of a job in one sentence."""
    if job.state is JobState.FAILURE and job.error:
        return job.error
    if job.cancel_requested and not job.state.is_final:
        return "Stopping; the song in hand is finished first."
    return _SENTENCES[job.state]


def details(job: Job) -> dict[str, Any]:
    """Return what else is known of a job."""
    return {
        **job.detail,
        **({"result": dict(job.result)} if job.result else {}),
        "total": job.total,
        "done": job.done,
        "failed": job.failed,
        "cancel_requested": job.cancel_requested,
        "created_at": job.created_at.isoformat(),
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
        **({"error": job.error} if job.error else {}),
    }


def task_status(report: JobReport) -> dict[str, Any]:
    """Return a job in the shape of `/api/status`."""
    job = report.job
    return {
        "task_id": job.id,
        "task_type": task_type(job),
        "state": job.state.value,
        "status": sentence(job),
        "progress": int(100 * report.share),
        "details": {
            **details(job),
            "per_minute": report.per_minute,
            "seconds_left": report.seconds_left,
            "current": report.current,
        },
        "log_output": [line.message for line in report.log],
    }


def track(one: Track) -> dict[str, Any]:
    """Return a song."""
    return {
        "item_id": one.id,
        "title": one.title,
        "author": one.artist or "",
        "album": one.album or "",
    }


def near(neighbours: Iterable[Neighbour], tracks: Mapping[str, Track]) -> list[dict[str, Any]]:
    """Return songs with their distances; songs that left the library meanwhile are left out."""
    return [
        {**track(tracks[one.track_id]), "distance": round(float(one.distance), 6)}
        for one in neighbours
        if one.track_id in tracks
    ]


def representative(track_ids: Sequence[str], tracks: Mapping[str, Track]) -> list[dict[str, str]]:
    """Return songs that stand for an artist."""
    return [{"item_id": i, "title": tracks[i].title} for i in dict.fromkeys(track_ids) if i in tracks]
