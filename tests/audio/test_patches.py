import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiomuse.audio.patches import PATCH_FRAMES, cut_patches, patch_starts


def test_patches_lie_side_by_side_and_the_rest_is_left():
    assert patch_starts([600], hop=187) == [(0, 0), (0, 187), (0, 374)]


def test_half_the_hop_gives_overlapping_patches():
    assert patch_starts([400], hop=93) == [(0, 0), (0, 93), (0, 186)]


def test_windows_have_patches_of_their_own():
    assert patch_starts([200, 100, 374], hop=187) == [(0, 0), (2, 0), (2, 187)]


def test_a_short_sound_has_one_patch():
    assert patch_starts([50], hop=187) == [(0, 0)]
    assert patch_starts([10, 50], hop=187) == [(1, 0)]
    assert patch_starts([0], hop=187) == []


@given(st.integers(1, 40_000), st.sampled_from([93, 187]), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_a_limit_spreads_patches_evenly(n_frames, hop, max_patches):
    every = patch_starts([n_frames], hop=hop)
    chosen = patch_starts([n_frames], hop=hop, max_patches=max_patches)
    assert len(chosen) == min(len(every), max_patches)
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(every)
    gaps = np.diff([first for _, first in chosen])
    if len(gaps):
        assert gaps.max() - gaps.min() <= hop
        assert chosen[0][1] <= gaps.max()


def test_a_short_sound_is_repeated_until_it_fills_a_patch():
    frames = np.arange(50 * 96, dtype=np.float32).reshape(50, 96)
    (batch,) = cut_patches([frames], [(0, 0)], batch_size=8)
    np.testing.assert_array_equal(batch[0, 50:100], frames)
    np.testing.assert_array_equal(batch[0, 150:], frames[:37])


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_batches_hold_every_patch_in_order(batch_size):
    frames = np.random.default_rng(0).random((1500, 96), np.float32)
    starts = patch_starts([1500], hop=187)
    batches = list(cut_patches([frames], starts, batch_size=batch_size))
    assert max(map(len, batches)) <= batch_size
    together = np.concatenate(batches)
    for patch, (_, first) in zip(together, starts, strict=True):
        np.testing.assert_array_equal(patch, frames[first : first + PATCH_FRAMES])
