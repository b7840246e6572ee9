"""An evolutionary search that knows only its search: it is asked for candidates and told scores.

It keeps no state. Generation g is a function of the seed, the space and what was told about the
generations before, so that a fleet of workers may evaluate in any order, be killed and start again, and
still walk the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiomuse.clustering.space import Dimension
from audiomuse.errors import ParameterError

Candidate = dict[str, Any]
"""``{"number": int, "seed": int, "parameters": {name: value}}``, plain JSON values."""

Trial = tuple[Candidate, float]
"""A candidate and its score."""

N_PARENTS = 12
N_CHILDREN = 24
N_RANDOM = 48

_FIRST_STEP, _LAST_STEP = 0.20, 0.05
"""Standard deviation of mutations, in parts of a parameter's range, at the first and last generation."""
_STALE_GAIN = 0.001


@dataclass(frozen=True, slots=True)
class Evolution:
    """A (mu + lambda) evolution over named dimensions.

    The first generation is drawn at random, except for one candidate that is known to be sensible.
    Every later one has `N_CHILDREN` children of the `N_PARENTS` best so far: each parameter comes from one
    of two parents and is moved by a normal step that shrinks from .20 to .05 of its range.

    Examples
    --------
    >>> from audiomuse.clustering.space import FloatRange
    >>> evolution = Evolution({"x": FloatRange(-1.0, 1.0)}, runs=400, seed=1)
    >>> history = []
    >>> for g in range(evolution.n_generations):
    ...     asked = evolution.ask_generation(g, history)
    ...     history += [(candidate, -abs(candidate["parameters"]["x"] - 0.3)) for candidate in asked]
    >>> best, _ = max(history, key=lambda trial: trial[1])
    >>> abs(best["parameters"]["x"] - 0.3) < 0.01
    True
    """

    dimensions: Mapping[str, Dimension]
    runs: int
    """How many candidates to evaluate at most, at least 1."""
    seed: int = 0
    usual: Mapping[str, Any] | None = None
    """The sensible candidate; None for a purely random start."""
    fixed: Mapping[str, Any] | None = None
    """Parameters that every candidate has besides its dimensions."""

    def __post_init__(self) -> None:
        if self.runs < 1:
            raise ParameterError(f"CLUSTERING_RUNS is {self.runs}; at least one run is needed.")

    @property
    def n_random(self) -> int:
        """Size of the first generation: half of a small budget."""
        return min(N_RANDOM, -(-self.runs // 2))

    @property
    def n_generations(self) -> int:
        """Number of generations if the search is not stopped early."""
        return 1 + -(-(self.runs - self.n_random) // N_CHILDREN)

    @property
    def patience(self) -> int:
        """After so many candidates without a gain of .001 the search is stale."""
        return max(100, self.runs // 4)

    def ask_generation(self, generation: int, history: Sequence[Trial]) -> list[Candidate]:
        """Return the candidates of a generation.

        Parameters
        ----------
        generation : int >= 0
        history : sequence of (candidate, score)
            Every evaluated candidate of the earlier generations, in any order; later ones are ignored.

        Returns
        -------
        list of candidates
            Empty past the last generation.

        Raises
        ------
        ParameterError
            If an earlier generation is not complete.
        """
        start = self._first_number(generation)
        numbers = range(start, min(self._first_number(generation + 1), self.runs))
        if not numbers:
            return []
        known = [trial for trial in history if trial[0]["number"] < start]
        if len(known) < start:
            raise ParameterError(
                f"Generation {generation} needs {start} evaluated candidates, not {len(known)}."
            )
        rng = np.random.default_rng([self.seed, generation])
        if generation == 0:
            positions = rng.random((len(numbers), len(self.dimensions)))
        else:
            positions = self._children(rng, len(numbers), generation, known)
        asked = [self._candidate(number, place) for number, place in zip(numbers, positions, strict=True)]
        if generation == 0 and self.usual is not None:
            asked[0]["parameters"] = {**self.usual, **(self.fixed or {})}
        return asked

    def is_stale(self, history: Sequence[Trial]) -> bool:
        """Whether the latest `patience` candidates brought no gain of .001 over those before."""
        latest = len(history) - self.patience
        if latest <= 0:
            return False
        before = max(score for candidate, score in history if candidate["number"] < latest)
        return best_trial(history)[1] < before + _STALE_GAIN

    def _first_number(self, generation: int) -> int:
        return 0 if generation == 0 else self.n_random + (generation - 1) * N_CHILDREN

    def _children(
        self, rng: np.random.Generator, n_children: int, generation: int, known: Sequence[Trial]
    ) -> NDArray[np.float64]:
        parents = np.array([self._encode(candidate) for candidate, _ in best_trials(known, N_PARENTS)])
        progress = generation / max(self.n_generations - 1, 1)
        step = _FIRST_STEP + progress * (_LAST_STEP - _FIRST_STEP)
        shape = (n_children, len(self.dimensions))
        mothers, fathers = rng.integers(0, len(parents), (2, n_children))
        inherited = np.where(rng.random(shape) < 0.5, parents[mothers], parents[fathers])
        moved = inherited + rng.normal(0.0, step, shape)
        # Reflect at the borders: clipping would pile candidates up there.
        moved = np.abs(moved)
        return np.asarray(np.clip(np.where(moved > 1, 2 - moved, moved), 0.0, 1.0))

    def _encode(self, candidate: Candidate) -> list[float]:
        return [
            dimension.encode(candidate["parameters"][name]) for name, dimension in self.dimensions.items()
        ]

    def _candidate(self, number: int, place: NDArray[np.float64]) -> Candidate:
        values = {
            name: dimension.decode(float(position))
            for (name, dimension), position in zip(self.dimensions.items(), place, strict=True)
        }
        seed = int(np.random.SeedSequence([self.seed, number, 1]).generate_state(1)[0])
        return {"number": number, "seed": seed, "parameters": {**values, **(self.fixed or {})}}


def best_trials(history: Sequence[Trial], count: int) -> list[Trial]:
    """Return the best trials, best first; of equal ones the earlier candidate."""
    return sorted(history, key=lambda trial: (-trial[1], trial[0]["number"]))[:count]


def best_trial(history: Sequence[Trial]) -> Trial:
    """Return the best trial of a history that has one; of equal ones the earlier candidate."""
    return best_trials(history, 1)[0]
