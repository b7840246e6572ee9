"""A backend for the page's tests: real stores in a folder, planted features, a media server in memory."""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from audiomuse.errors import LibraryEmpty, ServerError, SettingsError
from audiomuse.features.planted import PLANTED_FEATURES_VERSION, planted_library
from audiomuse.model import (
    PITCH_CLASSES,
    Job,
    JobItem,
    Key,
    Playlist,
    PlaylistEntry,
    Publication,
    Tempo,
    Track,
    TrackFeatures,
)
from audiomuse.servers import MediaServer, MemoryServer
from audiomuse.services.clustering_request import ClusteringRequest
from audiomuse.services.jobs import JobContext, JobEngine, JobHandler, Outcome, Timing
from audiomuse.services.library import LibraryView
from audiomuse.services.publishing import PublishReport, publish_playlists
from audiomuse.services.publishing_job import PublishingHandler, PublishingTurn
from audiomuse.settings import Settings, load_settings
from audiomuse.similarity import Plays, Songs
from audiomuse.storage import ItemPlan, LibraryStatistics, MusicStore, open_job_store, open_music_store
from audiomuse.web.backend import ConnectionCheck, DemoProgress


def silence(seconds: float = 1.0) -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"\0\0" * int(8000 * seconds))
    return file.getvalue()


def fill(music: MusicStore, n_tracks: int, *, n_heard: int | None = None) -> list[Track]:
    """Put a planted library into a store; the last songs may be left unheard."""
    matrix = planted_library(n_tracks, seed=3).matrix
    tracks = [
        Track(
            id=f"song-{i:05d}",
            title=f"{matrix.titles[i]}",
            artist=matrix.artists[i],
            album=matrix.albums[i],
            album_id=matrix.albums[i],
            duration_s=float(matrix.duration_s[i]),
            path=f"{matrix.artists[i]}/{i:05d}.flac",
            suffix="flac",
            added_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=i),
            play_count=i % 7,
        )
        for i in range(n_tracks)
    ]
    generation = music.tracks.begin_listing("memory")
    music.tracks.upsert("memory", tracks, generation)
    music.tracks.finish_listing("memory", generation, complete=True)
    for i in range(n_tracks if n_heard is None else n_heard):
        bpm, key = float(matrix.tempo_bpm[i]), int(matrix.key_index[i])
        music.features.save(
            tracks[i].id,
            TrackFeatures(
                features_version=PLANTED_FEATURES_VERSION,
                duration_s=float(matrix.duration_s[i]),
                tempo=None if np.isnan(bpm) else Tempo(bpm, 0.9),
                key=None if key < 0 else Key(PITCH_CLASSES[key % 12], "major" if key < 12 else "minor", 0.8),
                loudness_lufs=float(matrix.loudness_lufs[i]),
                energy=float(matrix.energy[i]),
                tags=matrix.tags[i],
                embedding=matrix.embedding[i],
            ),
        )
    return tracks


def some_playlists(tracks: Sequence[Track]) -> list[Playlist]:
    """Two playlists of six songs each."""
    return [
        Playlist(
            id=identity,
            name=name,
            entries=tuple(PlaylistEntry(t.id, "Close to the heart of the list.") for t in some),
            tags=(("jazz", 0.4), ("chillout", 0.2), ("soul", 0.1)),
            tempo_bpm=98.0,
            energy=0.4,
        )
        for identity, name, some in (
            ("a" * 16, "Velvet Jazz & Chillout", tracks[:6]),
            ("b" * 16, "Night / Drive", tracks[6:12]),
        )
    ]


class IdleHandler(JobHandler):
    """Plans ten items that nobody works on, so that a test decides what becomes of them."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def plan(self, parameters: Mapping[str, Any]) -> Sequence[ItemPlan]:
        return [
            ItemPlan(f"song-{i:05d}", 1, {"title": f"Song {i}", "artist": "The Planted"}) for i in range(10)
        ]

    def run(self, item: JobItem, prepared: Any, context: JobContext) -> Outcome:
        return Outcome()


@dataclass
class MemoryBackend:
    """Keeps the Protocol `audiomuse.web.backend.Backend`."""

    settings: Settings
    n_tracks: int = 0
    n_heard: int | None = None
    healthy: bool = True
    tracks: list[Track] = field(default_factory=list)
    demo: DemoProgress | None = None
    features_version: str = PLANTED_FEATURES_VERSION

    def __post_init__(self) -> None:
        self._given = {name: getattr(self.settings, name) for name in self.settings.model_fields_set}
        self.music = open_music_store(self.settings)
        self.job_store = open_job_store(self.settings)
        if self.n_tracks:
            self.tracks = fill(self.music, self.n_tracks, n_heard=self.n_heard)
        self.media = MemoryServer(self.tracks, {track.id: silence() for track in self.tracks})
        self.turn = PublishingTurn(self.job_store)
        handlers = (
            IdleHandler("analysis"),
            IdleHandler("clustering"),
            PublishingHandler(self.music, self.server, self.turn),
        )
        self.engine = JobEngine(self.job_store, handlers, timing=Timing(retry_s=0.01))

    @cached_property
    def _view(self) -> LibraryView:
        return LibraryView(Songs.pack(self.music.features.load_pieces(self.features_version)))

    def statistics(self) -> LibraryStatistics:
        return self.music.statistics.library(self.features_version)

    def library(self) -> LibraryView:
        return self._view

    def start_analysis(self, parameters: Mapping[str, Any], *, retry_failed: bool = False) -> Job:
        self.server()
        if retry_failed:
            self.music.failures.clear()
        return self.engine.start("analysis", parameters)

    def start_clustering(
        self, parameters: Mapping[str, Any], *, publish: bool = False, start_over: bool = False
    ) -> Job:
        if not self.n_tracks:
            raise LibraryEmpty("No song has been analysed yet: start an analysis first.")
        request = ClusteringRequest.make(self.settings, parameters, publish=publish, start_over=start_over)
        return self.engine.start("clustering", request.to_dict())

    def start_publishing(self) -> Job:
        self.server()
        self.turn.require_no_search()
        return self.engine.start("publishing", {"playlist_suffix": "_automatic"})

    def publish(self, playlist_id: str) -> PublishReport:
        self.turn.require_nobody()
        chosen = [self.music.playlists.get(playlist_id)]
        return publish_playlists(self.server(), self.music, chosen, suffix="_automatic", complete=False)

    def create_on_server(self, name: str, track_ids: Sequence[str]) -> Publication:
        return self.server().save_playlist(name, track_ids)

    def m3u8(self, playlist: Playlist) -> bytes:
        return ("#EXTM3U\n" + "\n".join(playlist.track_ids)).encode()

    def plays(self) -> Sequence[Plays]:
        return [
            Plays(t.id, t.play_count, datetime(2026, 3, 1, tzinfo=UTC)) for t in self.tracks if t.play_count
        ]

    def server(self) -> MediaServer:
        if self.settings.chosen_server is None:
            raise SettingsError("No music server is configured yet.")
        return self.media

    def check_server(self, values: Mapping[str, Any]) -> ConnectionCheck:
        try:
            load_settings(**values)
        except (SettingsError, ServerError) as e:
            return ConnectionCheck(False, str(e))
        if values.get("music_dir") and not Path(values["music_dir"]).is_dir():
            return ConnectionCheck(False, f"There is no folder {values['music_dir']}.")
        return ConnectionCheck(True, "The server answers.", self.media.identity(), ("Music", "Audiobooks"))

    def change_settings(self, values: Mapping[str, Any]) -> None:
        saved = {n: v for n, v in (self.music.settings.all() | dict(values)).items() if v is not None}
        self.settings = load_settings(saved=saved, **self._given)
        self.music.settings.save(values)

    def start_demo(self) -> None:
        self.demo = DemoProgress(3, 36)

    def demo_progress(self) -> DemoProgress | None:
        return self.demo

    def is_healthy(self) -> bool:
        return self.healthy

    def metrics(self) -> str:
        return "# HELP audiomuse_tracks Songs\n"

    def close(self) -> None:
        self.music.close()
        self.job_store.close()
