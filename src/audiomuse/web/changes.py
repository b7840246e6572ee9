"""What came and what went between two sets of playlists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audiomuse.model import Playlist


@dataclass(frozen=True, slots=True)
class ListChange:
    """What happened to one playlist."""

    name: str
    came: tuple[str, ...] = ()
    """Track ids, in list order."""
    went: tuple[str, ...] = ()
    is_new: bool = False
    is_gone: bool = False
    old_name: str | None = None
    """What it was called before, if that changed."""

    @property
    def is_nothing(self) -> bool:
        """Whether nothing happened."""
        return not (self.came or self.went or self.old_name)


def compare(before: Sequence[Playlist], after: Sequence[Playlist]) -> list[ListChange]:
    """Compare two sets of playlists by their identity.

    Returns
    -------
    list of ListChange
        In the order of `after`, then those that ended; playlists without a change are left out.
    """
    old = {playlist.id: playlist for playlist in before}
    changes = [_change(old.get(playlist.id), playlist) for playlist in after]
    kept = {playlist.id for playlist in after}
    changes += [ListChange(p.name, went=p.track_ids, is_gone=True) for p in before if p.id not in kept]
    return [change for change in changes if not change.is_nothing]


def _change(old: Playlist | None, new: Playlist) -> ListChange:
    if old is None:
        return ListChange(new.name, came=new.track_ids, is_new=True)
    was, now = set(old.track_ids), set(new.track_ids)
    return ListChange(
        new.name,
        came=tuple(track for track in new.track_ids if track not in was),
        went=tuple(track for track in old.track_ids if track not in now),
        old_name=old.name if old.name != new.name else None,
    )
