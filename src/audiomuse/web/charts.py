"""Geometry of the drawings: numbers in, SVG coordinates out. Drawn by the server, so no script is needed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

_WAVE_BARS = 72
_FIFTHS = tuple(7 * step % 12 for step in range(12))
"""Pitch classes in the order of the circle of fifths, C on top."""


@dataclass(frozen=True, slots=True)
class Bar:
    """An upright rectangle."""

    x: float
    y: float
    width: float
    height: float
    kind: str = ""
    label: str = ""
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Slice:
    """A ring segment of the key wheel."""

    path: str
    ring_path: str
    key_index: int
    count: int
    label_x: float
    label_y: float

    @property
    def is_minor(self) -> bool:
        """Whether it is in the inner ring."""
        return self.key_index >= 12


def waveform(seed: str, share: float, *, width: float = 720.0, height: float = 80.0) -> list[Bar]:
    """Draw progress as a waveform that fills from the left.

    Parameters
    ----------
    seed : str
        What the shape is made from: a job keeps its shape from poll to poll.
    share : float
        Done so far, 0..1.

    Returns
    -------
    list of Bar
        `kind` is ``"on"`` for what is done, ``"now"`` for the bar being filled, ``""`` for the rest.
    """
    noise = hashlib.shake_128(seed.encode()).digest(_WAVE_BARS)
    step = width / _WAVE_BARS
    filled = share * _WAVE_BARS
    bars = []
    for i, byte in enumerate(noise):
        phrase = 0.55 + 0.45 * math.sin(math.pi * ((i * 4.0 / _WAVE_BARS) % 1.0))
        tall = height * max(0.12, phrase * (0.35 + 0.65 * byte / 255))
        kind = "on" if i + 1 <= filled else "now" if i <= filled and share < 1 else ""
        bars.append(Bar(i * step + step * 0.18, (height - tall) / 2, step * 0.64, tall, kind))
    return bars


def dial(share: float, radius: float = 52.0) -> tuple[float, float]:
    """Return (dash, gap) of a circle's outline that is filled to `share`."""
    around = 2 * math.pi * radius
    return round(around * min(1.0, max(0.0, share)), 2), round(around, 2)


def columns(values: Sequence[tuple[str, float]], *, width: float = 420.0, height: float = 170.0) -> list[Bar]:
    """Draw labelled columns, the largest as high as the chart."""
    if not values:
        return []
    most = max(value for _, value in values) or 1.0
    step = width / len(values)
    bars = []
    for i, (label, value) in enumerate(values):
        tall = height * value / most
        bars.append(Bar(i * step + step * 0.1, height - tall, step * 0.8, tall, "", label, value))
    return bars


def key_wheel(counts: Sequence[int], *, size: float = 320.0) -> list[Slice]:
    """Draw songs by key around the circle of fifths.

    Majors are the outer ring, each relative minor inside its major. A segment grows outward with its share.

    Parameters
    ----------
    counts : sequence of int, length 24
        Songs by key: 0-11 C..B major, 12-23 C..B minor.
    """
    most = max(counts, default=0) or 1
    center = size / 2
    outer, middle, inner = size * 0.43, size * 0.28, size * 0.12
    slices = []
    for position, pitch in enumerate(_FIFTHS):
        start = math.tau * (position - 0.5) / 12
        end = math.tau * (position + 0.5) / 12
        for index, low, high in ((pitch, middle, outer), (12 + (pitch + 9) % 12, inner, middle)):
            share = math.sqrt(counts[index] / most)
            reach = low + (high - low) * share
            angle, at = math.tau * position / 12, (low + high) / 2
            slices.append(
                Slice(
                    _ring(center, low, reach, start, end) if counts[index] else "",
                    _ring(center, low, high, start, end),
                    index,
                    counts[index],
                    round(center + at * math.sin(angle), 1),
                    round(center - at * math.cos(angle), 1),
                )
            )
    return slices


def _ring(center: float, low: float, high: float, start: float, end: float) -> str:
    """SVG path of a ring segment; angles clockwise from the top."""

    def point(radius: float, angle: float) -> str:
        return f"{center + radius * math.sin(angle):.1f} {center - radius * math.cos(angle):.1f}"

    return (
        f"M{point(low, start)}L{point(high, start)}A{high:.1f} {high:.1f} 0 0 1 {point(high, end)}"
        f"L{point(low, end)}A{low:.1f} {low:.1f} 0 0 0 {point(low, start)}Z"
    )


def sparkline(values: Sequence[float], *, width: float = 300.0, height: float = 60.0) -> str:
    """Return the SVG path of a rising line; empty for fewer than two values."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    reach = (high - low) or 1.0
    points = (
        f"{width * i / (len(values) - 1):.1f} {height - 4 - (height - 8) * (value - low) / reach:.1f}"
        for i, value in enumerate(values)
    )
    return "M" + "L".join(points)


PITCH_NAMES = ("C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
"""Names of the majors on the key wheel."""


def around(position: int, radius: float, *, size: float = 320.0) -> tuple[float, float]:
    """Return the point at one of the twelve hours of the key wheel."""
    angle = math.tau * position / 12
    return round(size / 2 + radius * math.sin(angle), 1), round(size / 2 - radius * math.cos(angle), 1)


def labelled(counts: Sequence[int]) -> list[tuple[str, float]]:
    """Turn bare counts into values for `columns`."""
    return [("", float(count)) for count in counts]
