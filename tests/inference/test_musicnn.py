import numpy as np
import pytest

from audiomuse.errors import SignalError
from audiomuse.inference import Models, MusicnnModel
from audiomuse.model import MSD_TAGS


@pytest.fixture(scope="module")
def model():
    return MusicnnModel()


def random_patches(n, seed=0):
    return np.abs(np.random.default_rng(seed).normal(1, 1, (n, 187, 96))).astype(np.float32)


def test_labels_belong_to_the_model(model):
    assert model.labels == MSD_TAGS
    assert (model.labels[0], model.labels[33], model.labels[49]) == ("rock", "Hip-Hop", "happy")


def test_a_patch_has_an_embedding_and_probabilities(model):
    embedding, tags = model.describe(random_patches(3))
    assert (embedding.shape, tags.shape) == ((3, 200), (3, 50))
    assert tags.min() >= 0
    assert tags.max() <= 1
    assert embedding.min() < 0, "the embedding is taken before the ReLU"


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_size_of_a_batch_changes_nothing(model, size):
    patches = random_patches(10)
    whole, _ = model.describe(patches)
    parts = [model.describe(patches[i : i + size])[0] for i in range(0, 10, size)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)


def test_the_published_network_says_this_of_silence(model):
    # Computed with the published graph and checkpoint: a guard against a wrong conversion.
    embedding, tags = model.describe(np.zeros((1, 187, 96), np.float32))
    strongest = [MSD_TAGS[i] for i in tags[0].argsort()[::-1][:3]]
    assert strongest == ["rock", "indie", "electronic"]
    np.testing.assert_allclose(embedding[0, :4], [-2.79297, -2.26936, -0.41154, -2.61151], atol=1e-4)


@pytest.mark.parametrize("shape", [(187, 96), (1, 187, 40), (1, 100, 96)])
def test_patches_of_another_shape_are_refused(model, shape):
    with pytest.raises(SignalError, match=r"\(n, 187, 96\)"):
        model.describe(np.zeros(shape, np.float32))


def test_without_a_mood_head_there_are_no_moods():
    assert Models().moods(np.zeros((2, 200), np.float32)) == {}


def test_a_mood_head_of_the_users_own_is_asked():
    class Head:
        def moods(self, embeddings):
            return {"sunny": float(len(embeddings))}

    assert Models(mood_head=Head()).moods(np.zeros((2, 200), np.float32)) == {"sunny": 2.0}


def test_models_of_a_process_are_loaded_and_let_go_together():
    models = Models()
    models.load()
    before = models.describe(random_patches(1))
    models.unload()
    np.testing.assert_array_equal(models.describe(random_patches(1))[0], before[0])
