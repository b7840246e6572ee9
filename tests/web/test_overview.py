"""Numbers for everybody, counted by one."""

from __future__ import annotations

import threading
import time

from audiomuse.storage import LibraryStatistics
from audiomuse.web.overview import Overview


def numbers(tracks: int) -> LibraryStatistics:
    return LibraryStatistics(tracks, 0, 0, 0.0, 0, 0, (), (), (), ())


def test_a_quick_count_is_always_fresh() -> None:
    counts = iter(range(1, 10))
    overview = Overview(lambda: numbers(next(counts)), clock=lambda: 0.0)
    assert [overview.get().tracks for _ in range(3)] == [1, 2, 3]


def test_nobody_waits_for_a_slow_count_but_the_very_first() -> None:
    now = [0.0]
    go_on = threading.Event()
    counts = iter(range(1, 10))

    def count() -> LibraryStatistics:
        number = next(counts)
        if number > 1:
            go_on.wait(120)
        now[0] += 1.0
        return numbers(number)

    overview = Overview(count, clock=lambda: now[0])
    assert overview.get().tracks == 1
    now[0] += 30.0
    assert [overview.get().tracks for _ in range(5)] == [1] * 5, "the last answer, while one thread counts"
    go_on.set()
    while overview.get().tracks == 1:
        time.sleep(0.01)
    assert overview.get().tracks == 2
    assert next(counts) == 3, "counted twice, not once for every request"
