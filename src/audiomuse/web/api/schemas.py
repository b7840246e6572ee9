"""Requests and answers of the JSON API, exactly as its clients know them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

ItemId = Annotated[str, Field(min_length=1, max_length=512)]
Count = Annotated[int, Field(ge=1, le=1000)]


class ErrorAnswer(BaseModel):
    """Every error: what is wrong and what to do."""

    error: str


class _OptionalBody(BaseModel):
    """A JSON object of which every member may be missing, and the object itself too."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _missing_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value


# --- jobs ---


class TaskPath(BaseModel):
    task_id: ItemId


class TaskTypePath(BaseModel):
    task_type_prefix: ItemId


class AnalysisRequest(_OptionalBody):
    """What to analyse; missing members: the settings."""

    num_recent_albums: int | None = Field(None, ge=0, le=1_000_000, description="Newest albums; 0 for all.")
    top_n_moods: int | None = Field(None, ge=1, le=50, description="Moods of the original feature vector.")


class ClusteringRequest(_OptionalBody):
    """How to search; missing members: the settings."""

    clustering_method: Literal["kmeans", "dbscan", "gmm"] | None = None
    num_clusters_min: int | None = Field(None, ge=1, le=10_000)
    num_clusters_max: int | None = Field(None, ge=1, le=10_000)
    dbscan_eps_min: float | None = Field(None, gt=0, le=100)
    dbscan_eps_max: float | None = Field(None, gt=0, le=100)
    dbscan_min_samples_min: int | None = Field(None, ge=1, le=10_000)
    dbscan_min_samples_max: int | None = Field(None, ge=1, le=10_000)
    gmm_n_components_min: int | None = Field(None, ge=1, le=10_000)
    gmm_n_components_max: int | None = Field(None, ge=1, le=10_000)
    pca_components_min: int | None = Field(None, ge=0, le=200)
    pca_components_max: int | None = Field(None, ge=0, le=200)
    clustering_runs: int | None = Field(None, ge=1, le=1_000_000)
    max_songs_per_cluster: int | None = Field(None, ge=0, le=10_000)


class TaskStarted(BaseModel):
    task_id: str
    task_type: str
    status: str


class TaskStatus(BaseModel):
    task_id: str
    task_type: str
    state: Literal["PENDING", "STARTED", "PROGRESS", "SUCCESS", "FAILURE", "REVOKED"]
    status: str = Field(description="The same as a sentence.")
    progress: int = Field(ge=0, le=100)
    details: dict[str, Any]
    log_output: list[str]


class TaskMessage(BaseModel):
    message: str
    task_id: str


class TaskNotRunning(BaseModel):
    message: str
    state: str


class CancelRefused(RootModel[TaskNotRunning | ErrorAnswer]):
    """The task is not running, or the request was forged."""


class CancelledTasks(BaseModel):
    message: str
    cancelled: int = Field(ge=0)


class ActiveTask(RootModel[dict[str, Any]]):
    """The running main task as in `/api/status`, or an empty object."""


class LastTask(BaseModel):
    task_id: str | None
    task_type: str | None
    status: str = Field(description='Its state, or "NO_PREVIOUS_TASK".')
    details: dict[str, Any]


class ConfigAnswer(RootModel[dict[str, Any]]):
    """Every analysis and clustering parameter with its value, and `mood_labels`."""


# --- songs ---


class TrackAnswer(BaseModel):
    item_id: str
    title: str
    author: str
    album: str


class TrackNear(TrackAnswer):
    distance: float


class TrackList(RootModel[list[TrackAnswer]]):
    """Songs."""


class TrackNearList(RootModel[list[TrackNear]]):
    """Songs, nearest first."""


class PlaylistSong(BaseModel):
    item_id: str
    title: str
    author: str


class PlaylistsAnswer(RootModel[dict[str, list[PlaylistSong]]]):
    """Songs by name of the playlist."""


class SearchTracksQuery(BaseModel):
    search_query: str = Field("", max_length=200)
    title: str = Field("", max_length=200)
    artist: str = Field("", max_length=200)
    start: int = Field(0, ge=0, le=10_000_000)
    end: int | None = Field(
        None, ge=0, le=10_000_000, description="One past the last; at most 1000 at a time."
    )


class SimilarTracksQuery(BaseModel):
    item_id: str = Field("", max_length=512)
    title: str = Field("", max_length=500)
    artist: str = Field("", max_length=500)
    n: Count = 10
    eliminate_duplicates: bool = Field(False, description="Few songs of one artist.")
    radius_similarity: bool = Field(
        False, description="Walk through the neighbourhood instead of ranking it."
    )
    mood_similarity: bool = Field(False, description="Only songs of a like mood.")


class SimilarArtistsQuery(BaseModel):
    artist: str = Field("", max_length=500, description="Name or id.")
    artist_id: str = Field("", max_length=512)
    n: Count = 10
    include_component_matches: bool = False
    ef_search: int | None = Field(None, ge=0, le=1_000_000, description="Accepted; the search is exact.")


class RepresentativeSong(BaseModel):
    item_id: str
    title: str


class ComponentMatch(BaseModel):
    artist1_representative_songs: list[RepresentativeSong]
    artist2_representative_songs: list[RepresentativeSong]


class SimilarArtist(BaseModel):
    artist: str
    artist_id: str
    divergence: float
    component_matches: list[ComponentMatch]


class SimilarArtistList(RootModel[list[SimilarArtist]]):
    """Artists, most alike first."""


class SearchArtistsQuery(BaseModel):
    query: str = Field("", max_length=200)


class ArtistAnswer(BaseModel):
    artist: str
    artist_id: str
    track_count: int


class ArtistList(RootModel[list[ArtistAnswer]]):
    """Artists."""


class PathQuery(BaseModel):
    start_song_id: ItemId
    end_song_id: ItemId
    max_steps: int | None = Field(None, ge=2, le=500, description="Songs in the path, both ends included.")
    count: int | None = Field(None, ge=2, le=500, description="Another name of max_steps.")
    path_fix_size: bool = Field(False, description="Exactly so many songs.")


class PathAnswer(BaseModel):
    path: list[TrackAnswer]
    total_distance: float


class MaxDistanceQuery(BaseModel):
    item_id: ItemId


class MaxDistanceAnswer(BaseModel):
    max_distance: float
    farthest_item_id: str


class CreatePlaylistRequest(BaseModel):
    playlist_name: str = Field(min_length=1, max_length=200)
    track_ids: list[ItemId] = Field(min_length=1, max_length=10_000)


class PlaylistCreated(BaseModel):
    message: str
    playlist_id: str


class FingerprintQuery(BaseModel):
    n: Count = 50
    user: str = Field("", max_length=200, description="Accepted; the configured account's plays count.")


class FingerprintRequest(_OptionalBody):
    n: Count = 50
    user: str = Field("", max_length=200)


class AlchemyItem(BaseModel):
    id: ItemId
    op: Literal["ADD", "SUBTRACT"] = "ADD"
    type: Literal["song", "artist"] = "song"


class AlchemyRequest(BaseModel):
    items: list[AlchemyItem] = Field(min_length=1, max_length=100)
    n: Count = 50
    temperature: float = Field(0.0, ge=0, le=10, description="0: the nearest; more: more daring.")


class AlchemyTrack(TrackNear):
    embedding_2d: list[float] = Field(description="Place on a plane; empty without one.")


class AlchemyAnswer(BaseModel):
    results: list[AlchemyTrack]


class DescribeRequest(BaseModel):
    query: str = Field(min_length=1, max_length=300)
    limit: Count = 50
