"""Hear songs one after the other, in a process that may crash without harm.

Decoders are large C libraries and music files come from everywhere. `IsolatedListener` therefore analyses in
a child process: a crash, a runaway or a hang costs the one song that caused it, and the next song goes on.
Only the child loads what hearing needs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from audiomuse.errors import AudioError, AudioMuseError, ModelError
from audiomuse.model import TrackFeatures
from audiomuse.services.hearing_wire import HearingConfig, config_to_json, features_from_json
from audiomuse.settings import Settings

_START_TIMEOUT_S = 120.0
_IDLE_S = 300.0
_RECYCLE_MB: Mapping[str, int] = {"native": 700, "essentia": 4000}
"""A child that holds more than this after a song is replaced before the next one."""
_ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
"""One worker is one thread. The libraries read this when they are loaded: it has to be in the environment."""


class ListeningStopped(AudioMuseError):
    """The listener was closed while it heard a song: nothing is known about the song, try it another time."""


class Listener(Protocol):
    """Something that hears one song at a time."""

    @property
    def features_version(self) -> str:
        """What makes its numbers; those of two versions never mix."""

    def hear(self, path: Path) -> TrackFeatures:
        """Analyse one file.

        Raises
        ------
        AudioError
            If this file cannot be heard: record the reason and go on with the next.
        ModelError
            If no file can be heard, because a model is missing or damaged.
        """

    def close(self) -> None:
        """Stop and give everything back. May be called from another thread, and twice."""


def open_listener(settings: Settings) -> Listener:
    """Make the listener that the settings (those of the group "analysis") ask for."""
    return IsolatedListener(config_of(settings))


def config_of(settings: Settings) -> HearingConfig:
    """Return what the child is told."""
    return HearingConfig(
        backend=settings.analysis_backend,
        patch_hop=settings.patch_hop,
        max_patches=settings.max_patches or None,
        max_whole_song_s=settings.max_whole_song_minutes * 60.0,
        timeout_s=settings.song_timeout_s,
        embedding_model=settings.embedding_model_path,
        prediction_model=settings.prediction_model_path,
        mood_model=settings.mood_model_path,
    )


class IsolatedListener:
    """Hears songs in a child process that is reused, watched and replaced.

    The child starts with the first song and serves many. It is killed when a song takes longer than
    `config.timeout_s`, when the listener is closed, and when there was nothing to hear for a while, which
    gives all its memory back; it is replaced when it crashed or has grown too large. It ends by itself when
    this process dies.

    Parameters
    ----------
    config : HearingConfig
        What the child is told.
    recycle_mb : int or None
        Replace the child when it holds more than this after a song; None for a default by backend.
    idle_s : float
        End the child after this time without a song, in seconds.
    """

    def __init__(
        self, config: HearingConfig, *, recycle_mb: int | None = None, idle_s: float = _IDLE_S
    ) -> None:
        self._config = config
        self._idle_s = idle_s
        self._idle_timer: threading.Timer | None = None
        self._recycle_mb = recycle_mb or _RECYCLE_MB[config.backend]
        self._turn = threading.Lock()
        self._child: _Child | None = None
        self._is_closed = False
        self._version = ""

    @property
    def features_version(self) -> str:
        """What makes its numbers (asks the child the first time)."""
        if not self._version:
            with self._busy():
                self._running_child()
        return self._version

    @property
    def child_pid(self) -> int | None:
        """Process id of the child, if one is running."""
        return None if self._child is None else self._child.pid

    def hear(self, path: Path) -> TrackFeatures:
        """Analyse one file in the child; callers from several threads take turns.

        Raises
        ------
        AudioError
            As `audiomuse.audio.analyse`; also ``"crashed"`` if this file took the child down, and
            ``"timeout"``.
        ModelError
            If a model is missing or damaged.
        ListeningStopped
            If the listener is closed, before or meanwhile.
        """
        with self._busy():
            child = self._running_child()
            answer = self._ask(child, {"path": str(path)}, self._config.timeout_s, what=path.name)
            if answer.get("rss_mb", 0) > self._recycle_mb:
                self._end_child()
        if "features" in answer:
            return features_from_json(answer["features"])
        raise _error_of(answer)

    def close(self) -> None:
        """Kill the child; a song that is being heard raises `ListeningStopped` in its thread."""
        self._is_closed = True
        self._end_child()

    def __enter__(self) -> IsolatedListener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """Have the child for oneself, and start to count its idle time afterwards."""
        with self._turn:
            if self._idle_timer is not None:
                self._idle_timer.cancel()
            try:
                yield
            finally:
                self._idle_timer = threading.Timer(self._idle_s, self._end_idle_child)
                self._idle_timer.daemon = True
                self._idle_timer.start()

    def _end_idle_child(self) -> None:
        with self._turn:
            if self._idle_timer is threading.current_thread():  # else a song came in between
                self._end_child()

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            self._end_child()
            raise ListeningStopped("the listener is closed")

    def _running_child(self) -> _Child:
        self._refuse_if_closed()
        if self._child is not None and not self._child.is_alive:  # it died between two songs: nobody's fault
            self._end_child()
        if self._child is None:
            child = self._child = _Child()
            self._refuse_if_closed()  # by another thread, while the child started
            try:
                answer = self._ask(child, config_to_json(self._config), _START_TIMEOUT_S, what="the analyser")
            except AudioError as e:
                raise ModelError(f"No song can be heard, the analyser does not start: {e}.") from None
            if "ready" not in answer:
                self._end_child()
                raise _error_of(answer)
            self._version = str(answer["ready"])
        return self._child

    def _ask(self, child: _Child, question: dict[str, Any], timeout_s: float, *, what: str) -> dict[str, Any]:
        """Send one question and wait for its answer; a child that does not give one is gone afterwards."""
        try:
            answer = child.ask(question, timeout_s)
        except BaseException:  # also Ctrl-C and a worker's own time limit: leave no child behind
            self._end_child()
            raise
        if answer is not None:
            return answer
        self._end_child()
        if self._is_closed:
            raise ListeningStopped(f"{what}: stopped while it was heard")
        if child.timed_out:
            raise AudioError(f"{what}: not heard after {timeout_s:g} s, given up", kind="timeout")
        raise AudioError(f"{what}: crashed the decoder ({child.describe_end()})", kind="crashed")

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()


class _Child:
    """One child process and the two pipes to it: a line of JSON each way for every question."""

    def __init__(self) -> None:
        root = str(Path(__file__).parents[2])
        search_path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            # -P: what lies in the current folder must not be imported.
            [sys.executable, "-P", "-m", "audiomuse.services.hearing_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for us: whether the song at hand may end is not the terminal's decision.
            start_new_session=True,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": search_path},
        )
        self.timed_out = False

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, question: dict[str, Any], timeout_s: float) -> dict[str, Any] | None:
        """Return the answer, or None if the child died or was killed before it came."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watchdog = threading.Timer(timeout_s, self._give_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except (OSError, ValueError):  # the pipe broke, or was closed by another thread
            return None
        finally:
            watchdog.cancel()
        if not line.endswith(b"\n"):
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    def describe_end(self) -> str:
        """Say how the process ended."""
        status = self._process.wait()
        return f"signal {-status}" if status < 0 else f"exit status {status}"

    def kill(self) -> None:
        """End the process now and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what was still to be written has no reader any more
                if pipe is not None:
                    pipe.close()

    def _give_up(self) -> None:
        self.timed_out = True
        self._process.kill()


def _error_of(answer: Mapping[str, Any]) -> AudioMuseError:
    """Make again the error that the child caught."""
    message = str(answer.get("message", answer))
    if answer.get("error") == "model":
        return ModelError(message)
    return AudioError(message, kind=str(answer.get("kind", "crashed")))


__all__ = [
    "HearingConfig",
    "IsolatedListener",
    "Listener",
    "ListeningStopped",
    "open_listener",
]
