"""What the messages make a worker process do. Everything of weight happens in `audiomuse.services`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog
from celery import Celery, Task, shared_task
from celery.signals import setup_logging

from audiomuse.errors import AudioMuseError, JobConflict
from audiomuse.jobs.app import PUMP, PUMP_S, RUN_SCHEDULED, announce
from audiomuse.jobs.cron import is_quiet
from audiomuse.jobs.live import DEFAULT_OPENER, JobServices, LiveServices
from audiomuse.services.logs import configure_logging
from audiomuse.settings import load_settings

log = structlog.get_logger(__name__)

ANALYSIS, CLUSTERING = "analysis", "clustering"


@shared_task(name=PUMP, bind=True)  # type: ignore[untyped-decorator]
def pump(self: Task, job_id: str, token: int | None) -> None:
    """Work on a job for about a minute.

    Parameters
    ----------
    token : int or None
        Of all messages with one number one is obeyed. Whoever claims work passes the next number on, so
        that there is always one message waiting for a free worker, and never a heap of them.
    """
    with structlog.contextvars.bound_contextvars(job=job_id):
        try:
            _pump(self.app, job_id, token)
        except AudioMuseError as e:
            # The edge of this process: the job knows what it has to know, or the sweeper finds out.
            log.error("a worker gave up for now", error=str(e))


@shared_task(name=RUN_SCHEDULED, bind=True)  # type: ignore[untyped-decorator]
def run_scheduled(self: Task, kind: str) -> None:
    """Start the job that a schedule asks for."""
    try:
        services = _services(self.app)
        job = services.start_analysis() if kind == ANALYSIS else services.start_clustering(publish=True)
    except JobConflict:
        log.info("the schedule finds a job running already", kind=kind)
    except AudioMuseError as e:
        log.error("the schedule could not start a job", kind=kind, error=str(e))
    else:
        log.info("started by the schedule", kind=kind, job=job.id)


@setup_logging.connect  # type: ignore[untyped-decorator]
def use_our_log(**_: Any) -> None:
    """Keep Celery from setting up a log of its own."""
    configure_logging(load_settings())


def _pump(app: Celery, job_id: str, token: int | None) -> None:
    services = _services(app)
    jobs = services.engine.store.jobs
    job = jobs.get(job_id)
    stopping = _stop_check(app, services, job.kind)
    if job.state.is_final or stopping():
        return
    if token is None:
        mine = jobs.mint_token(job_id)
    elif jobs.take_token(job_id, token):
        mine = token + 1
    else:
        return
    services.engine.work(
        job_id,
        time_box_s=PUMP_S,
        should_stop=stopping,
        on_claim=lambda: announce(app, job_id, mine),
    )


def _services(app: Celery) -> JobServices:
    return _live_services(app, app.conf.get("audiomuse_opener", DEFAULT_OPENER)).current()


@lru_cache(maxsize=1)
def _live_services(app: Celery, opener: str) -> LiveServices:
    """Open databases and models once per process."""
    return LiveServices(opener, lambda job_id: announce(app, job_id))


def _stop_check(app: Celery, services: JobServices, kind: str) -> Callable[[], bool]:
    """Return what tells a worker to end early: its own shutdown, or quiet hours."""
    stop_file = app.conf.get("audiomuse_stop_file")
    quiet = services.settings.quiet_hours if kind == ANALYSIS else ""

    def should_stop() -> bool:
        if stop_file and Path(stop_file).exists():
            return True
        return is_quiet(quiet, datetime.now().astimezone().time())

    return should_stop
