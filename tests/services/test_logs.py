"""Log lines carry job and song, and never a secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from audiomuse.services.logs import configure_logging, redact, secrets_of
from audiomuse.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: object) -> Settings:
    return load_settings(
        data_dir=tmp_path, jellyfin_token="s3cr3t-token", log_format="json", log_level="INFO"
    )


@pytest.fixture
def lines(settings: Settings) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    configure_logging(settings, stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:], level = before
    root.setLevel(level)


def read(lines: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_a_line_knows_its_job_and_song(lines: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(job="j1", item="song-1"):
        structlog.get_logger("audiomuse.test").warning("item failed", kind="corrupt")
    [line] = read(lines)
    assert (line["job"], line["item"], line["kind"], line["level"]) == ("j1", "song-1", "corrupt", "warning")


def test_the_libraries_write_into_the_same_log(lines: io.StringIO) -> None:
    logging.getLogger("some.library").warning("token=%s", "abcdef")
    [line] = read(lines)
    assert (line["event"], line["logger"]) == ("token=***", "some.library")


def test_known_secrets_are_hidden_wherever_they_stand(lines: io.StringIO) -> None:
    log = structlog.get_logger("audiomuse.test")
    try:
        raise ValueError("the server said s3cr3t-token is wrong")
    except ValueError:
        log.exception("oh s3cr3t-token", deep={"list": ["s3cr3t-token"]})
    assert "s3cr3t-token" not in lines.getvalue()
    assert "ValueError" in lines.getvalue()


def test_what_is_below_the_level_is_not_written(lines: io.StringIO) -> None:
    structlog.get_logger("audiomuse.test").debug("nobody asked")
    assert read(lines) == []


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("redis://user:pass@host:6379/0", "redis://user:***@host:6379/0"),
        ("redis://:pass@host", "redis://:***@host"),
        ("GET /rest/ping?apiKey=abc&v=1", "GET /rest/ping?apiKey=***&v=1"),
        ("Authorization: MediaBrowser Token=\"abc\"", "Authorization: MediaBrowser Token=\"***\""),
        ("{'password': 'x y'}", "{'password': '*** y'}"),
        ("http://nas:8096/Items", "http://nas:8096/Items"),
        ("token ring", "token ring"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_hidden(text: str, clean: str) -> None:
    assert redact(text) == clean


def test_all_secret_parameters_are_known(settings: Settings) -> None:
    assert secrets_of(settings) == ("s3cr3t-token",)
