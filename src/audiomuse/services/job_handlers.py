"""What a kind of job has to say about itself; the engine does the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from audiomuse.model import Job, JobItem
from audiomuse.storage.job_store import ItemPlan, JobStore


class Interrupted(Exception):
    """Raised inside a handler to stop at once; the item is given back as if it had never been begun."""


class Prepared(Protocol):
    """What `JobHandler.prepare` fetched for an item, e.g. a downloaded file."""

    def close(self) -> None:
        """Free it. Called exactly once, whether the item was run or not."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of one item. It is written together with the item's end, or not at all."""

    result: Mapping[str, Any] | None = None
    """Kept with the item; read by later items through `JobContext.results`. Plain JSON values."""
    more: Sequence[ItemPlan] = ()
    """Items that follow from this one: the songs that planning found, the next generation of a search."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Merged into what a person may look at while the job runs."""
    job_result: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the result of the job."""


class JobContext:
    """What a handler may ask of and tell to the job that it works for.

    Attributes
    ----------
    job : Job
        As it was when this worker began with it; its parameters never change.
    """

    def __init__(self, job: Job, store: JobStore, stop: threading.Event) -> None:
        self.job = job
        self._store = store
        self._stop = stop

    def should_stop(self) -> bool:
        """Tell whether to give the item back now: cancelled, failed elsewhere, or this worker ends."""
        return self._stop.is_set()

    def raise_if_stopped(self) -> None:
        """Raise `Interrupted` if the work should stop. Call it between the steps of a long item."""
        if self._stop.is_set():
            raise Interrupted

    def wait(self, seconds: float) -> None:
        """Sleep, but wake up and raise `Interrupted` if the work should stop."""
        if self._stop.wait(seconds):
            raise Interrupted

    def log(self, message: str, *, level: str = "info", item_key: str | None = None) -> None:
        """Add a line to the job's log, which people read."""
        self._store.log.add(self.job.id, message, level=level, item_key=item_key)

    def show(self, **detail: Any) -> None:
        """Show plain JSON values while the job runs; None takes one away."""
        self._store.jobs.update_detail(self.job.id, detail)

    def results(self, stage: int) -> list[JobItem]:
        """Return the done items of an earlier stage with their results, in planned order."""
        return self._store.items.done(self.job.id, stage)


class JobHandler(Protocol):
    """One kind of job. Implementations derive from it, stay free of state and may run in many threads.

    A job begins with the items of `plan`. Items of a stage start once the lower stages are through; an
    item of weight 0 (planning, publishing) must succeed for the job to succeed. What an error means is
    decided in one place, `pump.work_on`:

    ========================================  ====================================================
    `AudioError`, `TrackMissing`,             this item fails with its reason, the job goes on
    `PlaylistRefused`
    `ServerUnreachable`, `StorageUnreachable` the item is tried again later, in the end the job fails
    any other `AudioMuseError`                the job fails with that sentence
    `Interrupted`                             the item is given back
    anything else                             a bug: logged, this item fails, the job goes on
    ========================================  ====================================================
    """

    kind: str
    """``"analysis"``, ``"clustering"``, ``"publishing"``."""
    lookahead: int = 0
    """Items that a worker prepares while it works on another; 1 overlaps a download with computing."""

    def plan(self, parameters: Mapping[str, Any]) -> Sequence[ItemPlan]:
        """Return the first items of a new job. Quick, without asking the network; refuses wrong parameters.

        Raises
        ------
        ParameterError
            If the parameters contradict each other.
        """
        ...

    def prepare(self, item: JobItem, context: JobContext) -> Prepared | None:
        """Fetch what `run` will need, in another thread than `run`; None if there is nothing to fetch."""
        return None

    def run(self, item: JobItem, prepared: Any, context: JobContext) -> Outcome:
        """Do one item. Doing it twice must lead to the same rows as doing it once.

        Parameters
        ----------
        prepared
            What `prepare` returned; the engine closes it.
        """
        ...


HandlerMap = Mapping[str, JobHandler]
"""Handlers by kind."""

StopCheck = Callable[[], bool]
