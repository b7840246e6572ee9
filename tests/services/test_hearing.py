import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
import wave
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.services.fakes import wait_until

from audiomuse.audio import FEATURES_VERSION
from audiomuse.errors import AudioError, ModelError
from audiomuse.model import Key, Tempo, TrackFeatures
from audiomuse.services.hearing import HearingConfig, IsolatedListener, ListeningStopped, open_listener
from audiomuse.services.hearing_child import in_process_listener
from audiomuse.services.hearing_wire import (
    config_from_json,
    config_to_json,
    features_from_json,
    features_to_json,
)
from audiomuse.settings import Settings

only_with_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into a pipe by /proc")


@pytest.fixture(scope="module")
def listener():
    with IsolatedListener(HearingConfig()) as one:
        yield one


@pytest.fixture
def song(tmp_path):
    return write_song(tmp_path / "song.wav", seconds=6)


def write_song(path, *, seconds):
    """A chord with a pulse of 120 BPM."""
    rate = 16_000
    t = np.arange(seconds * rate) / rate
    chord = sum(np.sin(2 * np.pi * hertz * t) for hertz in (261.6, 329.6, 392.0))
    samples = 0.2 * chord * np.exp(-8 * (t % 0.5))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def test_a_child_hears_what_this_process_would_hear(listener, song):
    here = in_process_listener(HearingConfig()).hear(song)
    there = listener.hear(song)
    assert features_to_json(there) == features_to_json(here)
    assert there.tempo.bpm == pytest.approx(120, rel=0.01)
    np.testing.assert_array_equal(there.embedding, here.embedding)


def test_the_version_of_the_numbers_is_known(listener):
    assert listener.features_version == FEATURES_VERSION


def test_one_child_serves_many_songs(listener, song):
    listener.hear(song)
    pid = listener.child_pid
    for _ in range(3):
        listener.hear(song)
    assert listener.child_pid == pid


def test_a_bad_file_is_an_error_with_its_reason_and_the_child_stays(listener, song, tmp_path):
    listener.hear(song)
    pid = listener.child_pid
    diary = tmp_path / "diary.mp3"
    diary.write_text("Dear diary\n" * 100)
    with pytest.raises(AudioError, match=r"diary\.mp3: not a music file") as caught:
        listener.hear(diary)
    assert caught.value.kind == "not-audio"
    assert listener.child_pid == pid


@pytest.mark.parametrize("name", ["new\nline.wav", "\N{SNOWMAN} \udce9.wav", "-x.wav", '"quoted".wav'])
def test_strange_names_reach_the_child(listener, tmp_path, name):
    assert listener.hear(write_song(tmp_path / name, seconds=2)).duration_s == pytest.approx(2.0)


@contextmanager
def in_the_middle_of_a_song(listener):
    """Hear a song in a child that stands still; inside, its pid, and the future of what it hears."""
    child = psutil.Process(listener.child_pid)
    child.suspend()
    wait_until(lambda: child.status() == psutil.STATUS_STOPPED)
    with ThreadPoolExecutor(1) as executor:
        hearing = executor.submit(listener.hear, Path("evil.wav"))
        wait_until(lambda: bytes_waiting(child.pid) > 0)
        yield child, hearing


def bytes_waiting(pid):
    """Count what lies in the pipe to a process's standard input: its question, until it reads it."""
    with Path(f"/proc/{pid}/fd/0").open("rb", buffering=0) as pipe:
        return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


@only_with_proc
@pytest.mark.parametrize("end", [signal.SIGSEGV, signal.SIGKILL])
def test_a_crash_costs_one_song(listener, song, end):
    listener.hear(song)
    with in_the_middle_of_a_song(listener) as (child, hearing):
        child.send_signal(end)
        child.resume()
        with pytest.raises(
            AudioError, match=rf"evil\.wav: crashed the decoder \(signal {end.value}\)"
        ) as caught:
            hearing.result()
    assert caught.value.kind == "crashed"
    assert listener.hear(song).duration_s == pytest.approx(6.0)


def test_a_child_that_died_between_two_songs_is_replaced(song):
    with IsolatedListener(HearingConfig()) as listener:
        listener.hear(song)
        os.kill(listener.child_pid, signal.SIGKILL)
        os.waitid(os.P_PID, listener.child_pid, os.WEXITED | os.WNOWAIT)
        assert listener.hear(song).duration_s == pytest.approx(6.0)


def test_a_hang_is_ended_by_the_clock(song):
    with IsolatedListener(HearingConfig(timeout_s=1.0)) as listener:
        assert listener.features_version
        os.kill(listener.child_pid, signal.SIGSTOP)
        with pytest.raises(AudioError, match=r"song\.wav: not heard after 1 s, given up") as caught:
            listener.hear(song)
        assert caught.value.kind == "timeout"
        assert listener.child_pid is None


@only_with_proc
def test_closing_stops_the_song_and_ends_the_child(song):
    listener = IsolatedListener(HearingConfig())
    assert listener.features_version
    with in_the_middle_of_a_song(listener) as (child, hearing):
        listener.close()
        with pytest.raises(ListeningStopped):
            hearing.result()
    assert not child.is_running()
    with pytest.raises(ListeningStopped):
        listener.hear(song)
    listener.close()


def test_a_child_that_has_grown_is_replaced(song):
    with IsolatedListener(HearingConfig(), recycle_mb=1) as listener:
        listener.hear(song)
        assert listener.child_pid is None
        assert listener.hear(song).duration_s == pytest.approx(6.0)


def test_an_idle_child_is_ended_and_the_next_song_gets_a_new_one(song):
    with IsolatedListener(HearingConfig(), idle_s=0.1) as listener:
        listener.hear(song)
        wait_until(lambda: listener.child_pid is None)
        assert listener.hear(song).duration_s == pytest.approx(6.0)


def test_many_songs_leave_memory_flat(listener, song):
    """What leaks grows every time; an allocator that takes pages in advance does not."""
    listener.hear(song)
    process = psutil.Process(listener.child_pid)
    growths = []
    for _ in range(3):
        before = process.memory_info().rss
        for _ in range(12):
            listener.hear(song)
        growths.append(process.memory_info().rss - before)
    assert min(growths) < 3_000_000, growths


ORPHAN = """
import sys
from audiomuse.services.hearing import HearingConfig, IsolatedListener
listener = IsolatedListener(HearingConfig())
listener.features_version
print(listener.child_pid, flush=True)
sys.stdin.read()
"""


def test_a_child_dies_with_its_parent():
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
    # In a container whose first process does not care for orphans, its entry stays behind.
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_missing_model_stops_everything():
    config = HearingConfig(mood_model=Path("/nowhere/mood.onnx"))
    with IsolatedListener(config) as listener, pytest.raises(ModelError, match=r"mood\.onnx"):
        listener.hear(Path("song.wav"))


def test_the_essentia_backend_says_what_it_needs():
    needed = "EMBEDDING_MODEL_PATH and PREDICTION_MODEL_PATH"
    config = HearingConfig(backend="essentia")
    with IsolatedListener(config) as listener, pytest.raises(ModelError, match=needed):
        listener.hear(Path("song.wav"))


def test_the_settings_choose_how_songs_are_heard(song):
    settings = Settings(max_patches=1, max_whole_song_minutes=0.05)
    listener = open_listener(settings)
    try:
        assert listener.hear(song).duration_s == pytest.approx(6.0)
    finally:
        listener.close()


def test_whoever_asks_for_a_listener_loads_nothing_of_what_hearing_needs():
    heavy = "{'av', 'onnxruntime', 'scipy', 'soxr'}"
    probe = f"import audiomuse.services.app, sys; print({heavy} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


def test_features_survive_the_wire_exactly():
    rng = np.random.default_rng(0)
    full = TrackFeatures(
        "muse-1", 123.456, Tempo(119.99, 0.1, None), Key("A#", "minor", 1 / 3), -12.3, 0.7,
        rng.random(50).astype(np.float32), rng.normal(0, 10, 200).astype(np.float32), {"sunny": 0.1},
    )  # fmt: skip
    for features in (full, TrackFeatures("muse-1", 1.0)):
        back = features_from_json(features_to_json(features))
        for name in TrackFeatures.__slots__:
            np.testing.assert_array_equal(getattr(back, name), getattr(features, name))


def test_the_configuration_survives_the_wire():
    config = HearingConfig("essentia", 93, 40, 60.0, 5.0, Path("/m/e.pb"), Path("/m/t.pb"), None)
    assert config_from_json(config_to_json(config)) == config
