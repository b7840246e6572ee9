"""MusiCNN, trained on the Million Song Dataset: what a patch of three seconds sounds like."""

from __future__ import annotations

from pathlib import Path

from audiomuse.errors import SignalError
from audiomuse.inference.session import OnnxModel
from audiomuse.model import EMBEDDING_SIZE, MSD_TAGS, Float32

WEIGHTS = Path(__file__).parent / "weights" / "musicnn_msd.onnx"
SHA256 = "a6c059c3e117171a9b89ec8a3ba6e15cf223f7bd52b1fff356e3ca7093c896ee"

_PATCH_SHAPE = (187, 96)


class MusicnnModel:
    """Embedding and tags of log-mel patches [1]_.

    Parameters
    ----------
    path : Path
        The converted network; the one that comes with AudioMuse is verified by its checksum.

    References
    ----------
    .. [1] J. Pons and X. Serra, "musicnn: Pre-trained convolutional neural networks for music audio tagging",
       Late-breaking/demo session of ISMIR, 2019.
    """

    labels = MSD_TAGS
    """Names of the tags, in the order of the output."""

    def __init__(self, path: Path = WEIGHTS) -> None:
        self.session = OnnxModel(
            path,
            inputs={"patches": (None, *_PATCH_SHAPE)},
            outputs={"embedding": (None, EMBEDDING_SIZE), "tags": (None, len(MSD_TAGS))},
            sha256=SHA256 if path == WEIGHTS else None,
        )

    def describe(self, patches: Float32) -> tuple[Float32, Float32]:
        """Run the network.

        Parameters
        ----------
        patches : ndarray, shape=(n, 187, 96), float32
            Log-mel frames as `audiomuse.audio.mel.log_mel` computes them.

        Returns
        -------
        embedding : ndarray, shape=(n, 200)
            The first dense layer, before its ReLU.
        tags : ndarray, shape=(n, 50)
            Probabilities in the order of `labels`.

        Raises
        ------
        SignalError
            If `patches` has another shape.
        ModelError
            If the network cannot be loaded or fails.
        """
        if patches.ndim != 3 or patches.shape[1:] != _PATCH_SHAPE:
            raise SignalError(f"patches must have shape (n, 187, 96), not {patches.shape}")
        embedding, tags = self.session.run(patches=patches)
        return embedding, tags
