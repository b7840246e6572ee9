"""The library as questions of likeness need it: small enough to stay in memory beside everything else.

Tags and embeddings are kept in eight bits a number (scalar quantisation [1]_, every row with its own range).
On real music that moves the cosine of two songs by .001 (root mean square), and the ten nearest songs are the
same but for two in a thousand; the library takes a quarter of the memory and is scanned no slower.

References
----------
.. [1] M. Douze et al., "The Faiss library", 2024: the scalar quantizer "SQ8".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import EMBEDDING_SIZE, MSD_TAGS, FeatureMatrix, Float32, SongColumns

Rows = NDArray[np.intp]

_TEXTS = ("ids", "artists", "titles", "albums")
_REPEATED = frozenset({"artists", "albums"})
_NUMBERS = (
    ("duration_s", np.float32), ("tempo_bpm", np.float32), ("key_index", np.int8),
    ("loudness_lufs", np.float32), ("energy", np.float32),
)  # fmt: skip

_LEVELS = 255
_TINY = 1e-30
_SPARE_ROWS = 512
_BLOCK = 2048
"""Rows that are decoded at once: they stay in the processor's cache."""


@dataclass(slots=True, eq=False)
class _Place:
    """Where the rows of one or more `EightBitRows` are; only ever written behind what is in use."""

    codes: NDArray[np.uint8]
    low: Float32
    step: Float32
    used: int = 0

    @classmethod
    def of_width(cls, width: int) -> Self:
        return cls(np.empty((0, width), np.uint8), np.empty(0, np.float32), np.empty(0, np.float32))

    def resize(self, n: int) -> None:
        # In place: the system moves large arrays without copying them, so that they never exist twice.
        self.codes.resize((n, self.codes.shape[1]), refcheck=False)
        self.low.resize(n, refcheck=False)
        self.step.resize(n, refcheck=False)

    def write(self, rows: Float32) -> int:
        """Encode rows behind those in use; return where they end."""
        here = slice(self.used, self.used + len(rows))
        low = rows.min(axis=1)
        step = (rows.max(axis=1) - low) / np.float32(_LEVELS)
        # A row that is constant, or as good as, is its lowest number.
        scale = np.divide(1.0, step, out=np.zeros_like(step), where=step > _TINY)
        self.codes[here] = np.rint((rows - low[:, None]) * scale[:, None])
        self.low[here], self.step[here] = low, step
        self.used = here.stop
        return self.used


class EightBitRows:
    """Rows of numbers, each number in eight bits of its row's range; decoded when they are looked at.

    A row is ``low + step * codes``.

    Parameters
    ----------
    width : int
        Numbers in a row.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._n = 0
        self._place = _Place.of_width(width)

    def __len__(self) -> int:
        return self._n

    @property
    def room(self) -> int:
        """Rows that `extended` can take; 0 if these rows were extended already."""
        return len(self._place.codes) - self._n if self._place.used == self._n else 0

    def append(self, rows: Float32) -> None:
        """Add rows, shape (n, width), at the end. Not to be called once others look at these rows."""
        if len(rows) > self.room:
            self._place.resize(max(self._n + len(rows), self._n * 5 // 4))
        self._n = self._place.write(rows)

    def close(self) -> None:
        """Give back what was reserved for rows that did not come, but for room for `extended`."""
        self._place.resize(self._n + max(_SPARE_ROWS, self._n // 16))

    def extended(self, rows: Float32) -> Self:
        """Return these rows and some more; both share their memory, and these stay as they are.

        Parameters
        ----------
        rows : ndarray, shape=(n, width)
            Not more than there is `room` for.
        """
        more = type(self)(self.width)
        more._place = self._place
        more._n = self._place.write(rows)
        return more

    def __getitem__(self, rows: Rows | Sequence[int] | slice) -> Float32:
        """Return some rows, shape (len(rows), width)."""
        if not isinstance(rows, slice):
            rows = np.asarray(rows, dtype=np.intp)
        decoded = self._place.codes[rows].astype(np.float32)
        decoded *= self._place.step[rows, None]
        decoded += self._place.low[rows, None]
        return decoded

    def __matmul__(self, weights: Float32) -> Float32:
        """Return the product with a vector, shape (n,), or with a matrix, shape (n, k)."""
        product = np.empty((self._n, *weights.shape[1:]), dtype=np.float32)
        for rows in self._slices():
            product[rows] = self._place.codes[rows].astype(np.float32) @ weights
        # Decoded after the product: that is fewer numbers.
        column = (-1, *[1] * (weights.ndim - 1))
        product *= self._place.step[: self._n].reshape(column)
        product += self._place.low[: self._n].reshape(column) * weights.sum(axis=0)
        return product

    def blocks(self) -> Iterator[tuple[slice, Float32]]:
        """Yield all rows in order, some at a time, each block with the slice of the rows it holds."""
        for rows in self._slices():
            yield rows, self[rows]

    def column(self, number: int) -> Float32:
        """Return one column, shape (n,)."""
        rows = slice(0, self._n)
        return np.asarray(self._place.low[rows] + self._place.step[rows] * self._place.codes[rows, number])

    def mean(self) -> Float32:
        """Return the mean row, shape (width,); zeros if there is no row."""
        total = np.zeros(self.width)
        for _, block in self.blocks():
            total += block.sum(axis=0, dtype=np.float64)
        return np.asarray(total / max(1, self._n), dtype=np.float32)

    def _slices(self) -> Iterator[slice]:
        for start in range(0, self._n, _BLOCK):
            yield slice(start, min(start + _BLOCK, self._n))


@dataclass(frozen=True, slots=True, eq=False)
class Songs(SongColumns):
    """The analysed library, packed; row i of every column is the same song, as in `FeatureMatrix`."""

    tags: EightBitRows
    """Shape (n, 50)."""
    embedding: EightBitRows
    """Shape (n, 200)."""
    features_version: str = ""

    @classmethod
    def pack(cls, pieces: Iterable[FeatureMatrix]) -> Self:
        """Pack a library that comes piece by piece; only one piece at a time is held unpacked.

        Parameters
        ----------
        pieces : iterable of FeatureMatrix
            In the order of the rows.
        """
        texts: dict[str, list[str]] = {name: [] for name in _TEXTS}
        numbers: dict[str, list[NDArray[Any]]] = {name: [np.empty(0, dtype)] for name, dtype in _NUMBERS}
        tags, embedding = EightBitRows(len(MSD_TAGS)), EightBitRows(EMBEDDING_SIZE)
        spelled: dict[str, str] = {}  # what comes again with every song is kept once
        version = ""
        for piece in pieces:
            for name, column in texts.items():
                here = getattr(piece, name)
                column.extend((spelled.setdefault(t, t) for t in here) if name in _REPEATED else here)
            for name, parts in numbers.items():
                parts.append(getattr(piece, name))
            tags.append(piece.tags)
            embedding.append(piece.embedding)
            version = piece.features_version
        tags.close()
        embedding.close()
        columns: dict[str, Any] = {name: tuple(column) for name, column in texts.items()}
        columns |= {name: np.concatenate(parts) for name, parts in numbers.items()}
        return cls(tags=tags, embedding=embedding, features_version=version, **columns)

    def extended(self, pieces: Sequence[FeatureMatrix]) -> Self | None:
        """Return these songs and some more behind them, in the memory of these; None if it has no room.

        That takes no second copy of a large library for every song that an analysis adds to it.
        """
        count = sum(map(len, pieces))
        if count > min(self.tags.room, self.embedding.room):
            return None
        columns: dict[str, Any] = {
            name: sum((getattr(piece, name) for piece in pieces), getattr(self, name)) for name in _TEXTS
        }
        for name, _ in _NUMBERS:
            columns[name] = np.concatenate([getattr(part, name) for part in (self, *pieces)])
        tags, embedding = self.tags, self.embedding
        for piece in pieces:
            tags, embedding = tags.extended(piece.tags), embedding.extended(piece.embedding)
        return type(self)(
            tags=tags, embedding=embedding, features_version=self.features_version, **columns
        )  # fmt: skip

    def take(self, rows: Rows | Sequence[int]) -> FeatureMatrix:
        """Return some songs unpacked, in the given order."""
        rows = np.asarray(rows, dtype=np.intp)
        columns: dict[str, Any] = {
            name: tuple(getattr(self, name)[row] for row in rows) for name in _TEXTS
        } | {name: getattr(self, name)[rows] for name, _ in _NUMBERS}
        return FeatureMatrix(
            tags=self.tags[rows], embedding=self.embedding[rows],
            features_version=self.features_version, **columns,
        )  # fmt: skip
