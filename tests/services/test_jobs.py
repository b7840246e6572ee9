"""The engine: what a failure means, cancel that is true, and kills that lose nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from audiomuse.errors import (
    AudioError,
    AudioMuseError,
    JobConflict,
    ModelError,
    NotFound,
    ServerRefused,
    ServerUnreachable,
    StorageError,
    StorageUnreachable,
    TrackMissing,
)
from audiomuse.model import JobItem, JobState
from audiomuse.services.jobs import ItemPlan, JobContext, JobEngine, JobHandler, JobStatus, Outcome, Timing
from audiomuse.services.owners import is_dead, new_owner
from audiomuse.settings import Settings
from audiomuse.storage import JobStore, open_job_store

QUICK = Timing(check_s=0.02, retry_s=0.03, retries=3, retries_planning=1)


class Squares(JobHandler):
    """Plans `n` numbers, squares each, and adds them up at the end."""

    kind = "analysis"

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self.hook: Callable[[JobItem, JobContext], None] = lambda item, context: None

    def plan(self, parameters: Mapping[str, Any]) -> Sequence[ItemPlan]:
        return [ItemPlan("plan", 0, weight=0)]

    def run(self, item: JobItem, prepared: Any, context: JobContext) -> Outcome:
        self.runs[item.key] += 1
        self.hook(item, context)
        if item.key == "plan":
            numbers = [ItemPlan(f"n{i}", 1, {"number": i}) for i in range(context.job.parameters["n"])]
            return Outcome(more=[*numbers, ItemPlan("sum", 2, weight=0)])
        if item.key == "sum":
            squares = [done.result["square"] for done in context.results(1) if done.result]
            return Outcome(job_result={"sum": sum(squares)})
        return Outcome({"square": item.payload["number"] ** 2}, detail={"last": item.key})


@pytest.fixture
def store(any_settings: Settings) -> Iterator[JobStore]:
    with open_job_store(any_settings) as opened:
        yield opened


@pytest.fixture
def squares() -> Squares:
    return Squares()


@pytest.fixture
def engine(store: JobStore, squares: Squares) -> JobEngine:
    return JobEngine(store, [squares], timing=QUICK)


sqlite_only = pytest.mark.parametrize("any_settings", ["sqlite"], indirect=True)


def fail_at(key: str, error: Exception) -> Callable[[JobItem, JobContext], None]:
    def hook(item: JobItem, context: JobContext) -> None:
        if item.key == key:
            raise error

    return hook


def run(engine: JobEngine, n: int = 4, **options: Any) -> Any:
    job = engine.start("analysis", {"n": n})
    return engine.run_to_end(job.id, every_s=0.02, **options)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_job_runs_to_its_end(engine: JobEngine, squares: Squares, workers: int) -> None:
    job = run(engine, 6, workers=workers)
    assert (job.state, job.result, job.done, job.total) == (JobState.SUCCESS, {"sum": 55}, 6, 6)
    assert set(squares.runs.values()) == {1}


def test_progress_is_told_while_it_runs(engine: JobEngine, squares: Squares) -> None:
    seen: list[JobStatus] = []
    told = threading.Event()

    def wait_until_told(item: JobItem, context: JobContext) -> None:
        if item.key == "n6":
            assert told.wait(120)

    def watch(status: JobStatus) -> None:
        seen.append(status)
        if status.items_per_minute and status.eta_s is not None and status.current:
            told.set()

    squares.hook = wait_until_told
    run(engine, 8, on_progress=watch)
    assert told.is_set()
    assert seen[-1].job.state is JobState.SUCCESS
    assert seen[-1].remaining == 0


@sqlite_only
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AudioError("not audio", kind="not-audio"), "not-audio"),
        (TrackMissing("gone"), "missing"),
        (ZeroDivisionError("a bug"), "unexpected"),
    ],
)
def test_one_bad_song_fails_alone(engine: JobEngine, squares: Squares, error: Exception, kind: str) -> None:
    squares.hook = fail_at("n3", error)
    job = run(engine)
    assert (job.state, job.done, job.failed, job.result) == (JobState.SUCCESS, 3, 1, {"sum": 5})
    [failed] = engine.store.items.failed(job.id)
    assert (failed.error_kind, str(error) in (failed.error or "")) == (kind, True)
    assert engine.store.log.lines(job.id)[-1].item_key == "n3"


@sqlite_only
@pytest.mark.parametrize("where", ["plan", "n2", "sum"])
@pytest.mark.parametrize(
    "error",
    [ServerRefused("401: the key is not accepted"), ModelError("model damaged"), StorageError("disk full")],
)
def test_what_cannot_get_better_fails_the_job_with_its_sentence(
    engine: JobEngine, squares: Squares, where: str, error: AudioMuseError
) -> None:
    squares.hook = fail_at(where, error)
    job = run(engine)
    assert (job.state, job.error) == (JobState.FAILURE, str(error))
    assert engine.store.items.leased(job.id) == []


@sqlite_only
@pytest.mark.parametrize("error", [ServerUnreachable("503"), StorageUnreachable("restarting")])
def test_a_server_that_comes_back_costs_nothing(
    engine: JobEngine, squares: Squares, error: AudioMuseError
) -> None:
    def hook(item: JobItem, context: JobContext) -> None:
        if item.key in ("plan", "n1") and squares.runs[item.key] == 1:
            raise error

    squares.hook = hook
    job = run(engine)
    assert (job.state, job.failed, squares.runs["n1"]) == (JobState.SUCCESS, 0, 2)


@sqlite_only
def test_a_server_that_stays_away_fails_the_job(engine: JobEngine, squares: Squares) -> None:
    def hook(item: JobItem, context: JobContext) -> None:
        if item.stage == 1:
            raise ServerUnreachable("http://nas:8096 does not answer")

    squares.hook = hook
    job = run(engine)
    assert (job.state, job.error) == (JobState.FAILURE, "http://nas:8096 does not answer")
    assert max(squares.runs.values()) == QUICK.retries + 1


@sqlite_only
def test_a_server_that_chokes_on_one_song_only_fails_that_song(engine: JobEngine, squares: Squares) -> None:
    def wait_for(condition: Callable[[], bool], context: JobContext) -> None:
        while not condition():
            context.wait(0.01)

    def hook(item: JobItem, context: JobContext) -> None:
        if item.key == "n5":  # is done after the first failure of n1 ...
            wait_for(lambda: squares.runs["n1"] > 1, context)
        if item.key == "n1":
            if squares.runs["n1"] > QUICK.retries:  # ... and before its last
                wait_for(lambda: "n5" in [done.key for done in context.results(1)], context)
            raise ServerUnreachable("500 for this file")

    squares.hook = hook
    job = run(engine, 8, workers=2)
    assert (job.state, job.failed) == (JobState.SUCCESS, 1)
    assert [item.error_kind for item in engine.store.items.failed(job.id)] == ["unreachable"]


def test_cancel_is_obeyed_within_one_item_and_true(engine: JobEngine, squares: Squares) -> None:
    in_song = threading.Event()

    def hook(item: JobItem, context: JobContext) -> None:
        if item.stage == 1:
            in_song.set()
            context.wait(30)

    squares.hook = hook
    job = engine.start("analysis", {"n": 4})
    worker = threading.Thread(
        target=engine.run_to_end, args=(job.id,), kwargs={"workers": 2, "every_s": 0.02}
    )
    worker.start()
    assert in_song.wait(120)
    assert engine.cancel(job.id).cancel_requested
    worker.join()
    assert engine.store.jobs.get(job.id).state is JobState.REVOKED
    assert engine.store.items.leased(job.id) == []


def test_cancelling_what_nobody_works_on_is_immediate(engine: JobEngine) -> None:
    job = engine.start("analysis", {"n": 4})
    assert engine.cancel(job.id).state is JobState.REVOKED


def test_after_a_cancel_only_the_missing_is_done(engine: JobEngine, squares: Squares) -> None:
    def cancel_at_two(item: JobItem, context: JobContext) -> None:
        if item.key == "n2":
            engine.cancel(context.job.id)
            context.wait(30)

    squares.hook = cancel_at_two
    job = run(engine)
    assert (job.state, job.done) == (JobState.REVOKED, 2)
    squares.hook = lambda item, context: None
    engine.resume(job.id)
    job = engine.run_to_end(job.id, every_s=0.02)
    assert (job.state, job.result) == (JobState.SUCCESS, {"sum": 14})
    assert squares.runs == {"plan": 1, "n0": 1, "n1": 1, "n2": 2, "n3": 1, "sum": 1}


@sqlite_only
def test_stopping_the_worker_leaves_a_job_to_resume(engine: JobEngine, squares: Squares) -> None:
    stop = threading.Event()

    def hook(item: JobItem, context: JobContext) -> None:
        if item.key == "n2":
            stop.set()
            context.wait(30)

    squares.hook = hook
    job = run(engine, should_stop=stop.is_set)
    assert (job.state, job.done) == (JobState.PROGRESS, 2)
    assert engine.store.items.leased(job.id) == []
    squares.hook = lambda item, context: None
    assert engine.run_to_end(job.id, every_s=0.02).result == {"sum": 14}


@sqlite_only
def test_a_second_job_of_the_kind_is_refused(engine: JobEngine) -> None:
    engine.start("analysis", {"n": 1})
    with pytest.raises(JobConflict):
        engine.start("analysis", {"n": 1})


@sqlite_only
def test_unknown_kinds_and_jobs_are_named(engine: JobEngine) -> None:
    with pytest.raises(NotFound, match="'dancing'"):
        engine.start("dancing")
    with pytest.raises(NotFound, match="'x'"):
        engine.status("x")


@sqlite_only
def test_starting_and_resuming_are_announced(store: JobStore, squares: Squares) -> None:
    heard: list[str] = []
    engine = JobEngine(store, [squares], announce=heard.append, timing=QUICK)
    job = engine.start("analysis", {"n": 1})
    engine.cancel(job.id)
    engine.resume(job.id)
    assert heard == [job.id, job.id]


@sqlite_only
def test_a_status_finds_out_that_the_last_worker_died(engine: JobEngine) -> None:
    job = engine.start("analysis", {"n": 1})
    engine.store.items.claim(job.id, "somebody", 1, lease_s=-1.0)
    engine.store.jobs.request_cancel(job.id)
    assert engine.status(job.id).job.state is JobState.REVOKED


class Downloads(Squares):
    """Fetches something for every number while the one before is being squared."""

    lookahead = 1

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.most_open = 0
        self.fetched: list[str] = []

    def prepare(self, item: JobItem, context: JobContext) -> Any:
        if item.stage != 1:
            return None
        self.open.append(item.key)
        self.fetched.append(item.key)
        self.most_open = max(self.most_open, len(self.open))
        if item.key == "n3":
            self.open.remove(item.key)
            raise TrackMissing("gone while downloading")
        return _File(self, item.key)


class _File:
    def __init__(self, downloads: Downloads, key: str) -> None:
        self.key = key
        self._downloads = downloads

    def close(self) -> None:
        self._downloads.open.remove(self.key)


@sqlite_only
def test_the_next_download_overlaps_the_work_and_every_file_is_closed(store: JobStore) -> None:
    downloads = Downloads()
    overlapped = threading.Event()

    def hook(item: JobItem, context: JobContext) -> None:
        if item.key == "n0":
            while "n1" not in downloads.fetched:
                context.wait(0.005)
            overlapped.set()

    downloads.hook = hook
    job = run(JobEngine(store, [downloads], timing=QUICK), 6)
    assert overlapped.is_set()
    assert (downloads.open, downloads.most_open) == ([], 2)
    assert (job.state, job.failed) == (JobState.SUCCESS, 1)


@sqlite_only
def test_a_download_made_in_vain_is_closed_too(store: JobStore) -> None:
    downloads = Downloads()
    engine = JobEngine(store, [downloads], timing=QUICK)

    def hook(item: JobItem, context: JobContext) -> None:
        if item.key == "n0":
            while "n1" not in downloads.fetched:
                context.wait(0.005)
            raise ServerRefused("no")

    downloads.hook = hook
    assert run(engine, 6).state is JobState.FAILURE
    assert downloads.open == []
    assert engine.store.items.leased(engine.store.jobs.all()[0].id) == []


class Generations(JobHandler):
    """A search of three generations: the batches of one follow from the results of the one before."""

    kind = "clustering"

    def plan(self, parameters: Mapping[str, Any]) -> Sequence[ItemPlan]:
        return [ItemPlan(f"g1-{i}", 1, {"start": i}, weight=5) for i in range(3)] + [
            ItemPlan("breed-1", 2, weight=0)
        ]

    def run(self, item: JobItem, prepared: Any, context: JobContext) -> Outcome:
        if item.key.startswith("g"):
            return Outcome({"score": item.payload["start"] * 2})
        generation = item.stage // 2
        best = max(done.result["score"] for done in context.results(item.stage - 1) if done.result)
        if generation == 3:
            return Outcome(job_result={"best": best})
        following = [
            ItemPlan(f"g{generation + 1}-{i}", item.stage + 1, {"start": best + i}, weight=5)
            for i in range(3)
        ]
        return Outcome(more=[*following, ItemPlan(f"breed-{generation + 1}", item.stage + 2, weight=0)])


def test_items_bring_later_stages(store: JobStore) -> None:
    engine = JobEngine(store, [Generations()], timing=QUICK)
    job = engine.start("clustering")
    job = engine.run_to_end(job.id, workers=3, every_s=0.02)
    # 2 * 2 = 4; (4 + 2) * 2 = 12; (12 + 2) * 2 = 28
    assert (job.state, job.result, job.total) == (JobState.SUCCESS, {"best": 28}, 45)


def test_an_owner_of_this_process_lives_and_a_dead_one_is_known() -> None:
    assert not is_dead(new_owner())
    code = "from audiomuse.services.owners import new_owner; print(new_owner())"
    owner = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert is_dead(owner.strip())
    assert not is_dead("another-host+boot+ns+1+1+x")
    assert not is_dead("nonsense")


KILLED = """
import sys, time
from pathlib import Path
from audiomuse.services.jobs import JobEngine
from audiomuse.settings import load_settings
from audiomuse.storage import open_job_store
sys.path.insert(0, {here!r})
import test_jobs
handler = test_jobs.Squares()
def slow(item, context):
    with Path({runs!r}).open("a") as file:
        file.write(item.key + "\\n")
    time.sleep(0.02)
handler.hook = slow
with open_job_store(load_settings(data_dir={data!r})) as store:
    engine = JobEngine(store, [handler], timing=test_jobs.QUICK)
    engine.run_to_end({job_id!r}, workers=2, every_s=0.05)
"""


@sqlite_only
def test_kill_9_at_any_time_loses_nothing_and_does_nothing_twice(
    engine: JobEngine, any_settings: Settings, tmp_path: Path
) -> None:
    job = engine.start("analysis", {"n": 80})
    runs = tmp_path / "runs"
    code = KILLED.format(
        here=str(Path(__file__).parent), runs=str(runs), data=str(any_settings.data_dir), job_id=job.id
    )
    for round_number in range(3):
        victim = subprocess.Popen([sys.executable, "-c", code])
        before = runs.read_text().count("\n") if runs.exists() else 0
        while victim.poll() is None and (
            not runs.exists() or runs.read_text().count("\n") < before + 7 + round_number
        ):
            time.sleep(0.005)
        if victim.poll() is None:
            os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
    finished = engine.run_to_end(job.id, every_s=0.05)
    assert (finished.state, finished.done, finished.failed) == (JobState.SUCCESS, 80, 0)
    assert finished.result == {"sum": sum(i * i for i in range(80))}
    counted = Counter(runs.read_text().split())
    assert sum(counted.values()) - len(counted) <= 3 * 2  # at most what was in hand at each kill
