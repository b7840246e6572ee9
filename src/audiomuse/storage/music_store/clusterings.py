"""Partitions of the library that were worth keeping, with everything needed to use them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Row

from audiomuse.model import Clustering
from audiomuse.storage.engine import Database
from audiomuse.storage.music_schema import clusterings as table
from audiomuse.storage.types import pack

_KEPT = 20


@dataclass(frozen=True, slots=True, eq=False)
class SavedClustering:
    """A `Clustering` and the tracks that its labels belong to."""

    id: int
    clustering: Clustering
    track_ids: tuple[str, ...]
    """One for each label, in their order."""
    features_version: str
    space: bytes | None
    """The serialised feature space, if the caller gave one."""
    created_at: datetime


class ClusteringRows:
    """The last twenty clusterings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(
        self,
        clustering: Clustering,
        track_ids: Sequence[str],
        *,
        features_version: str,
        space: bytes | None = None,
    ) -> int:
        """Keep a clustering and return its id; the oldest beyond twenty go.

        Parameters
        ----------
        track_ids : sequence of str
            As long as ``clustering.labels``.
        space : bytes, optional
            The feature space in which the centres lie, in whatever form its owner reads again.
        """
        values = {
            "features_version": features_version,
            "algorithm": clustering.algorithm,
            "parameters": dict(clustering.parameters),
            "seed": clustering.seed,
            "score": float(clustering.score),
            "parts": {name: float(value) for name, value in clustering.parts.items()},
            "track_ids": list(track_ids),
            "labels": np.ascontiguousarray(clustering.labels, dtype="<i4").tobytes(),
            "n_centers": len(clustering.centers),
            "centers": pack(clustering.centers),
            "space": space,
        }
        with self._database.write() as connection:
            insert = sa.insert(table).values(created_at=self._database.moment(connection), **values)
            saved = int(connection.execute(insert.returning(table.c.id)).scalar_one())
            kept = sa.select(table.c.id).order_by(table.c.id.desc()).limit(_KEPT)
            connection.execute(sa.delete(table).where(table.c.id.not_in(kept)))
        return saved

    def latest(self) -> SavedClustering | None:
        """Return the newest clustering; None before the first."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(table).order_by(table.c.id.desc()).limit(1)).one_or_none()
            return None if row is None else _saved(row)

    def get(self, clustering_id: int) -> SavedClustering | None:
        """Return one clustering; None if it is not (or no longer) kept."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(table).where(table.c.id == clustering_id)).one_or_none()
            return None if row is None else _saved(row)


def _saved(row: Row[Any]) -> SavedClustering:
    centers = np.frombuffer(row.centers, dtype="<f4").astype(np.float32)
    return SavedClustering(
        id=row.id,
        clustering=Clustering(
            labels=np.frombuffer(row.labels, dtype="<i4").astype(np.int32),
            centers=centers.reshape(row.n_centers, -1) if row.n_centers else np.empty((0, 0), np.float32),
            algorithm=row.algorithm,
            parameters=row.parameters,
            seed=row.seed,
            score=row.score,
            parts=row.parts,
        ),
        track_ids=tuple(row.track_ids),
        features_version=row.features_version,
        space=None if row.space is None else bytes(row.space),
        created_at=row.created_at,
    )
