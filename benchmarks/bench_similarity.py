"""What a click on "similar songs" costs, against scikit-learn's brute-force neighbours in the same run.

Planted libraries; CPU milliseconds of one thread per query, means over random songs. ``recall`` compares the
two-stage search (32 principal axes, then the best 1000 in full) with the exact answer.

    python benchmarks/bench_similarity.py --sizes 10000 100000
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import numpy as np
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from audiomuse.features import fit_space
from audiomuse.features.planted import planted_library
from audiomuse.similarity import (
    ArtistIndex,
    Plays,
    SearchRules,
    SimilarityIndex,
    Songs,
    find_path,
    map_coordinates,
    mix,
    search_words,
    sonic_fingerprint,
)

Made = TypeVar("Made")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000])
    parser.add_argument("--queries", type=int, default=30)
    arguments = parser.parse_args()
    with threadpool_limits(1):
        for size in arguments.sizes:
            measure(size, arguments.queries)


def measure(size: int, n_queries: int) -> None:
    """Print every kind of question on one library."""
    matrix = planted_library(size, seed=1).matrix
    rng = np.random.default_rng(0)
    asked = [matrix.ids[int(row)] for row in rng.choice(size, n_queries, replace=False)]
    others = [matrix.ids[int(row)] for row in rng.choice(size, n_queries, replace=False)]
    pack_s, songs = timed(lambda: Songs.pack([matrix]))
    build_s, index = timed(lambda: SimilarityIndex(songs))
    reduced_s, reduced = timed(lambda: SimilarityIndex(songs, scan_limit=0))
    artists_s, artists = timed(lambda: ArtistIndex(index))
    Z = fit_space(matrix).transform(matrix)
    map_s, _ = timed(lambda: map_coordinates(Z))
    say(
        "similarity_build",
        size=size,
        pack_s=pack_s,
        exact_s=build_s,
        two_stage_s=reduced_s,
        artists_s=artists_s,
        map_s=map_s,
    )

    unpacked = matrix.embedding - matrix.embedding.mean(axis=0)
    plain = NearestNeighbors(n_neighbors=101, algorithm="brute", metric="cosine").fit(unpacked)
    queries = index.vectors(index.rows(asked))
    baseline = per_query(lambda i: plain.kneighbors(queries[i : i + 1], return_distance=False), n_queries)
    exact = per_query(lambda i: index.nearest(queries[i], 100), n_queries)
    two_stage = per_query(lambda i: reduced.nearest(queries[i], 100), n_queries)
    whole = [set(index.nearest(q, 10)[0].tolist()) for q in queries]
    hits = [
        len(found & set(reduced.nearest(q, 10)[0].tolist())) / 10
        for found, q in zip(whole, queries, strict=True)
    ]
    nearest = plain.kneighbors(unpacked[index.rows(asked)], n_neighbors=10, return_distance=False)
    kept = [len(found & set(rows)) / 10 for found, rows in zip(whole, nearest.tolist(), strict=True)]
    say(
        "similarity_scan", size=size, sklearn_ms=baseline, exact_ms=exact, two_stage_ms=two_stage,
        speedup=baseline / exact, two_stage_recall_at_10=float(np.mean(hits)),
        packed_recall_at_10=float(np.mean(kept)),
    )  # fmt: skip

    rules = SearchRules(max_per_artist=3, same_mood=True)
    plays = [Plays(track, 5, NOW - timedelta(days=i)) for i, track in enumerate(asked)]
    names = [matrix.artists[row] for row in index.rows(asked)]
    questions: dict[str, Callable[[int], object]] = {
        "similar_tracks": lambda i: index.similar_tracks(asked[i], 25),
        "similar_tracks_with_rules": lambda i: index.similar_tracks(asked[i], 25, rules=rules),
        "radius_walk": lambda i: index.similar_tracks(asked[i], 25, radius_walk=True),
        "similar_artists": lambda i: artists.similar(names[i], 10),
        "path_of_25": lambda i: find_path(index, asked[i], others[i], max_steps=25),
        "max_distance": lambda i: index.farthest(asked[i]),
        "alchemy": lambda i: mix(index, [[asked[i]], [others[i]]], [[asked[i - 1]]], n=25, temperature=0.5),
        "sonic_fingerprint": lambda i: sonic_fingerprint(index, plays, now=NOW, n=40),
        "words": lambda i: search_words(songs, "calm piano at night", 25),
    }
    for name, ask in questions.items():
        say("similarity", size=size, question=name, ms=per_query(ask, min(n_queries, 10)))


def per_query(ask: Callable[[int], object], n: int) -> float:
    """Mean CPU milliseconds of ``ask(0)`` .. ``ask(n - 1)``, after one to warm up."""
    ask(0)
    started = time.process_time()
    for i in range(n):
        ask(i)
    return 1000 * (time.process_time() - started) / n


def timed(make: Callable[[], Made]) -> tuple[float, Made]:
    started = time.process_time()
    made = make()
    return time.process_time() - started, made


def say(name: str, **values: object) -> None:
    shown = " ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in values.items())
    print(f"BENCH {name} {shown}", flush=True)


if __name__ == "__main__":
    main()
