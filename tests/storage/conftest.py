"""Open stores on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from audiomuse.settings import Settings
from audiomuse.storage import JobStore, MusicStore, open_job_store, open_music_store


@pytest.fixture
def music(any_settings: Settings) -> Iterator[MusicStore]:
    with open_music_store(any_settings) as store:
        yield store


@pytest.fixture
def jobs(any_settings: Settings) -> Iterator[JobStore]:
    with open_job_store(any_settings) as store:
        yield store
