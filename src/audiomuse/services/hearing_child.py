"""The process in which songs are heard: ``python -m audiomuse.services.hearing_child``.

Reads one JSON line with the configuration, then one for each song, and answers each with one line. It imports
only what hearing needs, so that it starts quickly.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, TextIO

from audiomuse.audio import AnalysisOptions, analyse
from audiomuse.errors import AudioError, ModelError
from audiomuse.inference import Models, MoodHead
from audiomuse.inference.essentia_chain import EssentiaChain
from audiomuse.inference.mood_head import load_mood_head
from audiomuse.model import ESSENTIA_FEATURES_VERSION, FEATURES_VERSION, TrackFeatures
from audiomuse.services.hearing_wire import HearingConfig, config_from_json, features_to_json

_MEMORY_LIMIT_BYTES = {"native": 3 << 30, "essentia": 12 << 30}
"""Allocations beyond this fail: one song must not take the machine's memory."""
_NICENESS = 5
"""Hearing is background work: the page and other programs of the machine come first."""


class InProcessListener:
    """Hears songs in this process, with our own analysis."""

    def __init__(self, models: Models, options: AnalysisOptions) -> None:
        self._models = models
        self._options = options

    @property
    def features_version(self) -> str:
        """What makes its numbers."""
        return FEATURES_VERSION

    def hear(self, path: Path) -> TrackFeatures:
        """Analyse one file; raises what `audiomuse.audio.analyse` raises."""
        return analyse(path, models=self._models, options=self._options)

    def close(self) -> None:
        """Give the memory of the models back."""
        self._models.unload()


class EssentiaListener:
    """Hears songs in this process, with the original chain."""

    def __init__(self, chain: EssentiaChain) -> None:
        self._chain = chain

    @property
    def features_version(self) -> str:
        """What makes its numbers."""
        return ESSENTIA_FEATURES_VERSION

    def hear(self, path: Path) -> TrackFeatures:
        """Analyse one file; raises what `EssentiaChain.hear` raises."""
        return self._chain.hear(path)

    def close(self) -> None:
        """Nothing is held that would have to be given back."""


def in_process_listener(config: HearingConfig) -> InProcessListener | EssentiaListener:
    """Load the models that `config` names and return a listener that uses them.

    Raises
    ------
    ModelError
        If a model is missing or damaged, or the backend is not installed.
    """
    options = AnalysisOptions(
        patch_hop=config.patch_hop,
        max_patches=config.max_patches,
        max_whole_song_s=config.max_whole_song_s,
        timeout_s=config.timeout_s,
    )
    mood_head = None if config.mood_model is None else load_mood_head(config.mood_model)
    if config.backend == "essentia":
        return EssentiaListener(_essentia_chain(config, options, mood_head))
    models = Models(mood_head=mood_head)
    models.load()
    return InProcessListener(models, options)


def _essentia_chain(
    config: HearingConfig, options: AnalysisOptions, mood_head: MoodHead | None
) -> EssentiaChain:
    if config.embedding_model is None or config.prediction_model is None:
        raise ModelError(
            "the essentia backend needs two models: set EMBEDDING_MODEL_PATH and PREDICTION_MODEL_PATH"
        )
    return EssentiaChain(
        config.embedding_model, config.prediction_model, mood_head=mood_head, options=options
    )


def main() -> None:
    """Answer questions until standard input ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # Ctrl-C and service managers signal whole groups. When to stop, and what becomes of the song at
        # hand, is for the parent to decide: it ends this process, or dies and takes it along.
        signal.signal(number, signal.SIG_IGN)
    answers = _claim_stdout()
    questions: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read_questions, args=(questions,), daemon=True).start()
    try:
        config = config_from_json(questions.get())
        _be_modest(config)
        listener = in_process_listener(config)
        _answer(answers, {"ready": listener.features_version})
    except Exception as e:  # noqa: BLE001 - described to the parent, which decides
        _answer(answers, _describe(e))
        return
    while True:
        path = Path(questions.get()["path"])
        try:
            answer = {"features": features_to_json(listener.hear(path))}
        except Exception as e:  # noqa: BLE001 - whatever a file causes, the next one is heard
            answer = _describe(e, path)
        _answer(answers, answer | {"rss_mb": _resident_mb()})


def _claim_stdout() -> TextIO:
    """Keep standard output for answers: what a library prints goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _read_questions(questions: queue.Queue[dict[str, Any]]) -> None:
    """Pass on what comes in; when the parent is gone, end at once, even in the middle of a song."""
    for line in sys.stdin:
        questions.put(json.loads(line))
    os._exit(0)


def _answer(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _describe(error: Exception, path: Path | None = None) -> dict[str, Any]:
    """Say in JSON what went wrong."""
    name = "" if path is None else f"{path.name}: "
    if isinstance(error, AudioError):
        return {"error": "audio", "kind": error.kind, "message": str(error)}
    if isinstance(error, ModelError):
        return {"error": "model", "message": str(error)}
    if isinstance(error, MemoryError):
        return {
            "error": "audio",
            "kind": "too-large",
            "message": f"{name}needs more memory than one song may",
        }
    traceback.print_exception(error)
    return {"error": "audio", "kind": "crashed", "message": f"{name}{type(error).__name__}: {error}"}


def _be_modest(config: HearingConfig) -> None:
    """Limit memory and priority, where the system can."""
    if sys.platform == "win32":
        return
    import resource

    limit = _MEMORY_LIMIT_BYTES[config.backend]
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard < 0 else min(limit, hard), hard))
    os.nice(_NICENESS)


def _resident_mb() -> int:
    """Memory that this process holds now, in MB; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGESIZE") // 1_000_000


if __name__ == "__main__":
    main()
