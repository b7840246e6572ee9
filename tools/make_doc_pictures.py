"""Draw the pictures of the documentation from a real library: docs/pictures/*.svg.

Analyse a library and make playlists first, then, with the same settings::

    .venv/bin/python tools/make_doc_pictures.py SONG [LIST]

SONG is the file whose hearing is shown; LIST the playlist (the longest, if none is named).
"""

from __future__ import annotations

import argparse
import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from audiomuse.audio.mel import log_mel
from audiomuse.audio.options import AnalysisOptions
from audiomuse.audio.recording import read_recording
from audiomuse.audio.tempogram import TEMPI, onset_strength, periodicity, windows
from audiomuse.clustering import PART_NAMES, SearchProgress, search
from audiomuse.model import MSD_TAGS, PITCH_CLASSES, FeatureMatrix, Playlist, TrackFeatures
from audiomuse.services.app import Services, open_services
from audiomuse.services.configuration import complete_settings
from audiomuse.services.hearing import open_listener

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
WIDTH = 760
INK, QUIET, PAPER, ACCENT = "#1f2933", "#7b8794", "#fbfaf7", "#c2410c"
COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377",
    "#999933", "#ee8866", "#44aa99", "#882255", "#332288", "#dd7788",
)  # fmt: skip


class Drawing:
    """An SVG file in the making; coordinates in pixels, the origin at the top left."""

    def __init__(self, height: int, *, title: str) -> None:
        self._height = height
        self._title = title
        self._parts: list[str] = []

    def text(
        self, x: float, y: float, words: str, *, size: int = 12, fill: str = INK, anchor: str = "start"
    ) -> None:
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}">'
            f"{escape(words)}</text>"
        )

    def line(self, points: Iterable[tuple[float, float]], *, stroke: str = INK, width: float = 1.5) -> None:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(
            f'<polyline points="{path}" fill="none" stroke="{stroke}" stroke-width="{width}"/>'
        )

    def bar(self, x: float, y: float, width: float, height: float, *, fill: str) -> None:
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}" rx="2" '
            f'fill="{fill}"/>'
        )

    def dot(self, x: float, y: float, *, fill: str, radius: float = 4, hint: str = "") -> None:
        title = f"<title>{escape(hint)}</title>" if hint else ""
        self._parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}" fill-opacity="0.85">'
            f"{title}</circle>"
        )

    def image(self, x: float, y: float, width: float, height: float, png: bytes) -> None:
        data = base64.b64encode(png).decode()
        self._parts.append(
            f'<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none" '
            f'href="data:image/png;base64,{data}"/>'
        )

    def save(self, path: Path) -> None:
        body = "\n".join(self._parts)
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self._height}" role="img" '
            f'font-family="system-ui, sans-serif"><title>{escape(self._title)}</title>'
            f'<rect width="{WIDTH}" height="{self._height}" rx="10" fill="{PAPER}"/>\n{body}\n</svg>\n',
            encoding="utf-8",
        )
        print(f"{path} ({path.stat().st_size / 1000:.0f} kB)")


# --- how it hears ---


def draw_hearing(song: Path) -> None:
    """Show one song: its spectrogram, its pulse, its strongest tags."""
    with open_listener(complete_settings()) as listener:
        heard = listener.hear(song)
    segments = [log_mel(y) for y in read_recording(song, AnalysisOptions()).segments]
    drawing = Drawing(450, title=f"What is heard in {song.stem}")
    drawing.text(24, 34, f"“{song.stem}”, {heard.duration_s / 60:.1f} minutes", size=16)
    drawing.text(24, 58, "Mel spectrogram: what the networks see", fill=QUIET)
    drawing.image(24, 68, WIDTH - 48, 110, spectrogram_png(np.concatenate(segments)))
    draw_pulse(drawing, heard, [onset_strength(mel) for mel in segments])
    draw_tags(drawing, heard)
    drawing.save(FOLDER / "hearing.svg")


def spectrogram_png(mel: NDArray[np.float32], columns: int = 712) -> bytes:
    """Return a small PNG of log-mel frames, low notes at the bottom."""
    columns = min(columns, len(mel))
    means = np.stack([part.mean(axis=0) for part in np.array_split(mel, columns)])
    grey = np.clip((means - means.min()) / np.ptp(means), 0, 1).T[::-1]
    stops = np.array([[251, 250, 247], [253, 186, 116], [194, 65, 12], [67, 20, 7]], dtype=np.float64)
    palette = np.stack([np.interp(np.linspace(0, 3, 256), range(4), stops[:, c]) for c in range(3)], axis=1)
    picture = Image.fromarray((grey * 31).astype(np.uint8) * 8, mode="P")
    picture.putpalette(palette.astype(np.uint8).tobytes())
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def draw_pulse(drawing: Drawing, heard: TrackFeatures, onsets: Sequence[NDArray[np.float64]]) -> None:
    repetition, oscillation = (measure.mean(axis=0) for measure in periodicity(windows(onsets)))
    pulse = np.sqrt(repetition * oscillation)
    left, top, width, height = 24, 232, 330, 130
    x = left + width * np.log2(TEMPI / TEMPI[0]) / np.log2(TEMPI[-1] / TEMPI[0])
    drawing.text(left, top - 14, "How strongly it pulses at each tempo", fill=QUIET)
    drawing.line(zip(x, top + height * (1 - pulse / pulse.max()), strict=True))
    drawing.line([(left, top + height), (left + width, top + height)], stroke=QUIET, width=1)
    for bpm in (40, 60, 80, 120, 160, 240):
        at = left + width * np.log2(bpm / TEMPI[0]) / np.log2(TEMPI[-1] / TEMPI[0])
        drawing.text(at, top + height + 18, str(bpm), size=11, fill=QUIET, anchor="middle")
    said = []
    if heard.tempo is not None:
        at = left + width * np.log2(heard.tempo.bpm / TEMPI[0]) / np.log2(TEMPI[-1] / TEMPI[0])
        drawing.line([(at, top), (at, top + height)], stroke=ACCENT, width=2)
        said.append(f"{heard.tempo.bpm:.1f} BPM")
    if heard.key is not None:
        said.append(f"{heard.key.tonic} {heard.key.scale}")
    if heard.loudness_lufs is not None:
        said.append(f"{heard.loudness_lufs:.1f} LUFS")
    if heard.energy is not None:
        said.append(f"energy {heard.energy:.2f}")
    drawing.text(left, top + height + 56, " · ".join(said), size=15, fill=ACCENT)


def draw_tags(drawing: Drawing, heard: TrackFeatures) -> None:
    left, top = 400, 232
    drawing.text(left, top - 14, "Its ten strongest tags, of fifty", fill=QUIET)
    tags = np.asarray(heard.tags)
    for row, tag in enumerate(np.argsort(-tags)[:10]):
        y = top + 20 * row
        drawing.text(left + 112, y + 12, MSD_TAGS[tag], anchor="end")
        drawing.bar(left + 122, y + 2, 170 * tags[tag] / tags.max(), 13, fill=COLOURS[0])
        drawing.text(
            left + 128 + 170 * tags[tag] / tags.max(), y + 12, f"{tags[tag]:.0%}", size=11, fill=QUIET
        )


# --- how it clusters ---


def draw_clustering(services: Services) -> None:
    """Show the library on its two main axes with the groups of a search, and how the search got there."""
    library = services.library()
    history: list[SearchProgress] = []
    found = search(library.matrix, runs=1000, seed=1, on_progress=history.append)
    labels = found.clustering.labels
    plane = np.linalg.svd(library.places - library.places.mean(axis=0), full_matrices=False)[0][:, :2]
    plane = (plane - plane.min(axis=0)) / np.ptp(plane, axis=0)
    drawing = Drawing(424, title="A library, grouped")
    n_groups = len(set(labels[labels >= 0].tolist()))
    drawing.text(24, 34, f"{len(library.matrix)} songs in {n_groups} groups", size=16)
    drawing.text(24, 56, "Each dot a song, on the two widest of 38 axes", fill=QUIET)
    for row, (x, y) in enumerate(plane):
        label = int(labels[row])
        fill = COLOURS[label % len(COLOURS)] if label >= 0 else QUIET
        drawing.dot(30 + 400 * x, 72 + 330 * y, fill=fill, hint=library.matrix.titles[row])
    for label in range(n_groups):
        x, y = plane[labels == label].mean(axis=0)
        words = most_typical_tag(library.matrix, labels == label)
        drawing.text(30 + 400 * x, 76 + 330 * y, words, size=14, anchor="middle")
    draw_history(drawing, history)
    draw_parts(drawing, found.clustering.parts, found.clustering.score)
    drawing.save(FOLDER / "clustering.svg")


def most_typical_tag(matrix: FeatureMatrix, inside: NDArray[np.bool_]) -> str:
    """Return the tag that a group has most ahead of the library."""
    return MSD_TAGS[int(np.argmax(matrix.tags[inside].mean(axis=0) - matrix.tags.mean(axis=0)))]


def draw_history(drawing: Drawing, history: Sequence[SearchProgress]) -> None:
    left, top, width, height = 470, 72, 260, 130
    drawing.text(left, top - 16, "The best score while the search goes on", fill=QUIET)
    low = min(step.score for step in history)
    span = max(step.score for step in history) - low or 1.0
    points = [
        (left + width * s.done / history[-1].done, top + height * (1 - (s.score - low) / span))
        for s in history
    ]
    drawing.line(points, stroke=ACCENT, width=2)
    drawing.line([(left, top + height), (left + width, top + height)], stroke=QUIET, width=1)
    drawing.text(
        left, top + height + 18, f"{history[0].done} candidates: {history[0].score:.3f}", size=11, fill=QUIET
    )
    last = f"{history[-1].done}: {history[-1].score:.3f}"
    drawing.text(left + width, top + height + 18, last, size=11, fill=QUIET, anchor="end")


def draw_parts(drawing: Drawing, parts: dict[str, float] | object, score: float) -> None:
    left, top = 470, 262
    values = dict(parts)  # type: ignore[call-overload]
    drawing.text(left, top - 8, f"What the judge says of the winner: {score:.3f}", fill=QUIET)
    for row, name in enumerate(PART_NAMES):
        y = top + 26 * row
        drawing.text(left + 106, y + 14, name.replace("_", " "), anchor="end")
        drawing.bar(left + 114, y + 3, 110 * values[name], 14, fill=COLOURS[2])
        drawing.text(left + 120 + 110 * values[name], y + 14, f"{values[name]:.2f}", size=11, fill=QUIET)


# --- how playlists are chosen ---


def draw_playlist(services: Services, name: str | None) -> None:
    """Show one list in its order: tempo, key and energy from song to song."""
    playlists = services.playlists()
    chosen = max(
        (playlist for playlist in playlists if name in (None, playlist.name)), key=lambda p: len(p.entries)
    )
    matrix = services.library().matrix
    rows = [matrix.ids.index(track) for track in chosen.track_ids if track in matrix.ids][:24]
    drawing = Drawing(96 + 20 * len(rows), title=f"The playlist {chosen.name}")
    drawing.text(24, 34, chosen.name, size=16)
    drawing.text(24, 56, heading(chosen, len(rows)), fill=QUIET)
    for x, words in ((362, "tempo"), (548, "key"), (616, "energy")):
        drawing.text(x, 78, words, size=11, fill=QUIET)
    beats = matrix.tempo_bpm[rows]
    low, high = np.log2(np.nanmin(beats) * 0.95), np.log2(np.nanmax(beats) * 1.05)
    for position, row in enumerate(rows):
        draw_song(drawing, matrix, row, 96 + 20 * position, tempo_range=(float(low), float(high)))
    drawing.save(FOLDER / "playlist.svg")


def heading(playlist: Playlist, n_shown: int) -> str:
    shown = "" if n_shown == len(playlist.entries) else f", the first {n_shown}"
    tags = ", ".join(tag for tag, _ in playlist.tags[:4])
    return f"{len(playlist.entries)} songs{shown}, each leading to the next; typical: {tags}"


def draw_song(
    drawing: Drawing, matrix: FeatureMatrix, row: int, y: float, *, tempo_range: tuple[float, float]
) -> None:
    title = matrix.titles[row] if len(matrix.titles[row]) <= 44 else matrix.titles[row][:43] + "…"
    drawing.text(24, y, title)
    bpm = float(matrix.tempo_bpm[row])
    if np.isfinite(bpm):
        low, high = tempo_range
        x = 362 + 130 * (np.log2(bpm) - low) / (high - low)
        drawing.line([(362, y - 4), (492, y - 4)], stroke="#e4e7eb", width=1)
        drawing.dot(x, y - 4, fill=ACCENT, radius=4)
        drawing.text(500, y, f"{bpm:.0f}", size=11, fill=QUIET)
    key = int(matrix.key_index[row])
    if key >= 0:
        drawing.text(548, y, PITCH_CLASSES[key % 12] + ("" if key < 12 else " minor"), size=11)
    drawing.bar(616, y - 10, 110 * float(np.nan_to_num(matrix.energy[row])), 12, fill=COLOURS[0])


def main() -> None:
    """Draw all three."""
    parser = argparse.ArgumentParser(
        description="Draw the pictures of the documentation from a real library."
    )
    parser.add_argument("song", type=Path)
    parser.add_argument("list", nargs="?")
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    draw_hearing(arguments.song)
    with open_services(complete_settings()) as services:
        draw_clustering(services)
        draw_playlist(services, arguments.list)


if __name__ == "__main__":
    main()
