"""The demo library: the same seed makes the same, tagged, clearly different songs."""

from pathlib import Path

import av
import numpy as np
import pytest

from audiomuse.services.demo import library, render_demo_library
from audiomuse.services.demo.styles import STYLES, Score
from audiomuse.services.demo.synth import SR, midi_to_hz, plucked


def test_concert_a_is_440_hz():
    assert midi_to_hz(69) == pytest.approx(440.0)


def test_a_plucked_string_sounds_at_its_pitch():
    y = plucked(220.0, 1.0, np.random.default_rng(0))
    echo = np.correlate(y[SR // 4 :][: SR // 4], y[SR // 4 :][: SR // 4], mode="full")[SR // 4 - 1 :]
    period = 100 + int(echo[100:300].argmax())
    assert SR / period == pytest.approx(220, rel=0.01)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_every_style_fills_its_song_without_clipping(style):
    y = style.play(Score(100, 60, style.scale, 4.0, np.random.default_rng(1)))
    assert y.shape == (2, 4 * SR)
    assert 0.3 < np.abs(y).max() < 1.0
    assert np.isfinite(y).all()


def test_titles_artists_and_files_are_the_same_for_the_same_seed():
    assert list(library.demo_songs(seed=3)) == list(library.demo_songs(seed=3))
    paths = [song.path for song in library.demo_songs(seed=3)]
    assert len(set(paths)) == len(paths) == 6 * len(STYLES)


def test_a_rendered_song_carries_its_tags_and_a_second_call_keeps_it(tmp_path: Path):
    songs = render_demo_library(tmp_path, songs_per_style=1, processes=1)
    with av.open(str(songs[0])) as container:
        assert container.metadata["artist"] == STYLES[0].artists[0]
        assert container.duration / 1e6 == pytest.approx(library.SONG_SECONDS, abs=0.1)
    before = [path.stat().st_mtime_ns for path in songs]
    assert render_demo_library(tmp_path, songs_per_style=1, processes=1) == songs
    assert [path.stat().st_mtime_ns for path in songs] == before
    assert not list(tmp_path.rglob("*.part"))
