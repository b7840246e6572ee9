"""From clusters to lists that people keep: gate, split, choose, order, name, recognise, explain."""

from audiomuse.playlists.build import PlaylistChange, PlaylistSet, build_playlists, know_library
from audiomuse.playlists.cover import cover_image, cover_svg
from audiomuse.playlists.drafts import Library
from audiomuse.playlists.fingerprint import ListFingerprint, MoodBar, list_fingerprint
from audiomuse.playlists.identity import Match, match_playlists
from audiomuse.playlists.options import PlaylistOptions
from audiomuse.playlists.order import FlowSummary, flow_summary, order_for_flow
from audiomuse.playlists.report import (
    Explanation,
    ListQuality,
    QualityReport,
    SongExplanation,
    explain,
    quality_report,
)
from audiomuse.playlists.report_html import render_html

__all__ = [
    "Explanation",
    "FlowSummary",
    "Library",
    "ListFingerprint",
    "ListQuality",
    "Match",
    "MoodBar",
    "PlaylistChange",
    "PlaylistOptions",
    "PlaylistSet",
    "QualityReport",
    "SongExplanation",
    "build_playlists",
    "cover_image",
    "cover_svg",
    "explain",
    "flow_summary",
    "know_library",
    "list_fingerprint",
    "match_playlists",
    "order_for_flow",
    "quality_report",
    "render_html",
]
