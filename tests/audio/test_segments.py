import numpy as np
import pytest

from audiomuse.audio.segments import as_segments
from audiomuse.errors import SignalError


def test_one_array_is_one_segment_in_single_precision():
    (segment,) = as_segments(np.ones(4), ndim=1, what="audio")
    assert segment.dtype == np.float32


def test_empty_segments_are_left_out():
    found = as_segments([np.zeros(0), np.ones(3)], ndim=1, what="audio")
    assert [len(segment) for segment in found] == [3]


def test_nothing_at_all_is_no_segment():
    assert as_segments([], ndim=1, what="audio") == []


@pytest.mark.parametrize(
    ("y", "reason"),
    [
        (np.zeros((2, 3)), r"audio must have 1 dimension\(s\), this one has shape \(2, 3\)"),
        ([np.zeros(3), np.array([0, np.inf])], "audio holds NaN or infinity"),
    ],
)
def test_other_shapes_and_values_are_refused(y, reason):
    with pytest.raises(SignalError, match=reason):
        as_segments(y, ndim=1, what="audio")
