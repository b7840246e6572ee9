"""The one who looks whether anything was forgotten. Every worker has one; any number of them agree."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import datetime

import structlog

from audiomuse.errors import AudioMuseError
from audiomuse.jobs.cron import end_of_quiet, is_quiet, parse_schedule
from audiomuse.jobs.live import LiveSettings
from audiomuse.jobs.tasks import ANALYSIS, CLUSTERING
from audiomuse.model import Job
from audiomuse.services.jobs import JobEngine
from audiomuse.services.temp_folders import AbandonedFolders
from audiomuse.settings import Settings
from audiomuse.storage import JobStore

log = structlog.get_logger(__name__)

_EVERY_S = 5.0
_TOKEN_AGE_S = 10.0
_PRUNE_EVERY_S = 3600.0
_WEDGED = 70  # exit code: an internal error, by the convention of sysexits.h


class Sweeper:
    """Brings back what dead workers held, ends what is through, and announces what nobody announced.

    Parameters
    ----------
    store : JobStore
    settings : LiveSettings
        Schedules and quiet hours as the page has them now.
    announce : callable
        Called with the id of a job that has work, and a fresh token.
    run_scheduled : callable
        Called with the kind of job that is due; tells whether the message was taken.
    show_alive : callable
        Called every time, to say that this worker lives.
    is_wedged : callable
        Asked every time. A worker that hangs ends here: its leases come back, and it is started again.
    keep_broker : callable
        Called every time in the sweeper's thread, to start the message broker again if it died.
    """

    def __init__(
        self,
        store: JobStore,
        settings: LiveSettings,
        *,
        announce: Callable[[str, int], object],
        run_scheduled: Callable[[str], bool],
        show_alive: Callable[[], None] = lambda: None,
        is_wedged: Callable[[], bool] = lambda: False,
        keep_broker: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._engine = JobEngine(store, ())
        self._settings = settings
        self._announce = announce
        self._run_scheduled = run_scheduled
        self._show_alive = show_alive
        self._is_wedged = is_wedged
        self._keep_broker = keep_broker
        self._abandoned = AbandonedFolders()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)
        self._pruned = 0.0

    def start(self) -> None:
        """Sweep every few seconds in a thread of its own; at first, announce everything that is due."""
        self._thread.start()

    def stop(self) -> None:
        """End that thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def sweep(self, *, token_age_s: float = _TOKEN_AGE_S) -> None:
        """Look once.

        Parameters
        ----------
        token_age_s : float
            A message that was sent longer ago is believed to be lost.
        """
        self._show_alive()
        self._engine.sweep()
        settings = self._settings.current()
        self._abandoned.clear(settings.temp_dir)
        now = datetime.now().astimezone()
        quiet = is_quiet(settings.quiet_hours, now.time())
        active = {job.id: job for job in self._store.jobs.active()}
        for job in active.values():
            self._show_waiting(job, settings if quiet else None)
        for job_id in self._store.jobs.without_token(older_than_s=token_age_s):
            job_or_none = active.get(job_id)
            if job_or_none is None or (quiet and job_or_none.kind == ANALYSIS):
                continue
            self._announce(job_id, self._store.jobs.mint_token(job_id))
        self._keep_schedule(ANALYSIS, settings.analysis_schedule, now)
        self._keep_schedule(CLUSTERING, settings.clustering_schedule, now)
        if time.monotonic() - self._pruned > _PRUNE_EVERY_S:
            self._store.jobs.prune()
            self._pruned = time.monotonic()

    def _keep_schedule(self, kind: str, text: str, now: datetime) -> None:
        schedule = parse_schedule(text, f"{kind.upper()}_SCHEDULE")
        if schedule is None:
            return
        last = self._store.schedules.last_run(kind)
        if schedule.is_due(last.astimezone(), now) and self._store.schedules.claim_run(kind, last):
            self._run_scheduled(kind)

    def _show_waiting(self, job: Job, quiet: Settings | None) -> None:
        """Tell people why an analysis stands still."""
        waiting = None
        if quiet is not None and job.kind == ANALYSIS:
            waiting = f"quiet hours until {end_of_quiet(quiet.quiet_hours)}"
        if job.detail.get("waiting") != waiting:
            self._store.jobs.update_detail(job.id, {"waiting": waiting})

    def _run(self) -> None:
        token_age_s = 0.0
        while True:
            try:
                self._keep_broker()
            except AudioMuseError as e:
                log.error("the message broker does not start; trying again", error=str(e))
            try:
                self.sweep(token_age_s=token_age_s)
                token_age_s = _TOKEN_AGE_S
            except AudioMuseError as e:
                log.warning("sweeping failed; trying again", error=str(e))
            except Exception:
                # Without a sweeper lost work would stay lost: it outlives bugs, and reports them.
                log.exception("sweeping failed unexpectedly; trying again")
            if self._is_wedged():
                log.critical("this worker hangs; ending it, so that it is started again")
                os._exit(_WEDGED)
            if self._stop.wait(_EVERY_S):
                return
