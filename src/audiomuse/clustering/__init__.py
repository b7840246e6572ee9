"""Grouping a library: estimators, the judge, and an evolutionary search for the best grouping."""

from audiomuse.clustering.evaluator import Evaluator, SearchPlan, cluster_means
from audiomuse.clustering.evolution import Candidate, Evolution, Trial
from audiomuse.clustering.judge import (
    PART_NAMES,
    Evaluation,
    Judge,
    JudgeLimits,
    JudgeWeights,
    original_score,
)
from audiomuse.clustering.parameters import ALGORITHMS, SearchParameters
from audiomuse.clustering.search import (
    CLEARLY_BETTER,
    SearchProgress,
    SearchResult,
    WarmStart,
    search,
    settle_warm,
    space_to_keep,
    warm_start_notes,
)
from audiomuse.clustering.space import SearchSpace

__all__ = [
    "ALGORITHMS",
    "CLEARLY_BETTER",
    "PART_NAMES",
    "Candidate",
    "Evaluation",
    "Evaluator",
    "Evolution",
    "Judge",
    "JudgeLimits",
    "JudgeWeights",
    "SearchParameters",
    "SearchPlan",
    "SearchProgress",
    "SearchResult",
    "SearchSpace",
    "Trial",
    "WarmStart",
    "cluster_means",
    "original_score",
    "search",
    "settle_warm",
    "space_to_keep",
    "warm_start_notes",
]
