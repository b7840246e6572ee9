"""The schema is what the migrations make, whoever comes first; a newer one is left alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from audiomuse.errors import StorageError
from audiomuse.settings import Settings
from audiomuse.storage import job_schema, music_schema, open_job_store, open_music_store
from audiomuse.storage.engine import Database, open_sqlite
from audiomuse.storage.migrate import known_revisions, migrate, version_table

OPEN = """
import sys
from audiomuse.settings import load_settings
from audiomuse.storage import open_job_store, open_music_store
settings = load_settings(data_dir=sys.argv[1], database_url=sys.argv[2] or None)
with open_music_store(settings) as music, open_job_store(settings) as jobs:
    music.notes.set_if_absent("who", "me")
    jobs.log.lines("none")
"""


def differences(database: Database, name: str, metadata: sa.MetaData) -> list[object]:
    """Return what the tables of `metadata` and the migrated database do not have in common."""

    def ours(item: object, table_name: str | None, kind: str, reflected: bool, other: object) -> bool:
        return not reflected or kind != "table" or table_name in metadata.tables

    with database.read() as connection:
        options = {"version_table": version_table(name), "include_object": ours}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def test_the_migrations_make_exactly_the_tables_that_we_use(any_settings: Settings) -> None:
    with open_music_store(any_settings) as music, open_job_store(any_settings) as jobs:
        assert differences(music.database, "music", music_schema.metadata) == []
        assert differences(jobs.database, "jobs", job_schema.metadata) == []


def test_many_processes_may_open_a_new_database_at_once(any_settings: Settings) -> None:
    url = any_settings.database_url.get_secret_value() if any_settings.database_url else ""
    command = [sys.executable, "-c", OPEN, str(any_settings.data_dir), url]
    openers = [subprocess.Popen(command) for _ in range(4)]
    assert [opener.wait() for opener in openers] == [0, 0, 0, 0]
    with open_music_store(any_settings) as music:
        assert music.notes.get("who") == "me"


@pytest.mark.parametrize(("name", "opener"), [("music", open_music_store), ("jobs", open_job_store)])
def test_a_database_of_a_newer_version_is_refused_and_untouched(
    any_settings: Settings, name: str, opener: object
) -> None:
    with opener(any_settings) as store:  # type: ignore[operator]
        database = store.database
        with database.write() as connection:
            connection.exec_driver_sql(f"UPDATE {version_table(name)} SET version_num = '9999'")
    with pytest.raises(StorageError, match=r"newer version of AudioMuse \(schema 9999"):
        opener(any_settings)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["music", "jobs"])
def test_the_files_are_named_as_alembic_orders_them(name: str) -> None:
    script = ScriptDirectory(str(Path(migrate.__code__.co_filename).parent / "migrations" / name))
    in_order = [revision.revision for revision in script.walk_revisions()][::-1]
    assert known_revisions(name) == in_order


def test_an_up_to_date_database_is_opened_without_alembic(sqlite_settings: Settings) -> None:
    open_music_store(sqlite_settings).close()
    open_again = (
        "import sys; from audiomuse.settings import load_settings; "
        "from audiomuse.storage import open_music_store; "
        "open_music_store(load_settings(data_dir=sys.argv[1])).close(); print('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", open_again, str(sqlite_settings.data_dir)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_sqlite_is_copied_before_it_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(open_sqlite(tmp_path / "db.sqlite")) as database:
        migrate(database, "music")
        with database.write() as connection:
            connection.exec_driver_sql("INSERT INTO note VALUES ('a', '1', 0)")
        # The next version of us brings a migration.
        folder = tmp_path / "migrations"
        versions = folder / "music" / "versions"
        versions.mkdir(parents=True)
        from_here = Path(migrate.__code__.co_filename).parent / "migrations" / "music" / "versions"
        (versions / "0001.py").write_text((from_here / "0001_first.py").read_text())
        (versions / "0002.py").write_text(
            "from alembic import op\nimport sqlalchemy as sa\nrevision = '0002'\ndown_revision = '0001'\n"
            "def upgrade():\n"
            "    with op.batch_alter_table('note') as table:\n"
            "        table.add_column(sa.Column('extra', sa.Text()))\n"
        )
        monkeypatch.setattr("audiomuse.storage.migrate._FOLDER", folder)
        migrate(database, "music")
        with database.read() as connection:
            assert connection.exec_driver_sql("SELECT name, extra FROM note").all() == [("a", None)]
    with closing(sqlite3.connect(tmp_path / "db.sqlite.schema-0001.bak")) as copy:
        assert copy.execute("SELECT * FROM note").fetchall() == [("a", "1", 0.0)]


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_sqlite(tmp_path / "db.sqlite")) as database:
        migrate(database, "music")
        folder = tmp_path / "migrations"
        versions = folder / "music" / "versions"
        versions.mkdir(parents=True)
        from_here = Path(migrate.__code__.co_filename).parent / "migrations" / "music" / "versions"
        (versions / "0001.py").write_text((from_here / "0001_first.py").read_text())
        (versions / "0002.py").write_text(
            "from alembic import op\nrevision = '0002'\ndown_revision = '0001'\n"
            "def upgrade():\n    op.drop_table('note')\n    raise ZeroDivisionError\n"
        )
        monkeypatch.setattr("audiomuse.storage.migrate._FOLDER", folder)
        with pytest.raises(ZeroDivisionError):
            migrate(database, "music")
        with database.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM note").scalar() == 0
            version = connection.exec_driver_sql(f"SELECT version_num FROM {version_table('music')}")
            assert version.scalar() == "0001"
