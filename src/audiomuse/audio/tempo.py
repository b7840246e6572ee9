"""Tempo: how fast people would tap along.

Two witnesses are heard. The tempogram measures how strongly the onsets repeat at each tempo; it is exact, but
half and double time look alike to it. The tempo network has learnt which of them people tap; it is coarse.
Their product names the tempo, and the onsets then refine it well below one per cent.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from audiomuse.audio.segments import Segments, as_segments
from audiomuse.audio.tempo_input import tempo_patches
from audiomuse.audio.tempogram import (
    FRAMES_PER_SECOND,
    TEMPI,
    Float64,
    onset_strength,
    periodicity,
    refine,
    windows,
)
from audiomuse.errors import SignalError
from audiomuse.model import Float32, Tempo

TempoNetwork = Callable[[Float32], Float32]
"""Takes patches (n, 40, 256) of `tempo_patches`, gives (n, 256) probabilities of 30, 31 .. 285 BPM."""

_N_BANDS = 96
_SHORTEST_S = 2.0
_NETWORK_BPM = np.arange(30.0, 286.0)
_PRIOR_BPM, _PRIOR_OCTAVES = 120.0, 0.6
_NIL = 0.002
_PULSE_EXPONENT = 0.6
_DOUBT = 0.1
"""A tempo that the network rules out is still possible if the onsets insist."""
_LEAST_CLARITY = 0.08
_CHANCE_CLARITY = 5.0
"""Noise repeats itself by chance, the less the longer it is: up to 5 over the root of its frames."""
_FULL_CLARITY = 0.5
_NETWORK_OCTAVES = 0.04
_OCTAVES = (0.5, 2.0, 1 / 3, 3.0)
_LEAST_ALTERNATIVE = 0.02


def estimate_tempo(y: Segments, mel: Segments, *, network: TempoNetwork | None = None) -> Tempo | None:
    """Estimate the global tempo of a piece.

    The onsets' autocorrelation and spectrum are joined to a tempogram [1]_, which is multiplied with what the
    network [2]_ believes; the best tempo wins and is refined to where the onsets agree best.

    Parameters
    ----------
    y : ndarray, shape=(n_samples,), or list of such
        Mono audio at 16 kHz, finite; only the network hears it. Windows of a long piece count together.
    mel : ndarray, shape=(n_frames, 96), or list of such
        ``log10(1 + 10000 x)`` mel frames of the same windows, hop 256, as MusiCNN hears them.
    network : callable, optional
        TempoCNN: patches of `tempo_patches`, shape (n, 40, 256), to probabilities of 30 .. 285 BPM, shape
        (n, 256). Without it a prior around 120 BPM decides between half and double time.

    Returns
    -------
    Tempo or None
        `Tempo.alternative_bpm` is the best tempo that is 2 or 3 times as fast or as slow, if the piece pulses
        there at all; `Tempo.confidence` is low if the pulse is weak or that one nearly as credible. ``None``
        if the piece has no pulse (silence, drones, noise) or lasts less than two seconds.

    Raises
    ------
    SignalError
        If an array has the wrong shape or holds NaN or infinity.

    References
    ----------
    .. [1] G. Peeters, "Template-based estimation of time-varying tempo", EURASIP JASP, 2007.
    .. [2] H. Schreiber and M. Müller, "Musical tempo and key estimation using convolutional neural networks
       with directional filters", SMC 2019.
    """
    audio = as_segments(y, ndim=1, what="audio")
    frames = as_segments(mel, ndim=2, what="mel frames")
    if any(segment.shape[1] != _N_BANDS for segment in frames):
        raise SignalError(f"mel frames must have {_N_BANDS} bands")
    if sum(len(segment) for segment in frames) < _SHORTEST_S * FRAMES_PER_SECOND:
        return None
    onsets = [onset_strength(segment) for segment in frames]
    repetition, oscillation = (measure.mean(axis=0) for measure in periodicity(windows(onsets)))
    clarity = float(repetition.max())
    if clarity < max(_LEAST_CLARITY, _CHANCE_CLARITY / np.sqrt(sum(map(len, frames)))):
        return None
    taste = _prior() if network is None else _heard_by(network, audio)
    belief = _pulse(repetition, oscillation) * (taste + _DOUBT)
    best = int(np.argmax(belief))
    alternative = _runner_up(belief, best)
    bpm = refine(onsets, float(TEMPI[best]))
    return Tempo(
        bpm=bpm,
        confidence=_confidence(clarity, belief, best, alternative),
        alternative_bpm=None if alternative is None else bpm * alternative,
    )


def _pulse(repetition: Float64, oscillation: Float64) -> Float64:
    """Join both measures of the tempogram; where either is nil there can be no beat."""
    return np.asarray(((repetition + _NIL) * (oscillation + _NIL)) ** _PULSE_EXPONENT)


def _prior() -> Float64:
    return np.asarray(np.exp(-0.5 * (np.log2(TEMPI / _PRIOR_BPM) / _PRIOR_OCTAVES) ** 2))


def _heard_by(network: TempoNetwork, audio: list[Float32]) -> Float64:
    """Ask the network and spread its answer over the tempo axis, blurred to its own accuracy of 4 %."""
    probabilities = network(tempo_patches(audio)).mean(axis=0, dtype=np.float64)
    distance = np.log2(TEMPI[:, None] / _NETWORK_BPM) / _NETWORK_OCTAVES
    near = np.exp(-0.5 * distance**2)
    heard = near @ probabilities
    return np.asarray(heard / heard.max())


def _runner_up(belief: Float64, best: int) -> float | None:
    """Return the ratio to the best tempo of its most credible octave."""
    ratios = {ratio: _near(belief, TEMPI[best] * ratio) for ratio in _OCTAVES}
    ratio, credit = max(ratios.items(), key=lambda item: item[1])
    return ratio if credit > _LEAST_ALTERNATIVE * belief[best] else None


def _near(belief: Float64, bpm: float) -> float:
    """Return the highest belief within 4 % of a tempo, 0 outside the axis."""
    inside = np.abs(np.log(TEMPI / bpm)) < 0.04
    return float(belief[inside].max()) if inside.any() else 0.0


def _confidence(clarity: float, belief: Float64, best: int, alternative: float | None) -> float:
    """Multiply how clear the pulse is with how far the best octave is ahead of the next."""
    rival = 0.0 if alternative is None else _near(belief, TEMPI[best] * alternative)
    lead = belief[best] / (belief[best] + rival)
    return float(min(clarity / _FULL_CLARITY, 1.0) * lead)
