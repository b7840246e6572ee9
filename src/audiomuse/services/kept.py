"""Something large, kept as long as it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from audiomuse.services.memory import give_back_free_memory

T = TypeVar("T")


class Kept(Generic[T]):
    """One thing at a time, by key; let go when nobody asked for it for a while, so that its memory is free.

    Whoever holds what `get` returned may go on with it. Threads may share one; they wait for each other.

    Parameters
    ----------
    idle_s : float
        How long it is kept after it was last asked for, in seconds.
    """

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._turn = threading.Lock()
        self._thing: tuple[str, T] | None = None
        self._timer: threading.Timer | None = None

    def get(self, key: str, make: Callable[[], T]) -> T:
        """Return the thing with that key; it is made if there is none, or one with another key."""
        with self._turn:
            if self._thing is None or self._thing[0] != key:
                self._thing = None  # first: the old one and the new one would be too much together
                self._thing = key, make()
            self._restart_timer()
            return self._thing[1]

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self._idle_s, self._let_go)
        self._timer.daemon = True
        self._timer.start()

    def _let_go(self) -> None:
        with self._turn:
            if self._timer is threading.current_thread():  # else it was asked for in between
                self._thing = None
                give_back_free_memory()
