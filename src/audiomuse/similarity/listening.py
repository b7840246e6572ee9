"""A list made of what a person plays: the sonic fingerprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from audiomuse.errors import LibraryEmpty
from audiomuse.model import Float32
from audiomuse.similarity.index import Neighbour, SearchRules, SimilarityIndex, unit_rows

HALF_LIFE_DAYS = 30.0
"""A play of a month ago counts half."""
_FACETS = 5
"""People like more than one kind of music; the list follows up to five."""


@dataclass(frozen=True, slots=True)
class Plays:
    """How often, and when last, a person played a song."""

    track_id: str
    count: int
    last_played_at: datetime | None = None
    """Aware datetime; None counts as four half-lives ago."""
    is_favorite: bool = False


@dataclass(frozen=True, slots=True)
class SonicFingerprint:
    """A list near what is played most, and what it was made from."""

    tracks: tuple[Neighbour, ...]
    """Distances are to the nearest facet of the person's taste."""
    based_on: tuple[str, ...]
    """The played songs that weighed most, heaviest first."""


def sonic_fingerprint(
    index: SimilarityIndex,
    plays: Sequence[Plays],
    *,
    now: datetime,
    n: int = 40,
    half_life_days: float = HALF_LIFE_DAYS,
    max_per_artist: int = 3,
    include_played: bool = True,
) -> SonicFingerprint:
    """Make a list of songs near what a person plays most, recent plays weighing more.

    Parameters
    ----------
    index : SimilarityIndex
    plays : sequence of Plays
        Songs that are not analysed are passed over.
    now : datetime
        Aware; what "recent" is measured from.
    n : int
        Songs wanted.
    half_life_days : float > 0
        After this many days a play counts half.
    max_per_artist : int
        0 for no limit.
    include_played : bool
        Whether played songs may be in the list themselves.

    Returns
    -------
    SonicFingerprint
        Facets of the taste take turns: each gives its nearest songs in proportion to its weight.

    Raises
    ------
    LibraryEmpty
        If no play is of an analysed song.
    """
    counted = [play for play in plays if play.count > 0 or play.is_favorite]
    known = index.known_rows(play.track_id for play in counted)
    row_of = {index.songs.ids[row]: int(row) for row in known}
    heard = [play for play in counted if play.track_id in row_of]
    if not heard:
        raise LibraryEmpty("Nothing that was played has been analysed yet, so there is no taste to follow.")
    weights = np.asarray([play_weight(play, now=now, half_life_days=half_life_days) for play in heard])
    order = np.argsort(-weights, kind="stable")[:200]
    rows = np.asarray([row_of[heard[int(i)].track_id] for i in order], dtype=np.intp)
    weights = weights[order]
    facets = _facets(index.vectors(rows), weights)
    asked = () if include_played else tuple(int(row) for row in rows)
    tracks = _take_turns(index, facets, n, SearchRules(max_per_artist=max_per_artist), asked)
    return SonicFingerprint(tracks, tuple(index.songs.ids[row] for row in rows[:10]))


def play_weight(play: Plays, *, now: datetime, half_life_days: float = HALF_LIFE_DAYS) -> float:
    """Return how much a song says about taste: log(1 + plays), halved every half-life, favourites doubled."""
    age_days = 4 * half_life_days
    if play.last_played_at is not None:
        age_days = max((now - play.last_played_at).total_seconds() / 86_400, 0.0)
    weight = np.log1p(max(play.count, 1)) * 0.5 ** (age_days / half_life_days)
    return float(weight * (2.0 if play.is_favorite else 1.0))


def _facets(
    X: Float32, weights: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> list[tuple[Float32, float]]:
    """Group played songs by sound: (direction, weight) of up to five groups, heaviest first.

    The heaviest song starts, then always the one farthest from all before, by weight (deterministic), and
    four rounds of weighted k-means on the sphere follow.
    """
    chosen = [0]
    while len(chosen) < min(_FACETS, len(X)):
        distance = 1.0 - (X @ X[chosen].T).max(axis=1)
        if float(distance.max()) < 0.2:
            break
        chosen.append(int((distance * weights).argmax()))
    centers = X[chosen]
    for _ in range(4):
        label = (X @ centers.T).argmax(axis=1)
        centers = unit_rows(
            np.asarray(
                [
                    (weights[label == f, None] * X[label == f]).sum(axis=0)
                    if (label == f).any()
                    else centers[f]
                    for f in range(len(centers))
                ],
                dtype=np.float32,
            )
        )
    label = (X @ centers.T).argmax(axis=1)
    facets = [(centers[f], float(weights[label == f].sum())) for f in range(len(centers))]
    return sorted((facet for facet in facets if facet[1] > 0), key=lambda facet: -facet[1])


def _take_turns(
    index: SimilarityIndex,
    facets: Sequence[tuple[Float32, float]],
    n: int,
    rules: SearchRules,
    asked: Sequence[int],
) -> tuple[Neighbour, ...]:
    """Let every facet give songs in proportion to its weight, within one artist cap."""
    queues = [index.select(center, n, rules=rules, asked=asked) for center, _ in facets]
    given = [0] * len(facets)
    next_of = [0] * len(facets)
    chosen: dict[int, float] = {}
    per_artist: dict[int, int] = {}
    while len(chosen) < n:
        open_facets = [f for f in range(len(facets)) if next_of[f] < len(queues[f])]
        if not open_facets:
            break
        facet = min(open_facets, key=lambda f: (given[f] + 1) / facets[f][1])
        row, distance = queues[facet][next_of[facet]]
        next_of[facet] += 1
        artist = int(index.artists[row])
        if row in chosen or (rules.max_per_artist and per_artist.get(artist, 0) >= rules.max_per_artist):
            continue
        chosen[row] = distance
        given[facet] += 1
        per_artist[artist] = per_artist.get(artist, 0) + 1
    return tuple(Neighbour(index.songs.ids[row], distance) for row, distance in chosen.items())
