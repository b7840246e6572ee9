"""`audiomuse analyze`: hear every song that is due, in this process."""

from __future__ import annotations

import json
from typing import Any

import click

from audiomuse.cli.opening import opened_services
from audiomuse.cli.options import setting_option
from audiomuse.cli.progress import active_or_new, run_job
from audiomuse.model import Job
from audiomuse.services.app import Services
from audiomuse.services.jobs import JobStatus


@click.command()
@setting_option("music_dir", "--music")
@setting_option("num_recent_albums", "--albums")
@setting_option("analysis_workers", "--workers")
@click.option("--retry-failed", is_flag=True, help="Try songs again that could not be heard.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document with counts and failures.")
def analyze(
    music_dir: str | None,
    num_recent_albums: int | None,
    analysis_workers: int | None,
    retry_failed: bool,
    as_json: bool,
) -> None:
    """Hear every song that was not heard yet.

    An interrupted analysis goes on where it stopped. Songs that cannot be heard are named with their
    reason; the analysis succeeds all the same.
    """
    overrides = {
        "music_dir": music_dir,
        "media_server": "folder" if music_dir else None,
        "num_recent_albums": num_recent_albums,
        "analysis_workers": analysis_workers,
    }
    with opened_services(**overrides) as services:
        job, resumed = active_or_new(
            services, "analysis", lambda: services.start_analysis(retry_failed=retry_failed)
        )
        if resumed:
            click.echo("Going on with the analysis that was interrupted.", err=True)
        ended = run_job(
            services, job, workers=services.settings.worker_count, unit="songs", describe=_describe
        )
        report = _report(services, ended)
    click.echo(json.dumps(report, ensure_ascii=False) if as_json else _as_text(report))


def _describe(status: JobStatus) -> str:
    detail = status.job.detail
    if detail.get("phase") == "listing":
        return f"listing {detail.get('listed', '')}"
    if status.current:
        song = status.current[0].payload
        return str(song.get("title") or "hearing")
    return "hearing"


def _report(services: Services, job: Job) -> dict[str, Any]:
    """Return the counts of a finished analysis and every song that could not be heard."""
    failures = services.music.failures.all(limit=1_000_000)
    tracks = services.music.tracks.get_many([failure.track_id for failure in failures])
    return {
        "job": job.id,
        "state": job.state.value,
        "songs": job.result.get("songs", {}),
        "failed": [
            {
                "track_id": failure.track_id,
                "title": tracks[failure.track_id].title,
                "path": tracks[failure.track_id].path,
                "kind": failure.kind,
                "message": failure.message,
            }
            for failure in failures
        ],
    }


def _as_text(report: dict[str, Any]) -> str:
    songs = report["songs"]
    lines = [
        f"{songs['listed']} songs, {songs['known']} known before, {songs['analysed']} heard now.",
        f"{len(report['failed'])} could not be heard" + (":" if report["failed"] else "."),
    ]
    lines += [f"  {failure['message']}" for failure in report["failed"]]
    return "\n".join(lines)
