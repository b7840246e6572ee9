"""A main loop that stands still is noticed, but not while there is a broker to wait for."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiomuse.jobs import make_app, watchdog
from audiomuse.jobs.broker import BrokerChoice
from audiomuse.jobs.watchdog import Watchdog
from audiomuse.settings import load_settings


@pytest.mark.parametrize(
    ("url", "turned_s_ago", "wedged"),
    [
        ("memory://", None, False),  # not started yet
        ("memory://", 5.0, False),
        ("memory://", 500.0, True),
        ("redis://127.0.0.1:1/0", 500.0, False),  # nobody there: it waits, as it should
    ],
)
def test_a_hanging_loop_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, turned_s_ago: float | None, wedged: bool
) -> None:
    now = 1000.0
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: now)
    dog = Watchdog(make_app(load_settings(data_dir=tmp_path), BrokerChoice(url)))
    if turned_s_ago is not None:
        dog.tick()
        now += turned_s_ago
    assert dog.is_wedged() is wedged
