"""From clusters to lists that people keep: gate, split, choose, order, name, recognise, explain."""

from audiomuse.playlists.build import PlaylistChange, PlaylistSet, build_playlists
from audiomuse.playlists.identity import Match, match_playlists
from audiomuse.playlists.options import PlaylistOptions

__all__ = ["Match", "PlaylistChange", "PlaylistOptions", "PlaylistSet", "build_playlists", "match_playlists"]
