import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tools.tf_graph import FLOAT, GraphDef

from audiomuse.errors import ModelError
from audiomuse.inference.graphdef import head_ends, read_nodes


def head(*, placeholder="model/Placeholder", outputs=("model/Sigmoid",), n_labels=2):
    """A frozen graph from 200 numbers to labels."""
    g = GraphDef()
    x = g.placeholder(placeholder, (-1, 200))
    logits = g.matmul("logits", x, np.zeros((200, n_labels)))
    for name in outputs:
        g.add(name, "Identity" if name == "PartitionedCall" else "Sigmoid", logits, T=FLOAT)
    return g.encode()


def written(path, graph):
    path.write_bytes(graph)
    return path


def test_a_graph_tells_its_nodes_in_order(tmp_path):
    nodes = read_nodes(written(tmp_path / "head.pb", head()))
    assert list(nodes.items()) == [
        ("model/Placeholder", "Placeholder"),
        ("constant_1", "Const"),
        ("logits", "MatMul"),
        ("model/Sigmoid", "Sigmoid"),
    ]


@pytest.mark.parametrize(
    ("graph", "ends"),
    [
        (head(), ("model/Placeholder", "model/Sigmoid")),
        (
            head(placeholder="serving_default_model_Placeholder", outputs=("PartitionedCall",)),
            ("serving_default_model_Placeholder", "PartitionedCall"),
        ),
        (head(placeholder="in", outputs=("mood",)), ("in", "mood")),
        (head(outputs=("inner", "model/Sigmoid")), ("model/Placeholder", "model/Sigmoid")),
    ],
    ids=["musicnn names", "saved model names", "names of one's own", "a sigmoid inside"],
)
def test_the_ends_of_a_head_are_found(graph, ends, tmp_path):
    assert head_ends(written(tmp_path / "head.pb", graph)) == ends


def test_two_outputs_without_a_known_name_are_refused(tmp_path):
    path = written(tmp_path / "head.pb", head(outputs=("happy", "sad")))
    with pytest.raises(ModelError, match=r"outputs \['happy', 'sad'\]"):
        head_ends(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"gone\.pb cannot be read"):
        read_nodes(tmp_path / "gone.pb")


@pytest.mark.parametrize(
    "content", [b"", b"not a graph", b"\x0a\xff\xff\xff\xff\x0f", head()[:-9], b"\xff" * 40]
)
def test_what_is_no_graph_is_refused(content, tmp_path):
    with pytest.raises(ModelError, match="is not a frozen TensorFlow graph"):
        read_nodes(written(tmp_path / "x.pb", content))


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_break_the_reader_in_another_way(tmp_path_factory, content):
    path = written(tmp_path_factory.getbasetemp() / "fuzz.pb", content)
    with contextlib.suppress(ModelError):
        read_nodes(path)
