"""From what we heard to vectors that can be compared: feature spaces, artists, planted libraries."""

from audiomuse.features.artists import artist_codes, normalise_artist
from audiomuse.features.spaces import (
    DEFAULT_SPACE,
    SPACE_NAMES,
    SPACE_VERSION,
    Block,
    FeatureSpace,
    block_names,
    fit_space,
)

__all__ = [
    "DEFAULT_SPACE",
    "SPACE_NAMES",
    "SPACE_VERSION",
    "Block",
    "FeatureSpace",
    "artist_codes",
    "block_names",
    "fit_space",
    "normalise_artist",
]
