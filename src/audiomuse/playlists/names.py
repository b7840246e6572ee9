"""Names that tell lists apart.

A list is named after what it has more of than the library: the anchor tag weighs how much more against how
common it is (a term of the Kullback-Leibler divergence). The second tag is chosen against the lists that
share the anchor, so that five rock lists become "Indie Rock", "Rock · 80s" ... Calm, Energetic, Slow and
Fast are said only beyond the quartiles of the library. No two lists ever get one name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import MSD_TAGS, FeatureMatrix, Float32

SLOW_BELOW_BPM = 80.0
FAST_FROM_BPM = 130.0

_SHOWN = {
    "00s": "2000s", "rnb": "R&B", "Hip-Hop": "Hip-Hop", "female vocalists": "Female Vocals",
    "female vocalist": "Female Vocals", "male vocalists": "Male Vocals", "easy listening": "Easy Listening",
    "80s": "80s", "90s": "90s", "70s": "70s", "60s": "60s",
}  # fmt: skip

_SYNONYMS: tuple[frozenset[str], ...] = (
    frozenset({"female vocalists", "female vocalist"}),
    frozenset({"chillout", "chill", "Mellow", "easy listening", "ambient"}),
    frozenset({"electronic", "electronica", "electro", "dance", "House"}),
    frozenset({"metal", "heavy metal", "hard rock"}),
    frozenset({"alternative", "alternative rock"}),
    frozenset({"indie", "indie rock", "indie pop"}),
    frozenset({"rock", "classic rock", "hard rock", "alternative rock", "indie rock", "Progressive rock"}),
    frozenset({"pop", "indie pop"}),
    frozenset({"soul", "rnb"}),
    frozenset({"oldies", "60s"}),
    frozenset({"folk", "acoustic"}),
)
_SYNONYM_DAMPING = 0.35
_FLOOR = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class ListProfile:
    """What a name is made of."""

    tags: Float32
    """Shape (50,), mean tag probabilities of the songs."""
    tempo_bpm: float | None
    """Median tempo; None if no song has one."""
    energy: float | None
    """Mean energy; None if no song has one."""
    minor_share: float | None
    """Share of songs in a minor key among those with a key; None if none has one."""


def profile_of(matrix: FeatureMatrix, rows: NDArray[np.intp]) -> ListProfile:
    """Summarise the songs of a list (or of the library) for naming it."""
    tempo = matrix.tempo_bpm[rows]
    energy = matrix.energy[rows]
    keys = matrix.key_index[rows]
    keys = keys[keys >= 0]
    tempo, energy = tempo[~np.isnan(tempo)], energy[~np.isnan(energy)]
    return ListProfile(
        tags=matrix.tags[rows].mean(axis=0),
        tempo_bpm=float(np.median(tempo)) if len(tempo) else None,
        energy=float(energy.mean()) if len(energy) else None,
        minor_share=float((keys >= 12).mean()) if len(keys) else None,
    )


def typical_tags(profile: ListProfile, library: ListProfile, n: int) -> tuple[tuple[str, float], ...]:
    """Return the `n` tags that a list has more of than the library, best first.

    Each comes with its lift: the list's mean probability over the library's. Tags that the list has less
    of are left out, so fewer than `n` may come back.
    """
    typical = _divergence(profile.tags, library.tags)
    order = np.argsort(-typical, kind="stable")[:n]
    lift = profile.tags / np.maximum(library.tags, _FLOOR)
    return tuple((MSD_TAGS[t], round(float(lift[t]), 3)) for t in order if typical[t] > 0)


def name_lists(
    profiles: Sequence[ListProfile],
    matrix: FeatureMatrix,
    *,
    style: str = "contrast",
    n_moods: int = 3,
    fixed: Sequence[str | None] = (),
    taken: Iterable[str] = (),
) -> list[str]:
    """Name lists so that no two share a name.

    Parameters
    ----------
    profiles : sequence of ListProfile
    matrix : FeatureMatrix
        The library they come from.
    style : {"contrast", "classic"}
        ``"classic"`` joins the strongest tags and Slow (below 80 BPM), Medium or Fast (from 130 BPM).
    n_moods : int
        Tags in a classic name.
    fixed : sequence of str or None, optional
        One per profile: the name that a list has already and keeps, None for those to be named.
    taken : iterable of str
        More names in use.

    Returns
    -------
    list of str
        One name each. Names with the same words in another order count as equal.
    """
    fixed = fixed or [None] * len(profiles)
    used = {_words(name) for name in (*taken, *fixed) if name is not None}
    if style == "classic":
        return [
            name if name is not None else _first_free([_classic(profile, n_moods)], used, joint="_")
            for profile, name in zip(profiles, fixed, strict=True)
        ]
    library = profile_of(matrix, np.arange(len(matrix)))
    quartiles = _Quartiles.of(matrix)
    words = [_mood_words(profile, quartiles) for profile in profiles]
    anchors = [int(np.argmax(_divergence(p.tags, library.tags))) for p in profiles]
    tags = np.asarray([profile.tags for profile in profiles])
    peers = {anchor: tags[np.asarray(anchors) == anchor].mean(axis=0) for anchor in set(anchors)}
    names = []
    for profile, word, anchor, name in zip(profiles, words, anchors, fixed, strict=True):
        if name is not None:
            names.append(name)
            continue
        ranked = _second_tags(profile.tags, library.tags, peers[anchor], anchor)
        names.append(_first_free(_candidates(profile, library, word, anchor, ranked), used, joint=" "))
    return names


def show_tag(tag: str) -> str:
    """Write a tag as a person reads it: ``"indie rock"`` -> ``"Indie Rock"``, ``"rnb"`` -> ``"R&B"``."""
    return _SHOWN.get(tag, tag.title())


def tempo_word(bpm: float | None) -> str:
    """Return Slow below 80 BPM, Fast from 130 BPM, else Medium (also without a tempo)."""
    if bpm is None:
        return "Medium"
    return "Slow" if bpm < SLOW_BELOW_BPM else "Fast" if bpm >= FAST_FROM_BPM else "Medium"


@dataclass(frozen=True, slots=True)
class _Quartiles:
    """First and third quartile of energy and tempo in a library; NaN where nothing is known."""

    energy: tuple[float, float]
    tempo: tuple[float, float]

    @classmethod
    def of(cls, matrix: FeatureMatrix) -> _Quartiles:
        return cls(_quartiles(matrix.energy), _quartiles(matrix.tempo_bpm))


def _quartiles(values: Float32) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return (float("nan"), float("nan"))
    low, high = np.quantile(known, [0.25, 0.75])
    return float(low), float(high)


def _mood_words(profile: ListProfile, quartiles: _Quartiles) -> list[str]:
    """Calm or Energetic, Slow or Fast, where the list lies beyond the library's quartiles."""
    words = []
    if profile.energy is not None and profile.energy < quartiles.energy[0]:
        words.append("Calm")
    elif profile.energy is not None and profile.energy > quartiles.energy[1]:
        words.append("Energetic")
    if profile.tempo_bpm is not None and profile.tempo_bpm < quartiles.tempo[0]:
        words.append("Slow")
    elif profile.tempo_bpm is not None and profile.tempo_bpm > quartiles.tempo[1]:
        words.append("Fast")
    return words


def _candidates(
    profile: ListProfile, library: ListProfile, words: Sequence[str], anchor: int, ranked: Sequence[int]
) -> list[str]:
    """Names for one list, the plainest good one first, more telling ones for when it is taken."""
    first = words[:1]
    minor = []
    if profile.minor_share is not None and library.minor_share is not None:
        minor = ["Minor" if profile.minor_share > library.minor_share else "Major"]
    names = [_join(first, [anchor, ranked[0]])]
    names.append(_join(words, [anchor, ranked[0]]))
    names.extend(_join(words[:1], [anchor, ranked[0], third]) for third in ranked[1:3])
    names.extend(_join(words[:1], [anchor, other]) for other in ranked[1:3])
    names.append(_join([*words, *minor], [anchor, ranked[0]]))
    names.extend(_join([*words, *minor], [anchor, ranked[0], third]) for third in ranked[1:6])
    return names


def _join(words: Sequence[str], tags: Sequence[int]) -> str:
    """ "Calm", jazz, soul -> "Calm Jazz · Soul"; rock, indie rock -> "Indie Rock"."""
    kept: list[str] = []
    for tag in tags:
        shown = show_tag(MSD_TAGS[tag])
        inside = [k for k in kept if k.casefold() in shown.casefold().split(" ") or k == shown]
        if inside:
            kept[kept.index(inside[0])] = shown
        elif not any(shown.casefold() in k.casefold().split(" ") for k in kept):
            kept.append(shown)
    spoken = " · ".join(kept)
    return " ".join([*words, spoken])


def _second_tags(tags: Float32, library: Float32, peers: Float32, anchor: int) -> list[int]:
    """Rank the other tags: typical against the library, and against the lists with the same anchor."""
    against_library = _divergence(tags, library)
    against_peers = _divergence(tags, peers)
    score = 0.5 * against_library + 0.5 * against_peers
    for t, tag in enumerate(MSD_TAGS):
        if any(tag in group and MSD_TAGS[anchor] in group for group in _SYNONYMS):
            score[t] *= _SYNONYM_DAMPING if score[t] > 0 else 1.0
    score[anchor] = -np.inf
    return [int(t) for t in np.argsort(-score, kind="stable")[:8]]


def _divergence(p: Float32, q: Float32) -> NDArray[np.float64]:
    """Return p log(p / q) per tag."""
    p64, q64 = np.maximum(p.astype(np.float64), _FLOOR), np.maximum(q.astype(np.float64), _FLOOR)
    return np.asarray(p64 * np.log(p64 / q64))


def _classic(profile: ListProfile, n_moods: int) -> str:
    """Return e.g. ``Jazz_Oldies_Female Vocalists_Medium``; ``Mixed_Slow`` if no tag was heard."""
    order = np.argsort(-profile.tags, kind="stable")[:n_moods]
    moods = [MSD_TAGS[t].title() for t in order if profile.tags[t] > 0]
    return "_".join([*(moods or ["Mixed"]), tempo_word(profile.tempo_bpm)])


def _first_free(candidates: Sequence[str], used: set[tuple[str, ...]], *, joint: str) -> str:
    """Return the first name nobody has, else the first with the next free number; note it as used."""
    names = [*candidates]
    number = 2
    while True:
        for name in names:
            if _words(name) not in used:
                used.add(_words(name))
                return name
        names = [f"{candidates[0]}{joint}{number}"]
        number += 1


def _words(name: str) -> tuple[str, ...]:
    """What two names are compared by: "Folk · Rock" and "rock folk" are one name to a person."""
    return tuple(sorted(name.casefold().replace("·", " ").replace("_", " ").split()))
