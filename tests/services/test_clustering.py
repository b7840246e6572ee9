"""The clustering job: same seed same playlists, however the work is shared, and yesterday is remembered."""

from __future__ import annotations

import pytest
from tests.services.fakes import QUICK, given_out, songs, store_library

from audiomuse.audio import FEATURES_VERSION
from audiomuse.errors import ParameterError
from audiomuse.features.planted import planted_library
from audiomuse.model import JobState
from audiomuse.servers import MemoryServer
from audiomuse.services.app import Services, open_services
from audiomuse.services.clustering import last_run
from audiomuse.services.clustering_request import CLUSTERING_FIELDS, ClusteringRequest
from audiomuse.services.library import snapshot, take_rows
from audiomuse.services.quality import current_report, measure
from audiomuse.settings import load_settings

LIBRARY = planted_library(300, seed=3).matrix
RUNS = 60


@pytest.fixture
def services(any_settings):
    with open_services(any_settings, timing=QUICK, server=MemoryServer(songs(0))) as opened:
        store_library(opened.music, LIBRARY)
        yield opened


def cluster(
    services: Services, *, workers: int = 1, publish: bool = False, start_over: bool = False, **chosen
):
    job = services.start_clustering(
        {"clustering_runs": RUNS, **chosen}, publish=publish, start_over=start_over
    )
    return services.engine.run_to_end(job.id, workers=workers, every_s=0.05)


def lists(services: Services):
    return [(playlist.name, playlist.track_ids) for playlist in services.playlists()]


def test_a_library_becomes_playlists_that_respect_every_cap(services):
    ended = cluster(services, max_songs_per_cluster=15, max_songs_per_artist=2)
    assert ended.state is JobState.SUCCESS
    assert ended.result["playlists"] == len(services.playlists()) > 3
    artist = dict(zip(LIBRARY.ids, LIBRARY.artists, strict=True))
    for playlist in services.playlists():
        assert 0 < len(playlist.entries) <= 15
        names = [artist[track] for track in playlist.track_ids]
        assert max(names.count(name) for name in set(names)) <= 2
        assert all(entry.reason for entry in playlist.entries)


def test_one_worker_or_three_make_the_same_playlists(services, tmp_path):
    cluster(services, workers=1)
    other = load_settings(data_dir=tmp_path / "other")
    with open_services(other, timing=QUICK) as fleet:
        store_library(fleet.music, LIBRARY)
        cluster(fleet, workers=3)
        assert lists(fleet) == lists(services)


def test_a_run_that_was_stopped_comes_to_the_same_end(services, tmp_path):
    cluster(services)
    other = load_settings(data_dir=tmp_path / "other")
    with open_services(other, timing=QUICK) as stopped:
        store_library(stopped.music, LIBRARY)
        job = stopped.start_clustering({"clustering_runs": RUNS})
        with given_out(stopped.engine.store, 3) as all_are_given_out:  # the plan, and two dozen of the runs
            half = stopped.engine.run_to_end(job.id, every_s=0.01, should_stop=all_are_given_out)
        assert not half.state.is_final
    with open_services(other, timing=QUICK) as again:
        again.engine.run_to_end(job.id, every_s=0.05)
        assert lists(again) == lists(services)


def test_the_same_run_again_changes_nothing(services):
    cluster(services)
    before = lists(services)
    cluster(services)
    assert lists(services) == before


def test_another_seed_searches_afresh_but_continues_the_playlists(services):
    cluster(services)
    before = {playlist.id for playlist in services.playlists()}
    cluster(services, clustering_seed=5)
    assert before & {playlist.id for playlist in services.playlists()}


def test_starting_over_keeps_only_locked_playlists(services):
    cluster(services)
    kept, other = services.playlists()[:2]
    services.music.playlists.set_locked(kept.id, True)
    cluster(services, clustering_seed=5, start_over=True)
    now = {playlist.id: playlist for playlist in services.playlists()}
    assert now[kept.id].track_ids == kept.track_ids
    assert other.id not in now or now[other.id].track_ids != other.track_ids


def test_the_best_so_far_and_its_playlists_can_be_watched(services):
    seen = []
    job = services.start_clustering({"clustering_runs": 120})
    services.engine.run_to_end(
        job.id, every_s=0.01, on_progress=lambda status: seen.append(status.job.detail)
    )
    scores = [detail["score"] for detail in seen if "score" in detail]
    assert scores == sorted(scores)
    assert scores
    assert any(detail.get("preview", {}).get("lists") for detail in seen)


def test_an_empty_library_fails_with_the_way_out(sqlite_settings):
    with open_services(sqlite_settings, timing=QUICK) as services:
        ended = cluster(services)
        assert ended.state is JobState.FAILURE
        assert "run the analysis first" in (ended.error or "")


@pytest.mark.parametrize("algorithm", ["kmeans", "dbscan", "gmm"])
def test_every_algorithm_makes_playlists(sqlite_settings, algorithm):
    with open_services(sqlite_settings, timing=QUICK) as services:
        store_library(services.music, LIBRARY)
        ended = cluster(services, cluster_algorithm=algorithm)
        assert ended.state is JobState.SUCCESS
        assert services.playlists()


def test_twenty_songs_make_a_playlist(sqlite_settings):
    with open_services(sqlite_settings, timing=QUICK) as services:
        store_library(services.music, planted_library(20, seed=1).matrix)
        cluster(services)
        assert services.playlists()
        assert any("20 songs" in note for note in last_run(services.music)["notes"])


def test_songs_that_come_while_it_runs_do_not_disturb_it(services):
    frozen = list(LIBRARY.ids)
    store_library(services.music, planted_library(320, seed=9).matrix, source="memory:planted")
    matrix = snapshot(services.music, FEATURES_VERSION, frozen)
    assert matrix.ids == tuple(sorted(frozen))


def test_a_report_measures_the_playlists(services):
    cluster(services)
    report = measure(services.music, services.judged_library())
    assert report.coherence is not None
    assert report.random_coherence is not None
    assert report.coherence > report.random_coherence
    assert report.unique_names == 1.0
    assert "<svg" in current_report(services.music, services.judged_library())


def test_rows_are_taken_in_the_order_asked_for():
    taken = take_rows(LIBRARY, [2, 0])
    assert taken.ids == (LIBRARY.ids[2], LIBRARY.ids[0])
    assert taken.tags.shape == (2, 50)


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ({"num_clusters_min": 70}, "NUM_CLUSTERS_MIN"),
        ({"max_distance": 7}, "MAX_DISTANCE"),
        ({"colour": "red"}, "Unknown parameter colour"),
        ({"clustering_runs": 0}, "CLUSTERING_RUNS"),
        ({"cluster_algorithm": "spectral"}, "CLUSTER_ALGORITHM"),
    ],
)
def test_a_wrong_parameter_is_refused_before_a_job_exists(chosen, complaint):
    with pytest.raises(ParameterError, match=complaint):
        ClusteringRequest.make(load_settings(), chosen)


def test_a_request_survives_being_written_down():
    request = ClusteringRequest.make(load_settings(), {"dbscan_eps_min": 0.2}, publish=True)
    again = ClusteringRequest.from_dict(request.to_dict())
    assert again.to_dict() == request.to_dict()
    assert again.search == request.search
    assert again.eps_is_set
    assert set(CLUSTERING_FIELDS) <= set(request.to_dict())


def test_a_request_of_an_older_version_is_completed_with_defaults():
    written = ClusteringRequest.make(load_settings(), {"clustering_runs": 7}).to_dict()
    del written["fitness_coverage"]
    again = ClusteringRequest.from_dict(written)
    assert again.runs == 7
    assert again.search.judge_weights.coverage == 1.0
