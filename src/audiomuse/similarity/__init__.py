"""What sounds like what: songs, artists, paths, mixtures, a listener's taste, words and a map."""

from audiomuse.similarity.alchemy import Alchemy, PreviewPoint, mix
from audiomuse.similarity.artists import ArtistIndex, ArtistNeighbour, SongPair
from audiomuse.similarity.index import Neighbour, SearchRules, SimilarityIndex
from audiomuse.similarity.landscape import map_coordinates
from audiomuse.similarity.likeness import Likeness, explain_neighbours
from audiomuse.similarity.listening import Plays, SonicFingerprint, sonic_fingerprint
from audiomuse.similarity.paths import SongPath, find_path
from audiomuse.similarity.songs import EightBitRows, Songs
from audiomuse.similarity.words import TextAnswer, WordMatch, search_words

__all__ = [
    "Alchemy",
    "ArtistIndex",
    "ArtistNeighbour",
    "EightBitRows",
    "Likeness",
    "Neighbour",
    "Plays",
    "PreviewPoint",
    "SearchRules",
    "SimilarityIndex",
    "SongPair",
    "SongPath",
    "Songs",
    "SonicFingerprint",
    "TextAnswer",
    "WordMatch",
    "explain_neighbours",
    "find_path",
    "map_coordinates",
    "mix",
    "search_words",
    "sonic_fingerprint",
]
