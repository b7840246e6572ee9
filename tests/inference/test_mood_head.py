import json

import numpy as np
import pytest
from tools.tf_graph import FLOAT, GraphDef, content, number

from audiomuse.errors import ModelError
from audiomuse.inference import mood_head
from audiomuse.inference.mood_head import load_mood_head, read_labels

LABELS = ["happy", "aggressive"]
KERNEL = np.zeros((200, 2), np.float32)
KERNEL[0, 0], KERNEL[1, 1] = 1.0, 2.0


def onnx_head(kernel=KERNEL, *, n_inputs=1):
    """An ONNX model sigmoid(x @ kernel); ONNX is a protocol buffer too, and a small one."""

    def value(name, *sizes):
        dims = b"".join(content(1, number(1, n) if isinstance(n, int) else content(2, n)) for n in sizes)
        return content(1, name) + content(2, content(1, number(1, 1) + content(2, dims)))

    def node(operator, inputs, output):
        return b"".join(content(1, i) for i in inputs) + content(2, output) + content(4, operator)

    weights = number(1, kernel.shape[0]) + number(1, kernel.shape[1]) + number(2, 1)
    weights += content(8, "kernel") + content(9, kernel.tobytes())
    graph = content(1, node("MatMul", ["embeddings", "kernel"], "logits"))
    graph += content(1, node("Sigmoid", ["logits"], "moods")) + content(2, "head") + content(5, weights)
    for i in range(n_inputs):
        graph += content(11, value("embeddings" if i == 0 else f"more{i}", "n", kernel.shape[0]))
    graph += content(12, value("moods", "n", kernel.shape[1]))
    return number(1, 8) + content(7, graph) + content(8, content(1, "") + number(2, 17))


def tensorflow_head(kernel=KERNEL):
    g = GraphDef()
    logits = g.matmul("logits", g.placeholder("model/Placeholder", (-1, 200)), kernel)
    g.add("model/Sigmoid", "Sigmoid", logits, T=FLOAT)
    return g.encode()


@pytest.fixture
def onnx_model(tmp_path):
    path = tmp_path / "moods.onnx"
    path.write_bytes(onnx_head())
    path.with_suffix(".json").write_text(json.dumps(LABELS))
    return path


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_moods_are_the_mean_over_the_patches_under_their_labels(onnx_model):
    patches = np.zeros((2, 200), np.float32)
    patches[0, 0], patches[1, 1] = 3.0, -1.0
    moods = load_mood_head(onnx_model).moods(patches)
    assert list(moods) == LABELS
    assert moods["happy"] == pytest.approx((sigmoid(3) + 0.5) / 2, abs=1e-6)
    assert moods["aggressive"] == pytest.approx((0.5 + sigmoid(-2)) / 2, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("moods.json", '["happy", "aggressive"]'),
        ("moods.json", '{"classes": ["happy", "aggressive"], "version": "1"}'),
        ("moods.json", '{"labels": ["happy", "aggressive"]}'),
        ("moods.txt", "happy\n\naggressive\n"),
    ],
)
def test_labels_lie_beside_the_model(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    assert read_labels(tmp_path / "moods.onnx") == ("happy", "aggressive")


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("other.json", "[]", r"needs its labels beside it, in moods\.json or moods\.txt"),
        ("moods.json", "{", "is not JSON"),
        ("moods.json", "[]", "not a list of names"),
        ("moods.json", '{"names": ["a"]}', "not a list of names"),
        ("moods.json", "[1, 2]", "not a list of names"),
        ("moods.txt", "calm\ncalm\n", "name a mood twice"),
    ],
)
def test_wrong_labels_are_refused(name, text, complaint, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(ModelError, match=complaint):
        read_labels(tmp_path / "moods.onnx")


def test_as_many_labels_as_values(onnx_model):
    onnx_model.with_suffix(".json").write_text('["a", "b", "c"]')
    with pytest.raises(ModelError, match="shape"):
        load_mood_head(onnx_model)


def test_a_model_of_another_embedding_is_refused(onnx_model):
    onnx_model.write_bytes(onnx_head(np.zeros((128, 2), np.float32)))
    with pytest.raises(ModelError, match="shape"):
        load_mood_head(onnx_model)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda path: path.write_bytes(onnx_head(n_inputs=2)), "should have one input"),
        (lambda path: path.write_text("no model"), "is not a usable ONNX model"),
        (lambda path: path.unlink(), "does not exist"),
    ],
)
def test_a_wrong_model_stops_the_start(change, complaint, onnx_model):
    change(onnx_model)
    with pytest.raises(ModelError, match=complaint):
        load_mood_head(onnx_model)


def test_only_two_kinds_of_files_are_models(tmp_path):
    path = tmp_path / "moods.h5"
    path.write_bytes(b"x")
    with pytest.raises(ModelError, match=r"should end in \.onnx or \.pb, not in \.h5"):
        load_mood_head(path)


@pytest.fixture
def tensorflow_model(tmp_path):
    path = tmp_path / "moods.pb"
    path.write_bytes(tensorflow_head())
    path.with_suffix(".txt").write_text("happy\naggressive\n")
    return path


def test_without_essentia_a_tensorflow_head_says_how_to_convert_it(tensorflow_model, monkeypatch):
    def not_installed():
        raise ModelError("not installed")

    monkeypatch.setattr(mood_head, "require_essentia", not_installed)
    with pytest.raises(ModelError) as error:
        load_mood_head(tensorflow_model)
    assert "pip install 'audiomuse[essentia]'" in str(error.value)
    assert "--inputs model/Placeholder:0 --outputs model/Sigmoid:0 --output moods.onnx" in str(error.value)


@pytest.mark.essentia
def test_both_kinds_of_heads_say_the_same(onnx_model, tensorflow_model):
    pytest.importorskip("essentia.standard")
    patches = np.random.default_rng(1).normal(size=(5, 200)).astype(np.float32)
    expected = load_mood_head(onnx_model).moods(patches)
    assert load_mood_head(tensorflow_model).moods(patches) == pytest.approx(expected, abs=1e-6)
