"""The search loop: ask, evaluate, tell, until the budget is spent or nothing improves; then polish."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from audiomuse.clustering.evaluator import Evaluator, SearchPlan
from audiomuse.clustering.evolution import Candidate, Trial, best_trial
from audiomuse.clustering.grouping import Geometry, settle
from audiomuse.clustering.judge import Evaluation
from audiomuse.clustering.parameters import SearchParameters
from audiomuse.features import FeatureSpace
from audiomuse.model import Clustering, FeatureMatrix, Float32

CLEARLY_BETTER = 1.02
"""A fresh search replaces playlists that people know only if its score is so many times theirs."""

_REFIT_GROWTH = 2.0
"""When the library has grown so many times since its axes were fitted, new axes are due."""
_CANDIDATES_AT_A_TIME = 6


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """What can be said while the search runs."""

    done: int
    """Candidates evaluated."""
    total: int
    """Candidates at most."""
    score: float
    """The best score so far, on the sample."""
    parts: Mapping[str, float]
    """Its parts."""
    parameters: Mapping[str, Any]
    """The candidate that has it."""


@dataclass(frozen=True, slots=True, eq=False)
class WarmStart:
    """What an earlier run left behind."""

    space: FeatureSpace
    """The judge's space of that run."""
    centers: Float32
    """Shape (k, d), its centres there."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Its winning parameters (`Clustering.parameters`): with its weights and components the same songs
    fall into the same groups again."""


@dataclass(frozen=True, slots=True, eq=False)
class SearchResult:
    """The end of a search."""

    clustering: Clustering
    """The winner on the whole library."""
    space: FeatureSpace
    """The judge's space, of which `clustering.centers` are points: keep it for the next warm start."""
    history: tuple[SearchProgress, ...]
    """Each time the best score rose."""
    runs: int
    """Candidates evaluated."""
    stop_reason: str
    """One sentence."""
    adapted: tuple[str, ...]
    """What was changed or should be known about the ranges, one sentence each."""
    finalists: tuple[Clustering, ...] = ()
    """The polished candidates, best first."""
    warm_score: float | None = None
    """The score of the earlier run's centres on this library; None without a warm start."""
    fresh_score: float | None = None
    """The score of the best candidate of this search; None if nothing was searched."""

    @property
    def is_warm(self) -> bool:
        """Whether the earlier run's grouping was kept."""
        return self.clustering.parameters.get("warm_start", False) is True


def search(
    matrix: FeatureMatrix,
    parameters: SearchParameters | None = None,
    *,
    runs: int = 1000,
    seed: int = 0,
    on_progress: Callable[[SearchProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    executor: Executor | None = None,
    warm_start: WarmStart | None = None,
) -> SearchResult:
    """Search the best grouping of a library.

    Candidates are judged on a sample; the best few are polished on everything and judged again. The same
    library, parameters, runs and seed give the same result, with or without an executor.

    Parameters
    ----------
    matrix : FeatureMatrix
        The library, at least one track.
    parameters : SearchParameters or None
        The ranges; None for the usual ones.
    runs : int
        Candidates at most, at least 1. With a warm start 0 means: only settle the old centres.
    seed : int
        Of everything random.
    on_progress : callable or None
        Called after every generation with a `SearchProgress`.
    should_stop : callable or None
        Asked before every candidate (with an executor: before every generation). Once it says True, the
        best candidate so far is polished and returned.
    executor : concurrent.futures.Executor or None
        Where candidates are evaluated; a `ProcessPoolExecutor` uses more cores. Give it the context "spawn"
        or "forkserver": to fork a process that has threads may hang the child.
    warm_start : WarmStart or None
        Continue from an earlier run: its centres settle on this library, and the fresh search replaces
        them only if its score is more than 2 % better.

    Returns
    -------
    SearchResult

    Raises
    ------
    LibraryEmpty
        If there is no track.
    ParameterError
        If the ranges cannot be used.
    """
    plan = SearchPlan(parameters or SearchParameters(), len(matrix), runs=max(runs, 1), seed=seed)
    judge_space = space_to_keep(matrix, warm_start)
    evaluator = Evaluator(matrix, plan, judge_space=judge_space)
    warm = settle_warm(matrix, evaluator, warm_start)
    notes = warm_start_notes(matrix, warm_start)
    if warm is not None and runs == 0:
        return SearchResult(
            clustering=warm,
            space=evaluator.judge_space,
            history=(),
            runs=0,
            stop_reason="The earlier grouping was settled; nothing was searched.",
            adapted=notes,
            warm_score=warm.score,
        )
    run = _Run(plan, evaluator, on_progress, should_stop or _never, executor)
    finalists = run.finish()
    best = finalists[0]
    return SearchResult(
        clustering=warm if warm and best.score <= CLEARLY_BETTER * warm.score else best,
        space=evaluator.judge_space,
        history=tuple(run.improvements),
        runs=len(run.history),
        stop_reason=run.stop_reason,
        adapted=plan.space.adapted + evaluator.warnings + notes,
        finalists=finalists,
        warm_score=warm.score if warm else None,
        fresh_score=best.score,
    )


@dataclass(eq=False)
class _Run:
    """One search under way."""

    plan: SearchPlan
    evaluator: Evaluator
    on_progress: Callable[[SearchProgress], None] | None
    should_stop: Callable[[], bool]
    executor: Executor | None
    history: list[Trial] = field(default_factory=list)
    improvements: list[SearchProgress] = field(default_factory=list)
    stop_reason: str = ""

    def finish(self) -> tuple[Clustering, ...]:
        """Search to the end; return the polished finalists, best first."""
        stopped = self._evolve()
        finalists = self.plan.finalists(self.history)
        if stopped:
            self.stop_reason = f"Stopped on request after {len(self.history):,} of {self.plan.runs:,} runs."
            finalists = finalists[:1]
        else:
            self.stop_reason = self.plan.stop_reason(self.history)
        polished = [self.evaluator.polish(candidate) for candidate in finalists]
        # Sorting is stable: of equal ones the one that was better on the sample comes first.
        return tuple(sorted(polished, key=lambda clustering: -clustering.score))

    def _evolve(self) -> bool:
        """Evaluate generation after generation; return whether it was told to stop."""
        for generation in range(self.plan.n_generations):
            asked = self.plan.ask_generation(generation, self.history)
            if not asked:
                break
            evaluations = self._evaluate(asked)
            for candidate, evaluation in zip(asked, evaluations, strict=False):
                self._tell(candidate, evaluation)
            if self.on_progress and self.history:
                latest = self.improvements[-1]
                self.on_progress(
                    SearchProgress(
                        len(self.history), self.plan.runs, latest.score, latest.parts, latest.parameters
                    )
                )
            if len(evaluations) < len(asked):
                return True
        return False

    def _evaluate(self, asked: Sequence[Candidate]) -> list[Evaluation]:
        """Evaluate candidates in their order; fewer results than candidates if told to stop."""
        if self.executor is None:
            evaluations: list[Evaluation] = []
            for candidate in asked:
                # The very first one is always evaluated: there has to be something to return.
                if (self.history or evaluations) and self.should_stop():
                    break
                evaluations.append(self.evaluator.evaluate(candidate))
            return evaluations
        if self.history and self.should_stop():
            return []
        batches = [
            self.executor.submit(
                self.evaluator.sample.evaluate_all, asked[start : start + _CANDIDATES_AT_A_TIME]
            )
            for start in range(0, len(asked), _CANDIDATES_AT_A_TIME)
        ]
        return [evaluation for batch in batches for evaluation in batch.result()]

    def _tell(self, candidate: Candidate, evaluation: Evaluation) -> None:
        before = best_trial(self.history)[1] if self.history else -1.0
        self.history.append((candidate, evaluation.score))
        if evaluation.score > before:
            self.improvements.append(
                SearchProgress(
                    done=len(self.history),
                    total=self.plan.runs,
                    score=evaluation.score,
                    parts=dict(evaluation.parts),
                    parameters=dict(candidate["parameters"]),
                )
            )


def space_to_keep(matrix: FeatureMatrix, warm_start: WarmStart | None) -> FeatureSpace | None:
    """Return the earlier run's axes as long as they describe this library."""
    if warm_start is None or warm_start.space.features_version != matrix.features_version:
        return None
    return None if len(matrix) > _REFIT_GROWTH * warm_start.space.fitted_on else warm_start.space


def settle_warm(
    matrix: FeatureMatrix, evaluator: Evaluator, warm_start: WarmStart | None
) -> Clustering | None:
    """Let the earlier run's centres settle on this library; None if they are of another analysis."""
    if (
        warm_start is None
        or warm_start.space.features_version != matrix.features_version
        or not len(warm_start.centers)
    ):
        return None
    if warm_start.space is evaluator.judge_space:
        places = evaluator.places
    else:
        places = warm_start.space.transform(matrix)
    parameters = dict(warm_start.parameters)
    seen = Geometry.of(places, warm_start.space.block_columns).projection(
        parameters if parameters.get("feature_space") == warm_start.space.name else {}
    )
    labels = settle(seen.apply(places), seen.apply(warm_start.centers))
    return evaluator.clustering_of(labels, algorithm="kmeans", parameters={**parameters, "warm_start": True})


def warm_start_notes(matrix: FeatureMatrix, warm_start: WarmStart | None) -> tuple[str, ...]:
    """Say in sentences what an earlier run could not hand on."""
    if warm_start is None:
        return ()
    if warm_start.space.features_version != matrix.features_version:
        return ("The earlier playlists rest on an older analysis: the search started afresh.",)
    if len(matrix) > _REFIT_GROWTH * warm_start.space.fitted_on:
        return ("The library has more than doubled: its axes were measured anew.",)
    return ()


def _never() -> bool:
    return False


__all__ = [
    "CLEARLY_BETTER",
    "SearchProgress",
    "SearchResult",
    "WarmStart",
    "search",
    "settle_warm",
    "space_to_keep",
    "warm_start_notes",
]
