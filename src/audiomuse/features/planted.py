"""Planted libraries: made-up music libraries whose styles are known, for tests, benchmarks and demos.

Nothing here is heard. Embeddings, tags, tempi, artists, albums, duplicates and odd ones out are drawn so
that their statistics resemble those of real libraries seen through MusiCNN: a few main axes carry most of
the variance, styles come in families, differ in size (30 to 1), in density and in their directions of
spread, artists follow a power law, and the best tag of a track is seldom certain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiomuse.errors import ParameterError
from audiomuse.model import EMBEDDING_SIZE, MSD_TAGS, FeatureMatrix, Float32

PLANTED_FEATURES_VERSION = "planted-1"

_N_LATENT = 40
_SPECTRUM = 0.78 ** (0.5 * np.arange(_N_LATENT))
"""Standard deviation of the latent axes: ten of them hold nearly nine tenths of the variance."""
_EMBEDDING_SPREAD = 11.0
_FAMILY_SPREAD, _STYLE_SPREAD, _TRACK_SPREAD = 0.70, 0.50, 0.72
_ARTIST_SHARE, _ALBUM_SHARE = 0.30, 0.12
"""Shares of the spread inside a style that all tracks of an artist, of an album, have in common."""


@dataclass(frozen=True, slots=True, eq=False)
class PlantedLibrary:
    """A made-up library and the truth about it."""

    matrix: FeatureMatrix
    style: NDArray[np.int32]
    """Shape (n,), the planted style, -1 for a track that belongs to none."""
    family: NDArray[np.int32]
    """Shape (n,), the family of the style, -1 for a track that belongs to none."""
    copy_of: NDArray[np.int32]
    """Shape (n,), row of the track that this one duplicates (same recording), -1 for an original."""
    version_of: NDArray[np.int32]
    """Shape (n,), row of the song of which this is another recording (live), -1 for an original."""


def planted_library(
    n_tracks: int,
    *,
    seed: int = 0,
    n_styles: int | None = None,
    n_families: int = 9,
    noise_share: float = 0.08,
    blend_share: float = 0.18,
    copy_share: float = 0.03,
    version_share: float = 0.01,
) -> PlantedLibrary:
    """Make up a library with known styles.

    Parameters
    ----------
    n_tracks : int > 0
        Size of the library.
    seed : int
        The same seed gives the same library.
    n_styles : int or None
        Number of styles; None: 40, fewer in a library of less than 1,000 tracks.
    n_families : int > 0
        Styles of a family are closer to each other than to the rest.
    noise_share, blend_share : float, 0..1
        Shares of tracks that belong to no style, and that lie between two styles of a family
        (they count to the nearer one).
    copy_share, version_share : float, 0..1
        Shares of tracks that are the same recording as another one, and another recording of its song.

    Returns
    -------
    PlantedLibrary

    Raises
    ------
    ParameterError
        If `n_tracks` is not positive.
    """
    if n_tracks < 1:
        raise ParameterError(f"A planted library needs at least one track, not {n_tracks}.")
    rng = np.random.default_rng([seed, 2025])
    n_styles = n_styles or int(np.clip(n_tracks // 25, 2, 40))
    styles = _Styles.draw(rng, n_styles, min(n_families, n_styles))
    style = rng.choice(n_styles, size=n_tracks, p=styles.share).astype(np.int32)
    artist = _draw_artists(rng, style, n_styles, max(n_tracks // 12, n_styles))
    album = artist * 64 + rng.integers(0, 1 + np.bincount(artist)[artist] // 10).astype(np.int64)
    latent = styles.place(rng, style, artist, album)
    _blend(rng, styles, style, latent, rng.random(n_tracks) < blend_share)
    noise = rng.random(n_tracks) < noise_share
    latent[noise] = rng.normal(0, 1.15, (int(noise.sum()), _N_LATENT)) * _SPECTRUM
    sound = _hear(rng, styles, style, latent)
    song = np.arange(n_tracks)
    truth = style.copy()
    truth[noise] = -1
    copy_of, version_of = _repeat_songs(
        rng, sound, (song, artist, truth), int(copy_share * n_tracks), int(version_share * n_tracks)
    )
    album[copy_of >= 0] += 32  # a best-of record of the same artist
    matrix = _as_matrix(sound, song, artist, album, version_of >= 0)
    family = np.where(truth >= 0, styles.family[np.maximum(truth, 0)], -1).astype(np.int32)
    return PlantedLibrary(matrix, truth, family, copy_of, version_of)


@dataclass(frozen=True, slots=True, eq=False)
class _Styles:
    """The styles of one library in the latent space."""

    family: NDArray[np.int32]
    share: NDArray[np.float64]
    centre: NDArray[np.float64]
    """Shape (n_styles, _N_LATENT)."""
    spread: NDArray[np.float64]
    """Shape (n_styles, _N_LATENT): every style is wide along axes of its own."""
    turn: NDArray[np.float64]
    """Shape (n_styles, _N_LATENT, _N_LATENT): the directions of those axes."""
    log2_tempo: NDArray[np.float64]

    @classmethod
    def draw(cls, rng: np.random.Generator, n_styles: int, n_families: int) -> _Styles:
        family = np.concatenate([np.arange(n_families), rng.integers(0, n_families, n_styles - n_families)])
        size = 30.0 ** -np.linspace(0, 1, n_styles)
        families = rng.normal(0, _FAMILY_SPREAD, (n_families, _N_LATENT))
        centre = families[family] + rng.normal(0, _STYLE_SPREAD, (n_styles, _N_LATENT))
        density = rng.uniform(0.6, 1.3, (n_styles, 1))
        return cls(
            family=family.astype(np.int32),
            share=size / size.sum(),
            centre=centre * _SPECTRUM,
            spread=_TRACK_SPREAD * density * np.exp(rng.normal(0, 0.35, (n_styles, _N_LATENT))) * _SPECTRUM,
            turn=np.linalg.qr(np.eye(_N_LATENT) + rng.normal(0, 0.15, (n_styles, _N_LATENT, _N_LATENT)))[0],
            log2_tempo=rng.normal(np.log2(116), 0.22, n_styles),
        )

    def place(
        self,
        rng: np.random.Generator,
        style: NDArray[np.int32],
        artist: NDArray[np.int64],
        album: NDArray[np.int64],
    ) -> Float32:
        """Place tracks around the centres of their styles; artists and albums keep together."""
        own = 1.0 - _ARTIST_SHARE - _ALBUM_SHARE
        deviation = np.sqrt(own) * rng.standard_normal((len(style), _N_LATENT), dtype=np.float32)
        for share, group in ((_ARTIST_SHARE, artist), (_ALBUM_SHARE, album)):
            member = np.unique(group, return_inverse=True)[1]
            common = rng.standard_normal((int(member.max()) + 1, _N_LATENT), dtype=np.float32)
            deviation += np.float32(np.sqrt(share)) * common[member]
        for number in range(len(self.share)):
            rows = style == number
            turned = (deviation[rows] * self.spread[number]) @ self.turn[number].T
            deviation[rows] = self.centre[number] + turned
        return np.asarray(deviation)


def _draw_artists(
    rng: np.random.Generator, style: NDArray[np.int32], n_styles: int, n_artists: int
) -> NDArray[np.int64]:
    """Give every track an artist at home in its style; fame follows a power law."""
    home = np.concatenate([np.arange(n_styles), rng.choice(style, n_artists - n_styles)])
    second = np.where(rng.random(n_artists) < 0.3, rng.integers(0, n_styles, n_artists), home)
    fame = np.minimum(rng.pareto(1.2, n_artists) + 0.3, 60.0)
    artist = np.empty(len(style), dtype=np.int64)
    for number in range(n_styles):
        rows = np.flatnonzero(style == number)
        able = np.flatnonzero((home == number) | (second == number))
        weight = fame[able] * np.where(home[able] == number, 1.0, 0.4)
        artist[rows] = rng.choice(able, len(rows), p=weight / weight.sum())
    return artist


def _blend(
    rng: np.random.Generator,
    styles: _Styles,
    style: NDArray[np.int32],
    latent: Float32,
    blended: NDArray[np.bool_],
) -> None:
    """Move some tracks up to half way towards another style of their family."""
    rows = np.flatnonzero(blended)
    if not len(rows):
        return
    own = style[rows]
    relatives = [np.flatnonzero(styles.family == family) for family in range(int(styles.family.max()) + 1)]
    other = np.array([rng.choice(relatives[styles.family[number]]) for number in own])
    way = rng.uniform(0.2, 0.5, (len(rows), 1))
    latent[rows] += way * (styles.centre[other] - styles.centre[own])


@dataclass(frozen=True, slots=True, eq=False)
class _Sound:
    """The columns that a listener would measure."""

    embedding: Float32
    tags: Float32
    tempo: Float32
    energy: Float32
    loudness: Float32
    key: NDArray[np.int8]
    duration: Float32


def _hear(rng: np.random.Generator, styles: _Styles, style: NDArray[np.int32], latent: Float32) -> _Sound:
    n = len(style)
    basis = np.linalg.qr(rng.normal(size=(EMBEDDING_SIZE, _N_LATENT)))[0].astype(np.float32)
    mean = rng.normal(0, 26.0 / np.sqrt(EMBEDDING_SIZE), EMBEDDING_SIZE).astype(np.float32)
    embedding = latent @ (basis.T * np.float32(_EMBEDDING_SPREAD))
    embedding += mean
    embedding += 0.25 * rng.standard_normal((n, EMBEDDING_SIZE), dtype=np.float32)

    intensity = latent[:, 0] + 0.5 * latent[:, 1]
    tempo = 2.0 ** (styles.log2_tempo[style] + rng.normal(0, 0.12, n) + 0.05 * intensity)
    tempo = np.where(rng.random(n) < 0.04, tempo * 2.0, tempo)
    tempo[rng.random(n) < 0.01] = np.nan
    return _Sound(
        embedding=embedding,
        tags=_tag(rng, latent),
        tempo=np.clip(tempo, 40, 220).astype(np.float32),
        energy=_sigmoid(1.3 * intensity + rng.normal(0, 0.4, n)).astype(np.float32),
        loudness=(-14 + 3 * intensity + rng.normal(0, 2, n)).astype(np.float32),
        key=np.where(rng.random(n) < 0.03, -1, rng.integers(0, 24, n)).astype(np.int8),
        duration=np.clip(rng.lognormal(np.log(225), 0.3, n), 45, 1200).astype(np.float32),
    )


def _tag(rng: np.random.Generator, latent: Float32) -> Float32:
    """A linear head with a sigmoid, rare tags rarer, on the latent axes that matter most."""
    n_tags = len(MSD_TAGS)
    head = rng.normal(0, 1, (_N_LATENT, n_tags)) * (np.arange(_N_LATENT) < 16)[:, None]
    head *= 1.45 / np.sqrt(_SPECTRUM**2 @ head**2)
    base = np.log(0.028 * np.geomspace(1.0, 0.1, n_tags))
    return _sigmoid(latent @ head.astype(np.float32) + base.astype(np.float32)).astype(np.float32)


def _sigmoid(x: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _repeat_songs(
    rng: np.random.Generator,
    sound: _Sound,
    belongs: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]],
    n_copies: int,
    n_versions: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Overwrite some tracks with copies and other recordings of others, in place."""
    n = len(sound.tempo)
    copy_of, version_of = np.full(n, -1, dtype=np.int32), np.full(n, -1, dtype=np.int32)
    shuffled = rng.permutation(n)
    n_repeats = min(n_copies + n_versions, n // 2)
    repeats, originals = shuffled[:n_repeats], shuffled[n_repeats : 2 * n_repeats]
    for column in (*belongs, sound.embedding, sound.tags, sound.tempo, sound.energy, sound.loudness,
                   sound.key, sound.duration):  # fmt: skip
        column[repeats] = column[originals]
    copies, versions = repeats[:n_copies], repeats[n_copies:]
    copy_of[copies], version_of[versions] = originals[:n_copies], originals[n_copies:]
    # Another master of the same recording differs by far less than another performance of the song.
    for rows, strength in ((copies, 0.05), (versions, 1.6)):
        size = (len(rows), EMBEDDING_SIZE)
        sound.embedding[rows] += strength * rng.standard_normal(size, dtype=np.float32)
    sound.duration[copies] += rng.uniform(-1, 1, len(copies)).astype(np.float32)
    sound.duration[versions] *= rng.uniform(1.05, 1.3, len(versions)).astype(np.float32)
    return copy_of, version_of


def _as_matrix(
    sound: _Sound,
    song: NDArray[np.int64],
    artist: NDArray[np.int64],
    album: NDArray[np.int64],
    live: NDArray[np.bool_],
) -> FeatureMatrix:
    n = len(song)
    return FeatureMatrix(
        ids=tuple(f"t{number:07d}" for number in range(n)),
        artists=tuple(f"Artist {number}" for number in artist.tolist()),
        titles=tuple(
            f"Song {number} (Live)" if is_live else f"Song {number}"
            for number, is_live in zip(song.tolist(), live.tolist(), strict=True)
        ),
        albums=tuple(f"Album {number}" for number in album.tolist()),
        duration_s=sound.duration,
        tempo_bpm=sound.tempo,
        key_index=sound.key,
        loudness_lufs=sound.loudness,
        energy=sound.energy,
        tags=sound.tags,
        embedding=sound.embedding,
        features_version=PLANTED_FEATURES_VERSION,
    )
