"""How good the playlists of a run are, in numbers, and why a list is what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiomuse.features import artist_codes
from audiomuse.model import Clustering, FeatureMatrix, Float32, Playlist
from audiomuse.playlists.build import PlaylistSet
from audiomuse.playlists.names import profile_of, show_tag, typical_tags
from audiomuse.playlists.order import flow_costs, flow_summary

Rows = NDArray[np.intp]

_RANDOM_DRAWS = 20


@dataclass(frozen=True, slots=True)
class ListQuality:
    """One list in numbers."""

    playlist_id: str
    name: str
    n_songs: int
    n_artists: int
    coherence: float
    """1 - W / B: mean squared distance between its songs of different artists over that of the library.
    1: all alike, 0: like any songs, below 0: less alike than any songs."""
    step_cost: float
    """Mean cost of its steps, see `order.flow_costs`."""
    shuffled_step_cost: float
    """The same of its songs in random order (the exact expectation)."""
    kept_share: float | None
    """Share of yesterday's songs that are still in it; None for new lists."""


@dataclass(frozen=True, slots=True)
class QualityReport:
    """A run in numbers. Means are over songs unless they say otherwise; None where nothing can be said."""

    n_songs: int
    n_playlists: int
    coverage: float
    """Share of the library in a list."""
    coherence: float | None
    """Mean over the songs of the lists."""
    random_coherence: float | None
    """The same for lists of the same sizes drawn from the whole library."""
    songs_per_artist: float | None
    """Mean songs of one artist in a list; 1 is best."""
    smoothness: float | None
    """How much cheaper than in random order the steps are, 0..1."""
    tempo_kept: float | None
    """Share of steps that stay within 6 % of tempo."""
    keys_compatible: float | None
    """Share of steps of at most one Camelot step."""
    energy_step: float | None
    """Mean absolute change of energy from song to song."""
    unique_names: float | None
    """Different names over lists; 1 is best."""
    stability: float | None
    """Mean share of its songs that a list of yesterday still holds, ended lists as 0; None on a first run."""
    n_new: int
    n_continued: int
    n_ended: int
    score: float | None
    """The fitness of the clustering."""
    score_parts: tuple[tuple[str, float], ...]
    adapted: tuple[str, ...]
    lists: tuple[ListQuality, ...]


def quality_report(
    matrix: FeatureMatrix,
    Z: Float32,
    result: PlaylistSet,
    clustering: Clustering | None = None,
    *,
    seed: int = 0,
) -> QualityReport:
    """Measure the playlists of a run.

    Parameters
    ----------
    matrix : FeatureMatrix
    Z : ndarray, shape=(n, d)
        The library in the judge space.
    result : PlaylistSet
    clustering : Clustering, optional
        Adds its score and the parts of it.
    seed : int
        For the random lists that coherence is compared with.

    Returns
    -------
    QualityReport
    """
    row_of = {track: row for row, track in enumerate(matrix.ids)}
    artists = artist_codes(matrix.artists).astype(np.intp)
    spread = _library_spread(Z)
    rows_of = [_rows(playlist, row_of) for playlist in result.playlists]
    changes = {change.playlist_id: change for change in result.changes}
    lists = [
        _measure(matrix, Z, playlist, rows, artists, spread, changes[playlist.id].kept_share)
        for playlist, rows in zip(result.playlists, rows_of, strict=True)
    ]
    weights = np.array([len(rows) for rows in rows_of], dtype=np.float64)
    flows = [flow_summary(matrix, Z, rows) for rows in rows_of]
    kept = [c.kept_share for c in result.changes if c.kind != "new" and c.kept_share is not None]
    shuffled = _mean([q.shuffled_step_cost for q in lists], weights)
    ordered = _mean([q.step_cost for q in lists], weights)
    kinds = [change.kind for change in result.changes]
    return QualityReport(
        n_songs=len(matrix),
        n_playlists=len(lists),
        coverage=result.coverage,
        coherence=_mean([q.coherence for q in lists], weights),
        random_coherence=_random_coherence(Z, artists, rows_of, spread, seed),
        songs_per_artist=_mean([q.n_songs / max(q.n_artists, 1) for q in lists], weights),
        smoothness=None if not shuffled or ordered is None else 1.0 - ordered / shuffled,
        tempo_kept=_mean([flow.tempo_kept for flow in flows], weights),
        keys_compatible=_mean([flow.keys_compatible for flow in flows], weights),
        energy_step=_mean([flow.energy_step for flow in flows], weights),
        unique_names=len({p.name.casefold() for p in result.playlists}) / len(lists) if lists else None,
        stability=float(np.mean(kept)) if kept else None,
        n_new=kinds.count("new"),
        n_continued=kinds.count("continued") + kinds.count("locked"),
        n_ended=kinds.count("ended"),
        score=clustering.score if clustering else None,
        score_parts=tuple(clustering.parts.items()) if clustering else (),
        adapted=result.adapted,
        lists=tuple(lists),
    )


def coherence(Z: Float32, rows: Rows, artists: NDArray[np.intp], spread: float) -> float:
    """Return 1 - W / B of a list: see `ListQuality.coherence`.

    Parameters
    ----------
    Z : ndarray, shape=(n, d)
    rows : ndarray
        Songs of the list.
    artists : ndarray, shape=(n,)
        Codes of the artists of the library: songs of one artist are alike anyway and do not count.
    spread : float
        Mean squared distance between two songs of the library.
    """
    X = Z[rows].astype(np.float64)
    squares = np.einsum("nd,nd->n", X, X)
    distance = squares[:, None] + squares - 2.0 * X @ X.T
    different = artists[rows][:, None] != artists[rows]
    if not different.any() or spread <= 0:
        return 0.0
    return float(1.0 - distance[different].mean() / spread)


@dataclass(frozen=True, slots=True)
class SongExplanation:
    """One song of an explained list."""

    track_id: str
    title: str
    artist: str
    reason: str
    distance: float
    """From the heart of the list, in medians of the list: 1 is ordinary."""
    tempo_bpm: float | None
    key_index: int | None
    energy: float | None
    step_cost: float | None
    """Cost of the step to the next song; None for the last."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a list is what it is."""

    playlist_id: str
    name: str
    sentences: tuple[str, ...]
    """What is typical of it, how alike its songs are, how it flows."""
    songs: tuple[SongExplanation, ...]
    """In list order; songs that are not in the library any more are left out."""


def explain(playlist: Playlist, matrix: FeatureMatrix, Z: Float32) -> Explanation:
    """Explain a list: what its name rests on, why each song is in, how each step was judged."""
    rows = _rows(playlist, {track: row for row, track in enumerate(matrix.ids)})
    reason_of = {entry.track_id: entry.reason for entry in playlist.entries}
    if len(rows) == 0:
        return Explanation(playlist.id, playlist.name, ("None of its songs is in the library.",), ())
    distance = np.sqrt(((Z[rows] - Z[rows].mean(axis=0)) ** 2).sum(axis=1))
    median = float(np.median(distance)) or 1.0
    costs = flow_costs(matrix, Z, rows)
    songs = [
        SongExplanation(
            matrix.ids[row],
            matrix.titles[row],
            matrix.artists[row],
            reason_of[matrix.ids[row]],
            round(float(distance[i]) / median, 2),
            _known(matrix.tempo_bpm[row]),
            int(matrix.key_index[row]) if matrix.key_index[row] >= 0 else None,
            _known(matrix.energy[row]),
            round(float(costs[i, i + 1]), 2) if i + 1 < len(rows) else None,
        )
        for i, row in enumerate(rows)
    ]
    return Explanation(playlist.id, playlist.name, _sentences(matrix, Z, rows), tuple(songs))


def _sentences(matrix: FeatureMatrix, Z: Float32, rows: Rows) -> tuple[str, ...]:
    """What can be said about a list as a whole."""
    profile = profile_of(matrix, rows)
    library = profile_of(matrix, np.arange(len(matrix)))
    tags = ", ".join(
        f"{show_tag(tag)} ({lift:.1f} times the library)" for tag, lift in typical_tags(profile, library, 5)
    )
    alike = coherence(Z, rows, artist_codes(matrix.artists).astype(np.intp), _library_spread(Z))
    sentences = [
        f"Typical of it: {tags}." if tags else "It has no tag more than the library has.",
        f"Two of its songs differ {100 * (1 - alike):.0f} % as much as two songs of the library.",
    ]
    flow = flow_summary(matrix, Z, rows)
    costs = flow_costs(matrix, Z, rows)
    if len(rows) > 2 and costs.sum() > 0:
        shuffled = float(costs.sum()) / (len(rows) * (len(rows) - 1))
        sentences.append(
            f"A step costs {flow.cost_per_step:.2f}, in random order it would cost {shuffled:.2f}."
        )
    if flow.tempo_kept is not None:
        sentences.append(f"{100 * flow.tempo_kept:.0f} % of its steps stay within 6 % of tempo.")
    if flow.keys_compatible is not None:
        sentences.append(f"{100 * flow.keys_compatible:.0f} % of its steps are between compatible keys.")
    return tuple(sentences)


def _measure(
    matrix: FeatureMatrix,
    Z: Float32,
    playlist: Playlist,
    rows: Rows,
    artists: NDArray[np.intp],
    spread: float,
    kept_share: float | None,
) -> ListQuality:
    """Measure one list."""
    n = len(rows)
    costs = flow_costs(matrix, Z, rows) if n > 1 else np.zeros((n, n), dtype=np.float32)
    return ListQuality(
        playlist.id,
        playlist.name,
        n,
        len(np.unique(artists[rows])),
        coherence(Z, rows, artists, spread),
        float(costs[np.arange(n - 1), np.arange(1, n)].mean()) if n > 1 else 0.0,
        float(costs.sum()) / (n * (n - 1)) if n > 1 else 0.0,
        kept_share,
    )


def _random_coherence(
    Z: Float32, artists: NDArray[np.intp], rows_of: Sequence[Rows], spread: float, seed: int
) -> float | None:
    """Coherence of random lists of the same sizes."""
    sizes = [len(rows) for rows in rows_of if len(rows) > 1]
    if not sizes:
        return None
    rng = np.random.default_rng(seed)
    drawn = [int(n) for n in rng.choice(sizes, size=max(_RANDOM_DRAWS, min(len(sizes), 200)))]
    values = [coherence(Z, rng.choice(len(Z), size=n, replace=False), artists, spread) for n in drawn]
    return _mean(values, np.asarray(drawn, dtype=np.float64))


def _library_spread(Z: Float32) -> float:
    """Return the mean squared distance between two different songs of the library."""
    if len(Z) < 2:
        return 0.0
    return float(2.0 * Z.var(axis=0, dtype=np.float64).sum() * len(Z) / (len(Z) - 1))


def _rows(playlist: Playlist, row_of: dict[str, int]) -> Rows:
    return np.asarray([row_of[track] for track in playlist.track_ids if track in row_of], dtype=np.intp)


def _mean(values: Sequence[float | None], weights: NDArray[np.float64]) -> float | None:
    """Weighted mean of what is known; None if nothing is."""
    known = [(v, w) for v, w in zip(values, weights, strict=True) if v is not None and w > 0]
    if not known:
        return None
    return float(np.average([v for v, _ in known], weights=[w for _, w in known]))


def _known(value: np.float32) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)
