"""What happens after the clustering, against the original recipe on the same clusters, in one run.

Planted libraries give the truth: styles, copies, versions. Every figure of ours stands beside the original
recipe's: gate by the largest distance of all, the nearest 40 songs, three per artist by exact name, random
order, names of the three strongest tags and a tempo word. Times are CPU seconds of one thread.

    python benchmarks/bench_playlists.py --sizes 1000 10000 100000 --identity 12000
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from audiomuse.clustering import SearchResult, WarmStart, search
from audiomuse.features import artist_codes
from audiomuse.features.planted import PlantedLibrary, planted_library
from audiomuse.model import MSD_TAGS, FeatureMatrix, Float32, Playlist
from audiomuse.playlists import PlaylistOptions, PlaylistSet, build_playlists, match_playlists, order_for_flow
from audiomuse.playlists.gate import rows_by_label, two_nearest
from audiomuse.playlists.names import tempo_word
from audiomuse.playlists.order import flow_costs, flow_summary
from audiomuse.playlists.report import coherence

Rows = NDArray[np.intp]
SEARCH_RUNS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--identity", type=int, default=4_000, help="size of the growing library; 0 for none")
    parser.add_argument("--seeds", type=int, default=1, help="libraries per growth")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        for size in arguments.sizes:
            compare(size)
        if arguments.identity:
            for mode in ("warm", "fresh"):
                for growth in (0.0, 0.02, 0.1, 0.25):
                    grow(arguments.identity, growth, mode, arguments.seeds)


def compare(size: int) -> None:
    """Print both recipes on one library, and the cost of orders."""
    library = planted_library(size, seed=1)
    matrix = library.matrix
    found = search(matrix, runs=SEARCH_RUNS, seed=1)
    Z = found.space.transform(matrix)
    ours: list[PlaylistSet] = []
    for recipe, options in (
        ("ours", PlaylistOptions()),
        ("ours-one-per-cluster", PlaylistOptions(max_lists_per_cluster=1)),
    ):
        started = time.process_time()
        ours.append(build_playlists(matrix, Z, found.clustering, options, seed=1))
        seconds = time.process_time() - started
        rows = as_rows(matrix, ours[-1].playlists)
        say("playlists", size=size, recipe=recipe, cpu_s=seconds, **facts(library, Z, rows))
    started = time.process_time()
    original = original_lists(matrix, Z, found)
    original_seconds = time.process_time() - started
    say("playlists", size=size, recipe="original", cpu_s=original_seconds, **facts(library, Z, original))
    for sentence in ours[0].adapted:
        print(f"# adapted at {size}: {sentence}")
    orders(matrix, Z, [rows for rows, _ in as_rows(matrix, ours[0].playlists)])


def original_lists(matrix: FeatureMatrix, Z: Float32, found: SearchResult) -> list[tuple[Rows, str]]:
    """Songs and names by the original recipe."""
    own, _ = two_nearest(Z, found.clustering.labels, found.clustering.centers)
    gate = 0.5 * np.nanmax(own)
    lists = []
    for rows in rows_by_label(found.clustering.labels, len(found.clustering.centers)):
        chosen: list[int] = []
        per_artist: Counter[str] = Counter()
        for row in rows[np.argsort(own[rows], kind="stable")]:
            if own[row] <= gate and per_artist[matrix.artists[row]] < 3 and len(chosen) < 40:
                chosen.append(int(row))
                per_artist[matrix.artists[row]] += 1
        if chosen:
            tags = matrix.tags[chosen].mean(axis=0)
            top = [MSD_TAGS[t].title() for t in np.argsort(-tags, kind="stable")[:3]]
            bpm = float(np.nanmedian(matrix.tempo_bpm[chosen]))
            lists.append((np.asarray(chosen), "_".join([*top, tempo_word(bpm)])))
    return lists


def facts(library: PlantedLibrary, Z: Float32, named: Sequence[tuple[Rows, str]]) -> dict[str, float]:
    """What can be measured of named lists, whatever made them."""
    lists = [rows for rows, _ in named]
    artists = artist_codes(library.matrix.artists).astype(np.intp)
    spread = 2.0 * float(Z.var(axis=0, dtype=np.float64).sum())
    recording = np.where(library.copy_of >= 0, library.copy_of, np.arange(len(library.style)))
    playable = [rows for rows in lists if len(rows) >= 20]
    styles = [majority(library.style[rows]) for rows in lists]
    covered = np.concatenate(list(lists)) if lists else np.zeros(0, dtype=np.intp)
    return {
        "lists": len(lists),
        "at_least_20": len(playable) / max(len(lists), 1),
        "coverage": len(np.unique(covered)) / len(library.style),
        "purity": float(np.mean([share for _, share in styles])),
        "styles_with_a_list": len({s for s, _ in styles if s >= 0})
        / len(np.unique(library.style[library.style >= 0])),
        "coherence": float(np.mean([coherence(Z, rows, artists, spread) for rows in lists])),
        "artists_per_list": float(np.mean([len(np.unique(artists[rows])) for rows in lists])),
        "unique_names": unique([name for _, name in named]),
        "copies_per_list": float(np.mean([len(rows) - len(np.unique(recording[rows])) for rows in lists])),
    }


def majority(styles: NDArray[np.int32]) -> tuple[int, float]:
    """The most frequent planted style of a list and its share of the songs that have one."""
    known = styles[styles >= 0]
    if len(known) == 0:
        return -1, 0.0
    style, count = Counter(known.tolist()).most_common(1)[0]
    return style, count / len(known)


def unique(names: Sequence[str]) -> float:
    return len({name.casefold() for name in names}) / max(len(names), 1)


def orders(matrix: FeatureMatrix, Z: Float32, lists: Sequence[Rows]) -> None:
    """Print how smooth several orders of the same lists are."""
    rng = np.random.default_rng(0)
    lists = [rows for rows in lists if len(rows) >= 8][:200]
    for name, order in (
        ("shuffle", lambda rows: rng.permutation(rows)),
        ("by_tempo", lambda rows: rows[np.argsort(matrix.tempo_bpm[rows], kind="stable")]),
        ("greedy", lambda rows: greedy(matrix, Z, rows)),
        ("ours", lambda rows: order_for_flow(matrix, Z, rows)),
    ):
        started = time.process_time()
        ordered = [order(rows) for rows in lists]
        milliseconds = 1000 * (time.process_time() - started) / max(len(lists), 1)
        flows = [flow_summary(matrix, Z, rows) for rows in ordered]
        say(
            "order", size=len(matrix), by=name, cost_per_step=mean(f.cost_per_step for f in flows),
            tempo_kept=mean(f.tempo_kept for f in flows), energy_step=mean(f.energy_step for f in flows),
            keys_compatible=mean(f.keys_compatible for f in flows),
            middle_louder_by=mean(arc(matrix.energy[rows]) for rows in ordered), ms_per_list=milliseconds,
        )  # fmt: skip


def arc(energy: Float32) -> float:
    """How much more energy the middle third of a list has than its first and last sixth."""
    third, sixth = len(energy) // 3, max(len(energy) // 6, 1)
    ends = np.r_[energy[:sixth], energy[-sixth:]]
    return float(np.nanmean(energy[third:-third]) - np.nanmean(ends))


def greedy(matrix: FeatureMatrix, Z: Float32, rows: Rows) -> Rows:
    """Always on to the nearest song, from the first."""
    costs = flow_costs(matrix, Z, rows)
    left, path = set(range(1, len(rows))), [0]
    while left:
        path.append(min(left, key=lambda i: (costs[path[-1], i], i)))
        left.remove(path[-1])
    return rows[path]


def grow(size: int, growth: float, mode: str, seeds: int) -> None:
    """Print what of yesterday's lists is left after whole new albums came."""
    results = [grown(size, growth, mode, seed) for seed in range(seeds)]
    kept, jaccard, fresh_songs, ended, matched = map(np.mean, zip(*results, strict=True))
    say(
        "identity", size=size, growth=growth, search=mode, songs_kept=kept, jaccard=jaccard,
        new_songs_per_list=fresh_songs, lists_ended=ended, jaccard_without_memory=matched,
    )  # fmt: skip


def grown(size: int, growth: float, mode: str, seed: int) -> tuple[float, float, float, float, float]:
    """One growing library: kept songs, Jaccard, share of new songs, ended lists, Jaccard without memory."""
    whole = planted_library(int(size * 1.25), seed=seed).matrix
    albums = list(zip(whole.artists, whole.albums, strict=True))
    names = sorted(set(albums))
    arrival = dict(zip(names, np.random.default_rng(seed).permutation(len(names)), strict=True))
    order = np.argsort([arrival[album] for album in albums], kind="stable")
    before = part_of(whole, np.sort(order[:size]))
    after = part_of(whole, np.sort(order[: int(size * (1 + growth))]))
    first = search(before, runs=SEARCH_RUNS, seed=seed)
    old = build_playlists(before, first.space.transform(before), first.clustering, seed=seed)
    memory = WarmStart(first.space, first.clustering.centers, first.clustering.parameters)
    second = search(
        after, runs=0 if mode == "warm" else SEARCH_RUNS, seed=seed + 1,
        warm_start=memory if mode == "warm" else None,
    )  # fmt: skip
    Z = second.space.transform(after)
    new = build_playlists(after, Z, second.clustering, seed=seed + 1, previous=old.playlists)
    forgetful = build_playlists(after, Z, second.clustering, seed=seed + 1)
    known = set(before.ids)
    shares = [np.mean([t not in known for t in p.track_ids]) for p in new.playlists]
    kinds = [change.kind for change in new.changes]
    return (
        mean(change.kept_share for change in new.changes),
        overlap(old, new),
        float(np.mean(shares)),
        kinds.count("ended") / len(old.playlists),
        best_overlap(old, forgetful),
    )


def overlap(old: PlaylistSet, new: PlaylistSet) -> float:
    """Mean Jaccard index of lists with one identity, ended lists as 0."""
    now = {playlist.id: set(playlist.track_ids) for playlist in new.playlists}
    return float(np.mean([jaccard(set(p.track_ids), now.get(p.id, set())) for p in old.playlists]))


def best_overlap(old: PlaylistSet, new: PlaylistSet) -> float:
    """Mean Jaccard index of the best assignment to lists made without knowledge of the old ones."""
    matches = match_playlists(old.playlists, [set(p.track_ids) for p in new.playlists], min_jaccard=0)
    return sum(match.jaccard for match in matches) / len(old.playlists)


def jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0


def part_of(matrix: FeatureMatrix, rows: Rows) -> FeatureMatrix:
    """Some tracks of a library."""
    text = {
        name: tuple(getattr(matrix, name)[row] for row in rows)
        for name in ("ids", "artists", "titles", "albums")
    }
    names = ("duration_s", "tempo_bpm", "key_index", "loudness_lufs", "energy", "tags", "embedding")
    return replace(matrix, **text, **{name: getattr(matrix, name)[rows] for name in names})


def as_rows(matrix: FeatureMatrix, playlists: Sequence[Playlist]) -> list[tuple[Rows, str]]:
    row_of = {track: row for row, track in enumerate(matrix.ids)}
    return [(np.asarray([row_of[t] for t in p.track_ids]), p.name) for p in playlists]


def mean(values: object) -> float:
    known = [value for value in values if value is not None]  # type: ignore[attr-defined]
    return float(np.mean(known)) if known else float("nan")


def say(name: str, **values: object) -> None:
    shown = " ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in values.items())
    print(f"BENCH {name} {shown}", flush=True)


if __name__ == "__main__":
    main()
