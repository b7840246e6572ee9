"""The plan of a search, and the evaluator that a process prepares once to work on it.

A plan is a few numbers: it says which candidates come next. An evaluator holds the library: it judges
candidates on a sample, and polishes the best on everything. Any number of processes with the same plan and
library reach the same result, whoever evaluates what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from audiomuse.clustering._lloyd import Labels, cluster_sums, row_blocks
from audiomuse.clustering.evolution import Candidate, Evolution, Trial, best_trials
from audiomuse.clustering.grouping import Geometry, Grouper, dissolve_tiny_clusters
from audiomuse.clustering.judge import Evaluation, Judge, JudgeLimits
from audiomuse.clustering.parameters import SearchParameters
from audiomuse.clustering.space import SearchSpace
from audiomuse.errors import LibraryEmpty, ParameterError
from audiomuse.features import FeatureSpace, artist_codes, fit_space
from audiomuse.model import Clustering, FeatureMatrix, Float32

SAMPLE_SIZES = {"kmeans": 1_024, "gmm": 2_048, "dbscan": 2_048}
"""So many songs judge a candidate as the whole library would: rank correlation .98, and after the best few
are judged on everything no regret. Mixtures and densities need more songs to be estimated from."""
N_FINALISTS = 8
"""So many of the best candidates are polished and judged on everything."""

_SONGS_PER_CLUSTER = 16
"""Least number of sampled songs for each cluster a candidate may ask for."""
_SHARE_OF_NOTHING = 0.02
"""If no larger share of songs can be core points of DBSCAN, it finds nothing."""
_SAMPLE = 1
"""Tells the random numbers of the sample from those of the search."""

_threads = ThreadpoolController()


@dataclass(frozen=True)
class SearchPlan:
    """Which candidates to evaluate, in generations. Plain values: stored as JSON, the same everywhere.

    Examples
    --------
    >>> plan = SearchPlan(SearchParameters(), n_tracks=10_000, runs=200, seed=7)
    >>> first = plan.ask_generation(0, [])
    >>> len(first), first == SearchPlan.from_dict(plan.to_dict()).ask_generation(0, [])
    (48, True)
    """

    parameters: SearchParameters
    n_tracks: int
    """Size of the library."""
    runs: int = 1000
    """Candidates to evaluate at most."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n_tracks < 1:
            raise LibraryEmpty("No song has been analysed yet, so there is nothing to group.")
        if self.runs < 1:
            raise ParameterError(f"CLUSTERING_RUNS is {self.runs}; at least one run is needed.")

    @cached_property
    def space(self) -> SearchSpace:
        """What may vary, adapted to the library; `space.adapted` says how."""
        return SearchSpace.for_library(self.parameters, self.n_tracks)

    @cached_property
    def evolution(self) -> Evolution:
        """The search that asks."""
        return Evolution(
            self.space.dimensions,
            runs=self.runs,
            seed=self.seed,
            usual=self.space.usual,
            fixed=self.space.fixed,
        )

    @property
    def n_generations(self) -> int:
        """Number of generations if the search is not stopped early."""
        return self.evolution.n_generations

    @property
    def sample_size(self) -> int:
        """How many songs judge a candidate."""
        return min(
            self.n_tracks,
            max(SAMPLE_SIZES[self.parameters.algorithm], _SONGS_PER_CLUSTER * self.space.most_clusters),
        )

    def ask_generation(self, generation: int, history: Sequence[Trial]) -> list[Candidate]:
        """Return the candidates of a generation, a pure function of the plan and the history.

        Parameters
        ----------
        generation : int >= 0
        history : sequence of (candidate, score)
            Every evaluated candidate of the earlier generations, in any order.

        Returns
        -------
        list of candidates
            Plain JSON values. Empty when the search is over: the budget is spent, or nothing improved
            for `Evolution.patience` candidates (see `stop_reason`).
        """
        asked = self.evolution.ask_generation(generation, history)
        earlier = [trial for trial in history if not asked or trial[0]["number"] < asked[0]["number"]]
        return [] if self.evolution.is_stale(earlier) else asked

    def stop_reason(self, history: Sequence[Trial]) -> str:
        """Return one sentence on why a finished search ended."""
        if len(history) < self.runs:
            return (
                f"Stopped after {len(history):,} of {self.runs:,} runs: "
                f"the last {self.evolution.patience:,} brought no better score."
            )
        return f"All {self.runs:,} runs are done."

    def finalists(self, history: Sequence[Trial]) -> list[Candidate]:
        """Return the candidates to polish, the best on the sample first."""
        return [candidate for candidate, _ in best_trials(history, N_FINALISTS)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; `from_dict` is the way back."""
        return {
            "parameters": self.parameters.to_dict(),
            "n_tracks": self.n_tracks,
            "runs": self.runs,
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SearchPlan:
        """Rebuild a plan from `to_dict`."""
        return cls(
            SearchParameters.from_dict(values["parameters"]),
            values["n_tracks"],
            values["runs"],
            values["seed"],
        )


@dataclass(eq=False)
class SampleEvaluator:
    """Judges candidates on the sample. About a megabyte: it may be sent to another process."""

    grouper: Grouper
    judge: Judge

    def evaluate(self, candidate: Candidate) -> Evaluation:
        """Judge a candidate; the same candidate always gets the same verdict."""
        with _threads.limit(limits=1):
            return self.judge.evaluate(self.grouper.group(candidate).sample_labels)

    def evaluate_all(self, candidates: Sequence[Candidate]) -> list[Evaluation]:
        """Judge several candidates, in their order."""
        return [self.evaluate(candidate) for candidate in candidates]


class Evaluator:
    """A library prepared for one search plan.

    Preparing costs one pass over the library; evaluating a candidate then costs milliseconds at any size,
    polishing one a few passes.

    Parameters
    ----------
    matrix : FeatureMatrix
        The library, `plan.n_tracks` tracks.
    plan : SearchPlan
    judge_space : FeatureSpace or None
        The axes on which every candidate is judged and the centres are given; None: ``"blend"`` fitted
        to this library. Give the stored one of the last run to keep its axes.

    Attributes
    ----------
    judge_space : FeatureSpace
    judge : Judge
        Judges the whole library.
    places : ndarray of float32, shape (n, d)
        The library in the judge's space.
    warnings : tuple of str
        What a person should know about the chosen ranges before the run.

    Raises
    ------
    ParameterError
        If the plan was made for another number of tracks, or if DBSCAN can find nothing with the eps
        that was asked for.
    """

    def __init__(
        self, matrix: FeatureMatrix, plan: SearchPlan, *, judge_space: FeatureSpace | None = None
    ) -> None:
        if len(matrix) != plan.n_tracks:
            raise ParameterError(f"The plan is for {plan.n_tracks} songs; the library has {len(matrix)}.")
        self.plan = plan
        with _threads.limit(limits=1):
            self.judge_space = judge_space or fit_space(matrix)
            self.places = self.judge_space.transform(matrix)
            self._values, columns = self._clustered_values(matrix)
            artists = artist_codes(matrix.artists)
            weights = plan.parameters.judge_weights
            self.judge = Judge(self.places, matrix.tags, artists, weights=weights)
            rows = stratified_sample(matrix.tags, plan.sample_size, seed=plan.seed)
            limits: JudgeLimits = self.judge.limits.for_sample(len(rows) / len(matrix))
            self.sample = SampleEvaluator(
                Grouper(
                    algorithm=plan.space.algorithm,
                    geometry=Geometry.of(self._values, columns),
                    sample=self._values[rows],
                    most_clusters=plan.space.most_clusters,
                    most_neighbours=plan.parameters.dbscan_min_samples_max,
                    typical_clusters=self._typical_clusters(),
                ),
                Judge(self.places[rows], matrix.tags[rows], artists[rows], limits=limits, weights=weights),
            )
            self.warnings = self._check_density_range()

    def evaluate(self, candidate: Candidate) -> Evaluation:
        """Judge a candidate on the sample."""
        return self.sample.evaluate(candidate)

    def polish(self, candidate: Candidate) -> Clustering:
        """Fit a candidate to the whole library and judge it there.

        Returns
        -------
        Clustering
            No cluster is too small for a playlist. `parameters` holds the candidate's and what was found
            from the data.
        """
        with _threads.limit(limits=1):
            grouping = self.sample.grouper.group(candidate)
            projection = self.sample.grouper.geometry.projection(candidate["parameters"])
            points = np.empty((len(self._values), projection.axes.shape[1]), dtype=np.float32)
            for rows in row_blocks(len(points)):
                points[rows] = projection.apply(self._values[rows])
            labels = grouping.extend(points)
            return self.clustering_of(
                labels,
                algorithm=self.plan.space.algorithm,
                parameters={
                    **candidate["parameters"],
                    **grouping.found,
                    "feature_space": self.plan.parameters.feature_space,
                },
            )

    def clustering_of(self, labels: Labels, *, algorithm: str, parameters: Mapping[str, Any]) -> Clustering:
        """Judge labels of the whole library and describe them in the judge's space."""
        with _threads.limit(limits=1):
            # Half of what makes a playlist worth anything at all.
            at_least = max(2, round(self.judge.limits.playable_from / 2))
            labels = dissolve_tiny_clusters(self.places, labels, at_least)
            evaluation = self.judge.evaluate(labels)
            return Clustering(
                labels=labels,
                centers=cluster_means(self.places, labels),
                algorithm=algorithm,
                parameters=dict(parameters),
                seed=self.plan.seed,
                score=evaluation.score,
                parts=dict(evaluation.parts),
            )

    def _clustered_values(self, matrix: FeatureMatrix) -> tuple[Float32, Mapping[str, slice]]:
        parameters = self.plan.parameters
        if parameters.feature_space == self.judge_space.name:
            return self.places, self.judge_space.block_columns
        clustered = fit_space(matrix, parameters.feature_space, top_n_moods=parameters.top_n_moods)
        return clustered.transform(matrix), clustered.block_columns

    def _typical_clusters(self) -> int:
        usual = SearchSpace.for_library(SearchParameters(), self.plan.n_tracks).usual
        return int(usual["n_clusters"])

    def _check_density_range(self) -> tuple[str, ...]:
        """Compare a chosen eps range with the distances between songs, before anything is searched."""
        parameters = self.plan.parameters
        low, high = parameters.dbscan_eps_min, parameters.dbscan_eps_max
        if parameters.algorithm != "dbscan" or low is None or high is None:
            return ()
        samples = self.plan.space.dimensions["min_samples"].decode(0.0)
        components = self.plan.space.dimensions["pca_components"]
        # A single component is no guide (everything is near everything): the widest and the middle are.
        core = np.stack(
            [self.sample.grouper.core_distances(components.decode(end), samples) for end in (0.5, 1.0)]
        )
        least, most = float(np.quantile(core, 0.05)), float(np.quantile(core, 0.95))
        hint = f"Leave the range empty, or try {least:.2g} to {most:.2g}."
        if (core <= high).mean() < _SHARE_OF_NOTHING:
            raise ParameterError(
                f"With DBSCAN_EPS_MIN {low} and DBSCAN_EPS_MAX {high} hardly a song has "
                f"{samples} neighbours: nothing can be found. {hint}"
            )
        if low > most:
            return (f"From DBSCAN_EPS_MIN {low} on nearly all songs fall into one cluster. {hint}",)
        return ()


def stratified_sample(tags: Float32, size: int, *, seed: int) -> NDArray[np.int64]:
    """Choose tracks so that every mood has its share.

    Tracks are lined up by their strongest tag, at random within a tag, and taken at even steps.

    Parameters
    ----------
    tags : ndarray of float32, shape (n, n_tags)
    size : int, 1..n
    seed : int

    Returns
    -------
    ndarray of int64, shape (size,)
        Rows, ascending.
    """
    n = len(tags)
    if size >= n:
        return np.arange(n)
    rng = np.random.default_rng([seed, _SAMPLE])
    lined_up = np.lexsort((rng.random(n), tags.argmax(axis=1)))
    steps = (np.arange(size) + rng.random()) * (n / size)
    return np.sort(lined_up[steps.astype(np.int64)])


def cluster_means(places: Float32, labels: Labels) -> Float32:
    """Return the mean place of each cluster 0..k-1, shape (k, d); tracks labelled -1 do not count."""
    kept = labels >= 0
    n_clusters = int(labels.max(initial=-1)) + 1
    if not n_clusters:
        return np.zeros((0, places.shape[1]), dtype=np.float32)
    sums, sizes = cluster_sums(places[kept], labels[kept], n_clusters)
    return np.asarray(sums / np.maximum(sizes, 1)[:, None], dtype=np.float32)
