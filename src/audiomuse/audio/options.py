"""What a caller may decide about an analysis."""

from __future__ import annotations

from dataclasses import dataclass

from audiomuse.errors import ParameterError


@dataclass(frozen=True, slots=True)
class AnalysisOptions:
    """How much of a song is heard, and what is refused."""

    patch_hop: int = 187
    """Frames (16 ms) between two patches of MusiCNN. 187: side by side; 93: half over each other."""
    max_patches: int | None = None
    """Hear at most this many patches, spread evenly; None: every one."""
    max_whole_song_s: float = 1200.0
    """Longer pieces are heard in windows, evenly spread and together this long. In seconds."""
    min_seconds: float = 0.5
    """Shorter sounds are refused."""
    max_file_bytes: int = 8 << 30
    """Larger files are refused."""
    timeout_s: float = 600.0
    """Give up on reading one file after this time on the clock, in seconds."""

    def __post_init__(self) -> None:
        if self.patch_hop < 1:
            raise ParameterError(f"patch_hop must be at least 1 frame, not {self.patch_hop}")
        if self.max_patches is not None and self.max_patches < 1:
            raise ParameterError(f"max_patches must be at least 1 or None, not {self.max_patches}")
        if self.max_whole_song_s <= 0 or self.timeout_s <= 0:
            raise ParameterError("max_whole_song_s and timeout_s must be above 0")
