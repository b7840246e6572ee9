"""A small library of real FLAC files with tags, made once per test session."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import av
import numpy as np
from mutagen.flac import FLAC

ALBUMS = {
    "First light": "Alma",
    'Odd "names" & ünïcode 🎵': "AC/DC",
    "Third": "Bela, Cara & Co",
    "Christmas": "Choir",
}
"""Albums of three songs each, newest first: title and artist."""

MANY = "Many"
N_MANY = 240
"""An album of many short songs, the oldest."""

_NEWEST = 1_760_000_000
_DAY = 86_400


def make_music(root: Path) -> None:
    """Write the library under `root`: one folder per artist and album, the newest album's files newest."""
    for age, (album, artist) in enumerate(ALBUMS.items()):
        folder = root / artist.replace("/", "-") / f"album {age}"
        folder.mkdir(parents=True)
        for number in range(1, 4):
            file = folder / f"{number:02d}.flac"
            _write_tone(file, 180 + 90 * age + 140 * number, seconds=0.5)
            _tag(file, artist, album, f"{album} no. {number}", number)
            _date(file, age)
    folder = root / "Many hands" / MANY
    folder.mkdir(parents=True)
    first = folder / "001.flac"
    _write_tone(first, 330, seconds=0.1)
    for number in range(1, N_MANY + 1):
        file = folder / f"{number:03d}.flac"
        if file != first:
            shutil.copy(first, file)
        _tag(file, "Many hands", MANY, f"Song {number:03d}", number)
        _date(file, len(ALBUMS))


def _write_tone(file: Path, frequency: float, *, seconds: float, sr: int = 16_000) -> None:
    t = np.arange(int(seconds * sr)) / sr
    samples = (12_000 * np.sin(2 * np.pi * frequency * t)).astype(np.int16)[np.newaxis]
    with av.open(str(file), "w") as container:
        stream = container.add_stream("flac", rate=sr, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = sr
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _tag(file: Path, artist: str, album: str, title: str, number: int) -> None:
    tags = FLAC(file)
    tags.update(
        artist=artist,
        album=album,
        albumartist=artist,
        title=title,
        tracknumber=str(number),
        genre="Electronic",
    )
    tags.save()


def _date(file: Path, age: int) -> None:
    os.utime(file, (_NEWEST - age * _DAY, _NEWEST - age * _DAY))
