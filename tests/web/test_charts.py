"""Geometry with answers that are known by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiomuse.web import charts


@given(st.floats(0, 1))
def test_the_waveform_fills_from_the_left(share: float) -> None:
    bars = charts.waveform("job", share)
    kinds = [bar.kind for bar in bars]
    filled = kinds.count("on")
    assert kinds[:filled] == ["on"] * filled
    assert filled == int(share * len(bars))
    assert all(bar.y >= 0 and bar.y + bar.height <= 80.001 for bar in bars)


def test_a_job_keeps_its_shape_and_another_has_its_own() -> None:
    def heights(seed: str, share: float) -> list[float]:
        return [bar.height for bar in charts.waveform(seed, share)]

    assert heights("a", 0.2) == heights("a", 0.9)
    assert heights("a", 0.2) != heights("b", 0.2)


def test_the_dial_is_empty_at_zero_and_closed_at_one() -> None:
    assert charts.dial(0.0)[0] == 0
    assert charts.dial(1.0)[0] == charts.dial(1.0)[1]
    assert charts.dial(7.0) == charts.dial(1.0)


def test_the_highest_column_is_as_high_as_the_chart() -> None:
    bars = charts.columns([("a", 1), ("b", 4), ("c", 0)], height=100)
    assert [bar.height for bar in bars] == [25, 100, 0]
    assert charts.columns([]) == []
    assert [bar.height for bar in charts.columns([("a", 0)])] == [0]


def test_relative_keys_stand_together_on_the_wheel() -> None:
    wheel = charts.key_wheel([1] * 24)
    pairs = [(wheel[i].key_index, wheel[i + 1].key_index) for i in range(0, 24, 2)]
    assert pairs[0] == (0, 12 + 9), "C major and A minor"
    assert pairs[1] == (7, 12 + 4), "G major and E minor"
    assert {index for pair in pairs for index in pair} == set(range(24))


def test_a_key_without_songs_is_not_drawn() -> None:
    counts = [0] * 24
    counts[2] = 5
    assert [one.key_index for one in charts.key_wheel(counts) if one.path] == [2]


@pytest.mark.parametrize("values", [[], [0.5]])
def test_a_line_needs_two_points(values: list[float]) -> None:
    assert charts.sparkline(values) == ""


def test_a_rising_line_goes_up() -> None:
    assert charts.sparkline([0, 1], width=10, height=20) == "M0.0 16.0L10.0 4.0"
