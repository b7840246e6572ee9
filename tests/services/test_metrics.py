"""Prometheus finds the numbers of the databases."""

from __future__ import annotations

import re

from audiomuse.model import Track, TrackFeatures
from audiomuse.services.jobs import ItemPlan, JobEngine
from audiomuse.services.metrics import prometheus_text
from audiomuse.settings import Settings
from audiomuse.storage import open_job_store, open_music_store


def test_the_text_holds_library_jobs_and_workers(sqlite_settings: Settings) -> None:
    with open_music_store(sqlite_settings) as music, open_job_store(sqlite_settings) as jobs:
        generation = music.tracks.begin_listing("folder")
        music.tracks.upsert("folder", [Track("a", "A"), Track("b", "B")], generation)
        music.features.save("a", TrackFeatures("v", 3.0))
        job = jobs.jobs.create('odd "kind"', {}, [ItemPlan("x", 1), ItemPlan("y", 1)])
        jobs.items.claim(job.id, "me", 1, lease_s=60)
        jobs.workers.beat("w", host="h", pid=1, slots=3)
        text = prometheus_text(JobEngine(jobs, []), music, "v")
    assert "\naudiomuse_tracks 2\n" in text
    assert "\naudiomuse_tracks_analysed 1\n" in text
    assert "\naudiomuse_worker_slots 3\n" in text
    assert 'audiomuse_job_items{kind="odd \\"kind\\"",state="leased"} 1\n' in text
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .+|\w+({(\w+="([^"\\]|\\.)*",?)+})? [-\d.e+]+', line), line
