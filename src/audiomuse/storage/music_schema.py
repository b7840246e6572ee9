"""Tables of what we know about music (DB_PATH): precious, small, backed up."""

from __future__ import annotations

import sqlalchemy as sa

from audiomuse.storage.types import Instant, Json, PathText, PlainText, SortText

metadata = sa.MetaData()

tracks = sa.Table(
    "track",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("title", PlainText, nullable=False),
    sa.Column("artist", PlainText),
    sa.Column("album_id", sa.Text),
    sa.Column("album", PlainText),
    sa.Column("album_artist", PlainText),
    sa.Column("duration_s", sa.Double),
    sa.Column("path", PathText),
    sa.Column("suffix", PlainText),
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("modified_at", Instant),
    sa.Column("added_at", Instant),
    sa.Column("year", sa.Integer),
    sa.Column("genres", Json, nullable=False),
    sa.Column("musicbrainz_recording_id", PlainText),
    sa.Column("play_count", sa.Integer),
    sa.Column("last_played_at", Instant),
    sa.Column("is_favorite", sa.Boolean, nullable=False),
    sa.Column("first_seen_at", Instant, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("present", sa.Boolean, nullable=False),
    sa.Column("sort_title", SortText, nullable=False),
    sa.Column("sort_artist", SortText, nullable=False),
    sa.Column("sort_album", SortText, nullable=False),
    sa.Index("ix_track_title", "present", "sort_title", "id"),
    sa.Index("ix_track_artist", "present", "sort_artist", "sort_album", "id"),
    sa.Index("ix_track_album", "present", "sort_album", "id"),
    sa.Index("ix_track_added", "present", "added_at", "id"),
    sa.Index("ix_track_album_id", "album_id"),
    sa.Index("ix_track_generation", "source", "generation"),
)

listings = sa.Table(
    "listing",
    metadata,
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("began_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("complete", sa.Boolean, nullable=False),
    sqlite_autoincrement=True,
)

features = sa.Table(
    "features",
    metadata,
    sa.Column("track_id", sa.Text, sa.ForeignKey("track.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("features_version", sa.Text, primary_key=True),
    sa.Column("duration_s", sa.Double, nullable=False),
    sa.Column("tempo_bpm", sa.Double),
    sa.Column("tempo_confidence", sa.Double),
    sa.Column("tempo_alternative_bpm", sa.Double),
    sa.Column("key_index", sa.SmallInteger),
    sa.Column("key_strength", sa.Double),
    sa.Column("loudness_lufs", sa.Double),
    sa.Column("energy", sa.Double),
    sa.Column("moods", Json, nullable=False),
    sa.Column("analysed_at", Instant, nullable=False),
    sa.Column("tags", sa.LargeBinary),
    sa.Column("embedding", sa.LargeBinary),
    sa.Index("ix_features_version", "features_version", "track_id"),
    sa.Index("ix_features_latest", "features_version", "analysed_at"),
)

audio_failures = sa.Table(
    "audio_failure",
    metadata,
    sa.Column("track_id", sa.Text, sa.ForeignKey("track.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("features_version", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("message", PlainText, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("failed_at", Instant, nullable=False),
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("modified_at", Instant),
)

clusterings = sa.Table(
    "clustering",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("features_version", sa.Text, nullable=False),
    sa.Column("algorithm", sa.Text, nullable=False),
    sa.Column("parameters", Json, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("score", sa.Double, nullable=False),
    sa.Column("parts", Json, nullable=False),
    sa.Column("track_ids", Json, nullable=False),
    sa.Column("labels", sa.LargeBinary, nullable=False),
    sa.Column("n_centers", sa.Integer, nullable=False),
    sa.Column("centers", sa.LargeBinary, nullable=False),
    sa.Column("space", sa.LargeBinary),
    sqlite_autoincrement=True,
)

playlist_runs = sa.Table(
    "playlist_run",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("clustering_id", sa.Integer, sa.ForeignKey("clustering.id", ondelete="SET NULL")),
    sa.Column("undone", sa.Boolean, nullable=False),
    sqlite_autoincrement=True,
)

playlists = sa.Table(
    "playlist",
    metadata,
    sa.Column("run_id", sa.Integer, sa.ForeignKey("playlist_run.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("name", PlainText, nullable=False),
    sa.Column("tags", Json, nullable=False),
    sa.Column("tempo_bpm", sa.Double),
    sa.Column("energy", sa.Double),
    sa.Column("locked", sa.Boolean, nullable=False),
    sa.Column("named_by_user", sa.Boolean, nullable=False),
    sa.Column("centroid", sa.LargeBinary),
    sa.Column("created_at", Instant),
    sa.Column("updated_at", Instant),
)

playlist_entries = sa.Table(
    "playlist_entry",
    metadata,
    sa.Column("run_id", sa.Integer, primary_key=True),
    sa.Column("playlist_id", sa.Text, primary_key=True),
    sa.Column("track_id", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("reason", PlainText, nullable=False),
    sa.Column("pinned", sa.Boolean, nullable=False),
    sa.ForeignKeyConstraint(
        ["run_id", "playlist_id"], ["playlist.run_id", "playlist.id"], ondelete="CASCADE"
    ),
    sa.Index("ix_playlist_entry_track", "track_id"),
)

playlist_bans = sa.Table(
    "playlist_ban",
    metadata,
    sa.Column("playlist_id", sa.Text, primary_key=True),
    sa.Column("track_id", sa.Text, primary_key=True),
)

publications = sa.Table(
    "publication",
    metadata,
    sa.Column("server", sa.Text, primary_key=True),
    sa.Column("remote_id", sa.Text, primary_key=True),
    sa.Column("playlist_id", sa.Text, nullable=False),
    sa.Column("name", PlainText, nullable=False),
    sa.Column("track_ids", Json, nullable=False),
    sa.Column("published_at", Instant, nullable=False),
    sa.Column("retired", sa.Boolean, nullable=False),
    sa.Index("ix_publication_playlist", "server", "playlist_id"),
)

publication_intents = sa.Table(
    "publication_intent",
    metadata,
    sa.Column("server", sa.Text, primary_key=True),
    sa.Column("playlist_id", sa.Text, primary_key=True),
    sa.Column("name", PlainText, nullable=False),
    sa.Column("track_ids", Json, nullable=False),
    sa.Column("intended_at", Instant, nullable=False),
)

saved_settings = sa.Table(
    "saved_setting",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", Json, nullable=False),
)

notes = sa.Table(
    "note",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", Json, nullable=False),
    sa.Column("written_at", Instant, nullable=False),
)

attempts = sa.Table(
    "attempt",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Index("ix_attempt_name", "name", "at"),
    sqlite_autoincrement=True,
)
