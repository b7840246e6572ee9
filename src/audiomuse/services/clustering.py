"""From the analysed library to playlists, in steps that any number of workers can share.

A run is planned once (`plan_run`), then searched generation by generation: batches of candidates are
evaluated by whoever is free, and when a generation is complete the next one follows from everything that was
evaluated so far. At the end the best candidates are polished on the whole library and become playlists.
Nothing is kept in a process but copies: every step starts from the run's plan and from stored results.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal

import numpy as np

from audiomuse.clustering import (
    CLEARLY_BETTER,
    Candidate,
    Evaluator,
    SearchPlan,
    Trial,
    WarmStart,
    settle_warm,
    space_to_keep,
    warm_start_notes,
)
from audiomuse.errors import LibraryEmpty
from audiomuse.features import FeatureSpace
from audiomuse.model import Clustering, FeatureMatrix, Playlist
from audiomuse.playlists import Library, PlaylistSet, build_playlists, know_library
from audiomuse.services.clustering_request import ClusteringRequest
from audiomuse.services.library import snapshot, without_embeddings
from audiomuse.services.memory import give_back_free_memory
from audiomuse.storage import MusicStore

Mode = Literal["fresh", "warm", "unchanged"]

_LAST_RUN = "clustering:last-run"


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run starts from. Plain JSON values but for the properties."""

    mode: Mode
    """``"warm"``: yesterday's grouping is continued unless a fresh one is clearly better; ``"unchanged"``:
    the same library and parameters as the last run, whose playlists stay."""
    search: Mapping[str, Any]
    """A `SearchPlan`."""
    features_version: str
    library: str
    """Digest of the ids of the songs."""
    previous_run: int | None
    """The set of playlists that is continued."""
    warm_clustering: int | None
    notes: tuple[str, ...]
    """What was adapted or should be known, one sentence each."""

    @property
    def search_plan(self) -> SearchPlan:
        return SearchPlan.from_dict(self.search)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunPlan:
        return cls(**{**values, "notes": tuple(values["notes"])})


@dataclass(frozen=True, slots=True, eq=False)
class RunOutcome:
    """What a finished run leaves."""

    clustering: Clustering
    playlists: tuple[Playlist, ...]
    changes: tuple[Mapping[str, Any], ...]
    """Per playlist: what came and went (`PlaylistChange` as JSON)."""
    coverage: float
    notes: tuple[str, ...]


def plan_run(music: MusicStore, request: ClusteringRequest, features_version: str, run_key: str) -> RunPlan:
    """Decide what a run starts from, and freeze the songs it is about.

    Parameters
    ----------
    run_key : str
        Unique for the run, e.g. the job's id.

    Raises
    ------
    LibraryEmpty
        If no song has been analysed.
    ParameterError
        If the ranges can find nothing.
    """
    matrix = music.features.load_matrix(features_version)
    if not len(matrix):
        raise LibraryEmpty("No song has been analysed yet: run the analysis first.")
    music.notes.set(_snapshot_note(run_key), list(matrix.ids))
    plan = SearchPlan(request.search, len(matrix), runs=request.runs, seed=request.seed)
    library = _digest(matrix)
    mode, warm_clustering, previous_run = _starting_point(music, request, library)
    notes: tuple[str, ...] = ()
    if mode != "unchanged":
        # Preparing checks the ranges against the data: what can find nothing is refused before the search.
        notes = plan.space.adapted + Evaluator(matrix, plan).warnings
    if mode == "warm":
        notes += warm_start_notes(matrix, _warm_start(music, warm_clustering))
    return RunPlan(mode, plan.to_dict(), features_version, library, previous_run, warm_clustering, notes)


class PreparedRun:
    """The library of a run, loaded and ready to evaluate candidates. Threads take turns."""

    def __init__(self, music: MusicStore, plan: RunPlan, request: ClusteringRequest, run_key: str) -> None:
        self._music = music
        self._plan = plan
        self._request = request
        self._turn = threading.Lock()
        self._ids = music.notes.get(_snapshot_note(run_key))
        self._warm_start = _warm_start(music, plan.warm_clustering)
        matrix = snapshot(music, plan.features_version, self._ids)
        self.evaluator = Evaluator(
            matrix, plan.search_plan, judge_space=space_to_keep(matrix, self._warm_start)
        )
        # The songs have their places: at 100,000 songs the embeddings would be 80 MB in every worker.
        self.matrix = without_embeddings(matrix)
        del matrix
        give_back_free_memory()

    @cached_property
    def _library(self) -> Library:
        """What previews and the end need to know of the songs, whatever the clusters are."""
        matrix = snapshot(self._music, self._plan.features_version, self._ids)
        known = know_library(matrix, self.evaluator.places)
        return replace(known, matrix=self.matrix)

    @cached_property
    def previous(self) -> tuple[Playlist, ...]:
        """Yesterday's playlists; only the locked ones when the run starts over."""
        if self._plan.previous_run is None:
            return ()
        playlists = self._music.playlists.all(self._plan.previous_run)
        return tuple(p for p in playlists if p.locked or not self._request.start_over)

    def evaluate(self, candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
        """Judge candidates on the sample: ``{"number", "score", "parts"}`` each."""
        with self._turn:
            verdicts = [self.evaluator.evaluate(candidate) for candidate in candidates]
        return [
            {"number": candidate["number"], "score": verdict.score, "parts": dict(verdict.parts)}
            for candidate, verdict in zip(candidates, verdicts, strict=True)
        ]

    def preview(self, candidate: Candidate) -> PlaylistSet:
        """Make the playlists of one candidate, to be looked at while the search goes on."""
        with self._turn:
            return self._build(self.evaluator.polish(candidate))

    def finish(self, history: Sequence[Trial]) -> RunOutcome:
        """Polish the best candidates on everything, and make playlists of the winner."""
        plan = self._plan.search_plan
        with self._turn:
            polished = [self.evaluator.polish(candidate) for candidate in plan.finalists(history)]
            fresh = max(polished, key=lambda clustering: clustering.score)
            warm = settle_warm(self.matrix, self.evaluator, self._warm_start)
            winner = warm if warm and fresh.score <= CLEARLY_BETTER * warm.score else fresh
            made = self._build(winner)
        notes = (*self._plan.notes, plan.stop_reason(history), *_verdict(warm, fresh, winner), *made.adapted)
        changes = tuple({**asdict(change)} for change in made.changes)
        return RunOutcome(winner, _dated(made.playlists, self.previous), changes, made.coverage, notes)

    def save(self, outcome: RunOutcome) -> int:
        """Store a run's outcome, making its playlists the current ones; returns the playlist run's id."""
        clustering_id = self._music.clusterings.save(
            outcome.clustering,
            self.matrix.ids,
            features_version=self._plan.features_version,
            space=self.evaluator.judge_space.to_bytes(),
        )
        run_id = self._music.playlists.save_run(outcome.playlists, clustering_id=clustering_id)
        self._music.notes.set(
            _LAST_RUN,
            {
                "request": self._request.to_dict(),
                "library": self._plan.library,
                "clustering": clustering_id,
                "run": run_id,
                "notes": list(outcome.notes),
                "changes": [dict(change) for change in outcome.changes],
                "coverage": outcome.coverage,
            },
        )
        return run_id

    def _build(self, clustering: Clustering) -> PlaylistSet:
        return build_playlists(
            self.matrix,
            self.evaluator.places,
            clustering,
            self._request.options,
            seed=self._request.seed,
            previous=self.previous,
            library=self._library,
        )


def last_run(music: MusicStore) -> Mapping[str, Any] | None:
    """Return what the last finished run noted: request, notes, changes, coverage; None before the first."""
    noted: Mapping[str, Any] | None = music.notes.get(_LAST_RUN)
    return noted


def forget_snapshot(music: MusicStore, run_key: str) -> None:
    """Drop the frozen list of songs of a run that is over."""
    music.notes.set(_snapshot_note(run_key), None)


def trials_of(candidates: Sequence[Candidate], verdicts: Sequence[Mapping[str, Any]]) -> list[Trial]:
    """Join candidates with their verdicts."""
    scores = {verdict["number"]: verdict["score"] for verdict in verdicts}
    return [(candidate, scores[candidate["number"]]) for candidate in candidates]


def _starting_point(
    music: MusicStore, request: ClusteringRequest, library: str
) -> tuple[Mode, int | None, int | None]:
    """Return the mode, the clustering to warm-start from, and the set of playlists to continue."""
    runs = [run for run in music.playlists.runs() if not run.undone]
    if not runs:
        return "fresh", None, None
    current = runs[0]
    noted = last_run(music)
    if noted is None or noted["run"] != current.id or request.start_over:
        return "fresh", None, current.id
    last = ClusteringRequest.from_dict(noted["request"])
    edited = any(
        playlist.updated_at is not None and playlist.updated_at > current.created_at
        for playlist in music.playlists.all(current.id)
    )
    if noted["library"] == library and request.same_outcome(last) and not edited:
        return "unchanged", None, current.id
    if request.same_search(last) and music.clusterings.get(noted["clustering"]) is not None:
        return "warm", int(noted["clustering"]), current.id
    return "fresh", None, current.id


def _warm_start(music: MusicStore, clustering_id: int | None) -> WarmStart | None:
    saved = None if clustering_id is None else music.clusterings.get(clustering_id)
    if saved is None or saved.space is None:
        return None
    return WarmStart(
        FeatureSpace.from_bytes(saved.space), saved.clustering.centers, saved.clustering.parameters
    )


def _verdict(warm: Clustering | None, fresh: Clustering, winner: Clustering) -> tuple[str, ...]:
    if warm is None:
        return ()
    scores = f"(score {fresh.score:.3f} against {warm.score:.3f})"
    if winner is warm:
        return (f"The known grouping was continued: the search found nothing clearly better {scores}.",)
    return (f"A clearly better grouping replaces the known one {scores}.",)


def _dated(playlists: Sequence[Playlist], previous: Sequence[Playlist]) -> tuple[Playlist, ...]:
    """Say when each playlist was made and last changed."""
    now = datetime.now(UTC)
    before = {playlist.id: playlist for playlist in previous}
    dated = []
    for playlist in playlists:
        old = before.get(playlist.id)
        same = old is not None and old.entries == playlist.entries and old.name == playlist.name
        dated.append(
            replace(
                playlist,
                created_at=(old.created_at if old else None) or now,
                updated_at=old.updated_at if old and same else now,
            )
        )
    return tuple(dated)


def _digest(matrix: FeatureMatrix) -> str:
    """Identify a library: its songs and what was heard in them."""
    digest = hashlib.sha256(matrix.features_version.encode())
    digest.update("\0".join(matrix.ids).encode(errors="surrogatepass"))
    digest.update(np.ascontiguousarray(matrix.embedding).data)  # as it lies there: no copy
    return digest.hexdigest()


def _snapshot_note(run_key: str) -> str:
    return f"clustering:songs-of:{run_key}"
