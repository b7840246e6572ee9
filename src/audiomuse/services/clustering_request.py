"""What one clustering run was asked for: checked, and written down with the job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audiomuse.clustering import JudgeWeights, SearchParameters
from audiomuse.errors import ParameterError, SettingsError
from audiomuse.playlists import PlaylistOptions
from audiomuse.settings import Settings, group_of, with_values

_GROUPS = ("playlists", "search", "kmeans", "dbscan", "gmm", "pca", "fitness")
CLUSTERING_FIELDS: tuple[str, ...] = (
    "top_n_moods",
    *(name for name, field in Settings.model_fields.items() if group_of(field) in _GROUPS),
)
"""The parameters that a single run may choose for itself."""

_DEFAULTS: Mapping[str, Any] = {name: Settings.model_fields[name].default for name in CLUSTERING_FIELDS}


@dataclass(frozen=True, slots=True)
class ClusteringRequest:
    """The parameters of one run, complete: workers need no settings of their own."""

    values: Mapping[str, Any]
    """Every one of `CLUSTERING_FIELDS`, plain JSON values."""
    eps_is_set: bool
    """Whether a person chose the eps range of DBSCAN."""
    publish: bool = False
    """Whether the playlists go to the media server at the end."""
    start_over: bool = False
    """Forget yesterday's playlists (locked ones stay) and search afresh."""

    @classmethod
    def make(
        cls,
        settings: Settings,
        chosen: Mapping[str, Any] | None = None,
        *,
        publish: bool = False,
        start_over: bool = False,
    ) -> ClusteringRequest:
        """Complete what a person chose with the settings.

        Raises
        ------
        ParameterError
            If a name is unknown or a value is wrong; the message names the parameter.
        """
        given = {name: value for name, value in (chosen or {}).items() if value is not None}
        unknown = sorted(set(given) - set(CLUSTERING_FIELDS))
        if unknown:
            raise ParameterError(f"Unknown parameter {', '.join(unknown)}.")
        try:
            complete = with_values(settings, given)
        except SettingsError as e:
            raise ParameterError(str(e)) from None
        request = cls(
            {name: getattr(complete, name) for name in CLUSTERING_FIELDS},
            complete.dbscan_eps_is_set,
            publish,
            start_over,
        )
        # Both check themselves: a wrong combination is refused before a job exists.
        _ = request.search, request.options
        return request

    @property
    def runs(self) -> int:
        return int(self.values["clustering_runs"])

    @property
    def seed(self) -> int:
        return int(self.values["clustering_seed"])

    @property
    def search(self) -> SearchParameters:
        """The ranges of the search."""
        v = self.values
        return SearchParameters(
            algorithm=v["cluster_algorithm"],
            num_clusters_min=v["num_clusters_min"],
            num_clusters_max=v["num_clusters_max"],
            dbscan_eps_min=v["dbscan_eps_min"] if self.eps_is_set else None,
            dbscan_eps_max=v["dbscan_eps_max"] if self.eps_is_set else None,
            dbscan_min_samples_min=v["dbscan_min_samples_min"],
            dbscan_min_samples_max=v["dbscan_min_samples_max"],
            gmm_n_components_min=v["gmm_n_components_min"],
            gmm_n_components_max=v["gmm_n_components_max"],
            gmm_covariance_type=v["gmm_covariance_type"],
            pca_components_min=v["pca_components_min"],
            pca_components_max=v["pca_components_max"],
            feature_space=v["feature_space"],
            top_n_moods=v["top_n_moods"],
            judge_weights=JudgeWeights(
                coverage=v["fitness_coverage"],
                coherence=v["fitness_coherence"],
                distinctness=v["fitness_distinctness"],
                mood_information=v["fitness_mood_information"],
                artist_variety=v["fitness_artist_variety"],
            ),
        )

    @property
    def options(self) -> PlaylistOptions:
        """The choices about playlists."""
        v = self.values
        return PlaylistOptions(
            max_distance=v["max_distance"],
            max_songs_per_cluster=v["max_songs_per_cluster"],
            max_songs_per_artist=v["max_songs_per_artist"],
            min_songs=v["min_songs_per_playlist"],
            max_playlists=v["max_playlists"],
            name_style=v["playlist_name_style"],
            name_moods=v["playlist_name_moods"],
            top_n_moods=v["top_n_moods"],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; `from_dict` is the way back."""
        return {
            **self.values,
            "eps_is_set": self.eps_is_set,
            "publish": self.publish,
            "start_over": self.start_over,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ClusteringRequest:
        """Rebuild a request from `to_dict`, also one that an older version wrote down.

        A parameter that did not exist then has its default now.
        """
        flags = {name: bool(values.get(name, False)) for name in ("eps_is_set", "publish", "start_over")}
        return cls({name: values.get(name, _DEFAULTS[name]) for name in CLUSTERING_FIELDS}, **flags)

    def same_search(self, other: ClusteringRequest) -> bool:
        """Whether another run searched for the same thing: it may then be continued from."""
        return self.search == other.search and self.seed == other.seed

    def same_outcome(self, other: ClusteringRequest) -> bool:
        """Whether another run of the same library must have come to the same playlists."""
        return dict(self.values) == dict(other.values) and self.eps_is_set == other.eps_is_set
