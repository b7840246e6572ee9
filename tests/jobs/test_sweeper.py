"""The sweeper brings back what was forgotten, and starts what is due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from audiomuse.jobs.live import LiveSettings
from audiomuse.jobs.sweeper import Sweeper
from audiomuse.model import JobState
from audiomuse.settings import Settings
from audiomuse.storage import ItemPlan, JobStore, MusicStore, open_job_store, open_music_store


class Bench:
    """A sweeper whose messages are kept instead of sent."""

    def __init__(self, jobs: JobStore, music: MusicStore) -> None:
        self.jobs = jobs
        self.music = music
        self.announced: list[tuple[str, int]] = []
        self.scheduled: list[str] = []
        self.signs_of_life = 0

    def sweeper(self) -> Sweeper:
        return Sweeper(
            self.jobs,
            LiveSettings(self.music),
            announce=lambda job_id, token: self.announced.append((job_id, token)),
            run_scheduled=lambda kind: self.scheduled.append(kind) is None,
            show_alive=self._show_alive,
        )

    def _show_alive(self) -> None:
        self.signs_of_life += 1


@pytest.fixture
def bench(any_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("DATA_DIR", str(any_settings.data_dir))
    with open_job_store(any_settings) as jobs, open_music_store(any_settings) as music:
        yield Bench(jobs, music)


def test_a_job_nobody_was_told_of_is_announced_once(bench: Bench) -> None:
    job = bench.jobs.jobs.create("analysis", {}, [ItemPlan("a", 0)])
    sweeper = bench.sweeper()
    sweeper.sweep()
    sweeper.sweep()
    assert bench.announced == [(job.id, 1)]
    assert bench.signs_of_life == 2


def test_a_waiting_stage_is_no_work(bench: Bench) -> None:
    job = bench.jobs.jobs.create("analysis", {}, [ItemPlan("a", 0), ItemPlan("b", 1)])
    bench.jobs.items.claim(job.id, "somebody", 1, lease_s=60)
    bench.sweeper().sweep()
    assert bench.announced == []


def test_what_a_vanished_worker_held_comes_back(bench: Bench) -> None:
    job = bench.jobs.jobs.create("analysis", {}, [ItemPlan("a", 0)])
    bench.jobs.items.claim(job.id, "gone", 1, lease_s=-1.0)
    bench.sweeper().sweep()
    assert bench.announced == [(job.id, 1)]


def test_a_cancelled_job_is_brought_to_its_end(bench: Bench) -> None:
    job = bench.jobs.jobs.create("analysis", {}, [ItemPlan("a", 0)])
    bench.jobs.items.claim(job.id, "gone", 1, lease_s=-1.0)
    bench.jobs.jobs.request_cancel(job.id)
    bench.sweeper().sweep()
    assert bench.jobs.jobs.get(job.id).state is JobState.REVOKED


def test_quiet_hours_hold_back_the_analysis_and_say_so(bench: Bench) -> None:
    now = datetime.now()
    begin, end = now - timedelta(hours=1), now + timedelta(hours=1)
    bench.music.settings.save({"quiet_hours": f"{begin:%H:%M}-{end:%H:%M}"})
    analysis = bench.jobs.jobs.create("analysis", {}, [ItemPlan("a", 0)])
    clustering = bench.jobs.jobs.create("clustering", {}, [ItemPlan("a", 0)])
    bench.sweeper().sweep()
    assert [job_id for job_id, _ in bench.announced] == [clustering.id]
    assert bench.jobs.jobs.get(analysis.id).detail == {"waiting": f"quiet hours until {end:%H:%M}"}
    bench.music.settings.save({"quiet_hours": None})
    bench.sweeper().sweep()
    assert bench.announced[-1][0] == analysis.id
    assert bench.jobs.jobs.get(analysis.id).detail == {}


def test_a_schedule_saved_on_the_page_starts_a_job_once(bench: Bench) -> None:
    # Once a day, some minutes ago: no minute in which this test may run is one of it.
    due = datetime.now() - timedelta(minutes=10)
    bench.music.settings.save({"analysis_schedule": f"{due.minute} {due.hour} * * *"})
    sweeper = bench.sweeper()
    sweeper.sweep()
    assert bench.scheduled == []  # it counts from now on
    long_ago = bench.jobs.schedules.last_run("analysis") - timedelta(minutes=30)
    with bench.jobs.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE schedule SET last_run_at = {long_ago.timestamp()}")
    sweeper.sweep()
    bench.sweeper().sweep()
    assert bench.scheduled == ["analysis"]


def test_the_thread_outlives_trouble(bench: Bench) -> None:
    bench.music.settings.save({"analysis_schedule": "nonsense"})
    sweeper = bench.sweeper()
    sweeper.start()
    sweeper.stop()
    assert bench.signs_of_life == 1
