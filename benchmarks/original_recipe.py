"""The original recipe, for `bench_analysis`: run it with a Python that has ``essentia-tensorflow``.

    python original_recipe.py musicnn.pb musicnn_head.pb < paths

Reads one path a line and answers each with one line of JSON: CPU seconds (null where Essentia cannot read the
file) and peak memory. The file is loaded at 44.1 kHz for RhythmExtractor2013 and KeyExtractor and again at
16 kHz (linear resampling) for MusiCNN, with patches every 93 frames. Kinder than the original in one point:
the networks are loaded once, not for every song.
"""

from __future__ import annotations

import json
import resource
import sys

import essentia
import essentia.standard as es

essentia.log.infoActive = False
essentia.log.warningActive = False


def main() -> None:
    """Answer every line of standard input."""
    embedding_model, head_model = sys.argv[1:]
    rhythm = es.RhythmExtractor2013()
    key = es.KeyExtractor()
    musicnn = es.TensorflowPredictMusiCNN(graphFilename=embedding_model, output="model/dense/BiasAdd")
    head = es.TensorflowPredict2D(graphFilename=head_model, input="model/Placeholder", output="model/Sigmoid")
    for line in sys.stdin:
        path = line.rstrip("\n")
        before = cpu_seconds()
        try:
            audio = es.MonoLoader(filename=path)()
            rhythm(audio)
            key(audio)
            head(musicnn(es.MonoLoader(filename=path, sampleRate=16_000, resampleQuality=4)()))
        except RuntimeError:  # a codec that Essentia's own build lacks
            spent = None
        else:
            spent = cpu_seconds() - before
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        print(json.dumps({"cpu_s": spent, "peak_mb": peak_mb}), flush=True)


def cpu_seconds() -> float:
    """User and system time of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
