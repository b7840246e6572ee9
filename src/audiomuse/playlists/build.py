"""From a clustering to playlists: gate, split, choose, recognise, order, name, explain."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audiomuse.errors import LibraryEmpty, SignalError
from audiomuse.features import artist_codes
from audiomuse.features.duplicates import duplicate_families
from audiomuse.features.recordings import song_families, spare_copies
from audiomuse.model import Clustering, FeatureMatrix, Float32, Playlist, PlaylistEntry
from audiomuse.playlists.continuity import find_heirs
from audiomuse.playlists.drafts import Draft, Heir, Library, draft_cluster
from audiomuse.playlists.gate import gate_distance, rows_by_label
from audiomuse.playlists.identity import match_playlists
from audiomuse.playlists.leftovers import place_leftovers
from audiomuse.playlists.names import name_lists, profile_of, typical_tags
from audiomuse.playlists.options import AdaptedSizes, PlaylistOptions, adapt_sizes
from audiomuse.playlists.order import order_for_flow
from audiomuse.playlists.reasons import reasons, tag_thresholds

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class PlaylistChange:
    """What happened to one list between two runs."""

    playlist_id: str
    name: str
    kind: Literal["new", "continued", "locked", "ended"]
    came: tuple[str, ...] = ()
    """Track ids that are new in it, in list order."""
    went: tuple[str, ...] = ()
    """Track ids that left it."""
    kept_share: float | None = None
    """Share of its old songs that are still in it; None for a new list."""


@dataclass(frozen=True, slots=True, eq=False)
class PlaylistSet:
    """All lists of one run."""

    playlists: tuple[Playlist, ...]
    """Yesterday's lists first, in their order, then the new ones, the longest first."""
    changes: tuple[PlaylistChange, ...]
    """One per list, in the same order, then one per list that ended."""
    adapted: tuple[str, ...]
    """What was changed to suit the library, one sentence each; empty if nothing was."""
    coverage: float
    """Share of the library's recordings that are in a list, 0..1; copies of one recording count once."""


def build_playlists(
    matrix: FeatureMatrix,
    Z: Float32,
    clustering: Clustering,
    options: PlaylistOptions | None = None,
    *,
    seed: int,
    previous: Sequence[Playlist] = (),
    library: Library | None = None,
) -> PlaylistSet:
    """Make the playlists of a library.

    Parameters
    ----------
    matrix : FeatureMatrix
        The library, n songs.
    Z : ndarray of float32, shape=(n, d)
        The same songs in the judge space.
    clustering : Clustering
        Labels and centres in `Z`.
    options : PlaylistOptions, optional
    seed : int
        Same seed, library, clustering and previous lists: same playlists.
    previous : sequence of Playlist
        The lists of the last run. Locked ones come back as they are; the others keep their id and, unless
        the style of names changed, their name, and most of their songs; banned songs never come back,
        pinned ones never leave. A song is in one list of a run at most.
    library : Library, optional
        What `know_library` says of `matrix` and `Z`, for whoever makes playlists of them more than once.

    Returns
    -------
    PlaylistSet
        Never without a list while there is an unbanned song. `Playlist.created_at` and `updated_at` are
        left as they were (None for new lists): the caller owns the clock.

    Raises
    ------
    LibraryEmpty
        If there is no song.
    SignalError
        If `Z` or the labels are not about the songs of `matrix`.
    """
    options = options or PlaylistOptions()
    _check(matrix, Z, clustering)
    library = library or know_library(matrix, Z)
    clusters = rows_by_label(clustering.labels, len(clustering.centers))
    sizes = adapt_sizes(
        options,
        n_songs=len(matrix),
        clusters=[np.unique(library.artists[c], return_inverse=True)[1] for c in clusters],
    )
    locked = [playlist for playlist in previous if playlist.locked]
    unlocked = [playlist for playlist in previous if not playlist.locked]
    drafts, adapted = _draft_all(library, clustering, options, sizes, seed, locked, unlocked)
    drafts = _recognise(library, drafts, unlocked)
    if options.max_playlists:
        drafts = _most_coherent(library, drafts, options.max_playlists - len(locked))
    made = _finish(library, drafts, options, previous)
    made += _only_unheard(library, unlocked, {playlist.id for playlist in made})
    return _as_set(library, made, locked, previous, (*sizes.sentences, *adapted))


def _check(matrix: FeatureMatrix, Z: Float32, clustering: Clustering) -> None:
    """Refuse what does not fit together."""
    if len(matrix) == 0:
        raise LibraryEmpty("No song has been analysed yet, so there is nothing to make playlists of.")
    if Z.ndim != 2 or len(Z) != len(matrix):
        raise SignalError(f"Z has shape {Z.shape}, but the library has {len(matrix)} songs.")
    if clustering.labels.shape != (len(matrix),):
        raise SignalError(f"{clustering.labels.shape} labels do not fit {len(matrix)} songs.")
    if len(clustering.centers) and clustering.centers.shape[1] != Z.shape[1]:
        raise SignalError(f"Centres of {clustering.centers.shape[1]} numbers do not fit Z of {Z.shape[1]}.")


def know_library(matrix: FeatureMatrix, Z: Float32) -> Library:
    """Work out artists, songs and recordings, which takes longer than making playlists."""
    copies = duplicate_families(matrix)
    return Library(
        matrix=matrix,
        Z=Z,
        artists=artist_codes(matrix.artists).astype(np.intp),
        families=song_families(matrix, copies),
        copies=copies,
        row_of={track: row for row, track in enumerate(matrix.ids)},
    )


def _draft_all(
    library: Library,
    clustering: Clustering,
    options: PlaylistOptions,
    sizes: AdaptedSizes,
    seed: int,
    locked: Sequence[Playlist],
    unlocked: Sequence[Playlist],
) -> tuple[list[Draft], tuple[str, ...]]:
    """Draft the lists of every cluster; one list of everything if no cluster makes one."""
    labels, centers = clustering.labels, clustering.centers
    delta = gate_distance(library.Z, labels, centers)
    free = np.ones(len(library.matrix), dtype=bool)
    free[[library.row_of[t] for p in locked for t in p.track_ids if t in library.row_of]] = False
    known = [track for playlist in (*locked, *unlocked) for track in playlist.track_ids]
    passed = free & (delta <= options.max_distance) & ~spare_copies(library.matrix, library.copies, known)
    adapted: tuple[str, ...] = ()
    if sizes.merge_small_clusters:
        labels, n_merged = _merge_small(library, labels, centers, passed, sizes)
        if n_merged:
            one = "One cluster was too small for a list and joined the nearest one."
            more = f"{n_merged} clusters were too small for a list and joined the nearest ones."
            adapted = (one if n_merged == 1 else more,)
    heirs = find_heirs(
        library, labels, centers, unlocked, taken=~free, keep_share=options.keep_share, sizes=sizes
    )
    for heir in heirs:
        passed[heir.kept] = False
    pool_labels = np.where(passed, labels, -1)
    drafts: list[Draft] = []
    for cluster, pool in enumerate(rows_by_label(pool_labels.astype(np.int32), len(centers))):
        at_home = [heir for heir in heirs if heir.cluster == cluster]
        rng = np.random.default_rng([seed, cluster])
        drafts.extend(
            draft_cluster(library, pool, at_home, cluster=cluster, options=options, sizes=sizes, rng=rng)
        )
    if drafts and not options.max_lists_per_cluster:
        # Where lists are limited, songs are left over by choice.
        in_lists = np.concatenate([draft.rows for draft in drafts])
        drafts = place_leftovers(library, drafts, np.setdiff1d(np.flatnonzero(passed), in_lists), sizes)
    if not drafts and free.any():
        drafts = _one_list_of_all(library, np.flatnonzero(free), heirs, options, sizes, seed)
        adapted = (*adapted, "No group of songs was large enough for a list, so one list was made of all.")
    return drafts, adapted


def _merge_small(
    library: Library,
    labels: NDArray[np.int32],
    centers: Float32,
    passed: NDArray[np.bool_],
    sizes: AdaptedSizes,
) -> tuple[NDArray[np.int32], int]:
    """Join clusters that cannot fill a list to the nearest other one, the smallest first."""
    merged = labels.copy()
    alive = [c for c in range(len(centers)) if (merged == c).any()]
    hearts = {c: centers[c] for c in alive}
    n_merged = 0
    while len(alive) > 1:
        usable = {c: _usable(library, np.flatnonzero((merged == c) & passed), sizes) for c in alive}
        smallest = min(alive, key=lambda c: (usable[c], c))
        if usable[smallest] >= sizes.min_songs:
            break
        alive.remove(smallest)
        nearest = min(alive, key=lambda c: (float(((hearts[c] - hearts[smallest]) ** 2).sum()), c))
        merged[merged == smallest] = nearest
        hearts[nearest] = library.Z[merged == nearest].mean(axis=0)
        n_merged += 1
    return merged, n_merged


def _usable(library: Library, rows: Rows, sizes: AdaptedSizes) -> int:
    """How many of the songs one list may hold."""
    families = np.unique(library.families[rows], return_index=True)[1]
    per_artist = np.bincount(library.artists[rows[families]], minlength=1)
    return int(np.minimum(per_artist, sizes.max_songs_per_artist).sum())


def _one_list_of_all(
    library: Library,
    rows: Rows,
    heirs: Sequence[Heir],
    options: PlaylistOptions,
    sizes: AdaptedSizes,
    seed: int,
) -> list[Draft]:
    """Make one list of whatever there is, however short."""
    sizes = replace(sizes, min_songs=1)
    options = replace(options, max_lists_per_cluster=1)
    heirs = heirs[:1]
    pool = np.setdiff1d(rows, heirs[0].kept) if heirs else rows
    rng = np.random.default_rng([seed, 0])
    return draft_cluster(library, pool, heirs, cluster=0, options=options, sizes=sizes, rng=rng)


def _recognise(library: Library, drafts: Sequence[Draft], unlocked: Sequence[Playlist]) -> list[Draft]:
    """Give drafts without a past the old list that they mostly repeat, if one is left without an heir."""
    inherited = {draft.previous.id for draft in drafts if draft.previous is not None}
    orphans = [playlist for playlist in unlocked if playlist.id not in inherited]
    fresh = [i for i, draft in enumerate(drafts) if draft.previous is None]
    result = list(drafts)
    ids = [frozenset(library.matrix.ids[row] for row in drafts[i].rows) for i in fresh]
    centroids = [library.Z[drafts[i].rows].mean(axis=0) for i in fresh]
    for match in match_playlists(orphans, ids, centroids=centroids):
        old, i = orphans[match.previous], fresh[match.current]
        rows = np.asarray(
            [r for r in drafts[i].rows if library.matrix.ids[r] not in old.banned], dtype=np.intp
        )
        if len(rows):
            result[i] = Draft(rows, drafts[i].cluster, old)
    return result


def _most_coherent(library: Library, drafts: list[Draft], limit: int) -> list[Draft]:
    """Keep yesterday's lists and, up to `limit` in all, the new ones whose songs are nearest together."""
    spread = [float(library.Z[draft.rows].var(axis=0).sum()) for draft in drafts]
    ranked = sorted(range(len(drafts)), key=lambda i: (drafts[i].previous is None, spread[i], i))
    n_heirs = sum(draft.previous is not None for draft in drafts)
    keep = set(ranked[: max(limit, n_heirs)])
    return [draft for i, draft in enumerate(drafts) if i in keep]


def _finish(
    library: Library, drafts: Sequence[Draft], options: PlaylistOptions, previous: Sequence[Playlist]
) -> list[Playlist]:
    """Order, name, explain and identify the drafts; yesterday's first, then the longest."""
    place = {playlist.id: i for i, playlist in enumerate(previous)}
    drafts = sorted(
        (_with_pins(library, draft) for draft in drafts),
        key=lambda d: (
            (place[d.previous.id], 0, 0) if d.previous else (len(place), -len(d.rows), int(d.rows[0]))
        ),
    )
    matrix = library.matrix
    everything = profile_of(matrix, np.arange(len(matrix)))
    thresholds = tag_thresholds(matrix)
    profiles = [profile_of(matrix, draft.rows) for draft in drafts]
    names = name_lists(
        profiles,
        matrix,
        style=options.name_style,
        n_moods=options.name_moods,
        fixed=[_kept_name(draft.previous, options) for draft in drafts],
        taken=[playlist.name for playlist in previous if playlist.locked],
    )
    used = {playlist.id for playlist in previous}
    playlists = []
    for draft, profile, name in zip(drafts, profiles, names, strict=True):
        tags = typical_tags(profile, everything, options.top_n_moods)
        entries = _entries(library, draft, [tag for tag, _ in tags], thresholds)
        old = draft.previous or Playlist(_new_id([e.track_id for e in entries], used), name, ())
        used.add(old.id)
        playlists.append(
            replace(
                old,
                name=name,
                entries=(*entries, *_unheard_pins(old, library)),
                tags=tags,
                tempo_bpm=profile.tempo_bpm,
                energy=profile.energy,
                centroid=library.Z[draft.rows].mean(axis=0),
            )
        )
    return playlists


def _with_pins(library: Library, draft: Draft) -> Draft:
    """Add pinned songs that the run itself did not bring into the list."""
    if draft.previous is None:
        return draft
    pinned = [library.row_of[t] for t in _pinned(draft.previous) if t in library.row_of]
    return replace(draft, rows=np.union1d(draft.rows, np.asarray(pinned, dtype=np.intp)))


def _entries(library: Library, draft: Draft, tags: Sequence[str], thresholds: Float32) -> list[PlaylistEntry]:
    """Put the songs of a list in order and say why each is in."""
    matrix, old = library.matrix, draft.previous
    pinned = _pinned(old) if old else frozenset()
    rows = order_for_flow(matrix, library.Z, draft.rows, library.artists)
    sentences = reasons(
        matrix, library.Z, rows, tags=tags, thresholds=thresholds,
        kept=frozenset(old.track_ids) if old else frozenset(), pinned=pinned,
    )  # fmt: skip
    return [
        PlaylistEntry(matrix.ids[row], sentence, matrix.ids[row] in pinned)
        for row, sentence in zip(rows, sentences, strict=True)
    ]


def _pinned(playlist: Playlist) -> frozenset[str]:
    return frozenset(entry.track_id for entry in playlist.entries if entry.pinned)


def _kept_name(old: Playlist | None, options: PlaylistOptions) -> str | None:
    """The name a list goes on under; None if it has none or the style of names was changed since."""
    if old is None:
        return None
    same_style = ("_" in old.name) == (options.name_style == "classic")
    return old.name if old.named_by_user or same_style else None


def _unheard_pins(playlist: Playlist, library: Library) -> list[PlaylistEntry]:
    """Pinned songs that are not in the matrix (silence, or not analysed yet): they close the list."""
    return [e for e in playlist.entries if e.pinned and e.track_id not in library.row_of]


def _only_unheard(library: Library, unlocked: Sequence[Playlist], made: Set[str]) -> list[Playlist]:
    """Lists that hold nothing any more but pinned songs that are not in the matrix: they wait for them."""
    pins = [(playlist, _unheard_pins(playlist, library)) for playlist in unlocked if playlist.id not in made]
    return [replace(playlist, entries=tuple(entries)) for playlist, entries in pins if entries]


def _new_id(track_ids: Sequence[str], used: set[str]) -> str:
    """Make an identity out of the songs, the same in every run that starts a list with them."""
    text = "\n".join(sorted(track_ids))
    while True:
        identity = hashlib.sha256(text.encode()).hexdigest()[:16]
        if identity not in used:
            return identity
        text += "\n"


def _as_set(
    library: Library,
    made: Sequence[Playlist],
    locked: Sequence[Playlist],
    previous: Sequence[Playlist],
    adapted: tuple[str, ...],
) -> PlaylistSet:
    """Put locked and made lists into order and tell what came and went."""
    old = {playlist.id: playlist for playlist in previous}
    current = {playlist.id: playlist for playlist in (*locked, *made)}
    ordered = [current[i] for i in old if i in current] + [p for p in made if p.id not in old]
    changes = [_change(old.get(playlist.id), playlist) for playlist in ordered]
    changes += [
        PlaylistChange(p.id, p.name, "ended", went=p.track_ids, kept_share=0.0)
        for p in previous
        if p.id not in current
    ]
    rows = [library.row_of[t] for playlist in ordered for t in playlist.track_ids if t in library.row_of]
    coverage = len(np.unique(library.copies[rows])) / (int(library.copies.max()) + 1)
    return PlaylistSet(tuple(ordered), tuple(changes), adapted, coverage)


def _change(old: Playlist | None, new: Playlist) -> PlaylistChange:
    """Compare a list with itself of yesterday."""
    if old is None:
        return PlaylistChange(new.id, new.name, "new", came=new.track_ids)
    before, now = set(old.track_ids), set(new.track_ids)
    return PlaylistChange(
        new.id,
        new.name,
        "locked" if old.locked else "continued",
        came=tuple(track for track in new.track_ids if track not in before),
        went=tuple(track for track in old.track_ids if track not in now),
        kept_share=len(before & now) / len(before) if before else None,
    )
