"""The nouns. Plain frozen values without behaviour of their own; every room may use them.

Absence is ``None`` (or NaN in a float column of `FeatureMatrix`): silence has no tempo and no key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

EMBEDDING_SIZE = 200

MSD_TAGS: tuple[str, ...] = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s",
    "alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul",
    "indie rock", "Mellow", "electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies",
    "blues", "hard rock", "ambient", "acoustic", "experimental", "female vocalist", "guitar", "Hip-Hop",
    "70s", "party", "country", "easy listening", "sexy", "catchy", "funk", "electro", "heavy metal",
    "Progressive rock", "60s", "rnb", "indie pop", "sad", "House", "happy",
)  # fmt: skip
"""The 50 tags of the Million Song Dataset in the order of the MusiCNN head."""

PITCH_CLASSES: tuple[str, ...] = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


# --- what a music server says -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Album:
    """An album as its server lists it."""

    id: str
    title: str
    artist: str | None = None
    added_at: datetime | None = None
    """When it came into the library (UTC); None if the server does not say."""
    track_count: int | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """An audio track as its server lists it; holds no number that we computed."""

    id: str
    """The server's own id (Jellyfin: 32 hex digits without dashes)."""
    title: str
    artist: str | None = None
    album_id: str | None = None
    album: str | None = None
    album_artist: str | None = None
    duration_s: float | None = None
    path: str | None = None
    """Where the *server* keeps the file; may be synthetic or on another machine."""
    suffix: str | None = None
    """File name extension without the dot, lower case: ``"flac"``."""
    size_bytes: int | None = None
    modified_at: datetime | None = None
    """When the audio last changed, if known; a failed song is tried again when it changes."""
    added_at: datetime | None = None
    year: int | None = None
    genres: tuple[str, ...] = ()
    musicbrainz_recording_id: str | None = None
    play_count: int | None = None
    last_played_at: datetime | None = None
    is_favorite: bool = False


# --- what we heard ------------------------------------------------------------------------------

FEATURES_VERSION = "muse-1"
"""Our own chain (`audiomuse.audio`). Raise it when a change makes other numbers of the same audio: then every
track is due again."""

ESSENTIA_FEATURES_VERSION = "essentia-1"
"""The original chain, run by Essentia."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """A global tempo."""

    bpm: float
    """Beats per minute, > 0."""
    confidence: float
    """0..1."""
    alternative_bpm: float | None = None
    """The runner-up octave hypothesis, if there is one."""


@dataclass(frozen=True, slots=True)
class Key:
    """A global key."""

    tonic: str
    """One of `PITCH_CLASSES`."""
    scale: str
    """``"major"`` or ``"minor"``."""
    strength: float
    """Correlation with the key profile, 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackFeatures:
    """Everything that we heard in one track. None where there is nothing to hear."""

    features_version: str
    """What made these numbers, e.g. ``"muse-1"``; numbers of two versions never mix."""
    duration_s: float
    """Length of the decoded audio, in seconds."""
    tempo: Tempo | None = None
    key: Key | None = None
    loudness_lufs: float | None = None
    """Integrated loudness by EBU R128; None for silence."""
    energy: float | None = None
    """0 (still) .. 1 (intense)."""
    tags: Float32 | None = None
    """Shape (50,), probabilities in the order of `MSD_TAGS`."""
    embedding: Float32 | None = None
    """Shape (200,), MusiCNN's dense layer before its ReLU, mean over patches."""
    moods: Mapping[str, float] = field(default_factory=dict)
    """Labels of a mood head of the user's own; empty without one."""


# --- the library as arrays ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class SongColumns:
    """What is kept of the analysed library in any form; row i of every column is the same track."""

    ids: tuple[str, ...]
    artists: tuple[str, ...]
    """As shown to people; ``""`` if unknown."""
    titles: tuple[str, ...]
    albums: tuple[str, ...]
    duration_s: Float32
    """Shape (n,)."""
    tempo_bpm: Float32
    """Shape (n,), NaN where there is no tempo."""
    key_index: NDArray[np.int8]
    """Shape (n,), 0-11 C..B major, 12-23 C..B minor, -1 where there is no key."""
    loudness_lufs: Float32
    """Shape (n,), NaN for silence."""
    energy: Float32
    """Shape (n,), 0..1, NaN for silence."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMatrix(SongColumns):
    """The analysed library as columns, at full precision.

    Tracks without an embedding (silence) are not in it: there is nothing to compare.
    """

    tags: Float32
    """Shape (n, 50)."""
    embedding: Float32
    """Shape (n, 200)."""
    features_version: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """A partition of the library: labels, centres, and what made and judged it. No song choice, no names."""

    labels: NDArray[np.int32]
    """Shape (n,), 0..k-1, -1 for a track in no cluster."""
    centers: Float32
    """Shape (k, d) in the judge space Z of the library, whatever space was clustered."""
    algorithm: str
    """``"kmeans"``, ``"dbscan"`` or ``"gmm"``."""
    parameters: Mapping[str, Any]
    """The winning parameters, plain JSON values."""
    seed: int
    score: float
    """The fitness F, 0..1."""
    parts: Mapping[str, float]
    """The parts of the fitness by name."""


# --- what people keep ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Publication:
    """A playlist that we created on a server. Only ids found here may be changed or deleted there."""

    server: str
    """Identity of the server, e.g. ``"jellyfin:<server id>"``."""
    remote_id: str
    name: str
    track_ids: tuple[str, ...]
    published_at: datetime


@dataclass(frozen=True, slots=True)
class PlaylistEntry:
    """One song of a playlist."""

    track_id: str
    reason: str = ""
    """Why this song is in, one short sentence."""
    pinned: bool = False
    """Kept by every later run."""


@dataclass(frozen=True, slots=True, eq=False)
class Playlist:
    """An ordered list of songs with an identity that survives re-runs."""

    id: str
    """Ours, stable; never a server's."""
    name: str
    entries: tuple[PlaylistEntry, ...]
    tags: tuple[tuple[str, float], ...] = ()
    """The typical tags, best first, with how typical each is."""
    tempo_bpm: float | None = None
    """Median tempo."""
    energy: float | None = None
    locked: bool = False
    """The next run keeps it as it is."""
    banned: frozenset[str] = frozenset()
    """Tracks a person dropped from this list: they never come back to it."""
    centroid: Float32 | None = None
    """In the judge space Z; the memory by which the next run recognises this list."""
    named_by_user: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def track_ids(self) -> tuple[str, ...]:
        return tuple(entry.track_id for entry in self.entries)


# --- long runs ----------------------------------------------------------------------------------


class JobState(StrEnum):
    """The only states of a job; storage's `transition` is the only way between them."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    PROGRESS = "PROGRESS"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    REVOKED = "REVOKED"

    @property
    def is_final(self) -> bool:
        return self in (JobState.SUCCESS, JobState.FAILURE, JobState.REVOKED)


class ItemState(StrEnum):
    """States of one item of a job."""

    PENDING = "pending"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """A long run. The rows behind it are the truth; no process and no broker holds progress of its own."""

    id: str
    kind: str
    """``"analysis"``, ``"clustering"`` or ``"publishing"``."""
    state: JobState
    parameters: Mapping[str, Any]
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    heartbeat_at: datetime | None = None
    cancel_requested: bool = False
    total: int = 0
    """Items known so far."""
    done: int = 0
    failed: int = 0
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What a person may look at meanwhile: current song, best score ..."""
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    """The one sentence of a FAILURE."""


@dataclass(frozen=True, slots=True)
class JobItem:
    """A piece of a job that one worker does in one go."""

    job_id: str
    key: str
    stage: int
    """Items of a stage may be claimed once every item of the lower stages is done or failed."""
    payload: Mapping[str, Any]
    state: ItemState = ItemState.PENDING
    attempts: int = 0
    result: Mapping[str, Any] | None = None
    error_kind: str | None = None
    error: str | None = None
    weight: int = 1
    """What it adds to the job's `total` and `done`: a song 1, a batch of 25 runs 25, planning 0."""
