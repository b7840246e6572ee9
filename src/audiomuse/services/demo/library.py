"""Render the demo library into a folder: tagged FLAC files, artist by artist."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiomuse.services.demo.styles import STYLES, Score
from audiomuse.services.demo.synth import SR

SONG_SECONDS = 24.0
_MIDDLE_C = 60


@dataclass(frozen=True, slots=True)
class DemoSong:
    """One song of the demo library before it is rendered."""

    path: Path
    """Relative to the library's folder."""
    style: int
    """Index in `STYLES`."""
    title: str
    artist: str
    album: str
    track: int
    bpm: float
    tonic: int
    seed: int


def demo_songs(*, songs_per_style: int = 6, seed: int = 7) -> Iterator[DemoSong]:
    """Yield the songs of the demo library; the same seed gives the same songs.

    Parameters
    ----------
    songs_per_style : int > 0
        At most six have titles of their own; more are numbered.
    seed : int
        Of everything random.
    """
    for index, style in enumerate(STYLES):
        rng = np.random.default_rng([seed, index])
        for number in range(songs_per_style):
            artist = style.artists[number % len(style.artists)]
            turn, word = divmod(number, len(style.words))
            title = style.words[word] + (f" {turn + 1}" if turn else "")
            album = f"{artist}: {style.name} Sketches"
            yield DemoSong(
                path=Path(artist) / album.replace(": ", " - ") / f"{number + 1:02d} {title}.flac",
                style=index,
                title=title,
                artist=artist,
                album=album,
                track=number // len(style.artists) + 1,
                bpm=float(rng.integers(style.bpm[0], style.bpm[1] + 1)),
                tonic=_MIDDLE_C + int(rng.integers(-5, 7)),
                seed=int(rng.integers(2**31)),
            )


def render_demo_library(
    folder: Path,
    *,
    songs_per_style: int = 6,
    seed: int = 7,
    processes: int = 2,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """Render the demo library into `folder`; songs that are there already are kept.

    Parameters
    ----------
    folder : Path
        Made if missing.
    processes : int > 0
        Songs rendered at the same time.
    on_progress : callable
        Called with (songs done, songs in all) after each song. What it raises ends the rendering.

    Returns
    -------
    list of Path
        Every song of the library.
    """
    songs = list(demo_songs(songs_per_style=songs_per_style, seed=seed))
    missing = [song for song in songs if not (folder / song.path).exists()]
    done = len(songs) - len(missing)
    on_progress(done, len(songs))
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for _ in pool.map(_render_song, [folder] * len(missing), missing):
            done += 1
            on_progress(done, len(songs))
    return [folder / song.path for song in songs]


def _render_song(folder: Path, song: DemoSong) -> None:
    """Play one song and write it under its final name only when it is whole."""
    style = STYLES[song.style]
    score = Score(song.bpm, song.tonic, style.scale, SONG_SECONDS, np.random.default_rng(song.seed))
    target = folder / song.path
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".part")
    tags = {
        "title": song.title,
        "artist": song.artist,
        "album": song.album,
        "genre": style.name,
        "track": str(song.track),
        "comment": "Made up by AudioMuse",
    }
    _write_flac(partial, style.play(score), tags)
    partial.rename(target)


def _write_flac(path: Path, y: NDArray[np.float32], tags: dict[str, str]) -> None:
    """Encode stereo floats, shape (2, n), as 16-bit FLAC with tags."""
    import av  # late: 15 MB that the page needs for nothing else

    samples = np.round(np.clip(y, -1, 1) * 32767).astype(np.int16)
    with av.open(f"file:{path}", "w", format="flac") as container:
        container.metadata.update(tags)
        stream = container.add_stream("flac", rate=SR, layout="stereo")
        for start in range(0, samples.shape[1], 4096):
            block = np.ascontiguousarray(samples[:, start : start + 4096].T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="stereo")
            frame.sample_rate = SR
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
