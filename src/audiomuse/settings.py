"""Every parameter of AudioMuse, read once at the edge and passed on.

A parameter is a field of `Settings`; its environment variable is the field's name in capitals. Values come,
strongest first, from the command line, the environment, files of the secrets folder, what the page saved,
and the defaults here. Help, group, range and unit stand beside each field, and the page, the command line
and the documentation are all made from them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from audiomuse.errors import SettingsError

GROUPS: dict[str, str] = {
    "server": "Music server",
    "analysis": "Analysis",
    "playlists": "Playlists",
    "search": "Clustering search",
    "kmeans": "K-Means",
    "dbscan": "DBSCAN",
    "gmm": "GMM",
    "pca": "PCA",
    "fitness": "Fitness weights",
    "schedule": "Schedule",
    "storage": "Files and databases",
    "fleet": "Several machines",
    "web": "Page and API",
    "logging": "Logging",
}
"""Headings of the settings page and of the documentation, in their order."""

_PLACEHOLDER = re.compile(r"YOUR_|CHANGE_?ME|<.*>", re.IGNORECASE)

_RANGES: tuple[tuple[str, str], ...] = (
    ("num_clusters_min", "num_clusters_max"),
    ("dbscan_eps_min", "dbscan_eps_max"),
    ("dbscan_min_samples_min", "dbscan_min_samples_max"),
    ("gmm_n_components_min", "gmm_n_components_max"),
    ("pca_components_min", "pca_components_max"),
)


def _parameter(
    default: Any, help_text: str, *, group: str, advanced: bool = False, **constraints: Any
) -> Any:
    """Describe one parameter: its default, one line of help, and where the page shows it."""
    return Field(
        default,
        description=help_text,
        json_schema_extra={"group": group, "advanced": advanced},
        **constraints,
    )


def default_data_dir() -> Path:
    """Return the folder for our files of the person who runs us, by the XDG base directory rules."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base else Path.home() / ".local" / "share") / "audiomuse"


def available_cores(cpu_max: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return how many cores this process may use: its affinity, and the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, _, period = cpu_max.read_text().partition(" ")
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no such file, or "max": no quota
        return cores


class Settings(BaseSettings):
    """All parameters of one process, immutable. Create it with `load_settings`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True, case_sensitive=False
    )

    # --- music server ---
    media_server: Literal["jellyfin", "subsonic", "folder"] | None = _parameter(
        None,
        "Where the music lives: jellyfin, subsonic (Navidrome and every OpenSubsonic server) or folder. "
        "Unset: the one whose address is given.",
        group="server",
    )
    jellyfin_url: str = _parameter(
        "", "Address of Jellyfin, with a path prefix if it has one, e.g. http://nas:8096", group="server"
    )
    jellyfin_user_id: str = _parameter(
        "", "Jellyfin user (id or name) whose library and playlists are used.", group="server"
    )
    jellyfin_token: SecretStr | None = _parameter(
        None, "Jellyfin API key (Dashboard > API keys).", group="server"
    )
    jellyfin_username: str = _parameter(
        "", "Jellyfin login instead of an API key; allows replacing playlists in place.", group="server"
    )
    jellyfin_password: SecretStr | None = _parameter(
        None, "Password of that login; exchanged once for a token.", group="server"
    )
    subsonic_url: str = _parameter(
        "", "Address of Navidrome or another (Open)Subsonic server.", group="server"
    )
    subsonic_user: str = _parameter("", "User name there.", group="server")
    subsonic_password: SecretStr | None = _parameter(None, "Password there.", group="server")
    subsonic_api_key: SecretStr | None = _parameter(
        None, "API key there, instead of user and password, where the server offers it.", group="server"
    )
    music_dir: Path | None = _parameter(None, "A folder of music on this machine.", group="server")
    playlists_dir: Path | None = _parameter(
        None,
        "Where .m3u8 playlists of a folder library are written. Unset: a folder 'AudioMuse' in MUSIC_DIR.",
        group="server",
        advanced=True,
    )
    music_libraries: str = _parameter(
        "", "Names of the server's music libraries to use, separated by ';'. Empty: all.", group="server"
    )
    path_map: str = _parameter(
        "",
        "Read audio directly where the server's disk is mounted here: SERVER_PREFIX=LOCAL_PREFIX, more than "
        "one separated by ';'.",
        group="server",
        advanced=True,
    )
    verify_tls: bool = _parameter(True, "Check the server's TLS certificate.", group="server", advanced=True)

    # --- analysis ---
    num_recent_albums: int = _parameter(
        2000, "Albums to look at, newest first; 0 for all.", group="analysis", ge=0, le=1_000_000
    )
    top_n_moods: int = _parameter(
        5, "Strongest mood tags of a track that count in the original feature vector.",
        group="analysis", ge=1, le=50,
    )  # fmt: skip
    analysis_workers: int = _parameter(
        0, "Songs analysed at the same time on this machine; 0: one fewer than its cores, at least 1.",
        group="analysis", ge=0, le=256,
    )  # fmt: skip
    analysis_backend: Literal["native", "essentia"] = _parameter(
        "native", "native, or essentia: the original chain, needs audiomuse[essentia] and your .pb models.",
        group="analysis", advanced=True,
    )  # fmt: skip
    patch_hop: Literal[187, 93] = _parameter(
        187, "Frames between two 3-second patches that MusiCNN hears; 93 overlaps like the original.",
        group="analysis", advanced=True,
    )  # fmt: skip
    max_patches: int = _parameter(
        0, "Hear at most this many patches, spread evenly over the song; 0: every one.",
        group="analysis", advanced=True, ge=0, le=10_000,
    )  # fmt: skip
    max_whole_song_minutes: float = _parameter(
        20.0, "Songs up to this length are heard whole, longer ones in evenly spread windows.",
        group="analysis", advanced=True, gt=0, le=600,
    )  # fmt: skip
    song_timeout_s: float = _parameter(
        600.0,
        "Give up on one song after this many seconds.",
        group="analysis",
        advanced=True,
        ge=5,
        le=86_400,
    )
    embedding_model_path: Path | None = _parameter(
        None, "MusiCNN .pb file for the essentia backend.", group="analysis", advanced=True
    )
    prediction_model_path: Path | None = _parameter(
        None, "Tag head .pb file for the essentia backend.", group="analysis", advanced=True
    )
    mood_model_path: Path | None = _parameter(
        None, "A mood model of your own over the 200-d embedding (.onnx or .pb, labels beside it).",
        group="analysis", advanced=True,
    )  # fmt: skip
    quiet_hours: str = _parameter(
        "", "No analysis between these times of day, e.g. 18:00-23:30. Empty: any time.", group="analysis"
    )

    # --- playlists ---
    max_songs_per_cluster: int = _parameter(
        40, "Songs in one playlist at most; 0: no limit.", group="playlists", ge=0, le=10_000
    )
    max_songs_per_artist: int = _parameter(
        3, "Songs of one artist in a playlist at most; 0: no limit.", group="playlists", ge=0, le=10_000
    )
    max_distance: float = _parameter(
        0.5,
        "How far from its centre a song may be, 0 to 1: at 0.5 the nearest 90 % of a cluster stay, "
        "at 1 nearly all.",
        group="playlists", gt=0, le=1,
    )  # fmt: skip
    min_songs_per_playlist: int = _parameter(
        8, "Shorter playlists are not made (small libraries adapt).", group="playlists", ge=1, le=1000
    )
    max_playlists: int = _parameter(
        0,
        "Keep only this many playlists, the most coherent ones; 0: all.",
        group="playlists",
        ge=0,
        le=10_000,
    )
    playlist_name_style: Literal["contrast", "classic"] = _parameter(
        "contrast", "contrast: what tells the list from the others. classic: Mood_Mood_Mood_Tempo.",
        group="playlists",
    )  # fmt: skip
    playlist_name_moods: int = _parameter(
        3, "Moods in a classic name.", group="playlists", advanced=True, ge=1, le=5
    )
    playlist_suffix: str = _parameter(
        "_automatic", "Added to the name of every playlist on the server.", group="playlists", max_length=40
    )

    # --- search ---
    cluster_algorithm: Literal["kmeans", "dbscan", "gmm"] = _parameter(
        "kmeans", "kmeans (fast, even lists), gmm (soft, uneven) or dbscan (odd shapes, leaves songs out).",
        group="search",
    )  # fmt: skip
    clustering_runs: int = _parameter(
        1000, "Parameter sets that the evolutionary search tries.", group="search", ge=1, le=1_000_000
    )
    clustering_seed: int = _parameter(
        0, "Same seed and library, same playlists.", group="search", ge=0, le=2**31 - 1
    )
    feature_space: Literal["blend", "embedding", "original-scaled", "original"] = _parameter(
        "blend", "What is clustered: the blend of embedding, tags, tempo and energy; or one part; or the "
        "original vector of tempo and TOP_N_MOODS moods.", group="search", advanced=True,
    )  # fmt: skip
    num_clusters_min: int = _parameter(20, "Fewest clusters for K-Means.", group="kmeans", ge=1, le=10_000)
    num_clusters_max: int = _parameter(60, "Most clusters for K-Means.", group="kmeans", ge=1, le=10_000)
    dbscan_eps_min: float = _parameter(
        0.1,
        "Smallest eps. Leave both unset to have the range taken from the data.",
        group="dbscan",
        gt=0,
        le=100,
    )
    dbscan_eps_max: float = _parameter(0.5, "Largest eps.", group="dbscan", gt=0, le=100)
    dbscan_min_samples_min: int = _parameter(5, "Smallest min_samples.", group="dbscan", ge=1, le=10_000)
    dbscan_min_samples_max: int = _parameter(20, "Largest min_samples.", group="dbscan", ge=1, le=10_000)
    gmm_n_components_min: int = _parameter(20, "Fewest mixture components.", group="gmm", ge=1, le=10_000)
    gmm_n_components_max: int = _parameter(60, "Most mixture components.", group="gmm", ge=1, le=10_000)
    gmm_covariance_type: Literal["full", "tied", "diag", "spherical"] = _parameter(
        "full", "Shape of a component.", group="gmm"
    )
    pca_components_min: int = _parameter(
        0, "Fewest principal components; 0: without PCA.", group="pca", ge=0, le=200
    )
    pca_components_max: int = _parameter(10, "Most principal components.", group="pca", ge=0, le=200)

    fitness_coverage: float = _parameter(
        1.0, "Most songs are in a list that can be played.", group="fitness", advanced=True, ge=0, le=10
    )
    fitness_coherence: float = _parameter(
        1.0, "Songs of a list are alike, across artists.", group="fitness", advanced=True, ge=0, le=10
    )
    fitness_distinctness: float = _parameter(
        1.0, "Lists differ from each other.", group="fitness", advanced=True, ge=0, le=10
    )
    fitness_mood_information: float = _parameter(
        2.0, "Lists have moods of their own.", group="fitness", advanced=True, ge=0, le=10
    )
    fitness_artist_variety: float = _parameter(
        1.0, "Lists hold many artists.", group="fitness", advanced=True, ge=0, le=10
    )

    # --- schedule ---
    analysis_schedule: str = _parameter(
        "", "When to analyse new music by itself, as cron: minute hour day month weekday. Empty: never.",
        group="schedule",
    )  # fmt: skip
    clustering_schedule: str = _parameter(
        "", "When to make the playlists anew and publish them, as cron. Empty: never.", group="schedule"
    )

    # --- storage ---
    data_dir: Path = _parameter(
        Path(), "Our own files. In the container: /workspace.", group="storage", advanced=True
    )
    temp_dir: Path = _parameter(
        Path(), "Downloaded audio, deleted after use. Default: temp_audio in DATA_DIR.",
        group="storage", advanced=True,
    )  # fmt: skip
    db_path: Path = _parameter(
        Path(), "SQLite file of what we know about music. Default: db.sqlite in DATA_DIR.",
        group="storage", advanced=True,
    )  # fmt: skip
    status_db_path: Path = _parameter(
        Path(), "SQLite file of what is running. Default: status_db.sqlite in DATA_DIR.",
        group="storage", advanced=True,
    )  # fmt: skip
    max_temp_mb: int = _parameter(
        2048, "Downloaded audio waiting for analysis takes at most this much of TEMP_DIR.",
        group="storage", advanced=True, ge=64, le=1_000_000,
    )  # fmt: skip

    # --- fleet ---
    celery_broker_url: SecretStr | None = _parameter(
        None, "redis://, rediss:// or amqp:// broker shared by several machines. Unset: embedded.",
        group="fleet", advanced=True,
    )  # fmt: skip
    celery_result_backend: SecretStr | None = _parameter(
        None, "Accepted for those who inspect tasks with Celery's own tools; results live in the database.",
        group="fleet", advanced=True,
    )  # fmt: skip
    database_url: SecretStr | None = _parameter(
        None, "postgresql:// instead of DB_PATH; needed for several machines.", group="fleet", advanced=True
    )
    status_database_url: SecretStr | None = _parameter(
        None, "postgresql:// instead of STATUS_DB_PATH. Unset: DATABASE_URL.", group="fleet", advanced=True
    )
    service_type: Literal["all", "web", "flask", "worker", "celery"] = _parameter(
        "all", "What a container runs: all, web (flask) or worker (celery).", group="fleet", advanced=True
    )

    # --- web ---
    web_host: str = _parameter(
        "127.0.0.1", "Address the page listens on; 0.0.0.0 for the whole network.", group="web", advanced=True
    )
    web_port: int = _parameter(8000, "Port of the page.", group="web", advanced=True, ge=1, le=65535)
    web_threads: int = _parameter(
        16, "Requests answered at the same time.", group="web", advanced=True, ge=2, le=256
    )
    url_prefix: str = _parameter(
        "", "Path under which a reverse proxy shows the page, e.g. /audiomuse.", group="web", advanced=True
    )
    trusted_proxies: int = _parameter(
        0,
        "Reverse proxies in front whose X-Forwarded headers count.",
        group="web",
        advanced=True,
        ge=0,
        le=10,
    )
    trusted_hosts: str = _parameter(
        "", "Host names under which the page may be asked for, separated by ','. Empty: any.",
        group="web", advanced=True,
    )  # fmt: skip
    auth_disabled: bool = _parameter(
        False, "No login: only behind a login of your own.", group="web", advanced=True
    )
    admin_password: SecretStr | None = _parameter(
        None, "Password of the page; unset: chosen on the first visit.", group="web", advanced=True
    )
    api_token: SecretStr | None = _parameter(
        None,
        "Bearer token for plugins and scripts; unset: made on the settings page.",
        group="web",
        advanced=True,
    )
    secret_key: SecretStr | None = _parameter(
        None, "Signs session cookies; unset: made once and kept in DATA_DIR.", group="web", advanced=True
    )
    language: str = _parameter(
        "", "Language of the page, e.g. en or de. Empty: the browser's choice.", group="web", max_length=10
    )
    source_url: str = _parameter(
        "", "Where your changed version's source code is. Empty: the page hands out its own.",
        group="web", advanced=True,
    )  # fmt: skip

    # --- logging ---
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = _parameter(
        "INFO", "How much is logged.", group="logging", advanced=True
    )
    log_format: Literal["console", "json"] = _parameter(
        "console", "Logs for people or for a collector.", group="logging", advanced=True
    )

    # --- validation ---

    @field_validator("jellyfin_url", "subsonic_url", "source_url")
    @classmethod
    def _an_http_address(cls, value: str) -> str:
        value = value.strip().rstrip("/")
        if not value:
            return value
        if _PLACEHOLDER.search(value):
            raise ValueError("still holds the placeholder of the example; put your own address there")
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an address such as http://nas:8096")
        if parts.username or parts.query or parts.fragment:
            raise ValueError("must be a plain address without user, '?' or '#'")
        return value

    @field_validator("url_prefix")
    @classmethod
    def _a_path_prefix(cls, value: str) -> str:
        value = value.strip().rstrip("/")
        if value and not value.startswith("/"):
            raise ValueError("must start with '/', e.g. /audiomuse")
        return value

    @field_validator("path_map")
    @classmethod
    def _pairs_of_paths(cls, value: str) -> str:
        for pair in filter(None, value.split(";")):
            left, equals, right = pair.partition("=")
            if not (left.strip() and equals and right.strip()):
                raise ValueError("must be SERVER_PREFIX=LOCAL_PREFIX, more than one separated by ';'")
        return value

    @field_validator("quiet_hours")
    @classmethod
    def _two_times_of_day(cls, value: str) -> str:
        time = r"([01]?\d|2[0-3]):[0-5]\d"
        if value and not re.fullmatch(rf"{time}-{time}", value.strip()):
            raise ValueError("must be two times of day such as 18:00-23:30")
        return value.strip()

    @field_validator("database_url", "status_database_url")
    @classmethod
    def _a_postgresql_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(
            ("postgresql://", "postgresql+psycopg://")
        ):
            raise ValueError("must start with postgresql:// (for SQLite set DB_PATH and STATUS_DB_PATH)")
        return value

    @field_validator("celery_broker_url")
    @classmethod
    def _a_broker_url(cls, value: SecretStr | None) -> SecretStr | None:
        schemes = ("redis://", "rediss://", "amqp://", "amqps://", "redis+socket://")
        if value is not None and not value.get_secret_value().startswith(schemes):
            raise ValueError("must start with redis://, rediss:// or amqp://")
        return value

    @model_validator(mode="before")
    @classmethod
    def _derive_paths(cls, values: dict[str, Any]) -> dict[str, Any]:
        data_dir = Path(values.get("data_dir") or default_data_dir()).expanduser()
        derived = {
            "data_dir": data_dir,
            "temp_dir": data_dir / "temp_audio",
            "db_path": data_dir / "db.sqlite",
            "status_db_path": data_dir / "status_db.sqlite",
        }
        return {**values, **{name: values.get(name) or path for name, path in derived.items()}}

    @model_validator(mode="after")
    def _ranges_are_in_order(self) -> Settings:
        for low, high in _RANGES:
            if getattr(self, low) > getattr(self, high):
                least, most = getattr(self, low), getattr(self, high)
                raise ValueError(f"{low.upper()} ({least}) is larger than {high.upper()} ({most})")
        return self

    @model_validator(mode="after")
    def _the_chosen_server_has_an_address(self) -> Settings:
        needed = {"jellyfin": "jellyfin_url", "subsonic": "subsonic_url", "folder": "music_dir"}
        if self.media_server and not getattr(self, needed[self.media_server]):
            name = needed[self.media_server].upper()
            raise ValueError(f"MEDIA_SERVER is {self.media_server}, but {name} is not set")
        return self

    # --- derived values ---

    @property
    def chosen_server(self) -> Literal["jellyfin", "subsonic", "folder"] | None:
        """The server in use; None while none is configured (first run)."""
        if self.media_server:
            return self.media_server
        if self.jellyfin_url:
            return "jellyfin"
        if self.subsonic_url:
            return "subsonic"
        return "folder" if self.music_dir else None

    @property
    def worker_count(self) -> int:
        """Songs analysed at once here: ANALYSIS_WORKERS, or one fewer than the cores we may use."""
        return self.analysis_workers or max(1, available_cores() - 1)

    @property
    def dbscan_eps_is_set(self) -> bool:
        """Whether a person chose an eps range; otherwise the data does."""
        return bool({"dbscan_eps_min", "dbscan_eps_max"} & self.model_fields_set)

    @property
    def is_distributed(self) -> bool:
        """Whether several machines share the work."""
        return self.celery_broker_url is not None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: command line, environment, secrets folder, saved by the page."""
        sources = [init_settings, env_settings]
        folder = os.environ.get("SECRETS_DIR", "")
        if folder:
            sources.append(SecretsSettingsSource(settings_cls, secrets_dir=folder))
        saved = _SAVED_VALUES.get(settings_cls)
        if saved:
            sources.append(InitSettingsSource(settings_cls, init_kwargs=dict(saved)))
        return tuple(sources)


# pydantic-settings builds its sources from the class alone, so what the page saved reaches them through here
# for the length of one `load_settings` call.
_SAVED_VALUES: dict[type[BaseSettings], Mapping[str, Any]] = {}


def load_settings(*, saved: Mapping[str, Any] | None = None, **overrides: Any) -> Settings:
    """Read every parameter.

    Parameters
    ----------
    saved : mapping, optional
        Values that the page saved; weaker than the environment.
    **overrides
        Values of the command line; stronger than everything. None means "not given".

    Raises
    ------
    SettingsError
        If a value is wrong; the message names every wrong variable and never shows a value of a secret.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    _SAVED_VALUES[Settings] = saved or {}
    try:
        return Settings(**given)
    except ValidationError as e:
        raise SettingsError("; ".join(_explain(error) for error in e.errors(include_url=False))) from None
    finally:
        _SAVED_VALUES.pop(Settings, None)


def with_values(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """Return the settings with some values changed, all checked again.

    Raises
    ------
    SettingsError
        If a value is wrong, or contradicts another.
    """
    known = {name: getattr(settings, name) for name in settings.model_fields_set}
    return load_settings(**{**known, **values})


def _explain(error: Any) -> str:
    """One sentence per wrong value, starting with the variable's name."""
    message = str(error["msg"]).removeprefix("Value error, ")
    name = ".".join(str(part) for part in error["loc"]).upper()
    if not name:
        return message
    return f"{name}: {message[0].lower()}{message[1:]}"


def from_environment(name: str) -> bool:
    """Tell whether the environment (or the secrets folder) decides `name`; the page shows it as such."""
    folder = os.environ.get("SECRETS_DIR", "")
    variable = name.upper()
    if os.environ.get(variable):
        return True
    return bool(folder) and any((Path(folder) / file).exists() for file in (name, variable))


def is_secret(field: FieldInfo) -> bool:
    """Tell whether a parameter must never reach a log, a page or the API."""
    return "SecretStr" in str(field.annotation)


def group_of(field: FieldInfo) -> str:
    """Return the key in `GROUPS` of a parameter."""
    extra = field.json_schema_extra
    assert isinstance(extra, dict)  # every field is made by _parameter
    return str(extra["group"])
