"""Listeners for several threads: each song gets one of its own, and they are used again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from audiomuse.errors import AudioError
from audiomuse.model import TrackFeatures
from audiomuse.services.hearing import Listener, ListeningStopped
from audiomuse.services.job_handlers import Interrupted

_LOOK_EVERY_S = 0.25


class ListenerPool:
    """Opens listeners as they are needed.

    Parameters
    ----------
    open_one : callable
        Makes a new listener.
    grace_s : float
        How long a song may still take once its work should stop; then its listener is closed.
    """

    def __init__(self, open_one: Callable[[], Listener], *, grace_s: float = 5.0) -> None:
        self._open_one = open_one
        self._grace_s = grace_s
        self._idle: list[Listener] = []
        self._lock = threading.Lock()

    def hear(self, path: Path, should_stop: Callable[[], bool]) -> TrackFeatures:
        """Analyse one file with a free listener.

        Raises
        ------
        AudioError, ModelError
            As `Listener.hear`.
        Interrupted
            If `should_stop` said so and the song did not end in time.
        """
        listener = self._take()
        try:
            with self._closing_on_stop(listener, should_stop):
                heard = listener.hear(path)
        except ListeningStopped:
            if should_stop():
                raise Interrupted from None
            raise  # closed by somebody else: going on would only meet the same again
        except AudioError as e:
            self._give_back(listener)  # the file was bad, the listener is not
            if e.kind == "crashed" and should_stop():
                # Whoever stops us (a service manager, a machine going down) may have stopped the child too.
                raise Interrupted from None
            raise
        self._give_back(listener)
        return heard

    def close(self) -> None:
        """Close every listener that is not at work."""
        with self._lock:
            idle, self._idle = self._idle, []
        for listener in idle:
            listener.close()

    def _take(self) -> Listener:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._open_one()

    def _give_back(self, listener: Listener) -> None:
        with self._lock:
            self._idle.append(listener)

    @contextmanager
    def _closing_on_stop(self, listener: Listener, should_stop: Callable[[], bool]) -> Iterator[None]:
        """Close the listener when the work should stop and a song goes on for longer than the grace."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(_LOOK_EVERY_S):
                if should_stop():
                    if not ended.wait(self._grace_s):
                        listener.close()
                    return

        watcher = threading.Thread(target=watch, name="listener-watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
