"""A folder as it is found on real disks: odd names, links in circles, unreadable corners."""

from __future__ import annotations

import os
import shutil
import unicodedata
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, TALB, TIT2, TPE1, TRCK
from mutagen.wave import WAVE
from PIL import Image
from tests.servers.fake_jellyfin import tone

from audiomuse.errors import ServerRefused, ServerUnreachable, TrackMissing
from audiomuse.model import Track
from audiomuse.servers import FolderServer
from audiomuse.servers.folder import album_id, track_id
from audiomuse.servers.m3u import M3uEntry, file_stem, read_m3u, write_m3u
from audiomuse.servers.ranges import ranged_stream
from audiomuse.servers.tags import read_picture, read_tags


@pytest.fixture
def flac(music: Path) -> Path:
    """A FLAC file with tags."""
    return music / "Alma" / "album 0" / "01.flac"


def put(file: Path, source: Path, *, age_days: int = 0) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, file)
    when = 1_760_000_000 - 86_400 * age_days
    os.utime(file, (when, when))
    return file


def picture(width: int, kind: str = "JPEG") -> bytes:
    data = BytesIO()
    Image.new("RGB", (width, width // 2), "teal").save(data, kind)
    return data.getvalue()


def titles(root: Path, **options: object) -> list[str]:
    return [album.title for album in FolderServer(root, **options).albums()]  # type: ignore[arg-type]


# --- the walk ---


def test_only_audio_counts_and_nothing_hidden(tmp_path: Path, flac: Path) -> None:
    for name in (
        "a/1.flac",
        "a/2.FLAC",
        "a/cover.jpg",
        "a/notes.txt",
        "a/.hidden.flac",
        ".trash/1.flac",
        "a/._1.flac",
    ):
        put(tmp_path / name, flac)
    assert sorted(track.path or "" for track in FolderServer(tmp_path).all_tracks()) == [
        "a/1.flac",
        "a/2.FLAC",
    ]


def test_links_are_followed_once_and_circles_end(tmp_path: Path, flac: Path) -> None:
    put(tmp_path / "disk" / "album" / "1.flac", flac)
    root = tmp_path / "music"
    root.mkdir()
    (root / "album").symlink_to(tmp_path / "disk" / "album")
    (root / "same album").symlink_to(tmp_path / "disk" / "album")
    (tmp_path / "disk" / "album" / "back").symlink_to(root)
    (root / "dangling.flac").symlink_to(tmp_path / "nowhere")
    assert len(list(FolderServer(root).all_tracks())) == 1


def test_an_unreadable_corner_is_left_out_and_logged(
    tmp_path: Path, flac: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "open" / "1.flac", flac)
    put(tmp_path / "closed" / "1.flac", flac)
    real_scandir = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")  # the tests may run as root, who may read all
        return real_scandir(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert len(list(FolderServer(tmp_path).all_tracks())) == 1
    assert "closed cannot be read and is left out: Permission denied" in caplog.text


def test_a_name_that_is_no_text_is_listed_heard_and_published(tmp_path: Path, flac: Path) -> None:
    root = tmp_path / "music"
    odd = os.path.join(os.fsencode(root), b"caf\xe9")
    os.makedirs(odd)
    shutil.copy(os.fsencode(flac), os.path.join(odd, b"\xff.flac"))
    server = FolderServer(root)
    (track,) = server.all_tracks()
    assert track.path is not None
    track.path.encode("utf-8")  # can be stored
    with server.open_audio(track, tmp_path) as audio:
        assert audio.path.exists()
    publication = server.save_playlist("Odd", [track.id])
    assert publication.track_ids == (track.id,)
    assert b"\xff.flac" in (root / "AudioMuse" / publication.remote_id).read_bytes()


@pytest.mark.parametrize(
    "name", ["#1 hit.flac", " leading.flac", 'it\'s "quoted" & 100 %.flac', "🎵/ü.flac", "a\\b.flac"]
)
def test_odd_names_survive_a_playlist(tmp_path: Path, flac: Path, name: str) -> None:
    put(tmp_path / name, flac)
    (track,) = FolderServer(tmp_path).all_tracks()
    publication = FolderServer(tmp_path).save_playlist("List", [track.id])
    again = FolderServer(tmp_path).save_playlist("List", [track.id], publication=publication)
    assert (again.remote_id, again.track_ids) == (publication.remote_id, (track.id,))


def test_a_name_with_a_line_break_cannot_stand_in_a_playlist(tmp_path: Path, flac: Path) -> None:
    put(tmp_path / "two\nlines.flac", flac)
    put(tmp_path / "fine.flac", flac)
    ids = {track.path: track.id for track in FolderServer(tmp_path).all_tracks()}
    publication = FolderServer(tmp_path).save_playlist("List", [ids["two\nlines.flac"], ids["fine.flac"]])
    assert publication.track_ids == (ids["fine.flac"],)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    server = FolderServer(tmp_path / "nowhere")
    for ask in (server.identity, server.libraries, lambda: list(server.albums())):
        with pytest.raises(ServerRefused, match="nowhere does not exist or is not a folder; set MUSIC_DIR"):
            ask()


def test_a_disk_that_went_away_stops_the_run_instead_of_skipping_every_song(
    tmp_path: Path, flac: Path
) -> None:
    root = tmp_path / "music"
    put(root / "1.flac", flac)
    server = FolderServer(root)
    (track,) = server.all_tracks()
    shutil.rmtree(root)
    with pytest.raises(ServerUnreachable, match="still mounted"), server.open_audio(track, tmp_path):
        pass


# --- identity ---


def test_ids_depend_on_the_path_within_the_library_alone(tmp_path: Path, flac: Path) -> None:
    put(tmp_path / "here" / "a" / "1.flac", flac)
    put(tmp_path / "there" / "a" / "1.flac", flac, age_days=9)
    (here,) = FolderServer(tmp_path / "here").all_tracks()
    (there,) = FolderServer(tmp_path / "there").all_tracks()
    assert here.id == there.id == track_id("a/1.flac")
    assert len(here.id) == 32
    assert track_id("a") != album_id("a")


def test_an_accent_is_the_same_in_every_spelling() -> None:
    composed, apart = (unicodedata.normalize(form, "Björk/ü.flac") for form in ("NFC", "NFD"))
    assert composed != apart
    assert track_id(composed) == track_id(apart)


# --- albums and tags ---


def test_discs_belong_to_one_album(tmp_path: Path, flac: Path) -> None:
    for disc in ("CD1", "Disc 2", "disk_03"):
        put(tmp_path / "Opera" / disc / "1.flac", flac)
    server = FolderServer(tmp_path)
    (album,) = server.albums()
    assert album.track_count == 3
    assert len(server.tracks(album.id)) == 3


def test_an_album_is_as_new_as_its_newest_file(tmp_path: Path, flac: Path) -> None:
    put(tmp_path / "old" / "1.flac", flac, age_days=30)
    put(tmp_path / "mixed" / "1.flac", flac, age_days=90)
    put(tmp_path / "mixed" / "2.flac", flac, age_days=1)
    albums = list(FolderServer(tmp_path).albums())
    assert [album.track_count for album in albums] == [2, 1]


def test_a_folder_of_many_albums_is_named_by_the_folder(tmp_path: Path, flac: Path, music: Path) -> None:
    put(tmp_path / "Downloads" / "1.flac", flac)
    put(tmp_path / "Downloads" / "2.flac", music / "Choir" / "album 3" / "01.flac")
    (album,) = FolderServer(tmp_path).albums()
    assert (album.title, album.artist) == ("Downloads", None)


def test_a_file_without_tags_is_called_by_its_name(tmp_path: Path, flac: Path) -> None:
    file = put(tmp_path / "Live" / "Encore.flac", flac)
    tags = FLAC(file)
    tags.delete()
    tags.save()
    (track,) = FolderServer(tmp_path).all_tracks()
    assert (track.title, track.artist, track.album) == ("Encore", None, "Live")


def test_a_damaged_file_is_listed_without_tags(tmp_path: Path) -> None:
    for name in ("empty.flac", "empty.mp3", "noise.ogg", "noise.m4a", "noise.wav", "noise.opus", "noise.wma"):
        (tmp_path / name).write_bytes(b"" if "empty" in name else os.urandom(3000))
    tracks = list(FolderServer(tmp_path).all_tracks())
    assert len(tracks) == 7
    assert all(track.artist is None for track in tracks)


def test_wav_files_have_tags_too(tmp_path: Path) -> None:

    file = tmp_path / "a.wav"
    file.write_bytes(tone(440, seconds=0.5))
    tags = WAVE(file)
    tags.add_tags()
    for frame in (
        TIT2(text="Song"),
        TPE1(text="A"),
        TALB(text="B"),
        TRCK(text="3/9"),
        APIC(mime="image/jpeg", data=b"x"),
    ):
        tags.tags.add(frame)
    tags.save()
    read = read_tags(file)
    assert (read.title, read.artist, read.album, read.track) == ("Song", "A", "B", 3)
    assert read.duration_s == pytest.approx(0.5)
    found = read_picture(file)
    assert found is not None
    assert found.data == b"x"


# --- covers ---


def test_a_cover_beside_the_music_is_found_and_made_small(tmp_path: Path, flac: Path) -> None:
    put(tmp_path / "a" / "1.flac", flac)
    (tmp_path / "a" / "Folder.JPG").write_bytes(picture(1000))
    server = FolderServer(tmp_path)
    (album,) = server.albums()
    cover = server.cover(album.id, size=200)
    assert cover is not None
    assert Image.open(BytesIO(cover.data)).size == (200, 100)


def test_a_cover_in_the_file_is_found_for_album_and_track(tmp_path: Path, flac: Path) -> None:
    file = put(tmp_path / "a" / "1.flac", flac)
    tags = FLAC(file)
    block = Picture()
    block.data, block.mime, block.type = picture(100, "PNG"), "image/png", 3
    tags.add_picture(block)
    tags.save()
    server = FolderServer(tmp_path)
    (track,) = server.all_tracks()
    for item in (track.id, str(track.album_id)):
        cover = FolderServer(tmp_path).cover(item)  # one that has not looked around yet
        assert cover is not None
        assert (cover.content_type, cover.data) == ("image/png", picture(100, "PNG"))


def test_a_cover_that_is_no_picture_is_none(tmp_path: Path, flac: Path) -> None:
    put(tmp_path / "a" / "1.flac", flac)
    (tmp_path / "a" / "cover.jpg").write_bytes(b"not a picture")
    assert FolderServer(tmp_path).cover(album_id("a")) is None
    assert FolderServer(tmp_path).cover(track_id("a/1.flac")) is None
    assert FolderServer(tmp_path).cover("unknown") is None


# --- playlists ---


def test_a_playlist_is_relative_utf8_and_readable_by_others(tmp_path: Path, flac: Path) -> None:
    put(tmp_path / "Björk" / "1.flac", flac)
    server = FolderServer(tmp_path)
    (track,) = server.all_tracks()
    publication = server.save_playlist("AC/DC: best?", [track.id])
    file = tmp_path / "AudioMuse" / "AC-DC- best-.m3u8"
    assert publication.remote_id == file.name
    text = file.read_bytes().decode("utf-8")
    assert text.startswith("#EXTM3U\n")
    assert "#PLAYLIST:AC/DC: best?\n" in text
    assert text.endswith("#EXTINF:0,Alma - First light no. 1\n../Björk/1.flac\n")
    assert file.stat().st_mode & 0o777 == 0o644
    assert [other.name for other in file.parent.iterdir()] == [file.name]
    assert [library.name for library in server.libraries()] == ["Björk"]


def test_a_file_of_somebody_else_under_our_name_is_neither_replaced_nor_deleted(
    tmp_path: Path, flac: Path
) -> None:
    put(tmp_path / "1.flac", flac)
    server = FolderServer(tmp_path)
    (track,) = server.all_tracks()
    publication = server.save_playlist("Evening", [track.id])
    file = tmp_path / "AudioMuse" / publication.remote_id
    file.write_text("#EXTM3U\n../1.flac\n")
    with pytest.raises(ServerRefused, match="was not written by AudioMuse; it is left alone"):
        server.delete_playlist(publication)
    again = server.save_playlist("Evening", [track.id], publication=publication)
    assert again.remote_id == "Evening (2).m3u8"
    assert file.read_text() == "#EXTM3U\n../1.flac\n"


@pytest.mark.parametrize("remote_id", ["../music.m3u8", "/etc/passwd", "a/b.m3u8", "1.flac", ""])
def test_an_id_that_leads_elsewhere_is_refused(tmp_path: Path, flac: Path, remote_id: str) -> None:

    put(tmp_path / "1.flac", flac)
    server = FolderServer(tmp_path)
    (track,) = server.all_tracks()
    publication = server.save_playlist("Evening", [track.id])
    with pytest.raises(ServerRefused, match="left alone"):
        server.delete_playlist(replace(publication, remote_id=remote_id))


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path, flac: Path) -> None:
    put(tmp_path / "1.flac", flac)
    (tmp_path / "blocked").write_text("a file, where a folder should be")
    server = FolderServer(tmp_path, tmp_path / "blocked" / "lists")
    (track,) = server.all_tracks()
    with pytest.raises(
        ServerRefused, match=r"the playlists folder .* cannot be written: .*; set PLAYLISTS_DIR"
    ):
        server.save_playlist("Evening", [track.id])


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "list.m3u8"
    write_m3u(file, "List", [M3uEntry("a.flac", "A", 1.4)])

    def failing() -> object:
        yield M3uEntry("b.flac")
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        write_m3u(file, "List", failing())  # type: ignore[arg-type]
    assert read_m3u(file).paths == ("a.flac",)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Evening", "Evening"), ("a/b\\c:d", "a-b-c-d"), (" .. ", "playlist"), ("CON", "_CON"),
        ("nul.x", "_nul.x"), ("Ünï 🎵", "Ünï 🎵"), ("x" * 400, "x" * 180), ("line\nbreak", "line-break"),
        ("é" * 100 + ".", "é" * 90),
    ],
)  # fmt: skip
def test_any_name_becomes_a_file_name(name: str, stem: str) -> None:
    assert file_stem(name) == stem


def test_playlists_of_other_programs_are_read(tmp_path: Path) -> None:
    file = tmp_path / "theirs.m3u8"
    file.write_bytes(b"\xef\xbb\xbf#EXTM3U\r\n#EXTINF:1,x\r\nA\\1.mp3\r\n\r\nb.mp3\r\n")
    read = read_m3u(file)
    assert (read.name, read.paths, read.is_ours) == ("theirs", ("A\\1.mp3", "b.mp3"), False)


# --- ranges ---


@pytest.mark.parametrize(
    ("asked", "status", "data"),
    [
        (None, 200, b"0123456789"), ("bytes=0-", 206, b"0123456789"), ("bytes=3-5", 206, b"345"),
        ("bytes=7-99", 206, b"789"), ("bytes=-3", 206, b"789"), ("bytes=-99", 206, b"0123456789"),
        ("bytes=10-", 416, b""), ("bytes=-0", 416, b""), ("bytes=5-3", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"), ("lines=1-2", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
    ],
)  # fmt: skip
def test_ranges_are_answered_as_browsers_ask(
    tmp_path: Path, asked: str | None, status: int, data: bytes
) -> None:
    file = tmp_path / "x.mp3"
    file.write_bytes(b"0123456789")
    for source in (b"0123456789", file):
        with ranged_stream(source, "mp3", asked) as stream:
            assert stream.status == status
            assert b"".join(stream) == data
            assert stream.headers["Content-Length"] == str(len(data))


def test_a_track_that_was_moved_is_missing(tmp_path: Path, flac: Path) -> None:
    put(tmp_path / "1.flac", flac)
    with pytest.raises(TrackMissing, match="'Song' is gone"):
        FolderServer(tmp_path).stream_audio(Track("0" * 32, "Song", path="2.flac"))
