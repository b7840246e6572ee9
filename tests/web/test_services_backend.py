"""What stands behind the page in earnest: settings that change as it runs, servers that are tried first."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.web.memory_backend import silence

from audiomuse.errors import AudioMuseError, LibraryEmpty, SettingsError
from audiomuse.model import JobState, Playlist, PlaylistEntry
from audiomuse.settings import load_settings
from audiomuse.web import services_backend
from audiomuse.web.services_backend import ServicesBackend


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music" / "Some Artist"
    folder.mkdir(parents=True)
    for number in (1, 2):
        (folder / f"{number:02d} Song.wav").write_bytes(silence(2))
    return folder.parent


@pytest.fixture
def backend(tmp_path: Path, empty_databases: Path) -> Iterator[ServicesBackend]:
    with ServicesBackend(load_settings(data_dir=tmp_path / "data", auth_disabled=True)) as made:
        yield made


def test_a_folder_is_tried_before_it_is_used(backend: ServicesBackend, music: Path, tmp_path: Path) -> None:
    wrong = backend.check_server({"media_server": "folder", "music_dir": str(tmp_path / "nowhere")})
    right = backend.check_server({"media_server": "folder", "music_dir": str(music)})
    assert not wrong.ok
    assert wrong.sentence
    assert right.ok
    assert right.server is not None
    assert backend.settings.chosen_server is None, "trying is not using"


def test_a_missing_credential_is_a_sentence_and_no_error(backend: ServicesBackend) -> None:
    found = backend.check_server(
        {"media_server": "subsonic", "subsonic_url": "http://127.0.0.1:9", "subsonic_user": "a"}
    )
    assert not found.ok
    assert "SUBSONIC_PASSWORD" in found.sentence


def test_changed_settings_are_kept_and_used_at_once(backend: ServicesBackend, music: Path) -> None:
    with pytest.raises(SettingsError):
        backend.server()
    backend.change_settings({"media_server": "folder", "music_dir": str(music), "clustering_runs": 5})
    assert [track.title for track in backend.server().all_tracks()]
    assert backend.settings.clustering_runs == 5
    assert backend.settings.auth_disabled, "what the command line said still holds"
    backend.change_settings({"clustering_runs": None})
    assert backend.settings.clustering_runs == 1000
    assert "clustering_runs" not in backend.music.settings.all()


def test_wrong_settings_change_nothing(backend: ServicesBackend) -> None:
    with pytest.raises(SettingsError, match="MAX_DISTANCE"):
        backend.change_settings({"max_distance": 7, "clustering_seed": 3})
    assert backend.music.settings.all() == {}
    assert backend.settings.max_distance == 0.5


def test_clustering_needs_songs_that_were_heard(backend: ServicesBackend) -> None:
    with pytest.raises(LibraryEmpty, match="analysis"):
        backend.start_clustering({})


def test_a_file_to_take_away_is_not_marked_as_ours(backend: ServicesBackend, music: Path) -> None:
    backend.change_settings({"media_server": "folder", "music_dir": str(music)})
    tracks = list(backend.server().all_tracks())
    generation = backend.music.tracks.begin_listing("folder")
    backend.music.tracks.upsert("folder", tracks, generation)
    playlist = Playlist("x", "Two", tuple(PlaylistEntry(track.id) for track in tracks))
    text = backend.m3u8(playlist).decode()
    paths = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(paths) == 2
    assert all(Path(path).is_file() for path in paths)
    assert "AUDIOMUSE" not in text


def test_publishing_all_is_a_job(backend: ServicesBackend, music: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MUSIC_DIR"):
        backend.start_publishing()
    lists = tmp_path / "lists"
    backend.change_settings({"media_server": "folder", "music_dir": str(music), "playlists_dir": str(lists)})
    with pytest.raises(LibraryEmpty, match="no playlists"):
        backend.start_publishing()
    tracks = list(backend.server().all_tracks())
    backend.music.tracks.upsert("folder", tracks, backend.music.tracks.begin_listing("folder"))
    entries = tuple(PlaylistEntry(track.id) for track in tracks)
    backend.music.playlists.save_run([Playlist("x", "Two", entries)])
    ended = backend.engine.run_to_end(backend.start_publishing().id, every_s=0.02)
    assert ended.state is JobState.SUCCESS
    assert [file.name for file in lists.glob("*.m3u8")] == ["Two_automatic.m3u8"]


def test_health_and_metrics_come_from_the_databases(backend: ServicesBackend) -> None:
    assert backend.is_healthy()
    assert "audiomuse_tracks 0" in backend.metrics()


def test_the_demo_library_is_used_once_it_is_whole(
    backend: ServicesBackend, music: Path, monkeypatch
) -> None:
    def render(folder: Path, *, on_progress) -> list[Path]:
        on_progress(1, 2)
        folder.mkdir(parents=True)
        made = [file.rename(folder / file.name) for file in sorted(music.rglob("*.wav"))]
        on_progress(2, 2)
        return made

    monkeypatch.setattr(services_backend, "render_demo_library", render)
    assert backend.demo_progress() is None
    backend.start_demo()
    assert finished(backend).is_ready
    assert backend.settings.chosen_server == "folder"
    assert len(list(backend.server().all_tracks())) == 2


def test_a_demo_library_that_fails_says_so(backend: ServicesBackend, monkeypatch) -> None:
    def render(folder: Path, *, on_progress) -> list[Path]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(services_backend, "render_demo_library", render)
    backend.start_demo()
    progress = finished(backend)
    assert not progress.is_ready
    assert "No space left" in str(progress.error)
    assert backend.settings.chosen_server is None


def test_a_page_that_stops_leaves_the_demo_library_unfinished(backend: ServicesBackend, monkeypatch) -> None:
    is_at_work, may_go_on, has_ended = threading.Event(), threading.Event(), threading.Event()

    def render(folder: Path, *, on_progress) -> list[Path]:
        is_at_work.set()
        assert may_go_on.wait(30)
        try:
            on_progress(1, 2)
        finally:
            has_ended.set()
        raise AssertionError("went on with the second song")

    monkeypatch.setattr(services_backend, "render_demo_library", render)
    backend.start_demo()
    assert is_at_work.wait(30)
    backend.close()
    may_go_on.set()
    assert has_ended.wait(30)
    with pytest.raises(AudioMuseError, match="being stopped"):
        backend.change_settings({"clustering_runs": 5})


def finished(backend: ServicesBackend):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        progress = backend.demo_progress()
        if progress is not None and (progress.is_ready or progress.error):
            return progress
        time.sleep(0.02)
    raise AssertionError("the demo library never came")
