"""A worker notices what the page saves, without a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_services import OPENER

from audiomuse.jobs import live
from audiomuse.jobs.live import LiveServices, LiveSettings, read_settings
from audiomuse.storage import MusicStore, open_music_store


@pytest.fixture
def music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MusicStore]:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr(live, "_LOOK_EVERY_S", 0.0)
    with open_music_store(live.load_settings()) as store:
        yield store


def test_saved_parameters_count_and_the_environment_counts_more(
    music: MusicStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    music.settings.save({"clustering_runs": 5, "quiet_hours": "1:00-2:00"})
    monkeypatch.setenv("CLUSTERING_RUNS", "7")
    settings = read_settings()
    assert (settings.clustering_runs, settings.quiet_hours) == (7, "1:00-2:00")


def test_settings_are_the_same_object_until_somebody_saves(music: MusicStore) -> None:
    settings = LiveSettings(music)
    before = settings.current()
    assert settings.current() is before
    music.settings.save({"quiet_hours": "1:00-2:00"})
    assert settings.current().quiet_hours == "1:00-2:00"


def test_services_are_opened_again_when_settings_change(music: MusicStore) -> None:
    announced: list[str] = []
    services = LiveServices(OPENER, announced.append)
    first = services.current()
    assert services.current() is first
    job = first.start_analysis()
    assert announced == [job.id]
    music.settings.save({"song_timeout_s": 33.0})
    second = services.current()
    assert second is not first
    assert second.settings.song_timeout_s == 33.0
    second.close()
