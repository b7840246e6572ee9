"""Notices that Celery's main loop hangs: work would wait for ever, though every process looks alive."""

from __future__ import annotations

import time
from typing import Any

from celery import Celery, bootsteps
from kombu.exceptions import OperationalError

_TICK_S = 5.0
_PATIENCE_S = 60.0


class Watchdog:
    """Has the main loop of a worker show every few seconds that it turns.

    Parameters
    ----------
    app : Celery
        Of the worker that is about to start.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._turned: float | None = None
        watchdog = self

        class Tick(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
            """Starts with every (re)connection of the worker, which forgets its timers."""

            requires = ("celery.worker.consumer.tasks:Tasks",)

            def start(self, parent: Any) -> None:
                watchdog.tick()
                parent.timer.call_repeatedly(_TICK_S, watchdog.tick)

        app.steps["consumer"].add(Tick)

    def tick(self) -> None:
        """Note that the loop turned."""
        self._turned = time.monotonic()

    def is_wedged(self) -> bool:
        """Tell whether the loop stands still, though the broker, which it might wait for, is there."""
        if self._turned is None or time.monotonic() - self._turned < _PATIENCE_S:
            return False
        return self._broker_answers()

    def _broker_answers(self) -> bool:
        try:
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=3)
        except (OperationalError, OSError):
            return False
        return True
