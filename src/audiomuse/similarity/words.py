"""Songs for a sentence such as "calm piano at night".

There is no text model behind this: nobody embeds the sentence. Words are looked up in a small dictionary
of the 50 tags, their everyday synonyms, and words for energy, tempo and key; songs are ranked by how they
stand in the library for each. Words that are not in the dictionary are named in the answer, never guessed
at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiomuse.model import MSD_TAGS
from audiomuse.similarity.songs import Songs

_TAG_WORDS: Mapping[str, tuple[str, ...]] = {
    "female vocalists": ("female", "woman", "women", "girl", "female voice", "female vocals",
                         "female singer"),
    "male vocalists": ("male", "man", "men", "male voice", "male vocals", "male singer"),
    "Hip-Hop": ("hip hop", "hiphop", "rap", "trap", "rapper"),
    "rnb": ("r&b", "r n b", "rhythm and blues"),
    "00s": ("2000s", "2000", "noughties", "00's"),
    "60s": ("1960s", "sixties", "60's"),
    "70s": ("1970s", "seventies", "70's"),
    "80s": ("1980s", "eighties", "80's"),
    "90s": ("1990s", "nineties", "90's"),
    "chillout": ("chill out", "lounge", "downtempo", "lofi", "lo-fi", "relaxing", "relax", "relaxed",
                 "study"),
    "ambient": ("atmospheric", "meditation", "drone", "space", "sleep", "soundscape", "night", "nocturnal"),
    "acoustic": ("unplugged", "campfire", "singer songwriter", "piano"),
    "instrumental": ("without vocals", "no vocals", "without singing", "soundtrack", "piano", "orchestral",
                     "classical", "violin"),
    "guitar": ("guitars", "guitarist"),
    "House": ("deep house", "techno", "club", "edm", "rave"),
    "electronic": ("synth", "synths", "synthesizer", "techno", "edm", "idm", "trance"),
    "dance": ("dancing", "danceable", "disco", "club"),
    "party": ("celebration", "celebrating", "partying"),
    "metal": ("headbanging", "thrash", "death metal", "metalcore"),
    "punk": ("hardcore", "punk rock"),
    "folk": ("folky", "traditional", "celtic"),
    "country": ("bluegrass", "western", "americana"),
    "jazz": ("jazzy", "swing", "saxophone", "sax", "bebop"),
    "blues": ("bluesy",),
    "soul": ("soulful", "motown", "gospel"),
    "funk": ("funky", "groovy", "groove"),
    "oldies": ("old", "vintage", "retro", "50s", "fifties"),
    "easy listening": ("background", "easy", "dinner", "cocktail"),
    "beautiful": ("pretty", "lovely", "romantic", "gentle", "tender"),
    "sad": ("melancholy", "melancholic", "gloomy", "heartbreak", "crying", "lonely", "rain", "rainy"),
    "happy": ("cheerful", "joyful", "joy", "uplifting", "sunny", "summer", "upbeat", "feel good"),
    "Mellow": ("soft", "smooth", "warm", "cozy", "cosy", "evening"),
    "sexy": ("sensual", "seductive"),
    "catchy": ("hook", "hooks", "singalong", "sing along"),
    "experimental": ("weird", "strange", "avantgarde", "avant garde", "noise"),
    "Progressive rock": ("prog", "progressive", "prog rock"),
    "indie": ("independent",),
    "alternative": ("alt", "grunge"),
    "hard rock": ("heavy", "loud guitars"),
    "heavy metal": ("heavy",),
}  # fmt: skip
_ENERGY_WORDS: Mapping[str, float] = {
    "calm": -1, "quiet": -1, "peaceful": -1, "relaxing": -1, "relax": -1, "relaxed": -1, "sleep": -1,
    "soft": -1, "gentle": -1, "soothing": -1, "still": -1, "silent": -1, "tender": -1, "night": -0.5,
    "meditation": -1, "evening": -0.5, "tranquil": -1, "mellow": -0.5, "study": -0.5, "focus": -0.5,
    "energetic": 1, "energy": 1, "loud": 1, "intense": 1, "aggressive": 1, "angry": 1, "powerful": 1,
    "workout": 1, "gym": 1, "running": 1, "driving": 0.5, "wild": 1, "party": 0.5, "heavy": 1,
    "hard": 1, "epic": 0.5, "upbeat": 0.5,
}  # fmt: skip
_TEMPO_WORDS: Mapping[str, float] = {
    "slow": -1, "slowly": -1, "ballad": -1, "ballads": -1, "downtempo": -0.5, "sleep": -0.5, "lullaby": -1,
    "fast": 1, "quick": 1, "uptempo": 1, "rapid": 1, "running": 1, "workout": 0.5, "speed": 1, "rave": 0.5,
}  # fmt: skip
_KEY_WORDS: Mapping[str, int] = {"minor": 1, "major": -1}
_NEGATIONS = frozenset({"not", "no", "without", "non", "less"})
_SMALL_WORDS = frozenset(
    {"a", "an", "the", "and", "or", "at", "in", "on", "of", "for", "to", "with", "by", "some", "something",
     "music", "song", "songs", "track", "tracks", "like", "very", "really", "more", "is", "my", "me", "i",
     "that", "this", "sound", "sounds", "sounding", "play", "list", "playlist", "mood", "vibe", "vibes",
     "time", "want", "please", "give", "find", "but"}
)  # fmt: skip
_LONGEST_PHRASE = 3


@dataclass(frozen=True, slots=True)
class WordMatch:
    """A song and how well it fits the words."""

    track_id: str
    score: float
    """0..1: mean standing in the library over the understood words."""


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """Songs for a sentence, and what was made of it."""

    tracks: tuple[WordMatch, ...]
    """Best first; empty if no word was understood."""
    understood: tuple[str, ...]
    """The words that counted, as written; those after "not" or "without" with it."""
    ignored: tuple[str, ...]
    """Words that mean nothing to us."""
    sentence: str
    """For people: what the answer rests on, or why there is none."""


def search_words(songs: Songs, query: str, n: int = 25) -> TextAnswer:
    """Find songs for a sentence.

    Parameters
    ----------
    songs : Songs
    query : str
        English words, e.g. ``"calm piano at night"`` or ``"fast punk without female vocals"``.
    n : int
        Songs wanted.

    Returns
    -------
    TextAnswer
        Every understood word ranks the library (its tag's probability, energy or tempo as a share of songs
        below); a song's score is the geometric mean of its ranks, so one word that does not fit at all
        cannot be outweighed. Songs without a tempo or energy stand in the middle for such words.
    """
    words, ignored = _understand(query)
    if not words:
        return TextAnswer((), (), tuple(ignored), _sorry(ignored))
    ranks = [_standing(songs, meaning) for _, meaning in words]
    score = np.exp(np.mean([np.log(np.maximum(rank, 1e-3)) for rank in ranks], axis=0))
    best = np.argsort(-score, kind="stable")[: max(n, 0)]
    spoken = tuple(word for word, _ in words)
    sentence = f"Understood: {', '.join(_explain(word, meaning) for word, meaning in words)}."
    if ignored:
        sentence += f" Not understood: {', '.join(ignored)}."
    tracks = tuple(WordMatch(songs.ids[row], float(score[row])) for row in best)
    return TextAnswer(tracks, spoken, tuple(ignored), sentence)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What one word asks for."""

    tags: tuple[int, ...] = ()
    energy: float = 0.0
    tempo: float = 0.0
    minor: int = 0
    negated: bool = False


def _dictionary() -> dict[str, _Meaning]:
    """Put all words with their meanings into one lookup."""
    tags: dict[str, set[int]] = {}
    for t, tag in enumerate(MSD_TAGS):
        for word in (tag.casefold().replace("-", " "), *_TAG_WORDS.get(tag, ())):
            tags.setdefault(word.casefold().replace("-", " "), set()).add(t)
    words = {*tags, *_ENERGY_WORDS, *_TEMPO_WORDS, *_KEY_WORDS}
    return {
        word: _Meaning(
            tuple(sorted(tags.get(word, ()))),
            _ENERGY_WORDS.get(word, 0.0),
            _TEMPO_WORDS.get(word, 0.0),
            _KEY_WORDS.get(word, 0),
        )
        for word in words
    }


_MEANINGS = _dictionary()


def _understand(query: str) -> tuple[list[tuple[str, _Meaning]], list[str]]:
    """Split a query into understood phrases (longest first) and words that are not in the dictionary."""
    tokens = re.findall(r"[\w&']+", query.casefold().replace("-", " "))
    words: list[tuple[str, _Meaning]] = []
    ignored: list[str] = []
    negation = ""
    position = 0
    while position < len(tokens):
        for length in range(min(_LONGEST_PHRASE, len(tokens) - position), 0, -1):
            phrase = " ".join(tokens[position : position + length])
            meaning = _MEANINGS.get(phrase)
            if meaning is not None:
                break
        else:
            length, meaning = 1, None
            phrase = tokens[position]
        position += length
        if meaning is not None:
            negated = _Meaning(meaning.tags, meaning.energy, meaning.tempo, meaning.minor, bool(negation))
            words.append((f"{negation} {phrase}".strip(), negated))
            negation = ""
        elif phrase in _NEGATIONS:
            negation = phrase
        elif phrase not in _SMALL_WORDS:
            ignored.append(phrase)
    return words, ignored


def _standing(songs: Songs, meaning: _Meaning) -> NDArray[np.float64]:
    """Return each song's standing for a word, 0 (least in the library) .. 1 (most)."""
    aspects: list[NDArray[np.float64]] = []
    if meaning.tags:
        # Tags of one word are alternatives.
        aspects.append(np.stack([_rank(songs.tags.column(t)) for t in meaning.tags]).max(axis=0))
    for direction, values in ((meaning.energy, songs.energy), (meaning.tempo, songs.tempo_bpm)):
        if direction:
            rank = _rank(values) if direction > 0 else 1.0 - _rank(values)
            aspects.append(rank ** abs(direction))
    if meaning.minor:
        minor = (songs.key_index >= 12) if meaning.minor > 0 else (songs.key_index < 12)
        aspects.append(np.where(songs.key_index < 0, 0.5, minor.astype(np.float64)))
    standing = np.mean(aspects, axis=0)
    return np.asarray(1.0 - standing if meaning.negated else standing)


def _rank(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the share of songs below each song, ties in the middle; .5 for NaN."""
    rank = np.full(len(values), 0.5)
    known = ~np.isnan(values)
    ordered = np.sort(values[known])
    if len(ordered) > 1:
        low = np.searchsorted(ordered, values[known], side="left")
        high = np.searchsorted(ordered, values[known], side="right")
        rank[known] = (low + high - 1) / 2 / (len(ordered) - 1)
    return rank


def _explain(word: str, meaning: _Meaning) -> str:
    """Write a word as it was taken: ``piano (as instrumental or acoustic)``."""
    tags = [MSD_TAGS[t] for t in meaning.tags]
    plain = word.split(" ", 1)[1] if meaning.negated else word
    if not tags or plain in (tag.casefold().replace("-", " ") for tag in tags):
        return word
    return f"{word} (as {' or '.join(tags)})"


def _sorry(ignored: list[str]) -> str:
    """Say why there is no answer, and what would be understood."""
    examples = "rock, jazz, piano, calm, energetic, slow, fast, happy, sad, 80s, female vocals, minor"
    if not ignored:
        return f"Nothing was asked. Words that are understood are, for example: {examples}."
    return f"Not understood: {', '.join(ignored)}. Words that are understood are, for example: {examples}."
