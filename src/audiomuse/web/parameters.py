"""Parameters as form fields, made from what `audiomuse.settings` says about each."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from audiomuse.errors import ParameterError
from audiomuse.settings import GROUPS, Settings, from_environment, group_of, is_secret
from audiomuse.web.words import _

Kind = Literal["choice", "switch", "whole", "decimal", "text", "secret"]
Origin = Literal["environment", "saved", "default"]

_ACRONYMS = {
    "url": "URL", "id": "ID", "api": "API", "tls": "TLS", "pca": "PCA", "gmm": "GMM", "dbscan": "DBSCAN",
    "eps": "eps", "db": "DB", "mb": "MB", "n": "N", "moods": "moods",
}  # fmt: skip
_ENDINGS = {"s": "(s)", "min": "(min)", "max": "(max)", "dir": "folder"}
_LABELS = {
    "media_server": "Kind of server",
    "jellyfin_url": "Jellyfin address",
    "jellyfin_user_id": "Jellyfin user",
    "jellyfin_token": "Jellyfin API key",
    "jellyfin_username": "Jellyfin login",
    "subsonic_url": "Subsonic address",
    "music_dir": "Folder of music",
    "playlists_dir": "Folder for playlists",
    "music_libraries": "Libraries to use",
    "path_map": "Mounted folders",
    "verify_tls": "Check certificates",
    "num_recent_albums": "Newest albums",
    "top_n_moods": "Moods that count",
    "analysis_workers": "Songs at once",
    "song_timeout_s": "Time for one song",
    "max_songs_per_cluster": "Songs in a playlist",
    "max_songs_per_artist": "Songs by one artist",
    "max_distance": "How far a song may be",
    "min_songs_per_playlist": "Shortest playlist",
    "max_playlists": "Most playlists",
    "playlist_name_style": "Style of names",
    "playlist_name_moods": "Moods in a name",
    "playlist_suffix": "Added to names",
    "cluster_algorithm": "Way of grouping",
    "clustering_runs": "Tries",
    "clustering_seed": "Seed",
    "feature_space": "What is compared",
    "num_clusters_min": "Clusters",
    "num_clusters_max": "Clusters (max)",
    "gmm_n_components_min": "Components",
    "gmm_n_components_max": "Components (max)",
    "gmm_covariance_type": "Shape",
    "dbscan_eps_min": "Reach (eps)",
    "dbscan_eps_max": "Reach (eps, max)",
    "dbscan_min_samples_min": "Songs in reach",
    "dbscan_min_samples_max": "Songs in reach (max)",
    "pca_components_min": "Principal components",
    "pca_components_max": "Principal components (max)",
    "analysis_schedule": "Analyse at",
    "clustering_schedule": "Make playlists at",
    "max_temp_mb": "Room for downloads",
}
_FIXED_AT_START = frozenset(
    {"data_dir", "temp_dir", "db_path", "status_db_path", "celery_broker_url", "celery_result_backend",
     "database_url", "status_database_url", "service_type", "web_host", "web_port", "web_threads",
     "url_prefix", "trusted_proxies", "trusted_hosts", "auth_disabled", "admin_password", "api_token",
     "secret_key", "log_level", "log_format"}
)  # fmt: skip
"""Read before there is a page: only the environment and the command line can change these."""

RANGES = frozenset(
    {"num_clusters_min", "dbscan_eps_min", "dbscan_min_samples_min", "gmm_n_components_min",
     "pca_components_min"}
)  # fmt: skip
"""Lower ends of ranges, shown in one field with their upper ends."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as the page shows it."""

    name: str
    label: str
    help: str
    kind: Kind
    value: str
    """As typed; empty for nothing and for a secret."""
    default: str
    origin: Origin
    editable: bool
    advanced: bool
    options: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    is_set: bool = False
    """Whether a secret has a value."""

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return self.name.upper()


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters below one heading."""

    key: str
    title: str
    parameters: tuple[Parameter, ...]


def label_of(name: str) -> str:
    """Return a parameter's name for people, in English."""
    if name in _LABELS:
        return _LABELS[name]
    words = name.split("_")
    if words[-1] in _ENDINGS and len(words) > 1:
        words[-1] = _ENDINGS[words[-1]]
    text = " ".join(_ACRONYMS.get(word, word) for word in words)
    return text[:1].upper() + text[1:]


def parameter(
    settings: Settings, saved: Mapping[str, Any], name: str, *, for_one_run: bool = False
) -> Parameter:
    """Describe one parameter with its present value.

    Parameters
    ----------
    saved : mapping
        What the page keeps.
    for_one_run : bool
        Whether it is chosen for a single job: then the environment does not stand in the way.
    """
    field = Settings.model_fields[name]
    value = getattr(settings, name)
    from_outside = from_environment(name)
    kind, options = _kind_of(field)
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    return Parameter(
        name=name,
        label=_(label_of(name)),
        help=_(field.description) if field.description else "",
        kind=kind,
        value="" if kind == "secret" else _text(value),
        default="" if kind == "secret" or isinstance(field.default, Path) else _text(field.default),
        origin="environment" if from_outside else "saved" if name in saved else "default",
        editable=for_one_run or (not from_outside and name not in _FIXED_AT_START),
        advanced=bool(extra["advanced"]),
        options=options,
        low=_bound(field, "ge", "gt"),
        high=_bound(field, "le", "lt"),
        is_set=kind == "secret" and value is not None,
    )


def groups(
    settings: Settings,
    saved: Mapping[str, Any],
    keys: Iterable[str] | None = None,
    *,
    for_one_run: bool = False,
) -> list[Group]:
    """Describe the parameters of some groups (None: of all), in the order of `audiomuse.settings`."""
    chosen = list(keys) if keys is not None else list(GROUPS)
    found: dict[str, list[Parameter]] = {key: [] for key in chosen}
    for name, field in Settings.model_fields.items():
        if group_of(field) in found:
            found[group_of(field)].append(parameter(settings, saved, name, for_one_run=for_one_run))
    return [Group(key, _(GROUPS[key]), tuple(found[key])) for key in chosen]


def read_form(form: Mapping[str, str], names: Iterable[str]) -> dict[str, Any]:
    """Read typed values of parameters from a form.

    Parameters
    ----------
    form : mapping
        What the browser sent. A switch that is off is not in it, so a form that holds a switch sends
        ``<name>-shown`` too.
    names : iterable of str
        Parameters that may be in the form.

    Returns
    -------
    dict
        JSON values; None for a field left empty (back to the default). Empty secrets are left out: unchanged.

    Raises
    ------
    ParameterError
        If a text is no number where one is needed; the message names the parameter.
    """
    values: dict[str, Any] = {}
    for name in names:
        field = Settings.model_fields[name]
        kind, _options = _kind_of(field)
        if kind == "switch":
            if f"{name}-shown" in form:
                values[name] = name in form
            continue
        if name not in form:
            continue
        raw = form[name].strip()
        if not raw and kind == "secret":
            continue
        values[name] = _read(name, kind, raw) if raw else None
    return values


def is_saveable(name: str) -> bool:
    """Tell whether the page may keep a value of this parameter."""
    return name in Settings.model_fields and name not in _FIXED_AT_START and not from_environment(name)


def _read(name: str, kind: Kind, raw: str) -> Any:
    if kind not in ("whole", "decimal"):
        return raw
    try:
        return int(raw) if kind == "whole" else float(raw.replace(",", "."))
    except ValueError:
        raise ParameterError(
            _("%(name)s: %(value)s is not a number.", name=name.upper(), value=repr(raw))
        ) from None


def _kind_of(field: FieldInfo) -> tuple[Kind, tuple[str, ...]]:
    """How a parameter is entered, and the choices if there are any."""
    if is_secret(field):
        return "secret", ()
    annotation = field.annotation
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) is Literal:
        return "choice", tuple(str(option) for option in get_args(annotation))
    kinds: dict[Any, Kind] = {bool: "switch", int: "whole", float: "decimal"}
    return kinds.get(annotation, "text"), ()


def _text(value: Any) -> str:
    if value is None or isinstance(value, SecretStr):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _bound(field: FieldInfo, *names: str) -> float | None:
    for constraint in field.metadata:
        for name in names:
            bound = getattr(constraint, name, None)
            if bound is not None:
                return float(bound)
    return None


def changed_values(
    settings: Settings, saved: Mapping[str, Any], form: Mapping[str, str], names: Iterable[str]
) -> dict[str, Any]:
    """Read a form like `read_form`, leaving out what is in use already.

    So a default that was only shown is not written down, and goes on following the program's defaults.
    """
    typed = read_form(form, names)
    return {
        name: value
        for name, value in typed.items()
        if not _is_in_use(value, parameter(settings, saved, name))
    }


def _is_in_use(value: Any, now: Parameter) -> bool:
    if value is None:
        return now.origin != "saved"
    return now.kind != "secret" and _text(value) == now.value
