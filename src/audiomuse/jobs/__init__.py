"""Celery around the job engine: workers, the embedded broker, and `audiomuse up`.

The rows of the job database are the truth; this room only wakes whoever can work on them.
"""

from __future__ import annotations

from audiomuse.jobs.app import announce, make_app
from audiomuse.jobs.cron import parse_schedule
from audiomuse.jobs.single import AlreadyRunning, FileLock
from audiomuse.jobs.supervisor import run_up, settings_environment
from audiomuse.jobs.worker import run_worker

__all__ = [
    "AlreadyRunning",
    "FileLock",
    "announce",
    "make_app",
    "parse_schedule",
    "run_up",
    "run_worker",
    "settings_environment",
]
