"""A worker: a Celery parent with a sweeper, and one child process for every song at a time."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import structlog
from celery import Celery
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.signals import worker_ready, worker_shutting_down

from audiomuse.jobs.app import QUEUE, announce, announce_scheduled, make_app
from audiomuse.jobs.broker import EmbeddedBroker, choose_broker
from audiomuse.jobs.fleet import SharedBroker, home_of, uses_sqlite
from audiomuse.jobs.live import DEFAULT_OPENER, LiveSettings
from audiomuse.jobs.sweeper import Sweeper
from audiomuse.jobs.watchdog import Watchdog
from audiomuse.services.logs import configure_logging
from audiomuse.services.temp_folders import OwnFolder
from audiomuse.settings import Settings
from audiomuse.storage import JobStore, open_job_store, open_music_store

log = structlog.get_logger(__name__)

_NICENESS = 10
_AFTER_THE_POOL = -200  # multiprocessing gives its own temporary folder -100: higher ones go first
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_worker(settings: Settings, *, opener: str = DEFAULT_OPENER) -> int:
    """Work on jobs until told to stop; return the exit code.

    The child processes read the environment (and what the page saved) themselves: parameters of the
    command line have to be put into the environment before (`settings_environment`).

    Parameters
    ----------
    settings : Settings
    opener : str
        ``"module:function"`` that opens the services in the child processes.

    Raises
    ------
    SettingsError
        If several machines are to share SQLite databases.
    StorageError
        If a database cannot be used.
    """
    configure_logging(settings)
    _be_polite()
    with ExitStack() as resources:
        choice = choose_broker(settings)
        broker = None if choice.binary is None else EmbeddedBroker(choice)
        if broker is not None:
            broker.start()
            resources.callback(broker.stop)
        music = resources.enter_context(open_music_store(settings))
        store = resources.enter_context(open_job_store(settings))
        app = make_app(settings, choice)
        place = None
        if not choice.is_embedded and uses_sqlite(settings):
            place = SharedBroker(choice.url, home_of(music, uuid.uuid4().hex))
            resources.callback(place.close)
            place.settle()
        stop_file = resources.enter_context(_own_folder(settings.temp_dir)) / "stop"
        app.conf.update(audiomuse_opener=opener, audiomuse_stop_file=str(stop_file))
        sweeper = Sweeper(
            store,
            LiveSettings(music),
            announce=partial(announce, app),
            run_scheduled=partial(announce_scheduled, app),
            show_alive=resources.enter_context(_listed(store, settings.worker_count, place)),
            is_wedged=Watchdog(app).is_wedged,
            keep_broker=broker.keep if broker is not None else lambda: None,
        )
        resources.callback(sweeper.stop)
        return _serve(app, settings.worker_count, sweeper, stop_file)


def _serve(app: Celery, slots: int, sweeper: Sweeper, stop_file: Path) -> int:
    """Run Celery's worker in this process until it is told to stop."""

    def on_ready(**_: Any) -> None:
        sweeper.start()
        log.info("worker ready", slots=slots)

    def on_shutdown(**_: Any) -> None:
        try:
            stop_file.touch()  # the children look at it every second and give back what they hold
        except OSError as e:
            log.warning("the songs at hand are finished before the worker ends", reason=e.strerror)

    worker_ready.connect(on_ready, weak=False)
    worker_shutting_down.connect(on_shutdown, weak=False)
    try:
        worker = app.Worker(
            hostname=f"audiomuse-{os.getpid()}@{socket.gethostname()}",
            concurrency=slots,
            pool="prefork",
            queues=[QUEUE],
            optimization="fair",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        )
        worker.start()
        return int(worker.exitcode or 0)
    finally:
        worker_ready.disconnect(on_ready)
        worker_shutting_down.disconnect(on_shutdown)


def _be_polite() -> None:
    """Leave the machine to whoever else needs it; one song is one thread, whatever the libraries think."""
    if os.getpriority(os.PRIO_PROCESS, 0) < _NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    # Celery warns root about messages that carry code; ours are JSON and carry a job's id.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    # It recommends to give up running tasks when the broker goes away, which the leases make needless.
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)


@contextmanager
def _own_folder(temp_dir: Path) -> Iterator[Path]:
    """Keep what this worker, its children and their libraries write for a moment where it is swept.

    Should we be killed, any other worker's sweeper deletes the folder. Otherwise it goes with the process,
    after the folder that Celery's pool keeps in it until then.
    """
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    try:
        own = OwnFolder(temp_dir)
    except OSError as e:
        log.warning("TEMP_DIR cannot be used", folder=str(temp_dir), reason=e.strerror)
        folder = Path(tempfile.mkdtemp(prefix="audiomuse-worker-"))
        Finalize(None, shutil.rmtree, (folder, True), exitpriority=_AFTER_THE_POOL)
    else:
        folder = own.path
        Finalize(None, own.delete, exitpriority=_AFTER_THE_POOL)
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = before
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable


@contextmanager
def _listed(store: JobStore, slots: int, place: SharedBroker | None) -> Iterator[Callable[[], None]]:
    """Show this worker as alive as long as it is."""
    worker_id = uuid.uuid4().hex
    host, pid = socket.gethostname(), os.getpid()

    def show_alive() -> None:
        store.workers.beat(worker_id, host=host, pid=pid, slots=slots)
        if place is not None:
            place.settle()

    try:
        yield show_alive
    finally:
        store.workers.leave(worker_id)
