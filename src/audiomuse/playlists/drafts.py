"""From one cluster to the songs of its lists, before order, names and identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import FeatureMatrix, Float32, Playlist
from audiomuse.playlists.choose import choose_songs
from audiomuse.playlists.options import AdaptedSizes, PlaylistOptions
from audiomuse.playlists.volumes import Quota, chunk_labels, plan_parts, split_cluster

Rows = NDArray[np.intp]

_GROWTH = 1.25
"""A cluster that wants a quarter (and one) more lists than it has gets new ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """What every step needs to know about the songs; row i of everything is the same song."""

    matrix: FeatureMatrix
    Z: Float32
    artists: NDArray[np.intp]
    """Codes of normalised artists."""
    families: NDArray[np.intp]
    """Codes of songs with all their versions and copies."""
    copies: NDArray[np.intp]
    """Codes of recordings; only copies share one."""
    row_of: dict[str, int]

    def quotas(self, rows: Rows, per_artist: int) -> tuple[Quota, Quota]:
        """Limit a list over `rows` to `per_artist` songs of an artist and one version of a song."""
        artists = np.unique(self.artists[rows], return_inverse=True)[1]
        families = np.unique(self.families[rows], return_inverse=True)[1]
        return Quota(artists, per_artist), Quota(families, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Heir:
    """A list of yesterday that goes on, and what it brings along."""

    playlist: Playlist
    cluster: int
    """Where most of its songs are now."""
    heart: Float32
    """Mean of its surviving songs in today's judge space."""
    kept: Rows
    """Songs that it keeps for certain, pins first."""
    incumbents: Rows
    """All its surviving songs."""
    banned: Rows
    cherished: bool
    """A person pinned, dropped or named something here: it never ends by itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """The songs of one list, unordered and unnamed."""

    rows: Rows
    cluster: int
    previous: Playlist | None = None


def draft_cluster(
    library: Library,
    pool: Rows,
    heirs: Sequence[Heir],
    *,
    cluster: int,
    options: PlaylistOptions,
    sizes: AdaptedSizes,
    rng: np.random.Generator,
) -> list[Draft]:
    """Make lists of one cluster.

    Parameters
    ----------
    library : Library
    pool : ndarray
        Rows that passed the gate and are in no other list; songs that `heirs` keep are not in it.
    heirs : sequence of Heir
        Lists of yesterday at home in this cluster.
    cluster : int
    options, sizes
        What the person asked for, and what holds for this library.
    rng : numpy.random.Generator

    Returns
    -------
    list of Draft
        Lists of at least ``sizes.min_songs`` songs; those of `heirs` first. Heirs that became too short
        are left out unless a person cherished them.
    """
    heirs = _feasible(heirs, len(pool) + sum(len(heir.kept) for heir in heirs), sizes.min_songs)
    rows = np.concatenate([np.asarray(pool, dtype=np.intp), *(heir.kept for heir in heirs)])
    chunks = chunk_labels(library.Z[rows], rng)
    for start, heir in zip(_starts(len(pool), heirs), heirs, strict=True):
        stretch = chunks[start : start + len(heir.kept)]
        if len(stretch):
            stretch[:] = np.bincount(stretch).argmax()
    drafts: list[Draft] = []
    for chunk in range(int(chunks.max(initial=0)) + 1):
        here = rows[chunks == chunk]
        at_home = [heir for heir in heirs if len(heir.kept) and np.isin(heir.kept[0], here)]
        drafts.extend(_draft_chunk(library, np.sort(here), at_home, cluster, options, sizes, rng))
    return drafts


def _draft_chunk(
    library: Library,
    rows: Rows,
    heirs: Sequence[Heir],
    cluster: int,
    options: PlaylistOptions,
    sizes: AdaptedSizes,
    rng: np.random.Generator,
) -> list[Draft]:
    """Split, choose and sift the songs of one chunk."""
    if len(rows) == 0:
        return []
    quotas = library.quotas(rows, sizes.max_songs_per_artist)
    preset = np.full(len(rows), -1, dtype=np.int32)
    forbidden = np.zeros((len(rows), len(heirs)), dtype=bool)
    for part, heir in enumerate(heirs):
        preset[np.isin(rows, heir.kept)] = part
        forbidden[:, part] = np.isin(rows, heir.banned)
    n_parts, capacity = _plan(quotas[0].groups, len(heirs), options, sizes)
    parts = split_cluster(
        library.Z[rows], quotas, n_parts=n_parts, capacity=capacity, minimum=sizes.min_songs, rng=rng,
        preset=preset, n_preset=len(heirs), forbidden=forbidden,
    )  # fmt: skip
    drafts = []
    pasts: list[Heir | None] = [*heirs, *[None] * (len(parts) - len(heirs))]
    for songs, past in zip(parts, pasts, strict=True):
        chosen = _choose(library, rows[songs], past, options, sizes)
        if len(chosen) >= sizes.min_songs or (past is not None and past.cherished and len(chosen)):
            drafts.append(Draft(chosen, cluster, past.playlist if past else None))
    return drafts


def _plan(
    artists: NDArray[np.intp], n_heirs: int, options: PlaylistOptions, sizes: AdaptedSizes
) -> tuple[int, int]:
    """Return how many lists to make and how many songs each may take in.

    With heirs, new lists are made only once many are wanting: lists do not multiply because a few songs
    came.
    """
    wanted = plan_parts(
        artists, max_songs=sizes.max_songs, per_artist=sizes.max_songs_per_artist, usual=sizes.usual_songs
    )
    if n_heirs and wanted < n_heirs * _GROWTH + 1:
        wanted = n_heirs
    capacity = sizes.max_songs
    if options.max_lists_per_cluster and wanted > options.max_lists_per_cluster:
        wanted = max(n_heirs, options.max_lists_per_cluster)
        capacity = len(artists)  # more songs than room: they are chosen from afterwards
    return wanted, capacity


def _choose(
    library: Library, rows: Rows, heir: Heir | None, options: PlaylistOptions, sizes: AdaptedSizes
) -> Rows:
    """Choose the songs of one list from its part; all of them if they fit."""
    if len(rows) <= sizes.max_songs:
        return rows
    X = library.Z[rows]
    chosen = choose_songs(
        X,
        X.mean(axis=0) if heir is None else heir.heart,
        n=sizes.max_songs,
        quotas=library.quotas(rows, sizes.max_songs_per_artist),
        relevance=options.relevance,
        kept=None if heir is None else np.flatnonzero(np.isin(rows, heir.kept)),
        incumbents=None if heir is None else np.isin(rows, heir.incumbents),
    )
    return np.sort(rows[chosen])


def _feasible(heirs: Sequence[Heir], n_songs: int, min_songs: int) -> list[Heir]:
    """Keep as many heirs as the songs can fill, the cherished and the fullest first, in their order."""
    room = max(1, n_songs // min_songs)
    ranked = sorted(range(len(heirs)), key=lambda i: (not heirs[i].cherished, -len(heirs[i].incumbents), i))
    staying = {i for place, i in enumerate(ranked) if place < room or heirs[i].cherished}
    return [heir for i, heir in enumerate(heirs) if i in staying]


def _starts(n_pool: int, heirs: Sequence[Heir]) -> list[int]:
    """Where the kept songs of each heir begin behind the pool."""
    lengths = [len(heir.kept) for heir in heirs]
    return [int(n) for n in n_pool + np.cumsum([0, *lengths])[:-1]] if heirs else []
