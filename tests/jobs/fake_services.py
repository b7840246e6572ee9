"""Services whose jobs square numbers, for worker processes of the tests and of the torture."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from audiomuse.model import Job, JobItem
from audiomuse.services.jobs import ItemPlan, JobContext, JobEngine, JobHandler, Outcome, Timing
from audiomuse.settings import Settings
from audiomuse.storage import open_job_store, open_music_store

OPENER = "fake_services:open_fake_services"
TIMING = Timing(lease_s=10.0, check_s=0.2, retry_s=0.2)


class SlowSquares(JobHandler):
    """Plans ``n`` numbers, squares each in ``seconds``, and adds them up."""

    kind = "analysis"

    def plan(self, parameters: Mapping[str, Any]) -> Sequence[ItemPlan]:
        return [ItemPlan("plan", 0, weight=0)]

    def run(self, item: JobItem, prepared: Any, context: JobContext) -> Outcome:
        if item.key == "plan":
            numbers = [ItemPlan(f"n{i}", 1, {"number": i}) for i in range(context.job.parameters["n"])]
            return Outcome(more=[*numbers, ItemPlan("sum", 2, weight=0)])
        if item.key == "sum":
            squares = [done.result["square"] for done in context.results(1) if done.result]
            return Outcome(job_result={"sum": sum(squares)})
        context.wait(context.job.parameters["seconds"])
        return Outcome({"square": item.payload["number"] ** 2, "pid": os.getpid()})


class FakeServices:
    """The part of `Services` that workers need."""

    def __init__(self, settings: Settings, announce: Callable[[str], object] | None = None) -> None:
        self.settings = settings
        self.music = open_music_store(settings)
        self.jobs = open_job_store(settings)
        self.engine = JobEngine(self.jobs, [SlowSquares()], announce=announce, timing=TIMING)

    def start_analysis(self) -> Job:
        return self.engine.start("analysis", {"n": 3, "seconds": 0.0})

    def start_clustering(self, chosen: Mapping[str, Any] | None = None, *, publish: bool = False) -> Job:
        raise NotImplementedError

    def close(self) -> None:
        self.music.close()
        self.jobs.close()


def open_fake_services(
    settings: Settings, *, announce: Callable[[str], object] | None = None
) -> FakeServices:
    return FakeServices(settings, announce)


def wait_for(condition: Callable[[], Any], *, seconds: float = 240.0) -> Any:
    """Wait until `condition` is true and return it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen")
        time.sleep(0.05)
    return found
