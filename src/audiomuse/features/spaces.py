"""Named, versioned feature spaces: a library becomes one float32 matrix whose rows can be compared.

A space is fitted once to a library and keeps every constant (means, axes, scales), so that a sample, a
grown library or tomorrow's run are measured on the same axes. A space is a row of *blocks*, each of which
reads one thing we heard and maps it linearly; the search may weigh the blocks against each other.

=================  ======================================================================================
name               what a track is
=================  ======================================================================================
``blend``          (default) centred, unit-length embedding on its 24 main axes (.75 of the variance),
                   logarithmic tags on 12 axes (.12), logarithmic tempo (.07), energy (.06)
``embedding``      centred, unit-length embedding on its 24 main axes, not whitened
``original-scaled``  tempo (.15) and the logarithms of all 50 tags (.85)
``original``       clipped linear tempo and the `top_n_moods` strongest of the 50 tags, nothing scaled:
                   the tempo dominates, as it did in the original recipe
=================  ======================================================================================

A missing tempo or energy (NaN) counts as the library's mean: it neither attracts nor repels.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiomuse.errors import LibraryEmpty, ParameterError
from audiomuse.model import FeatureMatrix, Float32

SPACE_VERSION = 1
"""Raised whenever a space of the same name would give other numbers."""

DEFAULT_SPACE = "blend"

_MAX_FIT_ROWS = 100_000
"""Axes do not change any more with more rows than this; evenly spaced rows are used."""
_ROWS_AT_A_TIME = 65_536
_TAG_FLOOR = 0.01
"""Added before the logarithm: below one per cent a tag is silence, not information."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One group of columns: a reading of the library, centred and mapped linearly."""

    name: str
    """``"embedding"``, ``"moods"``, ``"tempo"`` or ``"energy"``."""
    reading: str
    """What is read, a key of the readings of this module."""
    top_n: int
    """For the reading ``"top-tags"``: how many tags of a track count; 0 elsewhere."""
    unit_length: bool
    """Whether rows are scaled to length one after centring."""
    centre: Float32
    """Shape (d_in,), the library's mean."""
    axes: Float32
    """Shape (d_in, d_out), including the block's scale."""
    offset: Float32
    """Shape (d_out,), subtracted last."""

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.axes.shape[1])

    def apply(self, matrix: FeatureMatrix, rows: slice) -> Float32:
        """Compute this block's columns for some rows of a library, shape (len(rows), width)."""
        deviation = self.deviation(_read(matrix, rows, self.reading, self.top_n))
        return np.asarray(deviation @ self.axes - self.offset, dtype=np.float32)

    def deviation(self, values: Float32) -> Float32:
        """Centre raw values; a missing one does not deviate; shape unchanged."""
        deviation = values - self.centre
        np.nan_to_num(deviation, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return _unit_rows(deviation) if self.unit_length else deviation


@dataclass(frozen=True, slots=True, eq=False)
class FeatureSpace:
    """A fitted space: maps any `FeatureMatrix` of the same features version onto the same axes."""

    name: str
    version: int
    features_version: str
    """Of the library it was fitted to; numbers of two versions never mix."""
    fitted_on: int
    """How many tracks the library had then."""
    blocks: tuple[Block, ...]

    @property
    def n_dims(self) -> int:
        """Number of columns of `transform`."""
        return sum(block.width for block in self.blocks)

    @property
    def block_columns(self) -> Mapping[str, slice]:
        """Which columns belong to which block."""
        columns: dict[str, slice] = {}
        start = 0
        for block in self.blocks:
            columns[block.name] = slice(start, start + block.width)
            start += block.width
        return columns

    def transform(self, matrix: FeatureMatrix) -> Float32:
        """Place a library in this space.

        Parameters
        ----------
        matrix : FeatureMatrix
            Any library with the same `features_version`.

        Returns
        -------
        ndarray of float32, shape (n, n_dims)
            Finite everywhere.

        Raises
        ------
        ParameterError
            If the library's numbers were made by another features version.
        """
        if matrix.features_version != self.features_version:
            raise ParameterError(
                f"The space was fitted to features {self.features_version!r}; "
                f"these are {matrix.features_version!r}: fit it anew."
            )
        placed = np.empty((len(matrix), self.n_dims), dtype=np.float32)
        for rows in _row_blocks(len(matrix)):
            for block, columns in zip(self.blocks, self.block_columns.values(), strict=True):
                placed[rows, columns] = block.apply(matrix, rows)
        return placed

    def to_dict(self) -> dict[str, Any]:
        """Return the space as plain JSON values; `from_dict` is the way back."""
        return {
            "name": self.name,
            "version": self.version,
            "features_version": self.features_version,
            "fitted_on": self.fitted_on,
            "blocks": [
                {
                    "name": block.name,
                    "reading": block.reading,
                    "top_n": block.top_n,
                    "unit_length": block.unit_length,
                    "centre": block.centre.tolist(),
                    "axes": block.axes.tolist(),
                    "offset": block.offset.tolist(),
                }
                for block in self.blocks
            ],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FeatureSpace:
        """Rebuild a space from `to_dict`.

        Raises
        ------
        ParameterError
            If it was made by another version of this module.
        """
        _check_version(values["version"])
        return cls(
            name=values["name"],
            version=values["version"],
            features_version=values["features_version"],
            fitted_on=values["fitted_on"],
            blocks=tuple(
                Block(
                    name=block["name"],
                    reading=block["reading"],
                    top_n=block["top_n"],
                    unit_length=block["unit_length"],
                    centre=np.array(block["centre"], dtype=np.float32),
                    axes=np.array(block["axes"], dtype=np.float32).reshape(len(block["centre"]), -1),
                    offset=np.array(block["offset"], dtype=np.float32),
                )
                for block in values["blocks"]
            ),
        )

    def to_bytes(self) -> bytes:
        """Return the space as a compact ``.npz`` archive (no pickles inside)."""
        arrays: dict[str, Any] = {}
        header = self.to_dict()
        for number, block in enumerate(self.blocks):
            for part in ("centre", "axes", "offset"):
                arrays[f"{part}_{number}"] = getattr(block, part)
                del header["blocks"][number][part]
        buffer = io.BytesIO()
        np.savez(buffer, header=np.array(json.dumps(header)), **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, archive: bytes) -> FeatureSpace:
        """Rebuild a space from `to_bytes`; errors as in `from_dict`."""
        with np.load(io.BytesIO(archive), allow_pickle=False) as stored:
            values = json.loads(str(stored["header"]))
            for number, block in enumerate(values["blocks"]):
                for part in ("centre", "axes", "offset"):
                    block[part] = stored[f"{part}_{number}"]
            return cls.from_dict(values)


# --- fitting --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How to fit one block."""

    name: str
    reading: str
    n_axes: int | None = None
    """Keep so many principal axes; None keeps the columns as they are."""
    variance: float | None = None
    """Total variance after scaling; None leaves the values unscaled and uncentred."""
    unit_length: bool = False


_RECIPES: dict[str, tuple[_Recipe, ...]] = {
    "blend": (
        _Recipe("embedding", "embedding", n_axes=24, variance=0.75, unit_length=True),
        _Recipe("moods", "log-tags", n_axes=12, variance=0.12),
        _Recipe("tempo", "log-tempo", variance=0.07),
        _Recipe("energy", "energy", variance=0.06),
    ),
    "embedding": (_Recipe("embedding", "embedding", n_axes=24, variance=1.0, unit_length=True),),
    "original-scaled": (
        _Recipe("tempo", "linear-tempo", variance=0.15),
        _Recipe("moods", "log-tags", variance=0.85),
    ),
    "original": (_Recipe("tempo", "linear-tempo"), _Recipe("moods", "top-tags")),
}

SPACE_NAMES: tuple[str, ...] = tuple(_RECIPES)


def block_names(space: str) -> tuple[str, ...]:
    """Return the names of the blocks of a named space, the leading one first."""
    return tuple(recipe.name for recipe in _RECIPES[space])


def fit_space(matrix: FeatureMatrix, name: str = DEFAULT_SPACE, *, top_n_moods: int = 5) -> FeatureSpace:
    """Fit a named feature space to a library.

    Parameters
    ----------
    matrix : FeatureMatrix
        The library, at least one track. Of a library beyond 100,000 tracks evenly spaced rows are used.
    name : {"blend", "embedding", "original-scaled", "original"}
        Which space; see the module's table.
    top_n_moods : int, 1..50
        For ``"original"``: how many of a track's strongest tags count.

    Returns
    -------
    FeatureSpace
        Its number of axes shrinks with a library too small to define them all.

    Raises
    ------
    LibraryEmpty
        If the library has no track.
    ParameterError
        If there is no such space, or `top_n_moods` is out of range.
    """
    if name not in _RECIPES:
        raise ParameterError(f"There is no feature space {name!r}; choose one of {', '.join(SPACE_NAMES)}.")
    if not 1 <= top_n_moods <= matrix.tags.shape[1]:
        raise ParameterError(f"TOP_N_MOODS is {top_n_moods}; it must be 1 to {matrix.tags.shape[1]}.")
    if not len(matrix):
        raise LibraryEmpty("No song has been analysed yet, so there is nothing to compare.")
    step = -(-len(matrix) // _MAX_FIT_ROWS)
    blocks = tuple(_fit_block(recipe, matrix, slice(0, None, step), top_n_moods) for recipe in _RECIPES[name])
    return FeatureSpace(
        name=name,
        version=SPACE_VERSION,
        features_version=matrix.features_version,
        fitted_on=len(matrix),
        blocks=blocks,
    )


def _fit_block(recipe: _Recipe, matrix: FeatureMatrix, rows: slice, top_n_moods: int) -> Block:
    top_n = top_n_moods if recipe.reading == "top-tags" else 0
    values = _read(matrix, rows, recipe.reading, top_n)
    centre = _finite_mean(values)
    n_in = values.shape[1]
    plain = Block(
        name=recipe.name,
        reading=recipe.reading,
        top_n=top_n,
        unit_length=recipe.unit_length,
        centre=centre,
        axes=np.eye(n_in, dtype=np.float32),
        offset=-centre,
    )
    if recipe.variance is None:
        return plain
    deviation = plain.deviation(values)
    mean = deviation.mean(axis=0, dtype=np.float64)
    axes = np.eye(n_in) if recipe.n_axes is None else principal_axes(deviation, recipe.n_axes)
    spread = float(((deviation - mean.astype(np.float32)) @ axes.astype(np.float32)).var(axis=0).sum())
    # A reading that never varies (every tempo missing) says nothing: its columns are zero.
    scale = np.sqrt(recipe.variance / spread) if spread > 1e-12 else 0.0
    return Block(
        name=recipe.name,
        reading=recipe.reading,
        top_n=top_n,
        unit_length=recipe.unit_length,
        centre=centre,
        axes=(axes * scale).astype(np.float32),
        offset=(mean @ (axes * scale)).astype(np.float32),
    )


def principal_axes(values: NDArray[np.floating[Any]], n_axes: int) -> NDArray[np.float64]:
    """Return the main axes of a cloud of points, strongest first.

    Parameters
    ----------
    values : ndarray, shape (n, d)
        Finite; need not be centred.
    n_axes : int > 0
        How many at most.

    Returns
    -------
    ndarray of float64, shape (d, m)
        Orthonormal columns; ``1 <= m <= n_axes``, no more than the points define. The sign of an axis is
        fixed (its largest entry is positive), so that the same points always give the same axes.
    """
    mean = values.mean(axis=0, dtype=np.float64)
    scatter = np.asarray(values.T @ values, dtype=np.float64) / len(values) - np.outer(mean, mean)
    strength, axes = np.linalg.eigh(scatter)
    defined = int((strength > max(float(strength[-1]), 0.0) * 1e-6).sum())
    kept = max(1, min(n_axes, defined, len(values) - 1))
    axes = axes[:, ::-1][:, :kept]
    largest = np.abs(axes).argmax(axis=0)
    return np.asarray(axes * np.where(axes[largest, np.arange(kept)] < 0, -1.0, 1.0))


# --- readings -------------------------------------------------------------------------------------


def _read(matrix: FeatureMatrix, rows: slice, reading: str, top_n: int) -> Float32:
    """Read raw values, shape (m, d_in); NaN where there is nothing."""
    return np.asarray(_READINGS[reading](matrix, rows, top_n), dtype=np.float32)


def _log_tempo(matrix: FeatureMatrix, rows: slice, _: int) -> Float32:
    tempo = matrix.tempo_bpm[rows, None]
    return np.asarray(np.log2(np.where(tempo > 0, tempo, np.nan)))


def _linear_tempo(matrix: FeatureMatrix, rows: slice, _: int) -> Float32:
    return np.asarray(np.clip((matrix.tempo_bpm[rows, None] - 40.0) / 160.0, 0.0, 1.0))


def _top_tags(matrix: FeatureMatrix, rows: slice, top_n: int) -> Float32:
    tags = matrix.tags[rows]
    if top_n >= tags.shape[1]:
        return tags
    # A stable order: of two equal tags the earlier one counts.
    order = np.argsort(-tags, axis=1, kind="stable")[:, :top_n]
    kept = np.zeros_like(tags)
    np.put_along_axis(kept, order, np.take_along_axis(tags, order, axis=1), axis=1)
    return kept


_READINGS: dict[str, Callable[[FeatureMatrix, slice, int], Float32]] = {
    "embedding": lambda matrix, rows, _: matrix.embedding[rows],
    "log-tags": lambda matrix, rows, _: np.log(matrix.tags[rows] + _TAG_FLOOR),
    "top-tags": _top_tags,
    "log-tempo": _log_tempo,
    "linear-tempo": _linear_tempo,
    "energy": lambda matrix, rows, _: matrix.energy[rows, None],
}


def _finite_mean(values: Float32) -> Float32:
    """Mean of the finite entries of each column, 0 for a column without any."""
    finite = np.isfinite(values)
    total = np.where(finite, values, 0.0).sum(axis=0, dtype=np.float64)
    return np.asarray(total / np.maximum(finite.sum(axis=0), 1), dtype=np.float32)


def _unit_rows(values: Float32) -> Float32:
    length = np.sqrt(np.einsum("ij,ij->i", values, values))[:, None]
    return np.asarray(values / np.where(length > 0, length, 1.0), dtype=np.float32)


def _row_blocks(n_rows: int) -> Iterator[slice]:
    for start in range(0, n_rows, _ROWS_AT_A_TIME):
        yield slice(start, min(start + _ROWS_AT_A_TIME, n_rows))


def _check_version(version: int) -> None:
    if version != SPACE_VERSION:
        raise ParameterError(f"The stored space is of version {version}, not {SPACE_VERSION}: fit it anew.")
