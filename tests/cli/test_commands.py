"""The command line on a small real library: what it prints, what it leaves, and how it exits."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from audiomuse.model import MSD_TAGS
from audiomuse.services.demo import library as demo_library
from audiomuse.services.demo import render_demo_library
from audiomuse.settings import Settings

ENVIRONMENT = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}


@pytest.fixture(scope="module")
def music(tmp_path_factory) -> Path:
    """Eight short songs of eight styles, and a file that is no music."""
    folder = tmp_path_factory.mktemp("music")
    usual = demo_library.SONG_SECONDS
    demo_library.SONG_SECONDS = 12.0
    try:
        render_demo_library(folder, songs_per_style=1, processes=1)
    finally:
        demo_library.SONG_SECONDS = usual
    (folder / "notes.mp3").write_text("this is not music\n" * 20)
    return folder


@pytest.fixture(scope="module")
def home(music, tmp_path_factory) -> dict[str, str]:
    """The environment of a library that is analysed and clustered."""
    environment = {
        **ENVIRONMENT,
        "DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "MUSIC_DIR": str(music),
    }
    assert run(environment, "analyze").returncode == 0
    assert run(environment, "cluster", "--runs", "40", "--seed", "1").returncode == 0
    return environment


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "audiomuse", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_analyze_prints_one_document_with_counts_and_named_failures(home):
    answer = run(home, "analyze", "--json")
    document = json.loads(answer.stdout)
    assert answer.returncode == 0
    assert document["songs"]["listed"] == 9
    assert document["songs"]["known"] == 8
    (failure,) = document["failed"]
    assert (failure["path"], failure["kind"]) == ("notes.mp3", "not-audio")
    assert "notes.mp3" in failure["message"]


def test_cluster_prints_one_document_and_the_same_one_twice(home):
    first = json.loads(run(home, "cluster", "--runs", "40", "--seed", "1", "--json").stdout)
    second = json.loads(run(home, "cluster", "--runs", "40", "--seed", "1", "--json").stdout)
    assert first["playlists"] == second["playlists"]
    assert first["playlists"]
    assert first["seed"] == 1
    assert 0 <= first["score"] <= 1
    assert {"coverage", "coherence"} <= set(first["parts"])
    for playlist in first["playlists"]:
        assert playlist["name"]
        assert playlist["tracks"]


def test_two_fresh_databases_come_to_the_same_playlists(home, tmp_path):
    other = {**home, "DATA_DIR": str(tmp_path)}
    run(other, "analyze")
    wanted = json.loads(run(home, "cluster", "--runs", "40", "--seed", "1", "--json").stdout)
    again = json.loads(run(other, "cluster", "--runs", "40", "--seed", "1", "--json").stdout)
    assert again["playlists"] == wanted["playlists"]


def test_playlists_are_listed_shown_and_exported(home, tmp_path, music):
    listed = json.loads(run(home, "playlists", "list", "--json").stdout)
    shown = run(home, "playlists", "show", listed[0]["name"].upper())
    assert shown.returncode == 0
    assert "Typical of it" in shown.stdout
    exported = run(home, "playlists", "export", str(tmp_path / "lists"))
    files = [Path(line) for line in exported.stdout.splitlines()]
    assert len(files) == len(listed)
    for file in files:
        songs = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
        assert songs
        assert all((file.parent / song).resolve().is_relative_to(music) for song in songs)
        assert all((file.parent / song).exists() for song in songs)


def test_publishing_to_a_folder_writes_named_files_there_and_leaves_others_alone(home, music):
    folder = music / "AudioMuse"
    folder.mkdir(exist_ok=True)
    (folder / "mine_automatic.m3u8").write_text("#EXTM3U\nmy own.mp3\n")
    assert run(home, "playlists", "publish").returncode == 0
    assert len(list(folder.glob("*_automatic.m3u8"))) > 1
    assert (folder / "mine_automatic.m3u8").read_text() == "#EXTM3U\nmy own.mp3\n"


def test_a_report_is_a_page_of_its_own(home, tmp_path):
    page = tmp_path / "report.html"
    assert run(home, "report", str(page)).returncode == 0
    assert "<svg" in page.read_text()
    assert "http" not in page.read_text().replace("http://www.w3.org", "")


def test_the_doctor_says_what_it_looked_at(home):
    answer = run(home, "doctor", "--json")
    document = json.loads(answer.stdout)
    assert document["ok"]
    assert [check["name"] for check in document["checks"]][:2] == ["address", "credentials"]


def test_a_backup_can_be_restored(home, tmp_path):
    copy = tmp_path / "copy.sqlite"
    assert run(home, "backup", str(copy)).returncode == 0
    other = {**home, "DATA_DIR": str(tmp_path / "other")}
    assert run(other, "restore", str(copy), "--yes").returncode == 0
    listed = json.loads(run(other, "playlists", "list", "--json").stdout)
    assert listed == json.loads(run(home, "playlists", "list", "--json").stdout)


def test_inspect_prints_one_object_a_line_and_needs_no_configuration(music, tmp_path):
    song = next(music.rglob("*.flac"))
    answer = run(
        {**ENVIRONMENT, "HOME": str(tmp_path)}, "inspect", "--json", str(song), str(music / "notes.mp3")
    )
    good, bad = (json.loads(line) for line in answer.stdout.splitlines())
    assert answer.returncode == 1
    assert set(good) == {
        "path", "duration_s", "tempo_bpm", "tempo_confidence", "tempo_alternative_bpm", "key", "scale",
        "key_strength", "loudness_lufs", "energy", "tags", "embedding", "features_version",
    }  # fmt: skip
    assert list(good["tags"]) == list(MSD_TAGS)
    assert len(good["embedding"]) == 200
    assert bad["error"]["kind"] == "not-audio"
    assert not list(tmp_path.rglob("*.sqlite"))


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["cluster", "--max-distance", "7"], 2, "--max-distance"),
        (["cluster", "--num-clusters-min", "70"], 1, "NUM_CLUSTERS_MIN (70) is larger"),
        (["dance"], 2, "No such command"),
        (["playlists", "show", "Nothing"], 1, "There is no playlist 'Nothing'"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_with_its_exit_code(home, arguments, code, complaint):
    answer = run(home, *arguments)
    assert answer.returncode == code
    assert complaint in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_wrong_variable_stops_the_start_and_is_named(home):
    answer = run({**home, "TOP_N_MOODS": "many"}, "analyze")
    assert answer.returncode == 1
    assert answer.stderr.startswith("Error: TOP_N_MOODS")


def test_without_music_the_way_out_is_named(tmp_path):
    answer = run({**ENVIRONMENT, "DATA_DIR": str(tmp_path)}, "analyze")
    assert answer.returncode == 1
    assert "MUSIC_DIR" in answer.stderr


HEARS_THREE = """
import sys, time
from audiomuse.cli import main
from audiomuse.services.job_handlers import Interrupted
from audiomuse.services.listeners import ListenerPool

hear, songs = ListenerPool.hear, iter(range(3))

def hear_three(pool, path, should_stop):
    if next(songs, None) is not None:
        return hear(pool, path, should_stop)
    while not should_stop():
        time.sleep(0.02)
    raise Interrupted

ListenerPool.hear = hear_three
sys.argv = ["audiomuse", "analyze"]
main()
"""
"""`audiomuse analyze` that never gets beyond its third file: whatever interrupts it comes in the middle."""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_an_interrupted_analysis_goes_on_with_what_is_missing(music, tmp_path, number, code):
    environment = {**ENVIRONMENT, "DATA_DIR": str(tmp_path), "MUSIC_DIR": str(music), "ANALYSIS_WORKERS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", HEARS_THREE],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while _analysed(tmp_path) < 2:  # of the three files one may be the one that is no music
        assert process.poll() is None, "it ended by itself"
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait() == code
    assert 2 <= _analysed(tmp_path) <= 3
    again = json.loads(run(environment, "analyze", "--json").stdout)
    assert again["state"] == "SUCCESS"
    assert _analysed(tmp_path) == 8
    assert [failure["kind"] for failure in again["failed"]] == ["not-audio"]


def _analysed(data_dir: Path) -> int:
    """Count the songs that the database of an analysis holds, also while it runs."""
    database = data_dir / "db.sqlite"
    if not database.exists():
        return 0
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM features").fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # its tables are being made
