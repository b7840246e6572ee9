import hashlib

import numpy as np
import pytest

from audiomuse.errors import ModelError
from audiomuse.inference import OnnxModel
from audiomuse.inference.musicnn import SHA256, WEIGHTS

PROMISED = {"inputs": {"patches": (None, 187, 96)}, "outputs": {"embedding": (None, 200), "tags": (None, 50)}}
PATCH = np.zeros((1, 187, 96), np.float32)


def test_a_model_is_loaded_at_its_first_use_only():
    model = OnnxModel(WEIGHTS, **PROMISED)
    assert not model.is_loaded
    model.run(patches=PATCH)
    assert model.is_loaded


def test_outputs_come_in_the_promised_order():
    model = OnnxModel(WEIGHTS, **PROMISED | {"outputs": {"tags": (None, 50), "embedding": (None, 200)}})
    assert [output.shape for output in model.run(patches=PATCH)] == [(1, 50), (1, 200)]


def test_a_model_is_let_go_and_comes_back():
    model = OnnxModel(WEIGHTS, **PROMISED)
    before = model.run(patches=PATCH)
    model.unload()
    assert not model.is_loaded
    for a, b in zip(before, model.run(patches=PATCH), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_can_be_loaded_twice_and_unloaded_twice():
    model = OnnxModel(WEIGHTS, **PROMISED)
    model.load()
    model.load()
    model.unload()
    model.unload()
    assert not model.is_loaded


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"gone\.onnx cannot be read"):
        OnnxModel(tmp_path / "gone.onnx", **PROMISED).load()


def test_a_damaged_model_is_not_loaded(tmp_path):
    damaged = tmp_path / "damaged.onnx"
    content = bytearray(WEIGHTS.read_bytes())
    content[500_000] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(ModelError, match=f"is damaged: SHA-256 .* expected {SHA256}"):
        OnnxModel(damaged, **PROMISED, sha256=SHA256).load()


def test_a_file_that_is_no_model_is_named(tmp_path):
    text = tmp_path / "text.onnx"
    text.write_text("not a model")
    with pytest.raises(ModelError, match=r"text\.onnx is not a usable ONNX model"):
        OnnxModel(text, **PROMISED).load()


@pytest.mark.parametrize(
    ("promised", "complaint"),
    [
        (PROMISED | {"inputs": {"mel": (None, 187, 96)}}, "no input 'mel'"),
        (
            PROMISED | {"inputs": {"patches": (None, 188, 96)}},
            r"'patches' .* has shape \['N', 187, 96\]",
        ),
        (PROMISED | {"inputs": {"patches": (None, 96)}}, "input 'patches'"),
        (PROMISED | {"outputs": {"moods": (None, 50)}}, "no output 'moods'"),
        (PROMISED | {"outputs": {"tags": (None, 51)}}, "output 'tags'"),
    ],
)
def test_a_model_of_another_shape_is_refused(promised, complaint):
    with pytest.raises(ModelError, match=complaint):
        OnnxModel(WEIGHTS, **promised).load()


def test_what_the_runtime_refuses_is_a_model_error():
    with pytest.raises(ModelError, match="failed"):
        OnnxModel(WEIGHTS, **PROMISED).run(patches=np.zeros((1, 187, 95), np.float32))


def test_the_weights_are_those_of_the_readme():
    readme = (WEIGHTS.parent / "README.md").read_text()
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() == SHA256
    assert SHA256 in readme
    assert f"{WEIGHTS.stat().st_size:,} bytes" in readme
