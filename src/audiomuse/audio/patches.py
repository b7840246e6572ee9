"""Which three-second patches of a spectrogram MusiCNN hears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from audiomuse.audio.mel import N_BANDS
from audiomuse.model import Float32

PATCH_FRAMES = 187
"""Length of a patch, just under three seconds."""


def patch_starts(
    lengths: Sequence[int], *, hop: int, max_patches: int | None = None
) -> list[tuple[int, int]]:
    """Choose the patches of a piece.

    Parameters
    ----------
    lengths : sequence of int
        Frames in each segment of the piece. If all are shorter than a patch, the longest one is heard.
    hop : int > 0
        Frames between the starts of two patches of a segment. What is left behind the last whole patch of
        a segment is not heard, as in the original recipe.
    max_patches : int or None
        Keep only this many, evenly spread over all.

    Returns
    -------
    list of (segment, first frame)
        In order; empty if there are no frames at all.
    """
    starts = [
        (segment, first)
        for segment, length in enumerate(lengths)
        for first in range(0, length - PATCH_FRAMES + 1, hop)
    ]
    if not starts and any(lengths):
        starts = [(int(np.argmax(lengths)), 0)]
    if max_patches is None or len(starts) <= max_patches:
        return starts
    spread = (np.arange(max_patches) + 0.5) * len(starts) / max_patches
    return [starts[int(i)] for i in spread]


def cut_patches(
    mel: Sequence[Float32], starts: Sequence[tuple[int, int]], *, batch_size: int
) -> Iterator[Float32]:
    """Yield the chosen patches in batches of shape (n <= batch_size, 187, 96).

    A segment shorter than a patch is repeated until it fills one, as in the training of the network.
    """
    for first in range(0, len(starts), batch_size):
        chosen = starts[first : first + batch_size]
        batch = np.empty((len(chosen), PATCH_FRAMES, N_BANDS), np.float32)
        for patch, (segment, start) in zip(batch, chosen, strict=True):
            found = mel[segment][start : start + PATCH_FRAMES]
            patch[:] = np.resize(found, patch.shape) if len(found) < PATCH_FRAMES else found
        yield batch
