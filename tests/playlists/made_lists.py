"""Small libraries whose right playlists are known by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from audiomuse.features import fit_space
from audiomuse.features.planted import PlantedLibrary, planted_library
from audiomuse.model import MSD_TAGS, Clustering, FeatureMatrix, Float32


def made_matrix(
    n: int,
    *,
    artists: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    tags: Sequence[str] = (),
    tempo_bpm: Sequence[float] | None = None,
    key_index: Sequence[int] | None = None,
    energy: Sequence[float] | None = None,
) -> FeatureMatrix:
    """A library of `n` songs; song i carries ``tags[i % len(tags)]`` with .6 and every other tag with .05."""
    heard = np.full((n, len(MSD_TAGS)), 0.05, dtype=np.float32)
    for i in range(n if tags else 0):
        heard[i, MSD_TAGS.index(tags[i % len(tags)])] = 0.6
    rng = np.random.default_rng(0)
    return FeatureMatrix(
        ids=tuple(f"song-{i:03d}" for i in range(n)),
        artists=tuple(artists or [f"Artist {i}" for i in range(n)]),
        titles=tuple(titles or [f"Title {i}" for i in range(n)]),
        albums=("Album",) * n,
        duration_s=np.full(n, 200, dtype=np.float32),
        tempo_bpm=np.asarray(tempo_bpm if tempo_bpm is not None else [120.0] * n, dtype=np.float32),
        key_index=np.asarray(key_index if key_index is not None else [0] * n, dtype=np.int8),
        loudness_lufs=np.full(n, -14, dtype=np.float32),
        energy=np.asarray(energy if energy is not None else [0.5] * n, dtype=np.float32),
        tags=heard,
        embedding=rng.normal(size=(n, 200)).astype(np.float32),
    )


def made_clustering(Z: Float32, labels: Sequence[int] | NDArray[np.int32]) -> Clustering:
    """A clustering with the given labels, its centres the means."""
    labels = np.asarray(labels, dtype=np.int32)
    k = int(labels.max(initial=-1)) + 1
    centers = [Z[labels == c].mean(axis=0) if (labels == c).any() else np.zeros(Z.shape[1]) for c in range(k)]
    return Clustering(
        labels, np.asarray(centers, dtype=np.float32).reshape(k, Z.shape[1]), "kmeans", {}, 0, 0.5, {"G": 0.9}
    )


def blobs(sizes: Sequence[int], *, d: int = 4, distance: float = 10.0, seed: int = 0) -> Float32:
    """Well separated groups of songs in a space of `d` axes, group by group."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(len(sizes), d)) * distance
    return np.concatenate(
        [center + rng.normal(size=(size, d)) for center, size in zip(centers, sizes, strict=True)]
    ).astype(np.float32)


@dataclass(frozen=True, eq=False)
class PlantedRun:
    """A planted library with a plain clustering of it."""

    library: PlantedLibrary
    Z: Float32
    clustering: Clustering

    @property
    def matrix(self) -> FeatureMatrix:
        return self.library.matrix


@cache
def planted_run(n: int, k: int, *, seed: int = 1) -> PlantedRun:
    """Plant a library of `n` songs and cluster it into `k` with one plain K-Means."""
    library = planted_library(n, seed=seed)
    Z = fit_space(library.matrix).transform(library.matrix)
    return PlantedRun(library, Z, kmeans(Z, k))


def kmeans(Z: Float32, k: int | Float32) -> Clustering:
    """One plain K-Means, from `k` random centres or from the given ones."""
    if isinstance(k, int):
        model = KMeans(k, n_init=1, random_state=0).fit(Z)
    else:
        model = KMeans(len(k), init=k, n_init=1).fit(Z)
    labels = np.asarray(model.labels_, dtype=np.int32)
    return Clustering(labels, model.cluster_centers_.astype(np.float32), "kmeans", {}, 0, 0.5, {})


def take(matrix: FeatureMatrix, rows: NDArray[np.intp]) -> FeatureMatrix:
    """Part of a library, in the order of `rows`."""
    return FeatureMatrix(
        *(
            tuple(column[row] for row in rows)
            for column in (matrix.ids, matrix.artists, matrix.titles, matrix.albums)
        ),
        *(
            column[rows]
            for column in (
                matrix.duration_s, matrix.tempo_bpm, matrix.key_index, matrix.loudness_lufs,
                matrix.energy, matrix.tags, matrix.embedding,
            )
        ),
        features_version=matrix.features_version,
    )  # fmt: skip
