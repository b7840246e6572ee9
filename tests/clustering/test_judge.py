"""The judge recognises planted styles, and no cheap trick pleases it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiomuse.clustering import PART_NAMES, Evaluation, Judge, JudgeLimits, JudgeWeights, original_score
from audiomuse.clustering.estimators import KMeans
from audiomuse.errors import ParameterError, SignalError
from audiomuse.features import artist_codes, fit_space
from audiomuse.features.planted import planted_library


class Library:
    """A planted library with everything a judge needs."""

    def __init__(self, n_tracks: int = 3000, seed: int = 0) -> None:
        self.planted = planted_library(n_tracks, seed=seed)
        matrix = self.planted.matrix
        self.places = fit_space(matrix).transform(matrix)
        self.artists = artist_codes(matrix.artists)
        self.judge = Judge(self.places, matrix.tags, self.artists)
        self.albums = np.unique(matrix.albums, return_inverse=True)[1]

    def kmeans(self, n_clusters: int) -> np.ndarray:
        return KMeans(n_clusters, random_state=0).fit_predict(self.places)


@pytest.fixture(scope="module")
def library():
    return Library()


def random_labels(library, n_clusters=40):
    return np.random.default_rng(0).integers(0, n_clusters, len(library.places))


def giant_and_singletons(library):
    labels = np.zeros(len(library.places), dtype=int)
    labels[:40] = np.arange(40)
    return labels


def tempo_slices(library):
    tempo = np.nan_to_num(library.planted.matrix.tempo_bpm, nan=100.0)
    return np.searchsorted(np.quantile(tempo, np.linspace(0, 1, 31)[1:-1]), tempo)


def slices_of_the_first_axis(library):
    first = library.places[:, 0]
    return np.searchsorted(np.quantile(first, np.linspace(0, 1, 31)[1:-1]), first)


def only_the_core_of_each(library):
    labels = library.kmeans(30)
    for number in range(30):
        rows = np.flatnonzero(labels == number)
        centre = library.places[rows].mean(axis=0)
        far = np.argsort(((library.places[rows] - centre) ** 2).sum(axis=1))[max(3, len(rows) // 10) :]
        labels[rows[far]] = -1
    return labels


DEGENERATE = {
    "one giant cluster": lambda library: np.zeros(len(library.places), dtype=int),
    "every track alone": lambda library: np.arange(len(library.places)),
    "a giant and singletons": giant_and_singletons,
    "at random": random_labels,
    "one artist each": lambda library: library.artists,
    "one album each": lambda library: library.albums,
    "slices of tempo": tempo_slices,
    "slices of one axis": slices_of_the_first_axis,
    "only the very core": only_the_core_of_each,
    "nothing at all": lambda library: np.full(len(library.places), -1),
}


@pytest.mark.parametrize("answer", DEGENERATE.values(), ids=DEGENERATE.keys())
def test_degenerate_answers_score_far_less_than_honest_ones(library, answer):
    honest = library.judge.evaluate(library.kmeans(30)).score
    planted = library.judge.evaluate(library.planted.style).score
    degenerate = library.judge.evaluate(answer(library)).score
    assert degenerate < 0.35 * min(honest, planted)


def test_near_duplicates_of_one_album_are_not_a_style():
    rng = np.random.default_rng(0)
    library = Library(2000, seed=1)
    labels = library.kmeans(20)
    honest = library.judge.evaluate(labels).score
    # Forty copies of one song by one artist: very tight, and worth nothing.
    places, tags = library.places.copy(), library.planted.matrix.tags.copy()
    artists = library.artists.copy()
    copies = rng.choice(2000, 400, replace=False)
    places[copies] = places[copies[0]] + 0.001 * rng.normal(size=(400, places.shape[1]))
    tags[copies], artists[copies] = tags[copies[0]], artists[copies[0]]
    cheat = np.full(2000, -1)
    cheat[copies] = np.arange(400) // 40
    assert Judge(places, tags, artists).evaluate(cheat).score < 0.1 * honest


@pytest.mark.parametrize("n_clusters", [2, 5, 400])
def test_far_too_few_or_too_many_clusters_score_less(library, n_clusters):
    best = library.judge.evaluate(library.kmeans(30)).score
    assert library.judge.evaluate(library.kmeans(n_clusters)).score < 0.93 * best


def test_the_more_tracks_are_misplaced_the_lower_the_score(library):
    rng = np.random.default_rng(0)
    labels = library.kmeans(30)
    scores = []
    for share in (0.0, 0.1, 0.3, 0.6, 1.0):
        moved = np.where(rng.random(len(labels)) < share, rng.permutation(labels), labels)
        scores.append(library.judge.evaluate(moved).score)
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.02


def test_the_original_score_is_pleased_by_what_nobody_wants(library):
    """Why it is shown for comparison only."""
    original = fit_space(library.planted.matrix, "original").transform(library.planted.matrix)
    singletons = original_score(np.arange(len(original)), original)
    assert singletons > original_score(library.planted.style, original) > 0
    assert original_score(np.full(len(original), -1), original) == 0


def test_the_original_score_by_hand():
    space = np.zeros((4, 51), dtype=np.float32)
    space[:2, 3], space[2:, 7] = 0.5, 0.25  # two clusters, a mood each
    assert original_score(np.array([0, 0, 1, 1]), space) == pytest.approx(0.75)
    assert original_score(np.array([0, 0, -1, -1]), space) == pytest.approx(0.5)


def test_well_separated_groups_by_many_artists_are_nearly_perfect():
    group = np.repeat(np.arange(5), 60)
    rng = np.random.default_rng(0)
    places = (4 * np.eye(5)[group] + rng.normal(0, 0.1, (300, 5))).astype(np.float32)
    tags = (0.02 + 0.9 * np.eye(5)[group]).astype(np.float32)
    evaluation = Judge(places, tags, np.arange(300)).evaluate(group)
    assert evaluation.score > 0.95
    assert evaluation.n_clusters == 5
    assert min(evaluation.parts.values()) > 0.93


def test_every_part_has_its_own_name_and_meaning():
    group = np.repeat(np.arange(4), 50)
    rng = np.random.default_rng(0)
    places = (4 * np.eye(4)[group] + rng.normal(0, 0.3, (200, 4))).astype(np.float32)
    tags = (0.05 + 0.8 * np.eye(4)[group]).astype(np.float32)
    everyone = np.arange(200)
    good = Judge(places, tags, everyone).evaluate(group).parts

    half = np.where(np.arange(200) % 2, group, -1)
    assert Judge(places, tags, everyone).evaluate(half).parts["coverage"] == pytest.approx(
        0.5 / 0.9, abs=0.01
    )

    noise = rng.normal(size=places.shape).astype(np.float32)
    elsewhere = Judge(noise, tags, everyone).evaluate(group).parts
    assert elsewhere["coherence"] < 0.1 < 0.8 < good["coherence"]
    assert elsewhere["distinctness"] < 0.1 < 0.5 < good["distinctness"]

    untagged = Judge(places, rng.random((200, 4)).astype(np.float32), everyone).evaluate(group).parts
    assert untagged["mood_information"] < 0.1 < 0.9 < good["mood_information"]

    two_bands = Judge(places, tags, group * 2 + everyone % 2, limits=JudgeLimits(10.0, 8, 20))
    assert two_bands.evaluate(group).parts["artist_variety"] == pytest.approx(0.4)
    assert good["artist_variety"] == pytest.approx(1.0)


def test_a_weight_of_zero_leaves_a_part_out():
    parts = dict.fromkeys(PART_NAMES, 0.5) | {"distinctness": 0.0}
    assert 0 < JudgeWeights().combine(parts) < 0.1
    assert JudgeWeights(distinctness=0).combine(parts) == pytest.approx(0.25)
    assert JudgeWeights(coverage=0, distinctness=0).combine(parts) == pytest.approx(0.5)


@pytest.mark.parametrize("weights", [{"coherence": -1}, {"coverage": float("nan")}])
def test_impossible_weights_are_refused(weights):
    with pytest.raises(ParameterError):
        JudgeWeights(**weights)


def test_a_sample_is_judged_like_the_library_it_stands_for(library):
    rng = np.random.default_rng(0)
    rows = np.sort(rng.choice(3000, 1000, replace=False))
    judge = Judge(
        library.places[rows],
        library.planted.matrix.tags[rows],
        library.artists[rows],
        limits=library.judge.limits.for_sample(1 / 3),
    )
    answers = [library.kmeans(k) for k in (4, 12, 30, 90)] + [random_labels(library)]
    on_all = [library.judge.evaluate(labels).score for labels in answers]
    on_sample = [judge.evaluate(labels[rows]).score for labels in answers]
    assert on_sample == pytest.approx(on_all, abs=0.06)
    assert np.argmax(on_sample) == np.argmax(on_all)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_score_is_bounded_and_does_not_depend_on_numbering_or_order(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(30, 120))
    places = rng.normal(size=(n, 5)).astype(np.float32)
    tags = rng.random((n, 6)).astype(np.float32)
    artists = rng.integers(0, n, n)
    labels = rng.integers(-1, 4, n)
    judge = Judge(places, tags, artists)
    evaluation = judge.evaluate(labels)
    assert 0 <= evaluation.score <= 1
    assert all(0 <= part <= 1 for part in evaluation.parts.values())
    renamed = np.where(labels >= 0, 7 * (3 - labels), -1)
    assert judge.evaluate(renamed).score == pytest.approx(evaluation.score, abs=1e-6)
    order = rng.permutation(n)
    shuffled = Judge(places[order], tags[order], artists[order])
    assert shuffled.evaluate(labels[order]).score == pytest.approx(evaluation.score, abs=1e-5)


def test_coherence_counts_pairs_of_different_artists_as_counted_by_hand():
    rng = np.random.default_rng(3)
    places = rng.normal(size=(40, 3)).astype(np.float32)
    artists = rng.integers(0, 12, 40)
    labels = (places[:, 0] > 0).astype(int)
    judge = Judge(places, np.ones((40, 2)), artists, limits=JudgeLimits(3, 0.0, 1.0))

    def mean_distance(rows):
        pairs = [(i, j) for i in rows for j in rows if artists[i] != artists[j]]
        return np.mean([((places[i] - places[j]) ** 2).sum() for i, j in pairs])

    library = mean_distance(range(40))
    rows = [np.flatnonzero(labels == number) for number in (0, 1)]
    by_hand = sum(len(r) * max(0.0, 1 - mean_distance(r) / library) for r in rows) / 40
    assert judge.evaluate(labels).parts["coherence"] == pytest.approx(by_hand, abs=1e-4)


@pytest.mark.parametrize(
    ("n_tracks", "n_artists", "playable_at", "artist_cap"),
    [(10_000, 800, 20, 3), (120, 30, 15, 3), (120, 4, 15, 8), (20, 20, 5, 3), (500, 1, 20, 40)],
)
def test_limits_ask_no_more_than_the_library_can_give(n_tracks, n_artists, playable_at, artist_cap):
    limits = JudgeLimits.for_library(n_tracks, n_artists)
    assert limits.playable_at == playable_at
    assert limits.artist_cap == artist_cap


def test_an_evaluation_survives_storage():
    evaluation = Evaluation(0.5, dict.fromkeys(PART_NAMES, 0.5), 7)
    assert Evaluation.from_dict(evaluation.to_dict()) == evaluation


def test_arrays_that_do_not_belong_together_are_refused(library):
    with pytest.raises(SignalError, match="3 labels for 3000 tracks"):
        library.judge.evaluate(np.zeros(3, dtype=int))
    with pytest.raises(SignalError, match="as many rows"):
        Judge(np.zeros((3, 2), dtype=np.float32), np.zeros((2, 5), dtype=np.float32), np.zeros(3, dtype=int))
