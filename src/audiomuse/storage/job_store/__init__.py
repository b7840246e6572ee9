"""What is running, in one database: `JobStore`."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from audiomuse.errors import StorageError, StorageUnreachable
from audiomuse.model import JobState
from audiomuse.storage.engine import Database
from audiomuse.storage.job_store.items import MAX_ATTEMPTS, ItemPlan, ItemRows, Pace
from audiomuse.storage.job_store.jobs import JobRows
from audiomuse.storage.job_store.log import LogLine, LogRows, ScheduleRows, Worker, WorkerRows
from audiomuse.storage.job_store.reserve import Reserve
from audiomuse.storage.job_store.states import StageCount
from audiomuse.storage.migrate import migrate

__all__ = ["MAX_ATTEMPTS", "ItemPlan", "JobStore", "LogLine", "Pace", "StageCount", "Worker"]


class JobStore:
    """The job database, room by room. Threads may share one; every process opens its own.

    Attributes
    ----------
    jobs : JobRows
        Create, find, cancel, resume and end jobs.
    items : ItemRows
        Claim, finish and give back pieces of work.
    log : LogRows
        Lines for people.
    workers, schedules : WorkerRows, ScheduleRows
        Who lives, and what ran when.
    """

    def __init__(self, database: Database) -> None:
        migrate(database, "jobs")
        self.database = database
        self.jobs = JobRows(database)
        self.items = ItemRows(database)
        self.log = LogRows(database)
        self.workers = WorkerRows(database)
        self.schedules = ScheduleRows(database)
        self._reserve = None if database.path is None else Reserve(database.path)
        if self._reserve is not None:
            self._reserve.fill()

    def fail_job(self, job_id: str, error: str, *, owner: str) -> JobState:
        """Record that a job cannot succeed and give back what `owner` holds, even if the disk is full.

        Raises
        ------
        StorageError
            If even that cannot be written.
        """
        try:
            return self._fail_job(job_id, error, owner)
        except StorageUnreachable:
            raise
        except StorageError:
            if self._reserve is None or not self._reserve.spend():
                raise
        return self._fail_job(job_id, error, owner)

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    def _fail_job(self, job_id: str, error: str, owner: str) -> JobState:
        self.jobs.doom(job_id, error)
        self.items.release(job_id, owner)
        return self.jobs.settle(job_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
