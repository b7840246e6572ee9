"""The analysed library in memory: loaded once, shared by threads, renewed when the database moves on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiomuse.errors import LibraryEmpty
from audiomuse.features import fit_space
from audiomuse.model import FeatureMatrix, Float32
from audiomuse.services.memory import give_back_free_memory
from audiomuse.similarity import ArtistIndex, SimilarityIndex, Songs
from audiomuse.storage import LibraryRevision, MusicStore

_RENEW_AT_MOST_EVERY_S = 10.0
_RENEWAL_SHARE = 30.0
"""Between two renewals pass at least so many times the seconds one takes: an analysis changes the library
with every song, and people who look at it meanwhile must not wait."""


@dataclass(eq=False)
class LibraryView:
    """One state of the analysed library. What is derived from it is made when it is first asked for."""

    songs: Songs

    @cached_property
    def index(self) -> SimilarityIndex:
        """What sounds alike; raises `LibraryEmpty` if there is no song."""
        return SimilarityIndex(self.songs)

    @cached_property
    def artists(self) -> ArtistIndex:
        """Which artists sound alike; raises `LibraryEmpty` if there is no song."""
        return ArtistIndex(self.index)

    @cached_property
    def mean_tags(self) -> Float32:
        """The library's mean of each tag, shape (50,); zeros if there is no song."""
        return self.songs.tags.mean()


@dataclass(frozen=True, slots=True, eq=False)
class JudgedLibrary:
    """The analysed library as the clustering sees it: at full precision, and in its judge space."""

    matrix: FeatureMatrix
    places: Float32
    """Shape (n, d)."""


def judged_library(music: MusicStore, features_version: str) -> JudgedLibrary:
    """Load the library and place it in its judge space; raises `LibraryEmpty` if there is no song."""
    matrix = music.features.load_matrix(features_version)
    if not len(matrix):
        raise LibraryEmpty("No song has been analysed yet.")
    return JudgedLibrary(matrix, fit_space(matrix).transform(matrix))


class LibraryCache:
    """Hands out the current `LibraryView`.

    A view that has aged is handed out once more while its successor is made in the background.

    Parameters
    ----------
    music : MusicStore
    features_version : str
        Whose numbers count.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self, music: MusicStore, features_version: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._music = music
        self._version = features_version
        self._clock = clock
        self._lock = threading.Lock()
        self._view: LibraryView | None = None
        self._revision: LibraryRevision | None = None
        self._renew_from = 0.0
        self._renewing = False
        self._renewal: threading.Thread | None = None

    def view(self) -> LibraryView:
        """Return the library as it is, or was a moment ago. Only the very first call waits for loading."""
        with self._lock:
            if self._view is None:
                return self._load()
            due = self._clock() >= self._renew_from and not self._renewing
            if due:
                self._renewing = True
            view = self._view
        if due:
            self._renewal = threading.Thread(target=self._renew, name="library-renewal", daemon=True)
            self._renewal.start()
        return view

    def settle(self) -> None:
        """Wait until a renewal that is under way is done."""
        if self._renewal is not None:
            self._renewal.join()

    def _renew(self) -> None:
        try:
            if self._music.statistics.revision(self._version) != self._revision:
                self._load()
        finally:
            self._renewing = False
            self._renew_from = max(self._renew_from, self._clock() + _RENEW_AT_MOST_EVERY_S)

    def _load(self) -> LibraryView:
        began = self._clock()
        # Asked before loading: a song that arrives in between makes the view old, never wrong for ever.
        revision = self._music.statistics.revision(self._version)
        songs = self._extended(revision)
        if songs is None:
            songs = Songs.pack(self._music.features.load_pieces(self._version))
        view = LibraryView(songs)
        if len(view.songs):
            _ = view.index, view.artists
        self._view, self._revision = view, revision
        give_back_free_memory()
        took = self._clock() - began
        self._renew_from = self._clock() + max(_RENEW_AT_MOST_EVERY_S, _RENEWAL_SHARE * took)
        return view

    def _extended(self, revision: LibraryRevision) -> Songs | None:
        """Return the songs of the view and those heard since; None if that is not all that has changed."""
        old = self._revision
        if self._view is None or old is None or old.analysed_at is None or revision.analysed_at is None:
            return None
        since = (old.analysed_at, revision.analysed_at)
        # A song that was heard again, or whose transaction was overtaken by a later one, spoils the sum.
        added = self._music.features.count_between(self._version, *since)
        if revision.analysed != old.analysed + added:
            return None
        if revision.listing != old.listing and not self._reads_as_before(self._view, old.analysed_at):
            return None
        pieces = list(self._music.features.load_pieces(self._version, heard=since))
        if not len(self._view.songs) or any(len(self._view.index.known_rows(piece.ids)) for piece in pieces):
            return None
        return self._view.songs.extended(pieces)

    def _reads_as_before(self, view: LibraryView, heard_until: float) -> bool:
        """Whether a new listing left the songs of a view as they are, which most listings do."""
        if not len(view.songs):
            return False
        listed = self._music.features.load_texts(self._version, until=heard_until)
        return all(
            here == there for here, there in zip_longest(listed, view.index.texts_by_id(), fillvalue=None)
        )


def take_rows(matrix: FeatureMatrix, rows: NDArray[np.intp]) -> FeatureMatrix:
    """Return some rows of a library, in the given order."""
    columns: dict[str, Any] = {}
    for column in fields(matrix):
        values = getattr(matrix, column.name)
        if isinstance(values, np.ndarray):
            columns[column.name] = values[rows]
        elif isinstance(values, tuple):
            columns[column.name] = tuple(values[row] for row in rows)
    return replace(matrix, **columns)


def without_embeddings(matrix: FeatureMatrix) -> FeatureMatrix:
    """Return a library without its embeddings (shape (n, 0)), which are most of what it holds in memory."""
    return replace(matrix, embedding=np.empty((len(matrix), 0), dtype=np.float32))


def snapshot(music: MusicStore, features_version: str, track_ids: Sequence[str]) -> FeatureMatrix:
    """Load exactly the given tracks, in the order of `load_matrix`, whatever came or went meanwhile.

    Parameters
    ----------
    track_ids : sequence of str
        As an earlier `load_matrix` had them.
    """
    matrix = music.features.load_matrix(features_version, include_gone=True)
    wanted = set(track_ids)
    rows = np.array([row for row, track in enumerate(matrix.ids) if track in wanted], dtype=np.intp)
    return matrix if len(rows) == len(matrix) else take_rows(matrix, rows)
