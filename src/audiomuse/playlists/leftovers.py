"""A second chance for songs that found no room among their own kind.

Where one artist fills a cluster, its songs beyond the cap are in no list. Some of them lie inside a list
of a neighbouring cluster, nearer to its centre than its own outermost songs; those are taken in while there
is room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import Float32
from audiomuse.playlists.drafts import Draft, Library
from audiomuse.playlists.options import AdaptedSizes

Rows = NDArray[np.intp]

_FITS = 0.9
"""A song fits a list when it is nearer to the centre than the outermost tenth of the list's own songs."""
_LISTS_TRIED = 4
_BLOCK = 4096


def place_leftovers(
    library: Library, drafts: Sequence[Draft], leftovers: Rows, sizes: AdaptedSizes
) -> list[Draft]:
    """Take songs into lists that they fit.

    Parameters
    ----------
    library : Library
    drafts : sequence of Draft
    leftovers : ndarray
        Rows that are in no list.
    sizes : AdaptedSizes
        Limits of a list; they hold here too.

    Returns
    -------
    list of Draft
        The same lists in the same order, some longer. The song that fits best chooses first.
    """
    open_lists = [i for i, draft in enumerate(drafts) if len(draft.rows) < sizes.max_songs]
    if not open_lists or len(leftovers) == 0:
        return list(drafts)
    lists = [_OpenList(library, drafts[i], sizes) for i in open_lists]
    placed: set[int] = set()
    for row, choice in _by_fit(library.Z, leftovers, lists):
        if row not in placed and lists[choice].take_in(row):
            placed.add(row)
    result = list(drafts)
    for i, grown in zip(open_lists, lists, strict=True):
        if grown.guests:
            draft = drafts[i]
            result[i] = Draft(np.sort(np.r_[draft.rows, grown.guests]), draft.cluster, draft.previous)
    return result


class _OpenList:
    """A list with room, and who came in."""

    def __init__(self, library: Library, draft: Draft, sizes: AdaptedSizes) -> None:
        X = library.Z[draft.rows]
        self.center: Float32 = X.mean(axis=0)
        self.radius = float(np.quantile(np.sqrt(((X - self.center) ** 2).sum(axis=1)), _FITS))
        self.guests: list[int] = []
        self._library = library
        self._room = sizes.max_songs - len(draft.rows)
        self._per_artist = sizes.max_songs_per_artist
        self._artists = Counter(library.artists[draft.rows].tolist())
        self._songs = set(library.families[draft.rows].tolist())
        self._banned = draft.previous.banned if draft.previous else frozenset()

    def take_in(self, row: int) -> bool:
        """Take a song in if every limit allows it; say whether it is in."""
        artist, song = int(self._library.artists[row]), int(self._library.families[row])
        if (
            len(self.guests) >= self._room
            or self._artists[artist] >= self._per_artist
            or song in self._songs
            or self._library.matrix.ids[row] in self._banned
        ):
            return False
        self.guests.append(row)
        self._artists[artist] += 1
        self._songs.add(song)
        return True


def _by_fit(Z: Float32, rows: Rows, lists: Sequence[_OpenList]) -> list[tuple[int, int]]:
    """Return (row, list) pairs that fit, best first: up to four lists per song, by distance over radius."""
    centers = np.asarray([one.center for one in lists], dtype=np.float32)
    radii = np.asarray([one.radius for one in lists], dtype=np.float32)
    squares = np.einsum("kd,kd->k", centers, centers)
    found: list[NDArray[np.float64]] = []
    n_tried = min(_LISTS_TRIED, len(lists))
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        X = Z[block]
        distance = X @ (-2.0 * centers.T) + squares + np.einsum("nd,nd->n", X, X)[:, None]
        fit = np.sqrt(np.maximum(distance, 0.0)) / np.maximum(radii, 1e-9)
        nearest = np.argpartition(fit, n_tried - 1, axis=1)[:, :n_tried]
        fits = np.take_along_axis(fit, nearest, axis=1)
        song, place = np.nonzero(fits <= 1.0)
        found.append(np.column_stack([fits[song, place], block[song], nearest[song, place]]))
    pairs = np.concatenate(found)
    order = np.lexsort((pairs[:, 2], pairs[:, 1], pairs[:, 0]))
    return [(int(row), int(choice)) for _, row, choice in pairs[order]]
