"""What we know about music: listings, features, search, playlists, publications, settings."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from audiomuse.errors import NotFound, ParameterError
from audiomuse.model import (
    MSD_TAGS,
    Clustering,
    Key,
    Playlist,
    PlaylistEntry,
    Publication,
    Tempo,
    Track,
    TrackFeatures,
)
from audiomuse.storage import MusicStore, TrackQuery

SERVER = "jellyfin:one"
MUSE = "muse-1"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def track(number: int, **values: object) -> Track:
    plain = Track(
        id=f"t{number:03}", title=f"Song {number}", artist="Artist", album="Album", duration_s=200.0
    )
    return dataclasses.replace(plain, **values)  # type: ignore[arg-type]


def features(seed: int = 0, **values: object) -> TrackFeatures:
    rng = np.random.default_rng(seed)
    heard = TrackFeatures(
        features_version=MUSE,
        duration_s=201.5,
        tempo=Tempo(120.5, 0.9, 60.25),
        key=Key("A", "minor", 0.75),
        loudness_lufs=-9.5,
        energy=0.5,
        tags=rng.random(50, dtype=np.float32),
        embedding=rng.random(200, dtype=np.float32),
        moods={"calm": 0.25},
    )
    return dataclasses.replace(heard, **values)  # type: ignore[arg-type]


def list_all(music: MusicStore, tracks: list[Track], *, source: str = SERVER, complete: bool = True) -> int:
    generation = music.tracks.begin_listing(source)
    new = music.tracks.upsert(source, tracks, generation)
    music.tracks.finish_listing(source, generation, complete=complete)
    return new


# --- listings -----------------------------------------------------------------------------------


def test_a_track_comes_back_as_the_server_said_it(music: MusicStore) -> None:
    full = Track(
        id="x", title="Ünïcode\n'; DROP TABLE track; --", artist="AC/DC", album_id="a", album="B",
        album_artist="C", duration_s=12.5, path="/music/\udcff.mp3", suffix="mp3", size_bytes=2**40,
        modified_at=NOON, added_at=NOON, year=1999, genres=("Rock", "Pop"), musicbrainz_recording_id="mb",
        play_count=3, last_played_at=NOON, is_favorite=True,
    )  # fmt: skip
    list_all(music, [full])
    assert music.tracks.get("x") == full


def test_text_that_no_database_can_hold_is_cleaned(music: MusicStore) -> None:
    list_all(music, [track(1, title="a\x00b\udcff")])
    assert music.tracks.get("t001").title == "ab?"


def test_listing_again_counts_only_what_is_new(music: MusicStore) -> None:
    assert list_all(music, [track(1), track(2)]) == 2
    assert list_all(music, [track(1), track(2), track(3)]) == 1


def test_a_deleted_track_hides_and_comes_back_with_what_was_heard(music: MusicStore) -> None:
    list_all(music, [track(1), track(2)])
    music.features.save("t002", features())
    list_all(music, [track(1)])
    assert music.tracks.present_ids() == ["t001"]
    assert len(music.features.load_matrix(MUSE)) == 0
    list_all(music, [track(1), track(2)])
    assert music.features.load_matrix(MUSE).ids == ("t002",)


def test_listing_the_newest_albums_hides_nothing_of_its_server(music: MusicStore) -> None:
    list_all(music, [track(1), track(2)])
    list_all(music, [track(2)], complete=False)
    assert sorted(music.tracks.present_ids()) == ["t001", "t002"]


def test_the_tracks_of_another_server_hide(music: MusicStore) -> None:
    list_all(music, [track(1)], source="folder:demo")
    list_all(music, [track(2)], complete=False)
    assert music.tracks.present_ids() == ["t002"]
    assert music.tracks.source_of("t001") == "folder:demo"


def test_another_recording_under_an_old_id_is_due_again(music: MusicStore) -> None:
    list_all(music, [track(1), track(2)])
    music.features.save("t001", features())
    music.features.save("t002", features())
    list_all(music, [track(1, duration_s=90.0), track(2, title="Retagged", size_bytes=5)])
    assert music.features.analysed_ids(MUSE) == {"t002"}


def test_an_unknown_track_is_named(music: MusicStore) -> None:
    with pytest.raises(NotFound, match="'nope'"):
        music.tracks.get("nope")


# --- features -----------------------------------------------------------------------------------


def test_features_come_back_bit_for_bit(music: MusicStore) -> None:
    list_all(music, [track(1)])
    heard = features(seed=3)
    music.features.save("t001", heard)
    found = music.features.get("t001", MUSE)
    assert found is not None
    for name in ("duration_s", "tempo", "key", "loudness_lufs", "energy", "moods"):
        assert getattr(found, name) == getattr(heard, name)
    np.testing.assert_array_equal(found.tags, heard.tags)
    np.testing.assert_array_equal(found.embedding, heard.embedding)


def test_silence_has_nothing_and_is_analysed_all_the_same(music: MusicStore) -> None:
    list_all(music, [track(1)])
    music.features.save("t001", TrackFeatures(features_version=MUSE, duration_s=3.0))
    found = music.features.get("t001", MUSE)
    assert found is not None
    assert (found.tempo, found.key, found.tags, found.embedding) == (None, None, None, None)
    assert music.features.analysed_ids(MUSE, ["t001", "t002"]) == {"t001"}
    assert len(music.features.load_matrix(MUSE)) == 0


def test_saving_twice_leaves_one_row(music: MusicStore) -> None:
    list_all(music, [track(1)])
    music.features.save("t001", features(energy=0.1))
    music.features.save("t001", features(energy=0.2))
    assert music.features.count(MUSE) == 1
    found = music.features.get("t001", MUSE)
    assert found is not None
    assert found.energy == 0.2


def test_two_versions_never_mix(music: MusicStore) -> None:
    list_all(music, [track(1), track(2)])
    music.features.save("t001", features())
    music.features.save("t002", features(features_version="muse-2"))
    assert music.features.load_matrix("muse-2").ids == ("t002",)
    assert music.features.drop_other_versions("muse-2") == 1


def test_the_matrix_has_the_same_track_in_every_column(music: MusicStore) -> None:
    list_all(music, [track(i, artist=f"Artist {i}") for i in range(5)])
    for i in (4, 2, 0):
        music.features.save(
            f"t{i:03}", features(seed=i, energy=i / 10, tempo=None if i == 2 else Tempo(100 + i, 1))
        )
    matrix = music.features.load_matrix(MUSE)
    assert matrix.ids == ("t000", "t002", "t004")
    assert matrix.artists == ("Artist 0", "Artist 2", "Artist 4")
    np.testing.assert_allclose(matrix.energy, [0.0, 0.2, 0.4])
    np.testing.assert_array_equal(matrix.tempo_bpm, np.array([100, np.nan, 104], np.float32))
    assert matrix.key_index.tolist() == [21, 21, 21]
    for row, i in enumerate((0, 2, 4)):
        np.testing.assert_array_equal(matrix.embedding[row], features(seed=i).embedding)
        np.testing.assert_array_equal(matrix.tags[row], features(seed=i).tags)


# --- failures -----------------------------------------------------------------------------------


def test_a_failed_song_is_due_again_when_its_file_changes(music: MusicStore) -> None:
    list_all(music, [track(1, size_bytes=10), track(2, size_bytes=10)])
    for name in ("t001", "t002"):
        music.failures.record(name, kind="corrupt", message="bad", features_version=MUSE)
    list_all(music, [track(1, size_bytes=11), track(2, size_bytes=10)])
    assert music.failures.current_ids(MUSE) == {"t002"}
    assert music.failures.current_ids("muse-2") == set()


def test_a_failure_is_counted_listed_and_cleared_on_demand(music: MusicStore) -> None:
    list_all(music, [track(1)])
    music.failures.record("t001", kind="corrupt", message="bad", features_version=MUSE)
    music.failures.record("t001", kind="empty", message="zero bytes", features_version=MUSE)
    [failure] = music.failures.all()
    assert (failure.kind, failure.message, failure.attempts) == ("empty", "zero bytes", 2)
    assert music.failures.clear(["t001"]) == 1
    assert music.failures.count() == 0


def test_a_song_that_is_heard_after_all_did_not_fail(music: MusicStore) -> None:
    list_all(music, [track(1)])
    music.failures.record("t001", kind="corrupt", message="bad", features_version=MUSE)
    music.features.save("t001", features())
    assert music.failures.get("t001") is None


# --- catalogue ----------------------------------------------------------------------------------


@pytest.fixture
def shelf(music: MusicStore) -> MusicStore:
    list_all(
        music,
        [
            track(1, title="Älter", artist="Björk", album="Debut", album_id="d", added_at=NOON),
            track(2, title="Banana 100%", artist="AC/DC", album="High", added_at=NOON + timedelta(1)),
            track(3, title="cherry", artist="ac/dc", album="High", play_count=7),
            track(4, title="Date", artist=None, album=None),
        ],
    )
    music.features.save("t001", features(tempo=Tempo(90, 1)))
    music.features.save("t003", features(tempo=Tempo(150, 1)))
    music.failures.record("t004", kind="corrupt", message="bad", features_version=MUSE)
    return music


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (TrackQuery(), ["t001", "t002", "t003", "t004"]),
        (TrackQuery(text="alter bjork"), ["t001"]),
        (TrackQuery(text="100%"), ["t002"]),
        (TrackQuery(text="10_%"), []),
        (TrackQuery(artist="ac/dc", sort="title", descending=True), ["t003", "t002"]),
        (TrackQuery(exact_artist="Ac/Dc"), ["t002", "t003"]),
        (TrackQuery(album_id="d"), ["t001"]),
        (TrackQuery(analysed=True, sort="tempo", descending=True), ["t003", "t001"]),
        (TrackQuery(analysed=False), ["t002", "t004"]),
        (TrackQuery(failed=True), ["t004"]),
        (TrackQuery(sort="tempo", limit=2), ["t001", "t003"]),
        (TrackQuery(sort="plays", limit=1), ["t003"]),
        (TrackQuery(sort="added", descending=True, limit=2), ["t002", "t001"]),
        (TrackQuery(offset=1, limit=2), ["t002", "t003"]),
    ],
)
def test_songs_are_found(shelf: MusicStore, query: TrackQuery, ids: list[str]) -> None:
    page = shelf.catalogue.search(query, MUSE)
    assert [entry.track.id for entry in page.entries] == ids


def test_a_page_knows_the_total_and_the_gist(shelf: MusicStore) -> None:
    page = shelf.catalogue.search(TrackQuery(limit=1), MUSE)
    assert page.total == 4
    [entry] = page.entries
    assert (entry.analysed, entry.tempo_bpm, entry.key) == (True, 90, Key("A", "minor", 0.75))
    strongest = int(np.argmax(features().tags if features().tags is not None else []))
    assert entry.top_tags[0][0] == MSD_TAGS[strongest]


def test_artists_are_counted_whatever_their_case(shelf: MusicStore) -> None:
    artists, total = shelf.catalogue.artists()
    assert [(a.artist, a.tracks) for a in artists] == [("AC/DC", 2), ("Björk", 1)]
    assert total == 2
    assert shelf.catalogue.artists("BJÖ")[1] == 1


def test_albums_come_newest_first(shelf: MusicStore) -> None:
    albums, total = shelf.catalogue.albums()
    assert ([(a.title, a.tracks) for a in albums], total) == ([("High", 2), ("Debut", 1)], 2)


def test_the_library_in_numbers(shelf: MusicStore) -> None:
    numbers = shelf.statistics.library(MUSE)
    assert (numbers.tracks, numbers.artists, numbers.albums) == (4, 2, 2)
    assert (numbers.analysed, numbers.failed, numbers.duration_s) == (2, 1, 800.0)
    assert numbers.tempo[0] == (90, 1)
    assert numbers.tempo[-1] == (150, 1)
    assert ("A", "minor", 2) in numbers.keys
    assert sum(count for _, count in numbers.tags) == 2 * 3
    shelf.features.save("t002", features())
    assert shelf.statistics.library(MUSE).analysed == 3


def test_an_empty_library_has_numbers_too(music: MusicStore) -> None:
    numbers = music.statistics.library(MUSE)
    assert (numbers.tracks, numbers.tags, numbers.tempo, sum(numbers.energy)) == (0, (), (), 0)


# --- clusterings, playlists, publications -------------------------------------------------------


def test_a_clustering_comes_back_whole(music: MusicStore) -> None:
    made = Clustering(
        labels=np.array([0, 1, -1], np.int32),
        centers=np.arange(6, dtype=np.float32).reshape(2, 3),
        algorithm="kmeans",
        parameters={"n_clusters": 2},
        seed=7,
        score=0.5,
        parts={"coherence": 0.25},
    )
    assert music.clusterings.latest() is None
    saved_id = music.clusterings.save(made, ["a", "b", "c"], features_version=MUSE, space=b"\x00space")
    found = music.clusterings.latest()
    assert found is not None
    assert (found.id, found.track_ids, found.space, found.features_version) == (
        saved_id, ("a", "b", "c"), b"\x00space", MUSE,
    )  # fmt: skip
    np.testing.assert_array_equal(found.clustering.labels, made.labels)
    np.testing.assert_array_equal(found.clustering.centers, made.centers)
    assert found.clustering.parameters == {"n_clusters": 2}


def playlist(name: str, *track_ids: str, **values: object) -> Playlist:
    entries = tuple(PlaylistEntry(t, reason=f"because {t}") for t in track_ids)
    plain = Playlist(
        id=f"id-{name}", name=name, entries=entries, tags=(("rock", 0.5),), tempo_bpm=120.0, energy=0.5,
        centroid=np.ones(4, np.float32),
    )  # fmt: skip
    return dataclasses.replace(plain, **values)  # type: ignore[arg-type]


def test_playlists_come_back_in_their_order(music: MusicStore) -> None:
    music.playlists.save_run([playlist("b", "2", "1"), playlist("a")])
    first, second = music.playlists.all()
    assert (first.name, first.track_ids, first.entries[0].reason) == ("b", ("2", "1"), "because 2")
    assert (first.tags, second.entries) == ((("rock", 0.5),), ())
    np.testing.assert_array_equal(first.centroid, np.ones(4))


def test_undo_goes_back_and_redo_forth(music: MusicStore) -> None:
    old = music.playlists.save_run([playlist("a", "1")])
    new = music.playlists.save_run([playlist("a", "2")])
    assert music.playlists.undo() == old
    assert music.playlists.get("id-a").track_ids == ("1",)
    assert music.playlists.redo() == new
    assert music.playlists.all(old)[0].track_ids == ("1",)
    assert [run.id for run in music.playlists.runs()] == [new, old]


def test_the_first_run_cannot_be_undone(music: MusicStore) -> None:
    music.playlists.save_run([playlist("a", "1")])
    with pytest.raises(NotFound, match="no earlier"):
        music.playlists.undo()


def test_a_new_run_after_undo_replaces_what_was_undone(music: MusicStore) -> None:
    music.playlists.save_run([playlist("a", "1")])
    music.playlists.save_run([playlist("a", "2")])
    music.playlists.undo()
    music.playlists.save_run([playlist("a", "3")])
    assert len(music.playlists.runs()) == 2
    with pytest.raises(NotFound, match="no later"):
        music.playlists.redo()


def test_what_a_person_changes_is_kept(music: MusicStore) -> None:
    music.playlists.save_run([playlist("a", "1", "2", "3")])
    music.playlists.rename("id-a", "  Mine ")
    music.playlists.set_locked("id-a", True)
    music.playlists.ban("id-a", "2")
    music.playlists.set_pinned("id-a", "3", True)
    found = music.playlists.get("id-a")
    assert (found.name, found.named_by_user, found.locked) == ("Mine", True, True)
    assert (found.track_ids, found.banned) == (("1", "3"), frozenset({"2"}))
    assert [entry.pinned for entry in found.entries] == [False, True]
    assert music.playlists.containing("3") == [("id-a", "Mine")]


def test_a_banned_song_stays_banned_in_later_runs(music: MusicStore) -> None:
    music.playlists.save_run([playlist("a", "1", "2")])
    music.playlists.ban("id-a", "2")
    music.playlists.save_run([playlist("a", "1")])
    assert music.playlists.get("id-a").banned == {"2"}
    music.playlists.unban("id-a", "2")
    assert music.playlists.get("id-a").banned == frozenset()


def test_changes_that_make_no_sense_are_refused(music: MusicStore) -> None:
    music.playlists.save_run([playlist("a", "1")])
    with pytest.raises(ParameterError, match="needs a name"):
        music.playlists.rename("id-a", " \x00 ")
    with pytest.raises(NotFound, match="'9'"):
        music.playlists.set_pinned("id-a", "9", True)
    with pytest.raises(NotFound, match="'id-b'"):
        music.playlists.set_locked("id-b", True)


def test_only_twenty_runs_are_kept(music: MusicStore) -> None:
    for i in range(23):
        music.playlists.save_run([playlist("a", str(i))])
    assert len(music.playlists.runs()) == 20
    assert music.playlists.get("id-a").track_ids == ("22",)


def published(remote_id: str) -> Publication:
    return Publication(SERVER, remote_id, "a_automatic", ("1", "2"), NOON)


def test_a_kill_between_creating_and_recording_leaves_a_trace(music: MusicStore) -> None:
    music.publications.intend(SERVER, "id-a", "a_automatic", ["1", "2"])
    [intent] = music.publications.open_intents(SERVER)
    assert (intent.playlist_id, intent.name, intent.track_ids) == ("id-a", "a_automatic", ("1", "2"))
    music.publications.record("id-a", published("r1"))
    assert music.publications.open_intents(SERVER) == []
    assert music.publications.live(SERVER) == {"id-a": published("r1")}


def test_a_replaced_playlist_stays_ours_until_it_is_deleted(music: MusicStore) -> None:
    music.publications.record("id-a", published("r1"))
    music.publications.record("id-a", published("r2"))
    assert [p.remote_id for p in music.publications.retired(SERVER)] == ["r1"]
    assert music.publications.of("id-a") == [published("r2")]
    assert music.publications.is_ours(SERVER, "r1")
    music.publications.forget(SERVER, "r1")
    assert not music.publications.is_ours(SERVER, "r1")


def test_a_foreign_playlist_is_not_ours(music: MusicStore) -> None:
    music.publications.record("id-a", published("r1"))
    assert not music.publications.is_ours("jellyfin:two", "r1")


def test_a_publication_is_retired_and_an_intent_withdrawn(music: MusicStore) -> None:
    music.publications.record("id-a", published("r1"))
    music.publications.retire(SERVER, "r1")
    assert music.publications.live(SERVER) == {}
    music.publications.intend(SERVER, "id-b", "b", [])
    music.publications.withdraw(SERVER, "id-b")
    assert music.publications.open_intents(SERVER) == []


# --- settings, notes, attempts ------------------------------------------------------------------


def test_settings_are_saved_and_go_back_to_their_default(music: MusicStore) -> None:
    music.settings.save({"clustering_runs": 10, "music_libraries": "Pop"})
    music.settings.save({"clustering_runs": None})
    assert music.settings.all() == {"music_libraries": "Pop"}


def test_notes_are_written_once_if_asked(music: MusicStore) -> None:
    assert music.notes.get("password") is None
    assert music.notes.set_if_absent("password", "first")
    assert not music.notes.set_if_absent("password", "second")
    assert music.notes.get("password") == "first"
    music.notes.set("password", None)
    assert music.notes.get("password") is None


def test_attempts_are_counted_by_name(music: MusicStore) -> None:
    assert [music.attempts.add("1.2.3.4", within_s=60) for _ in range(3)] == [1, 2, 3]
    assert music.attempts.add("5.6.7.8", within_s=60) == 1
    music.attempts.clear("1.2.3.4")
    assert music.attempts.count("1.2.3.4", within_s=60) == 0
