"""Load what is compiled, hear ten made-up seconds and cluster them; told by tools/check_old_cpu.sh.

Everything happens in this process, because an emulator of single programs does not emulate their children.
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

COMPILED = (
    "numpy", "scipy.signal", "sklearn.cluster", "sklearn.mixture", "onnxruntime", "av", "soxr", "soundfile",
    "PIL.Image", "pydantic_core", "psycopg", "argon2",
)  # fmt: skip
SR = 44_100


def song() -> np.ndarray:
    """Return ten seconds of an A minor triad, struck twice a second."""
    t = np.arange(10 * SR) / SR
    chord = sum(np.sin(2 * np.pi * f * t) for f in (220.0, 261.63, 329.63))
    return np.asarray(0.2 * chord * np.exp(-6 * (t % 0.5)))


def hear() -> dict[str, Any]:
    """Analyse the song; return what was heard as plain values."""
    # Late, so that the list of what loads is printed first, up to the one that does not.
    from audiomuse.services.hearing import open_listener
    from audiomuse.settings import load_settings

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "song.wav"
        with wave.open(str(file), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(SR)
            out.writeframes((song() * 32767).astype("<i2").tobytes())
        heard = open_listener(load_settings(), isolated=False).hear(file)
    return {
        "tempo_bpm": heard.tempo and float(heard.tempo.bpm),
        "key": heard.key and f"{heard.key.tonic} {heard.key.scale}",
        "embedding": [float(x) for x in np.asarray(heard.embedding)],
        "tags": [float(x) for x in np.asarray(heard.tags)],
    }


def cluster() -> float:
    """Cluster 300 points around three centres; return the share of points grouped as they were made."""
    from sklearn.cluster import DBSCAN, KMeans
    from sklearn.mixture import GaussianMixture

    rng = np.random.default_rng(0)
    made = np.repeat([0, 1, 2], 100)
    X = np.eye(3)[made] * 10 + rng.normal(size=(300, 3))
    found = [
        KMeans(3, n_init=1, random_state=0).fit_predict(X),
        GaussianMixture(3, random_state=0).fit_predict(X),
        DBSCAN(eps=4.0).fit_predict(X),
    ]
    return min(float(np.mean([len(set(labels[made == k])) == 1 for k in range(3)])) for labels in found)


def main() -> None:
    """Run all of it; exit with an error at the first thing that does not work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--compare", type=Path)
    arguments = parser.parse_args()
    for name in COMPILED:
        started = time.perf_counter()
        importlib.import_module(name)
        print(f"  {name} loads ({time.perf_counter() - started:.1f} s)", flush=True)
    started = time.perf_counter()
    heard = hear()
    print(
        f"  hears {heard['tempo_bpm']:.1f} BPM, {heard['key']} ({time.perf_counter() - started:.1f} s)",
        flush=True,
    )
    print(f"  clusters: {cluster():.0%} of the groups found", flush=True)
    if arguments.write:
        arguments.write.write_text(json.dumps(heard))
    if arguments.compare:
        here = json.loads(arguments.compare.read_text())
        a, b = np.array(heard["embedding"]), np.array(here["embedding"])
        cosine = float(a @ b / np.sqrt((a @ a) * (b @ b)))
        tags = float(np.abs(np.array(heard["tags"]) - np.array(here["tags"])).max())
        print(f"  against this machine: embedding cosine {cosine:.7f}, largest tag difference {tags:.1e}")
        assert heard["key"] == here["key"]
        assert abs(heard["tempo_bpm"] - here["tempo_bpm"]) < 0.1
        assert cosine > 0.9999
        assert tags < 1e-3


if __name__ == "__main__":
    main()
