"""The map of the library: every point is a song, near is alike, and of many songs a part is drawn."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from flask.testing import FlaskClient
from tests.web.browsers import browser
from tests.web.memory_backend import MemoryBackend

from audiomuse.errors import LibraryEmpty
from audiomuse.features.planted import planted_library
from audiomuse.services.library import LibraryView
from audiomuse.similarity import Songs
from audiomuse.web.sonic_map import COLOURED, current_map, draw_map


def library(n: int) -> LibraryView:
    return LibraryView(Songs.pack([planted_library(n, seed=3).matrix]))


def test_a_small_library_is_on_it_as_a_whole() -> None:
    drawn = draw_map(library(200))
    assert drawn.total == 200
    assert drawn.rows.tolist() == list(range(200))
    assert drawn.places.shape == (200, 2)
    assert np.abs(drawn.places).max() <= 1


def test_of_a_large_one_evenly_chosen_songs_are() -> None:
    drawn = draw_map(library(500), most=100)
    assert drawn.total == 500
    assert len(set(drawn.rows.tolist())) == 100
    assert (drawn.rows[0], drawn.rows[-1]) == (0, 499)
    assert set(np.diff(drawn.rows).tolist()) <= {5, 6}


def test_the_same_library_gives_the_same_map() -> None:
    one, two = draw_map(library(150)), draw_map(library(150))
    assert np.array_equal(one.places, two.places)
    assert one.islands == two.islands


def test_a_map_is_drawn_once_and_keeps_no_old_library_in_memory() -> None:
    view = library(30)
    assert current_map(view) is current_map(view)
    still_there = weakref.ref(view)
    del view
    gc.collect()
    assert still_there() is None


def test_islands_are_the_largest_first_and_their_middle_is_in_them() -> None:
    drawn = draw_map(library(600))
    assert 3 <= len(drawn.islands) <= COLOURED
    shares = [island.share for island in drawn.islands]
    assert shares == sorted(shares, reverse=True)
    for number, island in enumerate(drawn.islands):
        assert island.share == pytest.approx(np.mean(drawn.island_of == number))
        assert all(drawn.island_of[point] == number for point in island.middle)


def test_songs_of_an_island_are_nearer_to_each_other_than_to_others() -> None:
    drawn = draw_map(library(600))
    spread = np.linalg.norm(drawn.places - drawn.places.mean(axis=0), axis=1).mean()
    inside = drawn.places[drawn.island_of == 0]
    assert np.linalg.norm(inside - np.median(inside, axis=0), axis=1).mean() < 0.8 * spread


def test_one_song_is_a_map_too() -> None:
    drawn = draw_map(library(1))
    assert drawn.places.shape == (1, 2)
    assert drawn.islands == ()


def test_without_songs_there_is_no_map() -> None:
    with pytest.raises(LibraryEmpty):
        draw_map(LibraryView(Songs.pack([])))


def test_the_page_lists_the_islands_for_those_who_see_no_canvas(
    client: FlaskClient, backend: MemoryBackend
) -> None:
    page = client.get("/library/map").text
    island = draw_map(backend.library()).islands[0]
    assert f"<h3>{island.tag}</h3>" in page
    song = backend.library().songs.ids[island.middle[0]]
    assert f'href="/library/song/{song}"' in page


def test_the_script_gets_every_point_with_its_song(client: FlaskClient, backend: MemoryBackend) -> None:
    points = client.get("/library/map/points").json
    assert {len(column) for column in points.values()} == {40}
    assert points["id"] == list(backend.library().songs.ids)
    assert set(points["island"]) <= set(range(-1, COLOURED))


def test_an_empty_library_is_told_kindly(open_backend, tmp_path) -> None:
    client = browser(open_backend(auth_disabled=True, music_dir=tmp_path))
    assert "the map grows with it" in client.get("/library/map").text
    assert client.get("/library/map/points").status_code == 503


def test_a_song_tells_what_its_neighbours_share_with_it(client: FlaskClient, backend: MemoryBackend) -> None:
    page = client.get("/library/song/song-00001", headers={"Accept-Language": "de"}).text
    assert "gleiches Tempo" in page or "gleiche Energie" in page
