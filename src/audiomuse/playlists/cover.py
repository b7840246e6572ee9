"""A cover for a list, drawn from what is in it.

The hue comes from the most typical tag, the height of the waves from the energy, their length from the
tempo, and the rest from the identity of the list, so a list keeps its face from run to run while every
list has its own. One description of the picture is drawn as SVG and, by Pillow, as PNG or JPEG.
"""

from __future__ import annotations

import colorsys
import hashlib
import io
import math
import textwrap
import unicodedata
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from audiomuse.model import Playlist

Color = tuple[int, int, int]
Point = tuple[float, float]

SIDE = 600
"""Width and height of the picture, in its own units."""

_HUES = {
    "rock": 8, "classic rock": 18, "hard rock": 2, "metal": 350, "heavy metal": 345, "punk": 335,
    "alternative rock": 355, "alternative": 280, "indie rock": 165, "indie": 170, "indie pop": 155,
    "pop": 320,
    "dance": 300, "House": 265, "party": 312, "electronic": 195, "electronica": 205, "electro": 188,
    "ambient": 215, "chillout": 200, "chill": 192, "Mellow": 28, "easy listening": 48, "jazz": 38,
    "soul": 22, "rnb": 14, "funk": 45, "blues": 225, "folk": 95, "acoustic": 80, "country": 58, "guitar": 70,
    "instrumental": 180, "beautiful": 330, "sad": 232, "happy": 52, "Hip-Hop": 275, "experimental": 130,
    "Progressive rock": 250, "oldies": 35, "60s": 42, "70s": 30, "80s": 305, "90s": 150, "00s": 210,
}  # fmt: skip
_SUPERSAMPLING = 2
_LINE_LENGTH = 14
_MAX_LINES = 4


@dataclass(frozen=True, slots=True)
class _Scene:
    """Everything that is on a cover, in units of `SIDE`."""

    sky: tuple[Color, Color]
    """Colours at the top and at the bottom."""
    sun: tuple[Point, float, Color]
    """Centre, radius, colour."""
    waves: tuple[tuple[tuple[Point, ...], Color], ...]
    """Closed outlines from back to front."""
    lines: tuple[str, ...]
    """The name, broken into lines."""
    font_size: int


def cover_svg(playlist: Playlist) -> str:
    """Draw the cover of a list as an SVG document of 600 x 600 without external resources."""
    scene = _compose(playlist)
    (x, y), radius, color = scene.sun
    waves = "".join(
        f'<path d="M{" L".join(f"{px:.0f} {py:.1f}" for px, py in outline)}Z" fill="{_hex(fill)}"/>'
        for outline, fill in scene.waves
    )
    top = SIDE - 40 - scene.font_size * 1.15 * (len(scene.lines) - 1)
    text = "".join(
        f'<text x="40" y="{top + i * scene.font_size * 1.15:.0f}">{escape(line)}</text>'
        for i, line in enumerate(scene.lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" role="img" '
        f'aria-label="{escape(playlist.name, {chr(34): "&quot;"})}">'
        f'<defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="{_hex(scene.sky[0])}"/>'
        f'<stop offset="1" stop-color="{_hex(scene.sky[1])}"/></linearGradient></defs>'
        f'<rect width="{SIDE}" height="{SIDE}" fill="url(#sky)"/>'
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius:.0f}" fill="{_hex(color)}"/>{waves}'
        f'<g fill="#fff" font-family="system-ui, sans-serif" font-weight="700" '
        f'font-size="{scene.font_size}">{text}</g></svg>'
    )


def cover_image(
    playlist: Playlist, *, image_format: Literal["PNG", "JPEG"] = "JPEG", side: int = SIDE
) -> bytes:
    """Draw the cover of a list as an image file.

    Parameters
    ----------
    playlist : Playlist
    image_format : {"PNG", "JPEG"}
    side : int
        Width and height in pixels.

    Returns
    -------
    bytes
        Under 200 KB at 600 pixels. The built-in font has the letters of English: accents are left off,
        and a name in another script is left off as a whole rather than shown as boxes. The SVG always
        carries the name as it is.
    """
    scene = _compose(playlist)
    scale = side * _SUPERSAMPLING / SIDE
    size = side * _SUPERSAMPLING
    image = _sky(scene.sky, size)
    draw = ImageDraw.Draw(image)
    (x, y), radius, color = scene.sun
    draw.ellipse(
        [(x - radius) * scale, (y - radius) * scale, (x + radius) * scale, (y + radius) * scale], color
    )
    for outline, fill in scene.waves:
        draw.polygon([(px * scale, py * scale) for px, py in outline], fill)
    font = ImageFont.load_default(scene.font_size * scale)
    lines = [line if _has_letters(font, line) else _plain_letters(line) for line in scene.lines]
    if all(_has_letters(font, line) for line in lines):
        for i, line in enumerate(reversed(lines)):
            baseline = (SIDE - 40 - i * scene.font_size * 1.15) * scale
            draw.text((40 * scale, baseline), line, (255, 255, 255), font=font, anchor="ls")
    image = image.resize((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, image_format, quality=88, optimize=True)
    return file.getvalue()


def _compose(playlist: Playlist) -> _Scene:
    """Decide what is on the cover."""
    digest = hashlib.sha256(playlist.id.encode()).digest()
    rng = np.random.default_rng(list(digest[:8]))
    tag = playlist.tags[0][0] if playlist.tags else ""
    hue = (_HUES.get(tag, digest[8] * 360 / 256) + rng.uniform(-12, 12)) % 360
    energy = 0.5 if playlist.energy is None else min(max(playlist.energy, 0.0), 1.0)
    bpm = playlist.tempo_bpm or 110.0
    second = (hue + rng.choice([35.0, 50.0, -40.0])) % 360
    saturation = 0.35 + 0.4 * energy
    n_waves = 5
    waves = tuple(
        (
            _wave(rng, level=(0.36 + 0.12 * i) * SIDE, height=(14 + 52 * energy), beats=bpm / 60.0),
            _color(
                hue + (second - hue + 540) % 360 * i / n_waves - 180 * i / n_waves,
                saturation,
                0.62 - 0.5 * (i + 1) / n_waves,
            ),
        )
        for i in range(n_waves)
    )
    lines = _break_name(playlist.name)
    longest = max((len(line) for line in lines), default=1)
    return _Scene(
        sky=(_color(second, saturation * 0.8, 0.82), _color(hue, saturation, 0.5)),
        sun=(
            (float(rng.uniform(0.25, 0.78)) * SIDE, float(rng.uniform(0.16, 0.3)) * SIDE),
            float(rng.uniform(0.09, 0.16)) * SIDE,
            _color(second + 20, saturation * 0.6, 0.93),
        ),
        waves=waves,
        lines=lines,
        font_size=min(64, int((SIDE - 80) / (0.62 * max(longest, 1)))),
    )


def _wave(rng: np.random.Generator, *, level: float, height: float, beats: float) -> tuple[Point, ...]:
    """One layer of hills: two sines whose length follows the tempo, closed along the bottom."""
    phase, slower = rng.uniform(0, 2 * math.pi, 2)
    xs = np.linspace(0, SIDE, 61)
    ys = level + height * (
        0.6 * np.sin(2 * math.pi * beats * xs / SIDE + phase)
        + 0.4 * np.sin(2 * math.pi * 0.5 * beats * xs / SIDE + slower)
    )
    top = [(float(x), round(float(y), 1)) for x, y in zip(xs, ys, strict=True)]
    return (*top, (float(SIDE), float(SIDE)), (0.0, float(SIDE)))


def _break_name(name: str) -> tuple[str, ...]:
    """Break a name into at most four lines; what does not fit ends in an ellipsis."""
    parts = [" ".join(part.replace("_", " ").split()) for part in name.split(" · ")]
    lines = [line for part in parts for line in textwrap.wrap(part, _LINE_LENGTH)]
    if len(lines) > _MAX_LINES:
        lines = [*lines[: _MAX_LINES - 1], f"{lines[_MAX_LINES - 1][: _LINE_LENGTH - 2]} …"]
    return tuple(lines)


def _sky(colors: tuple[Color, Color], size: int) -> Image.Image:
    """Fill a square with a vertical gradient."""
    share = np.linspace(0.0, 1.0, size)[:, None]
    column = np.asarray(colors[0]) * (1 - share) + np.asarray(colors[1]) * share
    pixels = np.repeat(column[:, None, :], size, axis=1)
    return Image.fromarray(pixels.round().astype(np.uint8), "RGB")


def _has_letters(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, text: str) -> bool:
    """Tell whether the font has a glyph of its own for every letter."""
    missing = bytes(font.getmask("\U0010fffd"))
    return all(letter.isspace() or bytes(font.getmask(letter)) != missing for letter in text)


def _plain_letters(text: str) -> str:
    """Write Latin letters without their accents: ``"Müsli & Fuß"`` -> ``"Musli & Fuss"``."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("…", "..."))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _color(hue: float, saturation: float, lightness: float) -> Color:
    red, green, blue = colorsys.hls_to_rgb(hue % 360 / 360, lightness, min(max(saturation, 0.0), 1.0))
    return round(red * 255), round(green * 255), round(blue * 255)


def _hex(color: Color) -> str:
    return f"#{color[0]:02x}{color[1]:02x}{color[2]:02x}"
