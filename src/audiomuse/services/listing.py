"""Learn which songs a server has, and which of them are due for analysis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from audiomuse.model import Track
from audiomuse.servers import MediaServer
from audiomuse.storage import MusicStore

_TRACKS_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class Listing:
    """What a server has."""

    tracks: int
    """Songs listed."""
    new: int
    """Of them never seen before."""
    gone: int
    """Songs that were there and no longer are; they keep what was heard."""
    due: tuple[Track, ...]
    """Songs to analyse, in the order they were listed: the newest albums first."""
    known: int
    """Songs that are analysed already."""
    given_up: int
    """Songs that failed before and have not changed since."""


def list_library(
    server: MediaServer,
    music: MusicStore,
    features_version: str,
    *,
    num_recent_albums: int,
    on_progress: Callable[[int], None] = lambda tracks: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Listing | None:
    """List a server's newest albums and store what it says about their songs.

    Parameters
    ----------
    features_version : str
        Songs without features of this version are due.
    num_recent_albums : int
        Albums to look at, newest first; 0 for all. A listing that reached the oldest album also notices
        songs that are gone.
    on_progress : callable
        Called with the number of songs listed so far.
    should_stop : callable
        Asked between albums.

    Returns
    -------
    Listing or None
        None if told to stop; what was listed until then is stored.
    """
    source = server.identity().id
    generation = music.tracks.begin_listing(source)
    known = music.features.analysed_ids(features_version)
    given_up = music.failures.current_ids(features_version)
    seen: set[str] = set()
    due: list[Track] = []
    new = 0
    walk = _Walk(server, num_recent_albums)
    for page in _pages(iter(walk)):
        if should_stop():
            return None
        fresh = [track for track in page if track.id not in seen]
        seen.update(track.id for track in fresh)
        new += music.tracks.upsert(source, fresh, generation)
        due += [track for track in fresh if track.id not in known]
        on_progress(len(seen))
    gone = music.tracks.finish_listing(source, generation, complete=walk.is_complete)
    # A changed file makes a failed song due again: that can only be told after the server was heard.
    still_given_up = given_up & music.failures.current_ids(features_version)
    return Listing(
        tracks=len(seen),
        new=new,
        gone=gone,
        due=tuple(track for track in due if track.id not in still_given_up),
        known=len(seen & known),
        given_up=len(seen & still_given_up),
    )


class _Walk:
    """One pass over a server's songs that knows afterwards whether it saw the whole library."""

    def __init__(self, server: MediaServer, num_recent_albums: int) -> None:
        self._server = server
        self._limit = num_recent_albums
        self._albums = 0

    @property
    def is_complete(self) -> bool:
        """Whether a finished walk saw everything: no limit, or fewer albums than it."""
        return self._limit == 0 or self._albums < self._limit

    def __iter__(self) -> Iterator[Track]:
        if self._limit == 0:
            yield from self._server.all_tracks()
            return
        for album in self._server.albums(self._limit):
            self._albums += 1
            yield from self._server.tracks(album.id)


def _pages(tracks: Iterator[Track]) -> Iterator[list[Track]]:
    page: list[Track] = []
    for track in tracks:
        page.append(track)
        if len(page) == _TRACKS_AT_A_TIME:
            yield page
            page = []
    if page:
        yield page
