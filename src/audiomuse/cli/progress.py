"""Run a job in this process while a person watches, or Ctrl-C stops it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from audiomuse.errors import AudioMuseError
from audiomuse.model import Job, JobState
from audiomuse.services.app import Services
from audiomuse.services.jobs import JobStatus

Describe = Callable[[JobStatus], str]


def run_job(services: Services, job: Job, *, workers: int, unit: str, describe: Describe) -> Job:
    """Work on a job until its end, showing a progress bar on stderr.

    Parameters
    ----------
    unit : str
        What is counted, e.g. ``"songs"``.
    describe : callable
        A short text about what happens right now.

    Returns
    -------
    Job
        Ended with SUCCESS.

    Raises
    ------
    click.Abort
        If interrupted or cancelled; the job can be resumed.
    AudioMuseError
        With the job's sentence, if it failed.
    """
    console = Console(stderr=True)
    stop = threading.Event()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
        console=console,
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    with bar, _ctrl_c_sets(stop):
        task = bar.add_task("starting", total=None, pace="")

        def show(status: JobStatus) -> None:
            _show(bar, task, status, unit, describe(status))

        ended = services.engine.run_to_end(job.id, workers=workers, on_progress=show, should_stop=stop.is_set)
    if ended.state is JobState.SUCCESS:
        return ended
    if ended.state is JobState.FAILURE:
        raise AudioMuseError(ended.error or "The job failed.")
    raise click.Abort


def active_or_new(services: Services, kind: str, start: Callable[[], Job]) -> tuple[Job, bool]:
    """Return the job of that kind that was interrupted, or a new one; and whether it is an old one."""
    services.engine.sweep()
    active = services.engine.store.jobs.active(kind)
    if active:
        return active[0], True
    return start(), False


def _show(bar: Progress, task: TaskID, status: JobStatus, unit: str, text: str) -> None:
    job = status.job
    pace = ""
    if status.items_per_minute:
        pace = f"{status.items_per_minute:.0f} {unit}/min"
    if status.eta_s is not None:
        pace += f", {_duration(status.eta_s)} left"
    bar.update(
        task, description=text[:48], completed=job.done + job.failed, total=job.total or None, pace=pace
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


@contextmanager
def _ctrl_c_sets(stop: threading.Event) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the work in order: the song at hand is given back, then the exit."""

    def handler(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
