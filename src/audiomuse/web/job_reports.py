"""Jobs as a person or a program wants to see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audiomuse.model import Job, JobState
from audiomuse.services.jobs import JobEngine, JobStatus
from audiomuse.storage import LogLine


@dataclass(frozen=True, slots=True)
class JobReport:
    """A job, how far it is, and what happens right now."""

    status: JobStatus
    log: tuple[LogLine, ...] = ()
    """Newest last."""

    @property
    def job(self) -> Job:
        return self.status.job

    @property
    def done(self) -> int:
        """Songs, or tries of a search, that are through, well or not."""
        return self.job.done + self.job.failed

    @property
    def total(self) -> int:
        """How many there will be. A search plans its tries little by little, but knows how many it wants."""
        return max(self.job.total, int(self.job.detail.get("runs", 0)))

    @property
    def share(self) -> float:
        """How much is done, 0..1; 1 only at the end."""
        if self.job.state is JobState.SUCCESS:
            return 1.0
        return min(0.99, self.done / self.total) if self.total > 0 else 0.0

    @property
    def per_minute(self) -> float | None:
        """Songs or tries a minute, lately; None before that can be told."""
        return self.status.items_per_minute

    @property
    def seconds_left(self) -> float | None:
        """At that pace; None if it cannot be told."""
        if not self.per_minute or self.status.stopping or self.job.state.is_final:
            return None
        return 60 * max(0, self.total - self.done) / self.per_minute

    @property
    def current(self) -> str | None:
        """The song that is heard right now."""
        for item in self.status.current:
            title, artist = item.payload.get("title"), item.payload.get("artist")
            if title:
                return f"{artist} – {title}" if artist else str(title)
        return None

    @property
    def preview(self) -> Mapping[str, Any] | None:
        """The best playlists that a running search has so far; None before the first."""
        found = self.job.detail.get("preview")
        return found if isinstance(found, Mapping) else None


def report(engine: JobEngine, job_id: str, *, log_lines: int = 100) -> JobReport:
    """Return one job; `NotFound` without it."""
    lines = engine.store.log.lines(job_id, limit=log_lines) if log_lines else ()
    return JobReport(engine.status(job_id), tuple(lines))


def active_reports(engine: JobEngine, kind: str | None = None) -> Sequence[JobReport]:
    """Return the jobs that are not at their end, newest first, without their logs."""
    return [report(engine, job.id, log_lines=0) for job in reversed(engine.store.jobs.active(kind))]
