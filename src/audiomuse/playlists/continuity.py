"""What yesterday's lists bring into today's run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import Float32, Playlist
from audiomuse.playlists.drafts import Heir, Library
from audiomuse.playlists.options import AdaptedSizes

HOME_SHARE = 0.5
"""A list goes on by itself if at least this share of its songs is still in one cluster."""


def find_heirs(
    library: Library,
    labels: NDArray[np.int32],
    centers: Float32,
    previous: Sequence[Playlist],
    *,
    taken: NDArray[np.bool_],
    keep_share: float,
    sizes: AdaptedSizes,
) -> list[Heir]:
    """Find the lists of yesterday that go on from their own songs.

    Parameters
    ----------
    library : Library
    labels : ndarray, shape=(n,)
        Cluster of every song today.
    centers : ndarray, shape=(k, d)
    previous : sequence of Playlist
        Unlocked lists of yesterday.
    taken : ndarray of bool, shape=(n,)
        Songs of locked lists; only a pin brings them into another list.
    keep_share : float
        Share of a full list that old songs keep for themselves.
    sizes : AdaptedSizes

    Returns
    -------
    list of Heir
        Lists with a home: one cluster that holds half of their songs, or any cluster for lists that a
        person cherished. No song is kept by two of them. Songs nearest to the heart of a list are kept
        first; pins always.
    """
    heirs: list[Heir] = []
    room = max(1, round(keep_share * sizes.max_songs))  # one song at least, around which the list forms
    claimed: set[int] = set()
    pins = [_rows(library, [e.track_id for e in playlist.entries if e.pinned]) for playlist in previous]
    all_pins = {row for pinned in pins for row in pinned}
    for playlist, all_pinned in zip(previous, pins, strict=True):
        pinned = [row for row in all_pinned if row not in claimed]
        alive = [
            row
            for row in _rows(library, playlist.track_ids)
            if not taken[row] and library.matrix.ids[row] not in playlist.banned
        ]
        survivors = np.asarray(sorted(set(alive) | set(pinned)), dtype=np.intp)
        cherished = bool(all_pinned) or playlist.named_by_user or bool(playlist.banned)
        if len(survivors) == 0:
            continue
        heart = library.Z[survivors].mean(axis=0)
        home = _home(labels[survivors], heart, centers, anywhere=cherished)
        if home is None:
            continue
        others = [int(row) for row in survivors if row not in claimed and row not in all_pins]
        kept = _keep(library, heart, pinned, others, room, sizes)
        claimed.update(int(row) for row in kept)
        banned = np.asarray(_rows(library, sorted(playlist.banned)), dtype=np.intp)
        heirs.append(Heir(playlist, home, heart, kept, survivors, banned, cherished))
    return heirs


def _home(labels: NDArray[np.int32], heart: Float32, centers: Float32, *, anywhere: bool) -> int | None:
    """Return the cluster that holds half of the songs; for `anywhere` at least the nearest one."""
    clustered = labels[labels >= 0]
    if len(clustered):
        counts = np.bincount(clustered)
        if anywhere or counts.max() >= HOME_SHARE * len(labels):
            return int(counts.argmax())
    if anywhere and len(centers):
        return int(((centers - heart) ** 2).sum(axis=1).argmin())
    return None


def _keep(
    library: Library,
    heart: Float32,
    pinned: Sequence[int],
    others: Sequence[int],
    room: int,
    sizes: AdaptedSizes,
) -> NDArray[np.intp]:
    """Choose the old songs that stay: pins, then the nearest within the caps, up to `room`."""
    distance = ((library.Z[others] - heart) ** 2).sum(axis=1) if len(others) else np.zeros(0)
    kept = list(dict.fromkeys(pinned))
    artists = [int(library.artists[row]) for row in kept]
    families = {int(library.families[row]) for row in kept}
    for i in np.argsort(distance, kind="stable"):
        row = others[int(i)]
        artist, family = int(library.artists[row]), int(library.families[row])
        if len(kept) >= room:
            break
        if family not in families and artists.count(artist) < sizes.max_songs_per_artist:
            kept.append(row)
            artists.append(artist)
            families.add(family)
    return np.asarray(kept, dtype=np.intp)


def _rows(library: Library, track_ids: Sequence[str]) -> list[int]:
    """Rows of the tracks that are in the library, in the given order."""
    return [library.row_of[track] for track in track_ids if track in library.row_of]
