"""Run jobs that cannot lose work: start, work, cancel, resume, sweep, and tell how far it is.

The rows of the job database are the truth. A process may die at any moment: what was finished is finished,
what was claimed comes back, nothing is done twice with two results. Celery is one way to call `work`; the
threads of `run_to_end` are another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from audiomuse.errors import NotFound
from audiomuse.model import Job, JobItem, JobState
from audiomuse.services.job_handlers import (
    Interrupted,
    JobContext,
    JobHandler,
    Outcome,
    Prepared,
    StopCheck,
)
from audiomuse.services.owners import is_dead, new_owner
from audiomuse.services.pump import Pump, PumpReport, Timing
from audiomuse.storage.job_store import ItemPlan, JobStore, Pace, StageCount

__all__ = [
    "Interrupted",
    "ItemPlan",
    "JobContext",
    "JobEngine",
    "JobHandler",
    "JobStatus",
    "Outcome",
    "Prepared",
    "PumpReport",
    "Timing",
]

_PACE_WINDOW_S = 600.0
_SWEEP_EVERY_S = 5.0
_IDLE_S = 0.5


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job as a person wants to see it."""

    job: Job
    items_per_minute: float | None
    """Songs (or clustering runs) a minute over the last ten minutes; None while too few are done."""
    eta_s: float | None
    """Seconds until the known items are through at that pace; None if it cannot be told or is over."""
    current: tuple[JobItem, ...]
    """What is being worked on right now."""
    stages: tuple[StageCount, ...]
    stopping: bool
    """Asked to stop (cancelled or failed), while something still works on it."""

    @property
    def remaining(self) -> int:
        """Weight of the items that are neither done nor failed."""
        return self.job.total - self.job.done - self.job.failed


class JobEngine:
    """Everything that can be done with jobs.

    Parameters
    ----------
    store : JobStore
        Where the truth is.
    handlers : iterable of JobHandler
        One for every kind of job.
    announce : callable, optional
        Called with a job's id when there is work; its failure must not matter, the sweeper repeats it.
    timing : Timing
        Clocks.
    """

    def __init__(
        self,
        store: JobStore,
        handlers: Iterable[JobHandler],
        *,
        announce: Callable[[str], object] | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.store = store
        self.timing = timing or Timing()
        self._handlers = {handler.kind: handler for handler in handlers}
        self._announce = announce or (lambda job_id: None)

    def start(self, kind: str, parameters: Mapping[str, Any] | None = None) -> Job:
        """Create a job; whoever works will find it.

        Raises
        ------
        JobConflict
            If one of that kind is active.
        ParameterError
            If the parameters make no sense.
        """
        given = dict(parameters or {})
        job = self.store.jobs.create(kind, given, self._handler(kind).plan(given))
        return self._announced(job)

    def resume(self, job_id: str) -> Job:
        """Continue a cancelled or failed job: only what is missing is done.

        Raises
        ------
        JobConflict
            If another job of its kind is active.
        ParameterError
            If the job succeeded.
        """
        return self._announced(self.store.jobs.resume(job_id))

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop. It is obeyed within one song or one clustering run; then the job is REVOKED."""
        self.store.jobs.request_cancel(job_id)
        self.sweep()
        return self.store.jobs.get(job_id)

    def work(
        self,
        job_id: str,
        *,
        time_box_s: float = 60.0,
        should_stop: StopCheck = lambda: False,
        on_claim: Callable[[], object] = lambda: None,
    ) -> PumpReport:
        """Work on a job in this thread until nothing can be claimed, the time is up, or told to stop.

        Parameters
        ----------
        time_box_s : float
            No new item is begun after that.
        on_claim : callable
            Called when the first item was claimed: the sign that another worker may find work too.

        Raises
        ------
        NotFound
            If there is no such job.
        StorageError
            If a database cannot be used.
        """
        job = self.store.jobs.get(job_id)
        pump = Pump(
            self.store,
            self._handler(job.kind),
            job_id,
            new_owner(),
            should_stop=should_stop,
            on_claim=on_claim,
            on_more=lambda: self._announce(job_id),
            timing=self.timing,
        )
        return pump.run(time_box_s)

    def sweep(self) -> int:
        """Take back what dead workers held, and bring jobs to their end; return how many items came back."""
        swept = self.store.items.sweep(is_dead)
        for job_id in self.store.jobs.active_ids():
            self.store.jobs.settle(job_id)
        return swept

    def status(self, job_id: str) -> JobStatus:
        """Return how far a job is.

        Raises
        ------
        NotFound
            If there is no such job.
        """
        job, stages = self.store.jobs.get_with_stages(job_id)
        if not job.state.is_final and self._looks_abandoned(job):
            self.sweep()
            job, stages = self.store.jobs.get_with_stages(job_id)
        active = not job.state.is_final
        per_second = _per_second(self.store.items.pace(job_id, window_s=_PACE_WINDOW_S)) if active else None
        remaining = job.total - job.done - job.failed
        stopping = active and (job.cancel_requested or job.error is not None)
        return JobStatus(
            job=job,
            items_per_minute=None if per_second is None else 60 * per_second,
            eta_s=None if per_second is None or stopping else remaining / per_second,
            current=tuple(self.store.items.leased(job_id)) if active else (),
            stages=tuple(stages),
            stopping=stopping,
        )

    def run_to_end(
        self,
        job_id: str,
        *,
        workers: int = 1,
        on_progress: Callable[[JobStatus], None] = lambda status: None,
        should_stop: StopCheck = lambda: False,
        every_s: float = 0.5,
    ) -> Job:
        """Work on a job with threads of this process until it is at its end, without any broker.

        Other processes may work on the same job meanwhile.

        Parameters
        ----------
        workers : int
            Threads.
        on_progress : callable
            Called in this thread every `every_s` seconds, and at the end.
        should_stop : callable
            True ends the work and leaves a job that can be resumed.

        Returns
        -------
        Job
            Still active only if it was stopped.

        Raises
        ------
        StorageError
            If a database cannot be used.
        """
        stop = threading.Event()
        trouble: list[Exception] = []
        threads = [
            threading.Thread(target=self._work_until, args=(job_id, stop, trouble), name=f"worker-{i}")
            for i in range(max(1, workers))
        ]
        self.sweep()
        for thread in threads:
            thread.start()
        try:
            self._watch(job_id, stop, on_progress, should_stop, every_s)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        if trouble:
            raise trouble[0]
        on_progress(self.status(job_id))
        return self.store.jobs.get(job_id)

    def _watch(
        self,
        job_id: str,
        stop: threading.Event,
        on_progress: Callable[[JobStatus], None],
        should_stop: StopCheck,
        every_s: float,
    ) -> None:
        swept = time.monotonic()
        while not stop.wait(every_s):
            if should_stop():
                return
            if time.monotonic() - swept > _SWEEP_EVERY_S:
                self.sweep()
                swept = time.monotonic()
            status = self.status(job_id)
            if status.job.state.is_final:
                return
            on_progress(status)

    def _work_until(self, job_id: str, stop: threading.Event, trouble: list[Exception]) -> None:
        """One thread of `run_to_end`: what goes wrong here is raised there."""
        try:
            while not stop.is_set():
                report = self.work(job_id, should_stop=stop.is_set)
                if report.state.is_final:
                    return
                if not report.claimed:
                    stop.wait(_IDLE_S)
        except Exception as e:  # noqa: BLE001 - handed to the thread that waits
            trouble.append(e)
            stop.set()

    def _handler(self, kind: str) -> JobHandler:
        try:
            return self._handlers[kind]
        except KeyError:
            raise NotFound(f"There are no jobs of the kind {kind!r}.") from None

    def _announced(self, job: Job) -> Job:
        if job.state is JobState.PENDING:
            self._announce(job.id)
        return job

    def _looks_abandoned(self, job: Job) -> bool:
        """Tell whether nobody may be left to bring this active job to its end."""
        if job.cancel_requested or job.error is not None:
            return True
        last = job.heartbeat_at or job.created_at
        return (datetime.now(UTC) - last).total_seconds() > 2 * self.timing.lease_s


def _per_second(pace: Pace) -> float | None:
    """Return the weight finished a second; the first item only starts the clock."""
    if pace.count < 2 or pace.seconds <= 0:
        return None
    return pace.weight * (pace.count - 1) / pace.count / pace.seconds
