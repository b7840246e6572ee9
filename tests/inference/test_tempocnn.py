import numpy as np
import pytest

from audiomuse.audio.tempo_input import tempo_patches
from audiomuse.errors import SignalError
from audiomuse.inference.tempocnn import SHA256, WEIGHTS, TempoCNN

SR = 16_000


@pytest.fixture(scope="module")
def network():
    return TempoCNN()


def beat(bpm, seconds=24):
    """A kick on the beat and a hi-hat between."""
    rng = np.random.default_rng(1)
    t = np.arange(SR // 5) / SR
    kick = np.sin(2 * np.pi * 60 * t) * np.exp(-t / 0.06)
    hat = 0.2 * np.diff(rng.normal(size=t.size + 1)) * np.exp(-t / 0.01)
    y = np.zeros(seconds * SR)
    for half_beat, at_s in enumerate(np.arange(0, seconds - 0.3, 30 / bpm)):
        start = round(at_s * SR)
        y[start : start + t.size] += hat if half_beat % 2 else kick
    return y.astype(np.float32)


def test_probabilities_sum_to_one(network):
    patches = np.random.default_rng(2).normal(size=(3, 40, 256)).astype(np.float32)
    np.testing.assert_allclose(network(patches).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("bpm", [90, 110, 128, 140])
def test_the_most_probable_tempo_is_the_one_played(bpm, network):
    mean = network(tempo_patches([beat(bpm)])).mean(axis=0)
    assert 30 + int(mean.argmax()) == pytest.approx(bpm, abs=3)


def test_batches_do_not_show(network):
    patches = np.random.default_rng(3).normal(size=(70, 40, 256)).astype(np.float32)
    together, alone = network(patches), np.concatenate([network(patch[None]) for patch in patches])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_no_patches_have_no_probabilities(network):
    assert network(np.empty((0, 40, 256), np.float32)).shape == (0, 256)


@pytest.mark.parametrize("shape", [(40, 256), (1, 96, 187), (1, 40, 255)])
def test_other_pictures_are_refused(shape, network):
    with pytest.raises(SignalError, match=r"expected patches \(n, 40, 256\)"):
        network(np.zeros(shape, np.float32))


def test_the_weights_are_those_that_the_licence_note_names():
    note = (WEIGHTS.parent / "README-tempocnn.md").read_text(encoding="utf-8")
    assert SHA256 in note
    assert f"{WEIGHTS.stat().st_size:,} bytes" in note
    assert "AGPL-3.0" in note
