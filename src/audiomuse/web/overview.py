"""The numbers of the library for pages that ask for them every two seconds while an analysis changes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from audiomuse.storage import LibraryStatistics

_QUICK_S = 0.1
_SHARE = 20.0


class Overview:
    """Hands out the library's numbers without ever making many requests wait for the same count.

    As long as counting is quick, every answer is fresh. Once it is not, the last answer is handed out and one
    thread counts anew in the background, taking at most a twentieth of the time.

    Parameters
    ----------
    count : callable
        Counts everything.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self, count: Callable[[], LibraryStatistics], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._count = count
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: LibraryStatistics | None = None
        self._took = 0.0
        self._next = 0.0
        self._counting = False

    def get(self) -> LibraryStatistics:
        """Return the numbers, counted now or a moment ago."""
        with self._lock:
            if self._kept is None or self._took < _QUICK_S:
                return self._recount()
            kept = self._kept
            due = not self._counting and self._clock() >= self._next
            self._counting = self._counting or due
        if due:
            threading.Thread(target=self._renew, name="overview", daemon=True).start()
        return kept

    def _renew(self) -> None:
        try:
            self._recount()
        finally:
            self._counting = False

    def _recount(self) -> LibraryStatistics:
        began = self._clock()
        kept = self._count()
        self._took = self._clock() - began
        self._next = self._clock() + _SHARE * self._took
        self._kept = kept
        return kept
