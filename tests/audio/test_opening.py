"""Two decoders: what libav refuses may still be music to libsndfile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiomuse.audio import analyse
from audiomuse.audio.decode import BLOCK_SAMPLES
from audiomuse.audio.opening import open_sound
from audiomuse.audio.sndfile import SndFile, open_with_sndfile
from audiomuse.errors import AudioError

RATE = 22_050


@pytest.fixture
def sine(tmp_path: Path) -> Path:
    """Five seconds of 440 Hz in a format that only libsndfile is allowed to read here."""
    path = tmp_path / "sine.paf"
    t = np.arange(5 * RATE) / RATE
    soundfile.write(path, np.stack([np.sin(2 * np.pi * 440 * t)] * 2, axis=1) * 0.5, RATE, format="PAF")
    return path


def test_a_file_that_libav_refuses_is_read_by_the_other_decoder(sine):
    with open_sound(sine) as sound:
        assert isinstance(sound, SndFile)
        assert sound.claimed_duration_s == pytest.approx(5.0)
        blocks = list(sound.blocks())
    assert sum(block.samples.shape[1] for block in blocks) == 5 * RATE
    assert {block.rate for block in blocks} == {RATE}
    assert all(block.samples.shape[0] == 2 and block.samples.shape[1] <= BLOCK_SAMPLES for block in blocks)


def test_reading_may_begin_in_the_middle(sine):
    with open_sound(sine) as sound:
        assert sum(block.samples.shape[1] for block in sound.blocks(4.0)) == RATE


def test_such_a_file_is_analysed_like_any_other(sine):
    heard = analyse(sine)
    assert heard.duration_s == pytest.approx(5.0, abs=0.01)
    assert heard.loudness_lufs == pytest.approx(-6.0, abs=1.5)


def test_what_neither_decoder_reads_keeps_the_first_reason(tmp_path):
    text = tmp_path / "notes.mp3"
    text.write_text("not music\n" * 50)
    assert open_with_sndfile(text) is None
    with pytest.raises(AudioError, match=r"notes\.mp3: not a music file") as caught, open_sound(text):
        pass
    assert caught.value.kind == "not-audio"


def test_a_missing_file_is_not_tried_twice(tmp_path):
    with pytest.raises(AudioError, match="missing") as caught, open_sound(tmp_path / "missing.ogg"):
        pass
    assert caught.value.kind == "missing"
