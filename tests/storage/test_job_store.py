"""A job's rows are the truth: one way between states, one owner for each item, nothing lost."""

from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiomuse.errors import JobConflict, NotFound, ParameterError
from audiomuse.model import ItemState, JobState
from audiomuse.storage import ItemPlan, JobStore
from audiomuse.storage.job_store.log import KEPT_LINES

PLAN = ItemPlan("plan", 0, weight=0)


def songs(n: int) -> list[ItemPlan]:
    return [ItemPlan(f"song-{i}", 1) for i in range(n)]


def started(jobs: JobStore, n: int) -> str:
    """A job that was planned: `n` songs are due."""
    job = jobs.jobs.create("analysis", {}, [PLAN])
    [plan] = jobs.items.claim(job.id, "planner", 1, lease_s=60)
    assert jobs.items.complete(plan, "planner", more=songs(n))
    return job.id


def test_a_new_job_is_pending_and_knows_its_parameters(jobs: JobStore) -> None:
    job = jobs.jobs.create("analysis", {"albums": 3}, [PLAN])
    assert (job.state, job.parameters, job.total) == (JobState.PENDING, {"albums": 3}, 0)


def test_two_jobs_of_a_kind_at_once_are_refused(jobs: JobStore) -> None:
    jobs.jobs.create("analysis", {}, [PLAN])
    jobs.jobs.create("clustering", {}, [PLAN])
    with pytest.raises(JobConflict, match="analysis"):
        jobs.jobs.create("analysis", {}, [PLAN])


def test_states_follow_the_work(jobs: JobStore) -> None:
    job = jobs.jobs.create("analysis", {}, [PLAN])
    [plan] = jobs.items.claim(job.id, "me", 1, lease_s=60)
    assert jobs.jobs.get(job.id).state is JobState.STARTED
    jobs.items.complete(plan, "me", more=songs(1))
    assert jobs.jobs.get(job.id).state is JobState.PROGRESS
    [song] = jobs.items.claim(job.id, "me", 9, lease_s=60)
    assert jobs.jobs.settle(job.id) is JobState.PROGRESS
    jobs.items.complete(song, "me")
    assert jobs.jobs.settle(job.id) is JobState.SUCCESS
    assert jobs.jobs.get(job.id).finished_at is not None


def test_a_finished_job_cannot_be_resumed(jobs: JobStore) -> None:
    job_id = started(jobs, 0)
    jobs.jobs.settle(job_id)
    with pytest.raises(ParameterError, match="SUCCESS cannot become PENDING"):
        jobs.jobs.resume(job_id)


def test_songs_wait_until_the_planning_is_done(jobs: JobStore) -> None:
    job = jobs.jobs.create("analysis", {}, [PLAN, *songs(2)])
    assert [item.key for item in jobs.items.claim(job.id, "a", 5, lease_s=60)] == ["plan"]
    assert jobs.items.claim(job.id, "b", 5, lease_s=60) == []


def test_items_are_handed_out_in_their_order(jobs: JobStore) -> None:
    job_id = started(jobs, 5)
    keys = [item.key for item in jobs.items.claim(job_id, "a", 3, lease_s=60)]
    keys += [item.key for item in jobs.items.claim(job_id, "b", 3, lease_s=60)]
    assert keys == [f"song-{i}" for i in range(5)]


def test_many_claimers_share_the_items_without_overlap(jobs: JobStore) -> None:
    job_id = started(jobs, 60)
    claimed: list[str] = []

    def claim(owner: str) -> None:
        while items := jobs.items.claim(job_id, owner, 2, lease_s=60):
            claimed.extend(item.key for item in items)

    threads = [threading.Thread(target=claim, args=(f"owner-{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(plan.key for plan in songs(60))


def test_a_lost_lease_writes_nothing(jobs: JobStore) -> None:
    job_id = started(jobs, 1)
    [song] = jobs.items.claim(job_id, "slow", 1, lease_s=-1.0)
    assert jobs.items.sweep() == 1
    [again] = jobs.items.claim(job_id, "fast", 1, lease_s=60)
    assert not jobs.items.complete(song, "slow", more=songs(9), job_result={"wrong": True})
    assert jobs.items.complete(again, "fast", result={"right": True})
    assert jobs.jobs.get(job_id).total == 1
    assert [item.result for item in jobs.items.done(job_id, 1)] == [{"right": True}]


def test_a_heartbeat_keeps_the_lease(jobs: JobStore) -> None:
    job_id = started(jobs, 1)
    jobs.items.claim(job_id, "me", 1, lease_s=0.0)
    jobs.items.heartbeat(job_id, "me", lease_s=60)
    assert jobs.items.sweep() == 0
    assert jobs.jobs.get(job_id).heartbeat_at is not None


def test_the_items_of_a_dead_owner_come_back_at_once(jobs: JobStore) -> None:
    job_id = started(jobs, 2)
    jobs.items.claim(job_id, "dead", 1, lease_s=600)
    jobs.items.claim(job_id, "alive", 1, lease_s=600)
    assert jobs.items.sweep(is_dead=lambda owner: owner == "dead") == 1
    assert [item.key for item in jobs.items.leased(job_id)] == ["song-1"]


def test_an_item_that_kills_ten_workers_is_poison(jobs: JobStore) -> None:
    job_id = started(jobs, 2)
    for _ in range(10):
        assert jobs.items.failed(job_id) == []
        jobs.items.claim(job_id, "doomed", 1, lease_s=600)
        jobs.items.sweep(is_dead=lambda owner: True)
        rest_is_over(jobs)
    [failed] = jobs.items.failed(job_id)
    assert (failed.key, failed.error_kind) == ("song-0", "poison")
    assert [item.key for item in jobs.items.claim(job_id, "me", 9, lease_s=60)] == ["song-1"]


def test_after_its_third_death_an_item_rests_and_others_go_on(jobs: JobStore) -> None:
    job_id = started(jobs, 2)
    for _ in range(3):
        [item] = jobs.items.claim(job_id, "doomed", 1, lease_s=600)
        assert item.key == "song-0"
        jobs.items.sweep(is_dead=lambda owner: True)
    assert [item.key for item in jobs.items.claim(job_id, "me", 9, lease_s=60)] == ["song-1"]
    rest_is_over(jobs)
    assert [item.key for item in jobs.items.claim(job_id, "me", 9, lease_s=60)] == ["song-0"]


def rest_is_over(jobs: JobStore) -> None:
    with jobs.database.write() as connection:
        connection.exec_driver_sql("UPDATE job_item SET not_before = 0")


def test_giving_back_is_not_an_attempt(jobs: JobStore) -> None:
    job_id = started(jobs, 1)
    for _ in range(9):
        jobs.items.claim(job_id, "me", 1, lease_s=60)
        assert jobs.items.release(job_id, "me") == 1
    [item] = jobs.items.claim(job_id, "me", 1, lease_s=60)
    assert item.attempts == 1


def test_a_retry_waits_for_its_time(jobs: JobStore) -> None:
    job_id = started(jobs, 1)
    [song] = jobs.items.claim(job_id, "me", 1, lease_s=60)
    assert jobs.items.retry_later(song, "me", delay_s=600) == 1
    assert jobs.items.claim(job_id, "me", 1, lease_s=60) == []
    assert jobs.jobs.settle(job_id) is JobState.PROGRESS


def test_cancel_is_true_only_when_nothing_works_any_more(jobs: JobStore) -> None:
    job_id = started(jobs, 2)
    [song] = jobs.items.claim(job_id, "me", 1, lease_s=60)
    assert jobs.jobs.request_cancel(job_id).state is JobState.PROGRESS
    assert jobs.items.must_stop(job_id)
    assert jobs.items.claim(job_id, "other", 1, lease_s=60) == []
    jobs.items.complete(song, "me")
    assert jobs.jobs.settle(job_id) is JobState.REVOKED


def test_a_cancel_that_comes_after_the_last_song_changes_nothing(jobs: JobStore) -> None:
    job_id = started(jobs, 1)
    [song] = jobs.items.claim(job_id, "me", 1, lease_s=60)
    jobs.items.complete(song, "me")
    assert jobs.jobs.request_cancel(job_id).state is JobState.SUCCESS


def test_a_doomed_job_is_a_failure_with_its_first_reason(jobs: JobStore) -> None:
    job_id = started(jobs, 2)
    jobs.items.claim(job_id, "me", 1, lease_s=60)
    jobs.jobs.doom(job_id, "401: the key is not accepted")
    jobs.jobs.doom(job_id, "something that followed from it")
    assert jobs.jobs.get(job_id).state is JobState.PROGRESS
    jobs.items.release(job_id, "me")
    assert jobs.jobs.settle(job_id) is JobState.FAILURE
    assert jobs.jobs.get(job_id).error == "401: the key is not accepted"


def test_resuming_leaves_what_is_done(jobs: JobStore) -> None:
    job_id = started(jobs, 3)
    [song] = jobs.items.claim(job_id, "me", 1, lease_s=60)
    jobs.items.complete(song, "me")
    jobs.jobs.request_cancel(job_id)
    assert jobs.jobs.get(job_id).done == 1
    assert jobs.jobs.resume(job_id).state is JobState.PENDING
    assert [item.key for item in jobs.items.claim(job_id, "me", 9, lease_s=60)] == ["song-1", "song-2"]


def test_resuming_next_to_an_active_job_of_its_kind_is_refused(jobs: JobStore) -> None:
    first = started(jobs, 1)
    jobs.jobs.request_cancel(first)
    started(jobs, 1)
    with pytest.raises(JobConflict):
        jobs.jobs.resume(first)


def test_a_failed_song_does_not_fail_the_job(jobs: JobStore) -> None:
    job_id = started(jobs, 2)
    broken, fine = jobs.items.claim(job_id, "me", 2, lease_s=60)
    jobs.items.fail(broken, "me", kind="corrupt", error="not audio")
    jobs.items.complete(fine, "me")
    assert jobs.jobs.settle(job_id) is JobState.SUCCESS
    job = jobs.jobs.get(job_id)
    assert (job.total, job.done, job.failed) == (2, 1, 1)


def test_a_failed_plan_fails_the_job_and_is_tried_again_on_resume(jobs: JobStore) -> None:
    job = jobs.jobs.create("analysis", {}, [PLAN])
    [plan] = jobs.items.claim(job.id, "me", 1, lease_s=60)
    jobs.items.fail(plan, "me", kind="unexpected", error="a bug")
    assert jobs.jobs.settle(job.id) is JobState.FAILURE
    assert jobs.jobs.get(job.id).error == "a bug"
    jobs.jobs.resume(job.id)
    assert [item.key for item in jobs.items.claim(job.id, "me", 1, lease_s=60)] == ["plan"]


def test_a_job_whose_every_song_hit_a_bug_is_no_success(jobs: JobStore) -> None:
    job_id = started(jobs, 2)
    for song in jobs.items.claim(job_id, "me", 2, lease_s=60):
        jobs.items.fail(song, "me", kind="unexpected", error="a bug")
    assert jobs.jobs.settle(job_id) is JobState.FAILURE


def test_counters_weigh_the_items(jobs: JobStore) -> None:
    job = jobs.jobs.create(
        "clustering", {}, [ItemPlan("batch-0", 1, weight=25), ItemPlan("batch-1", 1, weight=25)]
    )
    [batch] = jobs.items.claim(job.id, "me", 1, lease_s=60)
    jobs.items.complete(batch, "me")
    found = jobs.jobs.get(job.id)
    assert (found.total, found.done) == (50, 25)
    assert jobs.items.pace(job.id, window_s=60).weight == 25


def test_one_token_lets_one_in(jobs: JobStore) -> None:
    job_id = started(jobs, 1)
    token = jobs.jobs.mint_token(job_id)
    assert [jobs.jobs.take_token(job_id, token) for _ in range(3)] == [True, False, False]


def test_a_job_without_a_token_is_found(jobs: JobStore) -> None:
    job_id = started(jobs, 1)
    assert jobs.jobs.without_token(older_than_s=30) == [job_id]
    jobs.jobs.mint_token(job_id)
    assert jobs.jobs.without_token(older_than_s=30) == []


def test_the_log_is_bounded_and_can_be_followed(jobs: JobStore) -> None:
    job_id = started(jobs, 1)
    for i in range(KEPT_LINES + 7):
        jobs.log.add(job_id, f"line {i}")
    lines = jobs.log.lines(job_id)
    assert (len(lines), lines[0].message, lines[-1].message) == (
        KEPT_LINES,
        "line 7",
        f"line {KEPT_LINES + 6}",
    )
    assert [line.message for line in jobs.log.lines(job_id, after=lines[-2].number)] == [lines[-1].message]


def test_old_jobs_lose_their_items_but_keep_their_counters(jobs: JobStore) -> None:
    first = ""
    for _ in range(5):
        job_id = started(jobs, 2)
        first = first or job_id
        for song in jobs.items.claim(job_id, "me", 2, lease_s=60):
            jobs.items.complete(song, "me")
        jobs.jobs.settle(job_id)
    assert jobs.jobs.prune() == 2 * 3
    assert jobs.jobs.get(first).done == 2
    assert jobs.items.counts(first) == []


def test_a_schedule_is_run_by_one_sweeper(jobs: JobStore) -> None:
    last = jobs.schedules.last_run("analysis")
    assert [jobs.schedules.claim_run("analysis", last) for _ in range(2)] == [True, False]
    assert jobs.schedules.last_run("analysis") > last


def test_workers_that_left_are_not_listed(jobs: JobStore) -> None:
    jobs.workers.beat("a", host="one", pid=1, slots=3)
    jobs.workers.beat("b", host="two", pid=2, slots=1)
    jobs.workers.leave("b")
    assert [(worker.host, worker.slots) for worker in jobs.workers.alive()] == [("one", 3)]


def test_an_unknown_job_is_named(jobs: JobStore) -> None:
    with pytest.raises(NotFound, match="'nope'"):
        jobs.jobs.get("nope")


def test_what_a_job_shows_is_merged(jobs: JobStore) -> None:
    job_id = started(jobs, 1)
    jobs.jobs.update_detail(job_id, {"song": "a", "best": 0.5})
    jobs.jobs.update_detail(job_id, {"song": None, "best": 0.6})
    assert jobs.jobs.get(job_id).detail == {"best": 0.6}


OPERATIONS = st.lists(
    st.sampled_from(["claim", "complete", "fail", "release", "die", "cancel", "resume", "settle"]),
    max_size=30,
)


@pytest.mark.parametrize("any_settings", ["sqlite"], indirect=True)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(operations=OPERATIONS)
def test_whatever_happens_every_item_is_in_one_state_and_ends_are_true(
    jobs: JobStore, operations: list[str]
) -> None:
    for job in jobs.jobs.active():
        jobs.items.sweep(is_dead=lambda owner: True)
        jobs.jobs.request_cancel(job.id)
    job_id = started(jobs, 4)
    held = []
    for operation in operations:
        job = jobs.jobs.get(job_id)
        match operation:
            case "claim":
                held += jobs.items.claim(job_id, "me", 1, lease_s=60)
            case "complete" if held:
                jobs.items.complete(held.pop(), "me")
            case "fail" if held:
                jobs.items.fail(held.pop(), "me", kind="corrupt", error="no")
            case "release":
                jobs.items.release(job_id, "me")
            case "die":
                jobs.items.sweep(is_dead=lambda owner: True)
            case "cancel":
                jobs.jobs.request_cancel(job_id)
            case "resume" if job.state in (JobState.REVOKED, JobState.FAILURE):
                jobs.jobs.resume(job_id)
            case "settle":
                jobs.jobs.settle(job_id)
        counts = jobs.items.counts(job_id)
        stage = next(count for count in counts if count.stage == 1)
        assert stage.pending + stage.leased + stage.done + stage.failed == 4
        job = jobs.jobs.get(job_id)
        if job.state.is_final:
            assert stage.leased == 0
        if job.state is JobState.SUCCESS:
            assert stage.done + stage.failed == 4
    assert all(item.state is ItemState.LEASED for item in jobs.items.leased(job_id))
