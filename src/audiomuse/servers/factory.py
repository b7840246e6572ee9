"""Opening the media server that the settings name."""

from __future__ import annotations

from pydantic import SecretStr

from audiomuse.errors import SettingsError
from audiomuse.servers.download import sweep
from audiomuse.servers.folder import FolderServer
from audiomuse.servers.jellyfin import JellyfinServer
from audiomuse.servers.jellyfin_session import Login
from audiomuse.servers.local_files import PathMap
from audiomuse.servers.protocol import MediaServer
from audiomuse.servers.subsonic import SubsonicServer
from audiomuse.servers.subsonic_session import Credentials
from audiomuse.servers.transport import make_client
from audiomuse.settings import Settings


def open_server(settings: Settings) -> MediaServer:
    """Open the configured media server. Nothing is asked of it yet.

    Parameters
    ----------
    settings : Settings
        Which server, where, as whom, and which of its libraries.

    Raises
    ------
    SettingsError
        If none is configured or a credential is missing; the message names the variable.
    """
    libraries = [name.strip() for name in settings.music_libraries.split(";") if name.strip()]
    path_map = PathMap.parse(settings.path_map)
    sweep(settings.temp_dir)
    match settings.chosen_server:
        case "jellyfin":
            return JellyfinServer(
                make_client(verify_tls=settings.verify_tls),
                settings.jellyfin_url,
                _jellyfin_login(settings),
                libraries=libraries,
                path_map=path_map,
            )
        case "subsonic":
            return SubsonicServer(
                make_client(verify_tls=settings.verify_tls),
                settings.subsonic_url,
                _subsonic_credentials(settings),
                libraries=libraries,
                path_map=path_map,
            )
        case "folder" if settings.music_dir:
            return FolderServer(settings.music_dir, settings.playlists_dir, libraries=libraries)
        case _:
            raise SettingsError(
                "no music server is configured; set JELLYFIN_URL, SUBSONIC_URL or MUSIC_DIR (or use the page)"
            )


def _jellyfin_login(settings: Settings) -> Login:
    login = Login(
        token=_plain(settings.jellyfin_token),
        user=settings.jellyfin_user_id,
        username=settings.jellyfin_username,
        password=_plain(settings.jellyfin_password),
    )
    if not login.token and not (login.username and login.password):
        raise SettingsError(
            "JELLYFIN_TOKEN is not set; create an API key under Dashboard > API Keys, or set "
            "JELLYFIN_USERNAME and JELLYFIN_PASSWORD"
        )
    return login


def _subsonic_credentials(settings: Settings) -> Credentials:
    credentials = Credentials(
        user=settings.subsonic_user,
        password=_plain(settings.subsonic_password),
        api_key=_plain(settings.subsonic_api_key),
    )
    if not credentials.api_key:
        for name, value in (
            ("SUBSONIC_USER", credentials.user),
            ("SUBSONIC_PASSWORD", credentials.password),
        ):
            if not value:
                raise SettingsError(f"{name} is not set (or set SUBSONIC_API_KEY)")
    return credentials


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value().strip() or None if secret else None
