"""Asking a media server, before a long run, whether it will give us what the run needs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from audiomuse.errors import AudioMuseError, LibraryEmpty, ServerError, ServerRefused, TrackMissing
from audiomuse.model import Publication, Track
from audiomuse.servers import MediaServer

_TRACKS_TRIED = 5
_ALBUMS_LOOKED_INTO = 20


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was asked of the server."""

    name: str
    """``"address"``, ``"credentials"``, ``"list"``, ``"download"`` or ``"playlist"``."""
    sentence: str
    """What was found, or what is wrong and how to mend it."""
    error: AudioMuseError | None = None
    """What went wrong; None if nothing did."""

    @property
    def ok(self) -> bool:
        return self.error is None


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """The checks in their order. After one that fails, the others are not made."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    @property
    def problem(self) -> str | None:
        """The sentence of what failed; None if nothing did."""
        return next((check.sentence for check in self.checks if not check.ok), None)

    def require(self) -> None:
        """Raise the error of the check that failed, if one did."""
        for check in self.checks:
            if check.error is not None:
                raise check.error


def preflight(server: MediaServer, *, write: bool) -> PreflightReport:
    """Check address, version, credentials, listing, download and, with `write`, playlists.

    Every `ServerError` becomes a failed check here: finding them out is what this is for.

    Parameters
    ----------
    server : MediaServer
        The server as configured.
    write : bool
        Whether to make a playlist of one song and delete it again.
    """
    found: list[Track] = []
    steps: list[tuple[str, Callable[[], str]]] = [
        ("address", lambda: _who_answers(server)),
        ("credentials", lambda: _which_libraries(server)),
        ("list", lambda: _some_tracks(server, found)),
        ("download", lambda: _first_bytes(server, found)),
    ]
    if write:
        steps.append(("playlist", lambda: _a_playlist(server, found)))
    checks: list[Check] = []
    for name, step in steps:
        try:
            checks.append(Check(name, step()))
        except (ServerError, LibraryEmpty) as e:
            checks.append(Check(name, str(e), e))
            break
    return PreflightReport(tuple(checks))


def _who_answers(server: MediaServer) -> str:
    info = server.identity()
    return f"{info.name!r} answers: {info.product} {info.version}".rstrip()


def _which_libraries(server: MediaServer) -> str:
    names = [library.name for library in server.libraries()]
    return f"the account sees: {', '.join(names)}" if names else "the account is accepted"


def _some_tracks(server: MediaServer, found: list[Track]) -> str:
    """Put the first few tracks of the newest albums into `found`."""
    albums = islice(server.albums(), _ALBUMS_LOOKED_INTO)
    tracks: Iterator[Track] = chain.from_iterable(server.tracks(album.id) for album in albums)
    found.extend(islice(tracks, _TRACKS_TRIED))
    if not found:
        raise LibraryEmpty(
            "the server lists no music for this account; let it scan its library, give the account access, "
            "or mend MUSIC_LIBRARIES"
        )
    return f"music is listed, e.g. {found[0].title!r}"


def _first_bytes(server: MediaServer, tracks: list[Track]) -> str:
    """Read the start of a track; some may be gone, not all."""
    missing: TrackMissing | None = None
    for track in tracks:
        try:
            with server.stream_audio(track, "bytes=0-1023") as stream:
                if next(iter(stream), b""):
                    return f"audio comes, e.g. of {track.title!r}"
        except TrackMissing as e:
            missing = e
    reason = f" ({missing})" if missing else ""
    raise ServerRefused(
        f"the server lists music but gives none of it{reason}; check that its disk is mounted and that the "
        "account may download"
    )


def _a_playlist(server: MediaServer, tracks: list[Track]) -> str:
    """Make a playlist and delete it, also if making it was interrupted."""
    created: list[Publication] = []
    name = f"AudioMuse check {secrets.token_hex(4)}"
    try:
        server.save_playlist(name, [tracks[0].id], on_created=created.append)
    finally:
        for publication in created:
            server.delete_playlist(publication)
    return "playlists can be made and deleted"
