"""One worker's loop: claim, prepare, run, write down, next; always ready to die."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from audiomuse.errors import (
    AudioError,
    AudioMuseError,
    PlaylistRefused,
    ServerUnreachable,
    StorageError,
    StorageUnreachable,
    TrackMissing,
)
from audiomuse.model import JobItem, JobState
from audiomuse.services.job_handlers import Interrupted, JobContext, JobHandler, Outcome, StopCheck
from audiomuse.storage.job_store import JobStore

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timing:
    """The clocks of the engine, in seconds. Tests run with shorter ones."""

    lease_s: float = 60.0
    """How long an item stays claimed without a sign of life."""
    check_s: float = 1.0
    """How often a worker looks whether it should stop."""
    retry_s: float = 5.0
    """Pause before the first retry; doubled every time."""
    retries: int = 6
    """Tries after the first before an unreachable server fails the job."""
    retries_planning: int = 2
    """The same for planning: whoever pressed the button still waits for the answer."""
    storage_patience_s: float = 60.0
    """How long a database may be away before a worker gives up for now."""


@dataclass(frozen=True, slots=True)
class PumpReport:
    """What one worker did in one go."""

    claimed: int
    done: int
    failed: int
    state: JobState
    """Of the job, when the worker stopped."""


class Pump:
    """Work on one job until there is nothing to claim, the time is up, or it is told to stop.

    Parameters
    ----------
    owner : str
        From `owners.new_owner`, not shared with anybody.
    should_stop : callable
        Asked about once a second; for the end of this worker, not of the job.
    on_claim : callable
        Called once, when the first item was claimed.
    on_more : callable
        Called when an item brought further ones, which others may help with.
    """

    def __init__(
        self,
        store: JobStore,
        handler: JobHandler,
        job_id: str,
        owner: str,
        *,
        should_stop: StopCheck,
        on_claim: Callable[[], object],
        on_more: Callable[[], object],
        timing: Timing,
    ) -> None:
        self._store = store
        self._handler = handler
        self._job_id = job_id
        self._owner = owner
        self._should_stop = should_stop
        self._on_claim = on_claim
        self._on_more = on_more
        self._timing = timing
        self._stop = threading.Event()
        self._claimed = self._done = self._failed = 0

    def run(self, time_box_s: float) -> PumpReport:
        """Work; no new item is claimed after `time_box_s`.

        Raises
        ------
        StorageError
            If the database cannot be used, not even to say so.
        """
        context = JobContext(self._store.jobs.get(self._job_id), self._store, self._stop)
        deadline = time.monotonic() + time_box_s
        try:
            with (
                structlog.contextvars.bound_contextvars(job=self._job_id),
                self._heartbeat(),
                _Shelf(self._handler, context) as shelf,
            ):
                while not self._stop.is_set():
                    if time.monotonic() < deadline:
                        self._fill(shelf)
                    if not shelf:
                        break
                    self.work_on(*shelf.take(), context)
        except StorageUnreachable:
            raise
        except StorageError as e:
            self._fail_job(str(e))
        finally:
            self._patiently(lambda: self._store.items.release(self._job_id, self._owner))
        state = self._patiently(lambda: self._store.jobs.settle(self._job_id))
        return PumpReport(self._claimed, self._done, self._failed, state)

    def work_on(self, item: JobItem, preparing: Future[Any], context: JobContext) -> None:
        """Run one item and decide what its failure means for the whole job (see `JobHandler`)."""
        began = time.monotonic()
        with structlog.contextvars.bound_contextvars(item=item.key):
            try:
                with _closing(preparing) as prepared:
                    outcome = self._handler.run(item, prepared, context)
            except Interrupted:
                self._give_back(item)
            except (AudioError, PlaylistRefused, TrackMissing) as e:
                self._fail_item(item, _kind_of(e), str(e), began)
            except (ServerUnreachable, StorageUnreachable) as e:
                self._try_later(item, e, began)
            except AudioMuseError as e:
                self._fail_job(str(e))
            except Exception as e:
                # A worker outlives its guests: a bug in one item is reported with it, the others go on.
                log.exception("item failed unexpectedly")
                self._fail_item(item, "unexpected", f"{type(e).__name__}: {e}", began)
            else:
                self._complete(item, outcome, began)

    def _fill(self, shelf: _Shelf) -> None:
        """Claim as many items as the handler looks ahead, and one to work on now."""
        wanted = 1 + self._handler.lookahead - len(shelf)
        items = self._patiently(
            lambda: self._store.items.claim(self._job_id, self._owner, wanted, lease_s=self._timing.lease_s)
        )
        if items and not self._claimed:
            self._on_claim()
        self._claimed += len(items)
        for item in items:
            shelf.put(item)

    def _complete(self, item: JobItem, outcome: Outcome, began: float) -> None:
        kept = self._patiently(
            lambda: self._store.items.complete(
                item,
                self._owner,
                result=outcome.result,
                more=outcome.more,
                detail=outcome.detail,
                job_result=outcome.job_result,
                work_s=time.monotonic() - began,
            )
        )
        if kept:
            self._done += 1
            if outcome.more:
                self._on_more()
        else:
            log.warning("lease lost; somebody else has done it or will")

    def _fail_item(self, item: JobItem, kind: str, error: str, began: float) -> None:
        self._failed += 1
        log.warning("item failed", kind=kind, error=error)

        def record() -> None:
            work_s = time.monotonic() - began
            if self._store.items.fail(item, self._owner, kind=kind, error=error, work_s=work_s):
                self._store.log.add(self._job_id, error, level="warning", item_key=item.key)

        self._patiently(record)

    def _try_later(self, item: JobItem, error: AudioMuseError, began: float) -> None:
        """Give an item back for later; after too many tries fail it, or the job if nothing gets through."""
        if self._stop.is_set():
            self._give_back(item)  # a connection cut by our own stopping is not the server's fault
            return
        allowed = self._timing.retries_planning if item.stage == 0 else self._timing.retries
        trouble = self._patiently(lambda: self._store.items.trouble(item))
        if trouble.retries < allowed:
            delay = self._timing.retry_s * 2**trouble.retries
            log.warning("will try again", error=str(error), seconds=delay)
            self._patiently(lambda: self._store.items.retry_later(item, self._owner, delay_s=delay))
        elif trouble.others_succeed:
            self._fail_item(item, "unreachable", str(error), began)
        else:
            self._fail_job(str(error))

    def _fail_job(self, error: str) -> None:
        log.error("job failed", error=error)
        self._stop.set()
        self._patiently(lambda: self._store.fail_job(self._job_id, error, owner=self._owner))

    def _give_back(self, item: JobItem) -> None:
        self._patiently(lambda: self._store.items.release(self._job_id, self._owner, [item.key]))

    def _patiently(self, action: Callable[[], T]) -> T:
        """Do something with the job database, waiting for it if it is away for a moment."""
        deadline = time.monotonic() + self._timing.storage_patience_s
        pause = 0.2
        while True:
            try:
                return action()
            except StorageUnreachable as e:
                if time.monotonic() + pause > deadline:
                    raise
                log.warning("waiting for the database", error=str(e))
                time.sleep(pause)
                pause = min(2 * pause, 5.0)

    @contextlib.contextmanager
    def _heartbeat(self) -> Iterator[None]:
        """Extend the leases and look for reasons to stop, in a thread of its own."""
        ended = threading.Event()
        thread = threading.Thread(target=self._beat, args=(ended,), name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _beat(self, ended: threading.Event) -> None:
        last = 0.0
        while not ended.wait(self._timing.check_s):
            if self._should_stop():
                self._stop.set()
            try:
                if self._store.items.must_stop(self._job_id):
                    self._stop.set()
                if time.monotonic() - last >= self._timing.lease_s / 4:
                    self._store.items.heartbeat(self._job_id, self._owner, lease_s=self._timing.lease_s)
                    last = time.monotonic()
            except AudioMuseError as e:
                # The leases hold for a while; the main loop meets the same trouble and decides.
                log.warning("heartbeat failed", error=str(e))


class _Shelf:
    """Claimed items in their order, being prepared by one background thread."""

    def __init__(self, handler: JobHandler, context: JobContext) -> None:
        self._handler = handler
        self._context = context
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="prepare")
        self._waiting: deque[tuple[JobItem, Future[Any]]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, item: JobItem) -> None:
        with structlog.contextvars.bound_contextvars(item=item.key):
            here = contextvars.copy_context()
        preparing = self._executor.submit(here.run, self._handler.prepare, item, self._context)
        self._waiting.append((item, preparing))

    def take(self) -> tuple[JobItem, Future[Any]]:
        return self._waiting.popleft()

    def __enter__(self) -> _Shelf:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Free what was prepared in vain."""
        for _, preparing in self._waiting:
            if not preparing.cancel():
                with contextlib.suppress(Exception), _closing(preparing):
                    pass  # whatever went wrong fetching it, nobody wants it any more
        self._executor.shutdown()


def _kind_of(error: AudioError | PlaylistRefused | TrackMissing) -> str:
    """Return the stable word for the reason why one item failed."""
    if isinstance(error, AudioError):
        return error.kind
    return "refused" if isinstance(error, PlaylistRefused) else "missing"


@contextlib.contextmanager
def _closing(preparing: Future[Any]) -> Iterator[Any]:
    prepared = preparing.result()
    try:
        yield prepared
    finally:
        if prepared is not None:
            prepared.close()
