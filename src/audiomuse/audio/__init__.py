"""Hearing: samples to numbers. Reads the one file it is given and nothing else; usable from a notebook.

>>> from audiomuse.audio import analyse
>>> analyse("song.flac").tempo  # doctest: +SKIP
Tempo(bpm=121.7, confidence=0.93, alternative_bpm=60.9)
"""

from audiomuse.audio.analysis import AudioModels, analyse, song_patches
from audiomuse.audio.options import AnalysisOptions
from audiomuse.model import FEATURES_VERSION

__all__ = ["FEATURES_VERSION", "AnalysisOptions", "AudioModels", "analyse", "song_patches"]
