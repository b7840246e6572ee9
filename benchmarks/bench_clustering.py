"""The clustering search against the plain scikit-learn loop, in one run, in CPU seconds of one thread.

The plain loop does what one would write first, and what the original recipe did: for each run draw
parameters, fit PCA and the scikit-learn estimator to every song, cut the clusters to playlists (distance
gate, artist cap, 40 songs) and score those. It is generous to the plain side: no silhouette (which alone
costs a second at 10,000 songs and a minute at 100,000), one k-means start, and the fitness by which both
sides are compared is not charged to it.

    python benchmarks/bench_clustering.py --sizes 1000 10000 --algorithms kmeans gmm dbscan
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import DBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from audiomuse.clustering import Evaluator, Judge, SearchParameters, SearchPlan, original_score, search
from audiomuse.features import artist_codes, fit_space
from audiomuse.features.planted import PlantedLibrary, planted_library

PLAIN_RUNS = {
    "kmeans": {1_000: 200, 10_000: 100, 100_000: 8},
    "gmm": {1_000: 40, 10_000: 10, 100_000: 2},
    "dbscan": {1_000: 100, 10_000: 10},
}
"""How many plain runs are affordable; DBSCAN at 100,000 needs more than 14 GB."""


@dataclass
class Plain:
    """What the plain loop reached."""

    seconds_per_run: float
    score: float
    agreement_of_winner: float
    best_agreement: float


def agreement(library: PlantedLibrary, labels: NDArray[np.integer]) -> float:
    """Adjusted mutual information with the planted styles, at most 100,000 songs."""
    known = np.flatnonzero(library.style >= 0)[:100_000]
    return float(adjusted_mutual_info_score(library.style[known], labels[known]))


def draw_plain(algorithm: str, rng: np.random.Generator, blend: bool) -> Callable[[], object]:
    """An estimator with parameters from the original ranges (DBSCAN: the only eps that find anything)."""
    seed = int(rng.integers(2**31))
    if algorithm == "kmeans":
        n_clusters = int(rng.integers(20, 61))
        return lambda: KMeans(n_clusters, n_init=1, random_state=seed)
    if algorithm == "gmm":
        n_components = int(rng.integers(20, 61))
        return lambda: GaussianMixture(n_components, max_iter=1000, random_state=seed)
    eps = float(rng.uniform(0.3, 0.8)) if blend else float(rng.uniform(0.1, 0.5))
    min_samples = int(rng.integers(5, 21))
    return lambda: DBSCAN(eps=eps, min_samples=min_samples)


def plain_playlists(points: NDArray[np.floating], labels: NDArray[np.integer], artists: list[str]) -> int:
    """Cut clusters to playlists as the original recipe did; return how many songs they hold."""
    clusters = [np.flatnonzero(labels == number) for number in range(labels.max() + 1)]
    distances = np.full(len(labels), np.inf)
    for rows in clusters:
        distances[rows] = np.sqrt(((points[rows] - points[rows].mean(axis=0)) ** 2).sum(axis=1))
    furthest = distances[np.isfinite(distances)].max(initial=1e-9)
    kept = 0
    for rows in clusters:
        near = sorted((float(distances[row]) / furthest, artists[row]) for row in rows.tolist())
        taken: dict[str, int] = {}
        for distance, artist in near:
            if distance > 0.5 or sum(taken.values()) >= 40:
                break
            if taken.get(artist, 0) < 3:
                taken[artist] = taken.get(artist, 0) + 1
        kept += sum(taken.values())
    return kept


def plain_loop(library: PlantedLibrary, judge: Judge, algorithm: str, space: str, runs: int) -> Plain:
    """Random parameters; PCA, estimator, playlists and the original score on everything."""
    rng = np.random.default_rng(0)
    values = fit_space(library.matrix, space).transform(library.matrix).astype(np.float64)
    original = fit_space(library.matrix, "original").transform(library.matrix)
    artists = list(library.matrix.artists)
    scores, agreements = [], []
    seconds = 0.0
    for _ in range(runs):
        n_axes = int(rng.integers(0, 11))
        make = draw_plain(algorithm, rng, blend=space == "blend")
        start = time.process_time()
        points = PCA(n_axes, random_state=0).fit_transform(values) if n_axes else values
        labels = make().fit_predict(points)
        plain_playlists(points, labels, artists)
        original_score(labels, original)
        seconds += time.process_time() - start
        scores.append(judge.evaluate(labels).score)
        agreements.append(agreement(library, labels))
    best = int(np.argmax(scores))
    return Plain(seconds / runs, scores[best], agreements[best], max(agreements))


def our_thousand(library: PlantedLibrary, algorithm: str) -> tuple[float, float, float]:
    """A thousand runs without stopping early: CPU seconds, final score, agreement."""
    start = time.process_time()
    plan = SearchPlan(SearchParameters(algorithm=algorithm), len(library.matrix), runs=1000, seed=0)
    evaluator = Evaluator(library.matrix, plan)
    history = []
    for generation in range(plan.n_generations):
        for candidate in plan.evolution.ask_generation(generation, history):
            history.append((candidate, evaluator.evaluate(candidate).score))
    best = max((evaluator.polish(c) for c in plan.finalists(history)), key=lambda polished: polished.score)
    return time.process_time() - start, best.score, agreement(library, best.labels)


def main() -> None:
    """Measure and print one BENCH line per size, algorithm and plain space."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--algorithms", nargs="+", default=["kmeans", "gmm", "dbscan"])
    parser.add_argument("--spaces", nargs="+", default=["blend", "original"], help="of the plain loop")
    parser.add_argument("--full-only", action="store_true", help="leave out the search that may stop early")
    parser.add_argument("--plain-share", type=float, default=1.0, help="of the usual number of plain runs")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        for size in arguments.sizes:
            library = planted_library(size, seed=0)
            for algorithm in arguments.algorithms:
                seconds = measure_ours(library, algorithm)
                if not arguments.full_only:
                    measure_early_stop(library, algorithm)
                runs = int(PLAIN_RUNS[algorithm].get(size, 0) * arguments.plain_share)
                if runs:
                    measure_plain(library, algorithm, arguments.spaces, runs, seconds)


def measure_ours(library: PlantedLibrary, algorithm: str) -> float:
    """Print what a thousand runs cost and find; return their CPU seconds."""
    seconds, score, found = our_thousand(library, algorithm)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"BENCH clustering-{algorithm} size={len(library.matrix)} cpu_s_per_1000={seconds:.2f} "
        f"score={score:.4f} ami={found:.3f} peak_rss_gb={peak_gb:.2f}",
        flush=True,
    )
    return seconds


def measure_early_stop(library: PlantedLibrary, algorithm: str) -> None:
    """Print what people wait for: a budget of a thousand runs, of which the hopeless ones are saved."""
    start = time.process_time()
    result = search(library.matrix, SearchParameters(algorithm=algorithm), runs=1000, seed=0)
    print(
        f"BENCH clustering-{algorithm}-early-stop size={len(library.matrix)} "
        f"cpu_s={time.process_time() - start:.2f} runs={result.runs} score={result.clustering.score:.4f}",
        flush=True,
    )


def measure_plain(
    library: PlantedLibrary, algorithm: str, spaces: list[str], runs: int, our_seconds: float
) -> None:
    """Print what the plain loop costs and finds, and the ratio to ours."""
    matrix = library.matrix
    judge = Judge(fit_space(matrix).transform(matrix), matrix.tags, artist_codes(matrix.artists))
    for space in spaces:
        plain = plain_loop(library, judge, algorithm, space, runs)
        thousand = plain.seconds_per_run * 1000
        print(
            f"BENCH clustering-{algorithm}-vs-plain size={len(matrix)} plain_space={space} plain_runs={runs} "
            f"plain_cpu_s_per_1000={thousand:.0f} ratio={thousand / our_seconds:.0f} "
            f"plain_score={plain.score:.4f} plain_winner_ami={plain.agreement_of_winner:.3f} "
            f"plain_best_ami={plain.best_agreement:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
