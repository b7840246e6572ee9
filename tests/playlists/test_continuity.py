"""Lists survive a growing library: same identity, most of the songs, some new ones."""

from functools import cache

import numpy as np
import pytest
from made_lists import kmeans, take

from audiomuse.features import fit_space
from audiomuse.features.planted import planted_library
from audiomuse.playlists import build_playlists


@cache
def grown(share: float, *, fresh: bool, seed: int = 0):
    """Lists of 1,200 songs, and of the library after whole new albums came."""
    n = 1200
    whole = planted_library(int(n * 1.25), seed=seed).matrix
    albums = list(zip(whole.artists, whole.albums, strict=True))
    names = sorted(set(albums))
    arrival = dict(zip(names, np.random.default_rng(seed).permutation(len(names)), strict=True))
    order = np.argsort([arrival[album] for album in albums], kind="stable")
    before = take(whole, np.sort(order[:n]))
    after = take(whole, np.sort(order[: int(n * (1 + share))]))
    space = fit_space(before)
    first = kmeans(space.transform(before), 18)
    old = build_playlists(before, space.transform(before), first, seed=seed)
    if fresh:
        space = fit_space(after)
    Z = space.transform(after)
    second = kmeans(Z, 18 if fresh else first.centers)
    return before, old, build_playlists(after, Z, second, seed=seed + 1, previous=old.playlists)


def kept(found) -> list[float]:
    """Share of old songs that stayed, ended lists as nothing."""
    return [change.kept_share for change in found.changes if change.kept_share is not None]


@pytest.mark.parametrize(("share", "least"), [(0.02, 0.9), (0.1, 0.8)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_library_that_grows_keeps_most_of_every_list(share, least, seed):
    _, _, found = grown(share, fresh=False, seed=seed)
    assert np.mean(kept(found)) >= least


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_even_a_search_from_scratch_keeps_most_lists(seed):
    _, old, found = grown(0.1, fresh=True, seed=seed)
    assert np.mean(kept(found)) >= 0.8
    ids = {playlist.id for playlist in found.playlists}
    assert np.mean([playlist.id in ids for playlist in old.playlists]) >= 0.8


def test_lists_are_kept_but_not_frozen():
    before, _, found = grown(0.1, fresh=False)
    known = set(before.ids)
    newcomers = [track for change in found.changes for track in change.came if track not in known]
    assert len(newcomers) >= 0.5 * 0.1 * 1200


def test_came_and_went_add_up():
    _, old, found = grown(0.1, fresh=False)
    tracks = {playlist.id: set(playlist.track_ids) for playlist in found.playlists}
    for playlist in old.playlists:
        change = next(c for c in found.changes if c.playlist_id == playlist.id)
        now = tracks.get(playlist.id, set())
        assert set(change.came) == now - set(playlist.track_ids)
        assert set(change.went) == set(playlist.track_ids) - now


def test_a_library_that_shrinks_to_half_still_has_full_lists():
    before, old, _ = grown(0.02, fresh=False)
    half = take(before, np.arange(0, len(before), 2))
    space = fit_space(half)
    Z = space.transform(half)
    found = build_playlists(half, Z, kmeans(Z, 20), seed=0, previous=old.playlists)
    assert min(len(playlist.entries) for playlist in found.playlists) >= 5  # the minimum of a small library
    everyone = set(half.ids)
    assert all(set(playlist.track_ids) <= everyone for playlist in found.playlists)
