"""The report tells good lists from random ones, and draws itself."""

import re
from dataclasses import fields, replace
from html.parser import HTMLParser

import numpy as np
import pytest
from made_lists import blobs, made_clustering, made_matrix, planted_run

from audiomuse.playlists import build_playlists, explain, quality_report, render_html
from audiomuse.playlists.report import coherence


@pytest.fixture(scope="module")
def measured():
    run = planted_run(1000, 20)
    result = build_playlists(run.matrix, run.Z, run.clustering, seed=0)
    return run, result, quality_report(run.matrix, run.Z, result, run.clustering)


def test_coherence_is_one_for_equal_songs_and_nothing_for_any_songs():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(2000, 6)).astype(np.float32)
    artists = np.arange(2000)
    spread = float(2 * Z.var(axis=0).sum())
    assert coherence(np.ones((5, 6), np.float32), np.arange(5), artists, spread) == 1.0
    assert coherence(Z, np.arange(1000), artists, spread) == pytest.approx(0, abs=0.03)


def test_songs_of_one_artist_gain_nothing():
    Z = np.ones((4, 2), dtype=np.float32)
    assert coherence(Z, np.arange(4), np.zeros(4, dtype=int), 1.0) == 0.0


def test_built_lists_are_more_alike_and_smoother_than_chance(measured):
    _, _, report = measured
    assert report.random_coherence == pytest.approx(0, abs=0.1)
    assert report.coherence > 0.4
    assert report.smoothness > 0.2
    assert report.unique_names == 1.0


def test_the_report_counts_what_the_run_did(measured):
    run, result, report = measured
    again = build_playlists(run.matrix, run.Z, run.clustering, seed=0, previous=result.playlists)
    second = quality_report(run.matrix, run.Z, again)
    assert (report.stability, report.n_new) == (None, len(result.playlists))
    assert second.stability > 0.95
    assert second.n_continued == len(result.playlists)
    assert second.score is None


def test_a_single_song_can_be_reported():
    matrix = made_matrix(1)
    Z = np.zeros((1, 2), dtype=np.float32)
    result = build_playlists(matrix, Z, made_clustering(Z, [0]), seed=0)
    report = quality_report(matrix, Z, result)
    assert report.n_playlists == 1
    assert report.tempo_kept is None
    assert "<html" in render_html(report)


def test_the_page_is_whole_and_asks_nobody_for_anything(measured):
    page = render_html(measured[2])
    assert not re.search(r"(?:src|href)=|url\(|@import|https?://", page)
    assert "prefers-color-scheme:dark" in page
    assert page.count("<svg") >= 3

    class Balance(HTMLParser):
        open_tags: list[str]

        def handle_starttag(self, tag, attrs):
            if tag not in {"meta", "rect", "line", "path"}:
                self.open_tags.append(tag)

        def handle_endtag(self, tag):
            if tag not in {"rect", "line", "path"}:
                assert self.open_tags.pop() == tag

    parser = Balance()
    parser.open_tags = []
    parser.feed(page.removeprefix("<!doctype html>"))
    assert parser.open_tags == []


def test_names_cannot_smuggle_markup_into_the_page(measured):
    report = measured[2]
    evil = replace(report, lists=(replace(report.lists[0], name="<script>alert(1)</script>"),))
    assert "<script>" not in render_html(evil)


def test_an_explained_list_names_its_songs_and_steps(measured):
    run, result, _ = measured
    playlist = result.playlists[0]
    explanation = explain(playlist, run.matrix, run.Z)
    assert [song.track_id for song in explanation.songs] == list(playlist.track_ids)
    assert explanation.songs[0].reason == playlist.entries[0].reason
    assert explanation.songs[-1].step_cost is None
    assert np.median([song.distance for song in explanation.songs]) == pytest.approx(1, abs=0.05)
    assert any("Typical of it" in sentence for sentence in explanation.sentences)


def test_a_list_whose_songs_are_gone_is_explained_as_such(measured):
    _, result, _ = measured
    explanation = explain(result.playlists[0], made_matrix(3), blobs([3]))
    assert explanation.songs == ()
    assert explanation.sentences == ("None of its songs is in the library.",)


def test_every_figure_of_the_report_is_plain(measured):
    for field in fields(measured[2]):
        value = getattr(measured[2], field.name)
        assert value is None or isinstance(value, int | float | tuple)
        assert not isinstance(value, np.generic)
