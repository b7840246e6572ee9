"""Make a media server hold exactly our playlists, touching nothing else, whatever is interrupted.

Every step is written down before or right after it happens, so a kill at any moment leaves either nothing
of ours on the server or something that we know to be ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from audiomuse.errors import TrackMissing
from audiomuse.model import Playlist, Publication
from audiomuse.playlists.cover import cover_image
from audiomuse.servers import MediaServer
from audiomuse.storage.music_store import MusicStore

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PublishReport:
    """What a server holds after `publish_playlists`."""

    server: str
    """Identity of the server."""
    published: tuple[str, ...]
    """Names there of the playlists that are now as they should be."""
    deleted: tuple[str, ...] = ()
    """Names of playlists of ours that are no longer wanted and went."""
    short: tuple[str, ...] = ()
    """One sentence per playlist for which the server no longer knows some or all songs."""


def published_name(playlist: Playlist, suffix: str) -> str:
    """Return the name of a playlist on servers."""
    return playlist.name + suffix


def publish_playlists(
    server: MediaServer,
    music: MusicStore,
    playlists: Sequence[Playlist],
    *,
    suffix: str,
    complete: bool = True,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> PublishReport:
    """Make `server` hold these playlists with these songs in this order.

    Parameters
    ----------
    server : MediaServer
    music : MusicStore
        Remembers which playlists on which server are ours.
    playlists : sequence of Playlist
    suffix : str
        Added to every name, e.g. ``"_automatic"``.
    complete : bool
        Whether these are all our playlists: then others that we published there earlier are deleted.
    on_progress : callable
        Called with (playlists done, playlists in all).

    Raises
    ------
    ServerUnreachable, ServerRefused
        What was published until then stays and is known; the next call goes on from there.
    """
    identity = server.identity().id
    _adopt_interrupted(server, music, identity)
    live = music.publications.live(identity)
    published: list[str] = []
    short: list[str] = []
    for done, playlist in enumerate(playlists):
        on_progress(done, len(playlists))
        name = published_name(playlist, suffix)
        try:
            held = _publish_one(server, music, identity, playlist, name, live.get(playlist.id))
        except TrackMissing:
            short.append(f"{name}: the server knows none of its songs any more; it was left out.")
            continue
        published.append(name)
        missing = len(playlist.entries) - len(held.track_ids)
        if missing > 0:
            short.append(f"{name}: the server no longer knows {missing} of its songs.")
    on_progress(len(playlists), len(playlists))
    deleted = (
        delete_superfluous(server, music, playlists) if complete else _delete_retired(server, music, identity)
    )
    return PublishReport(identity, tuple(published), deleted, tuple(short))


def delete_superfluous(
    server: MediaServer, music: MusicStore, playlists: Sequence[Playlist]
) -> tuple[str, ...]:
    """Delete what we published on `server` and what is none of `playlists`; return the names that went.

    Raises
    ------
    ServerUnreachable, ServerRefused
        What is still there is known; the next call goes on from there.
    """
    identity = server.identity().id
    wanted = {playlist.id for playlist in playlists}
    for playlist_id, publication in music.publications.live(identity).items():
        if playlist_id not in wanted:
            music.publications.retire(identity, publication.remote_id)
    return _delete_retired(server, music, identity)


def unpublish_playlist(server: MediaServer, music: MusicStore, playlist_id: str) -> None:
    """Take one playlist off `server`; one that is not there is fine."""
    identity = server.identity().id
    publication = music.publications.live(identity).get(playlist_id)
    if publication is not None:
        music.publications.retire(identity, publication.remote_id)
    _delete_retired(server, music, identity)


def _publish_one(
    server: MediaServer,
    music: MusicStore,
    identity: str,
    playlist: Playlist,
    name: str,
    publication: Publication | None,
) -> Publication:
    music.publications.intend(identity, playlist.id, name, playlist.track_ids)
    try:
        held = server.save_playlist(
            name,
            playlist.track_ids,
            publication=publication,
            cover=cover_image(playlist),
            on_created=partial(music.publications.record_attempt, playlist.id),
        )
    except TrackMissing:
        music.publications.withdraw(identity, playlist.id)
        raise
    music.publications.record(playlist.id, held)
    return held


def _adopt_interrupted(server: MediaServer, music: MusicStore, identity: str) -> None:
    """Find what an interrupted run created on the server but could not write down."""
    for intent in music.publications.open_intents(identity):
        if music.publications.live(identity).get(intent.playlist_id) is None:
            found = server.recover_playlist(intent.name, intent.track_ids)
            if found is not None and not music.publications.is_ours(identity, found.remote_id):
                music.publications.record(intent.playlist_id, found)
        music.publications.withdraw(identity, intent.playlist_id)


def _delete_retired(server: MediaServer, music: MusicStore, identity: str) -> tuple[str, ...]:
    """Delete our superfluous playlists; returns their names."""
    retired = music.publications.retired(identity)
    for publication in retired:
        server.delete_playlist(publication)
        music.publications.forget(identity, publication.remote_id)
        _log.info("playlist deleted on the server", server=identity, name=publication.name)
    return tuple(publication.name for publication in retired)
