"""Make src/audiomuse/inference/weights/musicnn_msd.onnx from the PyPI package ``musicnn``.

    python -m pip install onnx          # needed here only, AudioMuse itself does not use it
    python tools/convert_musicnn.py [--wheel FILE] [--output FILE] [SONG ...]

The wheel is downloaded (29 MB, `pip download`), its checksum compared, the checkpoint of MSD_musicnn read
without TensorFlow and written as a pruned ONNX graph. Before anything is written the pruned graph has to
agree with the plain transcript of the network on random patches, and on patches of the songs given.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from audiomuse.audio import AnalysisOptions, song_patches
from musicnn_graph import N_BANDS, N_FRAMES, MusicnnWeights, full_graph, pruned_graph
from tf_checkpoint import read_checkpoint

REQUIREMENT = "musicnn==0.1.0"
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
CHECKPOINT = "musicnn/MSD_musicnn/"
LICENCE = "musicnn-0.1.0.dist-info/LICENSE.md"
OUTPUT = Path(__file__).parents[1] / "src/audiomuse/inference/weights/musicnn_msd.onnx"

MAX_EMBEDDING_ERROR = 5e-5
"""The embedding spans about +-30, so this is two parts in a million: float32 rounding."""
MAX_TAG_ERROR = 5e-6


def main(arguments: list[str] | None = None) -> int:
    """Convert, verify, write; return a process exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wheel", type=Path, help="a downloaded wheel of musicnn; default: fetch it")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("songs", nargs="*", type=Path, help="real music to verify on")
    options = parser.parse_args(arguments)

    with tempfile.TemporaryDirectory() as folder:
        wheel = options.wheel or download_wheel(Path(folder))
        weights = MusicnnWeights.from_checkpoint(
            read_checkpoint(f"{unpack_checkpoint(wheel, Path(folder))}/")
        )
    full, pruned = full_graph(weights), pruned_graph(weights)
    agree = True
    for name, patches in [("random", random_patches()), *patches_of_songs(options.songs)]:
        embedding_error, tag_error = largest_differences(full, pruned, patches)
        print(f"{name}: {len(patches)} patches, max|d| embedding {embedding_error:.1e}, tags {tag_error:.1e}")
        agree &= embedding_error <= MAX_EMBEDDING_ERROR and tag_error <= MAX_TAG_ERROR
    if not agree:
        print("pruned and full network differ: nothing written", file=sys.stderr)
        return 1
    content = pruned.SerializeToString(deterministic=True)
    options.output.write_bytes(content)
    print(f"{options.output}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
    return 0


def download_wheel(folder: Path) -> Path:
    """Fetch the wheel of musicnn, without its dependencies, into `folder`."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", folder, REQUIREMENT],
        check=True,
    )
    (wheel,) = folder.glob("musicnn-*.whl")
    return wheel


def unpack_checkpoint(wheel: Path, folder: Path) -> Path:
    """Unpack the checkpoint of a genuine wheel into `folder`; return where it lies.

    Raises
    ------
    ValueError
        If the wheel is not the file that this conversion was written for.
    """
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise ValueError(f"{wheel.name} has SHA-256 {digest}, expected {WHEEL_SHA256}")
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if name.startswith(CHECKPOINT)]
        archive.extractall(folder, members)
    return folder / CHECKPOINT


def random_patches(n: int = 64, seed: int = 0) -> NDArray[np.float32]:
    """Noise in the range of log-mel frames, some of it silent, which shows the padding at the edges."""
    rng = np.random.default_rng(seed)
    patches = np.abs(rng.normal(1.0, 1.0, (n, N_FRAMES, N_BANDS)))
    patches[: n // 8] = 0.0
    return patches.astype(np.float32)


def patches_of_songs(songs: Iterable[Path]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield (file name, patches) of every song."""
    for song in songs:
        yield song.name, song_patches(song, options=AnalysisOptions())


def largest_differences(
    full: onnx.ModelProto, pruned: onnx.ModelProto, patches: NDArray[np.float32]
) -> tuple[float, float]:
    """Run both networks; return the largest difference of (embedding, tags)."""
    runs = []
    for model in (full, pruned):
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        batches = np.array_split(patches, -(-len(patches) // 16))
        results = [session.run(["embedding", "tags"], {"patches": batch}) for batch in batches]
        runs.append([np.concatenate(parts) for parts in zip(*results, strict=True)])
    embedding_error, tag_error = (float(np.abs(a - b).max()) for a, b in zip(*runs, strict=True))
    return embedding_error, tag_error


if __name__ == "__main__":
    sys.exit(main())
