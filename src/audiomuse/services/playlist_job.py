"""The clustering job: plan, search generation by generation, make the playlists, publish them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from audiomuse.clustering import Candidate, Trial
from audiomuse.clustering.evolution import best_trial
from audiomuse.model import JobItem
from audiomuse.playlists import PlaylistSet
from audiomuse.servers import MediaServer
from audiomuse.services.clustering import (
    PreparedRun,
    RunPlan,
    forget_snapshot,
    last_run,
    plan_run,
    trials_of,
)
from audiomuse.services.clustering_request import ClusteringRequest
from audiomuse.services.job_handlers import JobContext, JobHandler, Outcome
from audiomuse.services.kept import Kept
from audiomuse.services.preflight import preflight
from audiomuse.services.publishing import publish_playlists
from audiomuse.services.publishing_job import PublishingTurn
from audiomuse.storage import ItemPlan, MusicStore

KIND = "clustering"

_PLAN_KEY = "plan"
_RUNS_PER_ITEM = 12
_PREVIEWED_LISTS = 12
_KEPT_S = 60.0
"""A run that nobody asked for so long is over, stopped or done elsewhere; it can be prepared again."""
_PREVIEW_GAIN = 0.002
"""A new preview is made when the best score rose by so much."""


class ClusteringHandler(JobHandler):
    """Stage 0 plans. Stage 2g + 1 evaluates generation g, 2g + 2 asks for the next one; the last stages
    make the playlists and publish them.

    Parameters
    ----------
    music : MusicStore
    server : callable
        Returns the media server; asked only when playlists are published.
    features_version : str
        Whose numbers are clustered.
    turn : PublishingTurn
        Asked before playlists are published.
    """

    kind = KIND

    def __init__(
        self,
        music: MusicStore,
        server: Callable[[], MediaServer],
        *,
        features_version: str,
        turn: PublishingTurn,
    ) -> None:
        self._music = music
        self._server = server
        self._turn = turn
        self._version = features_version
        self._prepared = Kept[PreparedRun](_KEPT_S)

    def plan(self, parameters: Mapping[str, Any]) -> Sequence[ItemPlan]:
        """Return the item that plans; raises `ParameterError` if the request makes no sense."""
        request = ClusteringRequest.from_dict(parameters)
        _ = request.search, request.options
        return [ItemPlan(_PLAN_KEY, 0, {"step": "plan"}, weight=0)]

    def run(self, item: JobItem, prepared: Any, context: JobContext) -> Outcome:
        """Do one step of the search."""
        steps: dict[str, Callable[[JobItem, JobContext], Outcome]] = {
            "plan": self._plan,
            "evaluate": self._evaluate,
            "breed": self._breed,
            "make": self._make,
            "publish": self._publish,
        }
        return steps[item.payload["step"]](item, context)

    def _plan(self, item: JobItem, context: JobContext) -> Outcome:
        request = ClusteringRequest.from_dict(context.job.parameters)
        context.show(phase="planning")
        if request.publish:
            # Better to learn now than after the search that nothing can be published.
            preflight(self._server(), write=True).require()
        plan = plan_run(self._music, request, self._version, context.job.id)
        for note in plan.notes:
            context.log(note)
        if plan.mode == "unchanged":
            context.log("Neither the songs nor the parameters have changed: the playlists stay as they are.")
            more = [ItemPlan("make", 1, {"step": "make"}, weight=0)]
        else:
            more = _generation(0, plan.search_plan.ask_generation(0, []))
        return Outcome(
            result=plan.to_dict(),
            more=more,
            detail={"phase": "searching", "runs": request.runs, "mode": plan.mode, "notes": list(plan.notes)},
        )

    def _evaluate(self, item: JobItem, context: JobContext) -> Outcome:
        verdicts = self._run_of(context).evaluate(item.payload["candidates"])
        return Outcome(result={"verdicts": verdicts})

    def _breed(self, item: JobItem, context: JobContext) -> Outcome:
        """Look at everything evaluated so far and ask for the next generation, or for the end."""
        generation = int(item.payload["generation"])
        history, parts = self._history(context, generation)
        candidate, score = best_trial(history)
        detail: dict[str, Any] = {
            "runs_done": len(history),
            "score": score,
            "parts": parts[candidate["number"]],
            "parameters": candidate["parameters"],
        }
        shown = float(item.payload["shown"])
        if score > shown + _PREVIEW_GAIN:
            detail["preview"] = _preview(self._run_of(context).preview(candidate))
            shown = score
        asked = self._plan_of(context).search_plan.ask_generation(generation + 1, history)
        if asked:
            return Outcome(more=_generation(generation + 1, asked, shown=shown), detail=detail)
        make = ItemPlan("make", item.stage + 1, {"step": "make", "generations": generation + 1}, weight=0)
        return Outcome(more=[make], detail={**detail, "phase": "making playlists"})

    def _make(self, item: JobItem, context: JobContext) -> Outcome:
        request = ClusteringRequest.from_dict(context.job.parameters)
        if self._plan_of(context).mode != "unchanged":
            history, _ = self._history(context, int(item.payload["generations"]) - 1)
            run = self._run_of(context)
            outcome = run.finish(history)
            context.raise_if_stopped()
            run.save(outcome)
            for note in outcome.notes:
                context.log(note)
        more = []
        if request.publish:
            more = [ItemPlan("publish", item.stage + 1, {"step": "publish"}, weight=0)]
        else:
            forget_snapshot(self._music, context.job.id)
        phase = "publishing" if request.publish else "done"
        return Outcome(more=more, detail={"phase": phase}, job_result=self._summary())

    def _publish(self, item: JobItem, context: JobContext) -> Outcome:
        request = ClusteringRequest.from_dict(context.job.parameters)
        self._turn.take(context)
        report = publish_playlists(
            self._server(),
            self._music,
            self._music.playlists.all(),
            suffix=request.values["playlist_suffix"],
            on_progress=lambda done, total: context.show(published=done, to_publish=total),
        )
        context.log(
            f"{len(report.published)} playlists are on the server, {len(report.deleted)} old ones went."
        )
        for sentence in report.short:
            context.log(sentence, level="warning")
        forget_snapshot(self._music, context.job.id)
        return Outcome(
            detail={"phase": "done"},
            job_result={"published": list(report.published), "warnings": list(report.short)},
        )

    def _summary(self) -> dict[str, Any]:
        noted = last_run(self._music)
        saved = self._music.clusterings.get(noted["clustering"]) if noted else None
        if noted is None or saved is None:
            return {}
        return {
            "playlists": len(self._music.playlists.all()),
            "score": saved.clustering.score,
            "parts": dict(saved.clustering.parts),
            "parameters": dict(saved.clustering.parameters),
            "algorithm": saved.clustering.algorithm,
            "seed": saved.clustering.seed,
            "coverage": noted["coverage"],
            "notes": noted["notes"],
        }

    def _history(
        self, context: JobContext, last_generation: int
    ) -> tuple[list[Trial], dict[int, dict[str, float]]]:
        """Return every trial up to a generation, and the parts of each score by candidate number."""
        trials: list[Trial] = []
        parts: dict[int, dict[str, float]] = {}
        for generation in range(last_generation + 1):
            for item in context.results(2 * generation + 1):
                verdicts = (item.result or {})["verdicts"]
                trials += trials_of(item.payload["candidates"], verdicts)
                parts.update((verdict["number"], verdict["parts"]) for verdict in verdicts)
        return trials, parts

    def _plan_of(self, context: JobContext) -> RunPlan:
        return RunPlan.from_dict(context.results(0)[0].result or {})

    def _run_of(self, context: JobContext) -> PreparedRun:
        """Return the job's run, prepared once in this process."""

        def prepare() -> PreparedRun:
            request = ClusteringRequest.from_dict(context.job.parameters)
            return PreparedRun(self._music, self._plan_of(context), request, context.job.id)

        return self._prepared.get(context.job.id, prepare)


def _generation(generation: int, asked: Sequence[Candidate], *, shown: float = 0.0) -> list[ItemPlan]:
    """Return the items that evaluate a generation, and the one that looks at all of it."""
    stage = 2 * generation + 1
    batches = [
        ItemPlan(
            f"generation-{generation}-{start}",
            stage,
            {"step": "evaluate", "candidates": list(asked[start : start + _RUNS_PER_ITEM])},
            weight=len(asked[start : start + _RUNS_PER_ITEM]),
        )
        for start in range(0, len(asked), _RUNS_PER_ITEM)
    ]
    breed = {"step": "breed", "generation": generation, "shown": shown}
    return [*batches, ItemPlan(f"generation-{generation}-breed", stage + 1, breed, weight=0)]


def _preview(made: PlaylistSet) -> dict[str, Any]:
    """Describe the playlists of the best candidate so far."""
    return {
        "count": len(made.playlists),
        "coverage": made.coverage,
        "lists": [
            {"name": playlist.name, "songs": len(playlist.entries), "tempo_bpm": playlist.tempo_bpm}
            for playlist in made.playlists[:_PREVIEWED_LISTS]
        ],
    }
