"""Key: which tonic and scale a piece is in, from the pitch classes of its spectral peaks.

The estimate follows the usual template method with three cares that matter on real recordings: the tuning is
measured first, because orchestras and tape machines are rarely at 440 Hz; the spectrum is whitened lightly,
so that the bass does not drown the rest; and a peak also votes for the notes of which it may be an overtone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiomuse.audio.filters import moving_mean
from audiomuse.audio.segments import Segments, as_segments
from audiomuse.model import PITCH_CLASSES, Float32, Key

SAMPLE_RATE = 16_000
"""Sampling rate that every function here expects, in Hz."""

_FRAME = 4096
_CHUNK_FRAMES = 64
"""Frames that are transformed together: few enough to stay in the cache."""
_LOWEST_HZ, _HIGHEST_HZ = 55.0, 2000.0
_QUIETEST_FRAME_DB = -50.0
"""Frames this far below the loudest one (fades, pauses) have no say."""
_WHITENING_BINS = 101
"""Width of the moving average that a peak is compared with, about 400 Hz."""
_PEAK_ABOVE_SURROUNDINGS = 2.0
"""A peak is a note if it is this many times the average around it."""
_CLEAR_NOTE = 4.5
"""A peak this many times its surroundings is never noise."""
_N_HARMONICS = 3
_HARMONIC_DECAY = 0.6

_LEAST_PITCHED_FRAMES = 0.1
"""Below this share of frames with a note in them there is no key (drums, noise)."""
_LEAST_PITCH_CLASSES = 3
_LEAST_CORRELATION = 0.5

# Key profiles, tonic first. Albrecht and Shanahan counted the notes of 490 pieces, Temperley those of the
# Kostka and Payne corpus, Faraldo those of electronic dance music (small values cut off). Each has its own
# weakness, relative minors or dominants, and the mean of the three correlations errs less than any of them.
_PROFILES: dict[str, NDArray[np.float64]] = {
    "major": np.array([
        [0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081],
        [0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400],
        [1.000, 0.000, 0.420, 0.000, 0.530, 0.370, 0.000, 0.770, 0.000, 0.380, 0.210, 0.300],
    ]),
    "minor": np.array([
        [0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052],
        [0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330],
        [1.000, 0.000, 0.360, 0.390, 0.000, 0.380, 0.000, 0.740, 0.270, 0.000, 0.420, 0.230],
    ]),
}  # fmt: skip


class _Peaks(NamedTuple):
    """Spectral peaks of all frames as parallel columns."""

    frame: NDArray[np.intp]
    midi: NDArray[np.float64]
    """Pitch, 69 is A at 440 Hz, with its fraction."""
    weight: NDArray[np.float64]
    clarity: NDArray[np.float64]
    """How many times its surroundings the peak is."""


def estimate_key(y: Segments) -> Key | None:
    """Estimate the global key of a mono signal.

    Spectral peaks from 55 to 2000 Hz are divided by the root of the spectrum around them, moved by the
    tuning of the piece and folded to twelve pitch classes, where each also votes for the notes of which it
    may be the second or third harmonic [1]_. The sum over frames is correlated with three families of key
    profiles [2]_ [3]_ [4]_ in all 24 rotations; the best mean correlation wins.

    Parameters
    ----------
    y : ndarray, shape=(n_samples,), or list of such
        Mono audio at 16 kHz, finite. Windows of a long piece count together.

    Returns
    -------
    Key or None
        `Key.strength` is the winning correlation, 0..1. ``None`` where no key can be heard: silence, noise,
        drums, a single tone, a signal shorter than a quarter of a second.

    Raises
    ------
    SignalError
        If an array is not one-dimensional or holds NaN or infinity.

    References
    ----------
    .. [1] E. Gómez, "Tonal description of polyphonic audio for music content processing", INFORMS
       Journal on Computing 18(3), 2006.
    .. [2] J. Albrecht and D. Shanahan, "The use of large corpora to train a new type of key-finding
       algorithm", Music Perception 31(1), 2013.
    .. [3] D. Temperley, "Music and probability", MIT Press, 2007.
    .. [4] Á. Faraldo et al., "Key estimation in electronic dance music", ECIR 2016.
    """
    chroma = pitch_class_profile(y)
    return None if chroma is None else key_of_profile(chroma)


def pitch_class_profile(y: Segments) -> Float32 | None:
    """Sum a signal to the weights of its twelve pitch classes, C first.

    Parameters
    ----------
    y : ndarray, shape=(n_samples,), or list of such
        Mono audio at 16 kHz, finite.

    Returns
    -------
    ndarray, shape=(12,), or None
        Largest value 1. ``None`` if hardly any frame holds a note.

    Raises
    ------
    SignalError
        If an array is not one-dimensional or holds NaN or infinity.
    """
    peaks, n_frames = _peaks_of_all(_loud_frames(as_segments(y, ndim=1, what="audio")))
    clear = peaks.frame[peaks.clarity > _CLEAR_NOTE]
    if not n_frames or len(np.unique(clear)) < _LEAST_PITCHED_FRAMES * n_frames:
        return None
    chroma = _fold(peaks, _tuning(peaks), n_frames)
    return np.asarray(chroma / chroma.max(), np.float32)


def key_of_profile(chroma: Float32) -> Key | None:
    """Name the key whose profiles correlate best with a pitch class profile.

    Parameters
    ----------
    chroma : ndarray, shape=(12,)
        Weights of the pitch classes, C first, largest value 1.

    Returns
    -------
    Key or None
        ``None`` if too few pitch classes sound to tell (a single tone, a bare fifth), or no key fits.
    """
    if np.count_nonzero(chroma > 0.1) < _LEAST_PITCH_CLASSES:
        return None
    fits = {
        (tonic, scale): float(np.mean([_correlation(np.roll(p, tonic), chroma) for p in profiles]))
        for scale, profiles in _PROFILES.items()
        for tonic in range(12)
    }
    (tonic, scale), strength = max(fits.items(), key=lambda item: item[1])
    if strength < _LEAST_CORRELATION:
        return None
    return Key(PITCH_CLASSES[tonic], scale, min(strength, 1.0))


def _correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / max(np.sqrt((a @ a) * (b @ b)), 1e-12))


def _loud_frames(segments: list[Float32]) -> Iterator[Float32]:
    """Cut the segments into frames side by side; yield those that are not nearly silent, some at a time."""
    frames = [s[: len(s) // _FRAME * _FRAME].reshape(-1, _FRAME) for s in segments]
    powers = [np.einsum("ij,ij->i", f, f) / _FRAME for f in frames]
    loudest = max((float(power.max()) for power in powers if len(power)), default=0.0)
    threshold = max(loudest * 10 ** (_QUIETEST_FRAME_DB / 10), 1e-10)
    for segment, power in zip(frames, powers, strict=True):
        for first in range(0, len(segment), _CHUNK_FRAMES):
            chunk = slice(first, first + _CHUNK_FRAMES)
            yield segment[chunk][power[chunk] > threshold]


def _peaks_of_all(chunks: Iterable[Float32]) -> tuple[_Peaks, int]:
    """Find the peaks of all frames; return them and the number of frames."""
    n_frames = 0
    found = [_spectral_peaks(np.empty((0, _FRAME), np.float32))]
    for frames in chunks:
        peaks = _spectral_peaks(frames)
        found.append(peaks._replace(frame=peaks.frame + n_frames))
        n_frames += len(frames)
    return _Peaks(*(np.concatenate(column) for column in zip(*found, strict=True))), n_frames


def _spectral_peaks(frames: Float32) -> _Peaks:
    """Find the spectral peaks that stand out and refine their pitch between bins."""
    window = np.hanning(_FRAME + 1)[:-1].astype(np.float32)
    highest_bin = int(_HIGHEST_HZ * _FRAME / SAMPLE_RATE) + _WHITENING_BINS
    magnitude = np.abs(np.fft.rfft(frames * window)[:, :highest_bin])
    surroundings = moving_mean(magnitude, _WHITENING_BINS) + 1e-9
    first = int(np.ceil(_LOWEST_HZ * _FRAME / SAMPLE_RATE))
    last = int(_HIGHEST_HZ * _FRAME / SAMPLE_RATE)
    middle = magnitude[:, first:last]
    is_peak = (
        (middle > magnitude[:, first - 1 : last - 1])
        & (middle >= magnitude[:, first + 1 : last + 1])
        & (middle > _PEAK_ABOVE_SURROUNDINGS * surroundings[:, first:last])
    )
    frame, column = np.nonzero(is_peak)
    bin_ = column + first
    log_left, log_peak, log_right = (np.log(magnitude[frame, bin_ + d] + 1e-12) for d in (-1, 0, 1))
    shift = 0.5 * (log_left - log_right) / np.minimum(log_left - 2 * log_peak + log_right, -1e-6)
    hertz = (bin_ + np.clip(shift, -0.5, 0.5)) * SAMPLE_RATE / _FRAME
    peak, around = (values[frame, bin_].astype(np.float64) for values in (magnitude, surroundings))
    midi = 69 + 12 * np.log2(hertz / 440.0)
    return _Peaks(frame, midi, weight=peak / np.sqrt(around), clarity=peak / around)


def _tuning(peaks: _Peaks) -> float:
    """Measure by how many semitones, -0.5..0.5, the piece lies above equal temperament at A = 440 Hz."""
    around_circle = np.exp(2j * np.pi * peaks.midi) * peaks.weight
    return float(np.angle(around_circle.sum()) / (2 * np.pi))


def _fold(peaks: _Peaks, tuning: float, n_frames: int) -> NDArray[np.float64]:
    """Add the peaks to pitch classes; each frame has the same say, however loud it is."""
    chroma = np.zeros((n_frames, 12))
    for harmonic in range(1, _N_HARMONICS + 1):
        pitch = peaks.midi - tuning - 12 * np.log2(harmonic)
        nearest = np.round(pitch)
        nearness = np.cos(np.pi * (pitch - nearest)) ** 2
        weight = peaks.weight * nearness * _HARMONIC_DECAY ** (harmonic - 1)
        np.add.at(chroma, (peaks.frame, nearest.astype(np.intp) % 12), weight)
    loudest = chroma.max(axis=1, keepdims=True)
    return np.asarray((chroma / np.maximum(loudest, 1e-12)).sum(axis=0))
