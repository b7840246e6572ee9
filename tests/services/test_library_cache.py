"""The library in memory follows the database: it grows song by song, and is read anew for anything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest
from tests.services.fakes import store_library

from audiomuse.features.planted import planted_library
from audiomuse.model import EMBEDDING_SIZE, FEATURES_VERSION, MSD_TAGS, FeatureMatrix, Track, TrackFeatures
from audiomuse.services.library import LibraryCache, LibraryView, take_rows
from audiomuse.storage import MusicStore, open_music_store

LIBRARY = planted_library(40, seed=4).matrix
# What comes later stands first in the order of ids, so that a full reading would show.
HEARD, LATER = take_rows(LIBRARY, np.arange(10, 40)), take_rows(LIBRARY, np.arange(10))


@pytest.fixture
def music(any_settings) -> Iterator[MusicStore]:
    with open_music_store(any_settings) as store:
        store_library(store, HEARD)
        generation = store.tracks.begin_listing("memory:planted")
        store.tracks.upsert(
            "memory:planted", [Track(id=track, title=track) for track in LIBRARY.ids], generation
        )
        store.tracks.finish_listing("memory:planted", generation, complete=True)
        yield store


def list_again(music: MusicStore, changes: Mapping[str, Mapping[str, str]]) -> None:
    generation = music.tracks.begin_listing("memory:planted")
    tracks = music.tracks.get_many(LIBRARY.ids)
    found = [replace(track, **changes.get(track.id, {})) for track in tracks.values()]
    music.tracks.upsert("memory:planted", found, generation)
    music.tracks.finish_listing("memory:planted", generation, complete=True)


class Clock:
    """Time that passes when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def hear(music: MusicStore, matrix: FeatureMatrix) -> None:
    for track, tags, embedding in zip(matrix.ids, matrix.tags, matrix.embedding, strict=True):
        music.features.save(track, TrackFeatures(FEATURES_VERSION, 200.0, tags=tags, embedding=embedding))


def renewed(cache: LibraryCache, clock: Clock) -> LibraryView:
    """Return the library after whatever renews it has done so."""
    old = cache.view()
    clock.now += 3600
    cache.view()
    cache.settle()
    new = cache.view()
    return new if new is not old else old


def exact(view: LibraryView, matrix: FeatureMatrix) -> bool:
    """Whether a view holds just the songs of `matrix`, as they sound."""
    rows = view.index.rows(matrix.ids)
    return len(view.songs) == len(matrix) and np.allclose(
        view.songs.embedding[rows], matrix.embedding, atol=0.2
    )


def test_songs_that_are_heard_are_added_without_reading_the_library_again(music):
    clock = Clock()
    cache = LibraryCache(music, FEATURES_VERSION, clock=clock)
    first = cache.view()
    assert exact(first, HEARD)
    hear(music, LATER)
    second = renewed(cache, clock)
    assert exact(second, LIBRARY)
    assert second.songs.ids[30:] == LATER.ids
    assert exact(first, HEARD)
    assert renewed(cache, clock) is second


def test_a_song_heard_again_is_replaced(music):
    clock = Clock()
    cache = LibraryCache(music, FEATURES_VERSION, clock=clock)
    cache.view()
    other = take_rows(LIBRARY, np.arange(12, 13))
    other.embedding[:] = -other.embedding
    hear(music, LATER)
    hear(music, other)
    view = renewed(cache, clock)
    assert len(view.songs) == 40
    assert view.songs.embedding[[view.index.row(other.ids[0])]] == pytest.approx(other.embedding, abs=0.2)


def test_silent_songs_count_but_are_not_in_it(music):
    clock = Clock()
    cache = LibraryCache(music, FEATURES_VERSION, clock=clock)
    cache.view()
    music.features.save(LATER.ids[0], TrackFeatures(FEATURES_VERSION, 200.0))
    hear(music, take_rows(LATER, np.arange(1, 10)))
    view = renewed(cache, clock)
    assert view.songs.ids[30:] == LATER.ids[1:]


def test_a_listing_that_changes_nothing_costs_no_reading(music):
    clock = Clock()
    cache = LibraryCache(music, FEATURES_VERSION, clock=clock)
    first = cache.view()
    list_again(music, {})
    hear(music, LATER)
    view = renewed(cache, clock)
    assert exact(view, LIBRARY)
    assert view.songs.ids[:30] == first.songs.ids
    assert view.songs.ids[30:] == LATER.ids


@pytest.mark.parametrize("field", ["title", "artist", "album"])
def test_a_song_that_is_called_otherwise_now_is_read_again(music, field):
    clock = Clock()
    cache = LibraryCache(music, FEATURES_VERSION, clock=clock)
    cache.view()
    list_again(music, {HEARD.ids[7]: {field: "Another"}})
    hear(music, LATER)
    view = renewed(cache, clock)
    assert getattr(view.songs, f"{field}s")[view.index.row(HEARD.ids[7])] == "Another"
    assert exact(view, LIBRARY)


def test_songs_that_are_gone_leave(music):
    clock = Clock()
    cache = LibraryCache(music, FEATURES_VERSION, clock=clock)
    cache.view()
    generation = music.tracks.begin_listing("memory:planted")
    kept = HEARD.ids[:20]
    music.tracks.upsert("memory:planted", [Track(id=track, title=track) for track in kept], generation)
    music.tracks.finish_listing("memory:planted", generation, complete=True)
    assert set(renewed(cache, clock).songs.ids) == set(kept)


def test_an_empty_library_fills(any_settings):
    clock = Clock()
    with open_music_store(any_settings) as music:
        cache = LibraryCache(music, FEATURES_VERSION, clock=clock)
        assert cache.view().mean_tags.tolist() == [0.0] * len(MSD_TAGS)
        store_library(music, HEARD)
        view = renewed(cache, clock)
        assert exact(view, HEARD)
        assert view.songs.embedding.width == EMBEDDING_SIZE
