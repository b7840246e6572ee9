"""Downloading audio so that what arrives is whole: resumed where it broke off, and measured."""

from __future__ import annotations

import logging
import os
import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import httpx

from audiomuse.errors import ServerRefused, ServerUnreachable, StorageError
from audiomuse.servers.protocol import AudioFile, AudioStream
from audiomuse.servers.transport import Patience

_log = logging.getLogger(__name__)

_PREFIX = "audiomuse-"
_MOST_ATTEMPTS = 50
_FORGOTTEN_AFTER_S = 24 * 3600
_PLAYER_HEADERS = (
    "Content-Type",
    "Content-Length",
    "Content-Range",
    "Accept-Ranges",
    "Last-Modified",
    "ETag",
)
_NOT_AUDIO = ("text/", "application/json", "application/xml", "application/xhtml", "application/problem")


class OpenResponse(Protocol):
    """Asks the server for the audio."""

    def __call__(
        self, *, headers: Mapping[str, str], accept: Collection[int]
    ) -> AbstractContextManager[httpx.Response]:
        """Open one answer; `headers` and `accept` as in `Transport.stream`."""


class _BrokenOff(Exception):
    """What arrived is not (all of) what was asked for; asking again may help."""


@contextmanager
def downloaded(
    open_response: OpenResponse,
    into: Path,
    *,
    title: str,
    suffix: str | None,
    expected_size: int | None,
    patience: Patience,
    sleep: Callable[[float], None],
) -> Iterator[AudioFile]:
    """Download into a temporary file that lives as long as the context.

    Parameters
    ----------
    open_response : callable
        Asks the server.
    into : Path
        Folder for the file.
    title : str
        Names the track in messages.
    suffix : str or None
        File name extension, which some decoders look at.
    expected_size : int or None
        Bytes that the server listed; believed if the answer itself does not show where it ends.
    patience, sleep
        How often in a row to go on after no byte came; how to wait.

    Raises
    ------
    ServerUnreachable
        If it kept breaking off.
    ServerRefused
        If the answer is not audio.
    StorageError
        If the file cannot be written.
    """
    with _storage_errors(into):
        into.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=into, prefix=_PREFIX, suffix=".part")
    part = Path(name)
    final = part.with_suffix(f".{suffix}" if suffix and suffix.isalnum() else ".audio")
    try:
        with os.fdopen(handle, "wb") as file:
            _Download(open_response, file, into, title, expected_size).run(patience, sleep)
        os.replace(part, final)
        yield AudioFile(final, temporary=True)
    finally:
        part.unlink(missing_ok=True)
        final.unlink(missing_ok=True)


class _Download:
    """One file on its way; `file` holds what has arrived so far."""

    def __init__(
        self,
        open_response: OpenResponse,
        file: BinaryIO,
        into: Path,
        title: str,
        expected_size: int | None,
    ) -> None:
        self._open_response = open_response
        self._file = file
        self._into = into
        self._title = title
        self._expected_size = expected_size
        self._validator: str | None = None

    def run(self, patience: Patience, sleep: Callable[[float], None]) -> None:
        """Go on until it is whole; give up after several attempts in a row brought nothing new."""
        in_vain = 0
        for _ in range(_MOST_ATTEMPTS):
            before = self._file.tell()
            try:
                self._receive()
                return
            except (httpx.TransportError, httpx.DecodingError, _BrokenOff) as e:
                reason = str(e) or type(e).__name__
            in_vain = 0 if self._file.tell() > before else in_vain + 1
            pause = patience.pause(in_vain + 1, None)
            _log.info("the download of %r broke off: %s", self._title, reason)
            if pause is None:
                break
            sleep(pause)
        raise ServerUnreachable(f"the download of {self._title!r} keeps breaking off: {reason}")

    def _receive(self) -> None:
        """Take one answer from where the last one ended."""
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        offset = self._file.tell()
        if offset and self._validator:
            headers |= {"Range": f"bytes={offset}-", "If-Range": self._validator}
        else:
            self._restart()
        with self._open_response(headers=headers, accept=(416,)) as response:
            total = self._place(response, resumed="Range" in headers)
            self._validator = _validator(response)
            for chunk in response.iter_bytes():
                with _storage_errors(self._into):
                    self._file.write(chunk)
        arrived = self._file.tell()
        if total is None and not _tells_its_end(response):
            total = self._expected_size
        if total is not None and arrived != total:
            if arrived > total:
                self._restart()
            raise _BrokenOff(f"{arrived} of {total} bytes came")
        with _storage_errors(self._into):
            self._file.flush()

    def _place(self, response: httpx.Response, *, resumed: bool) -> int | None:
        """Move to where this answer belongs; return the size of the whole if the answer tells."""
        if response.status_code == 416:
            self._restart()
            raise _BrokenOff("the server has no such range")
        require_audio(response)
        if response.status_code == 206:
            start, total = _content_range(response)
            if not resumed or start != self._file.tell():
                self._restart()
                raise _BrokenOff("the server sent another range than asked for")
            return total
        self._restart()
        length = response.headers.get("Content-Length", "")
        encoded = response.headers.get("Content-Encoding", "identity") != "identity"
        return int(length) if length.isdigit() and not encoded else None

    def _restart(self) -> None:
        with _storage_errors(self._into):
            self._file.seek(0)
            self._file.truncate()


def require_audio(response: httpx.Response) -> None:
    """Raise `ServerRefused` if an answer is a page or a message instead of audio."""
    content_type = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if content_type.startswith(_NOT_AUDIO):
        raise ServerRefused(
            f"the server sent {content_type} instead of audio; does a login page or captive portal stand "
            "before it?"
        )


def player_stream(open_response: OpenResponse, byte_range: str | None) -> AudioStream:
    """Pass the audio on to a player, range by range.

    Parameters
    ----------
    open_response : callable
        Asks the server.
    byte_range : str or None
        The browser's ``Range`` header; passed on if it is a single range of bytes.
    """
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    if byte_range and re.fullmatch(r"bytes=\d*-\d*", byte_range.strip()):
        headers["Range"] = byte_range.strip()
    context = open_response(headers=headers, accept=(416,))
    response = context.__enter__()
    try:
        if response.status_code != 416:
            require_audio(response)
    except BaseException:
        context.__exit__(None, None, None)
        raise
    passed_on = {name: response.headers[name] for name in _PLAYER_HEADERS if name in response.headers}
    return AudioStream(response.status_code, passed_on, _chunks(response), context)


def sweep(folder: Path) -> None:
    """Delete downloads that a killed process left in `folder` a day ago or longer."""
    try:
        for file in folder.glob(f"{_PREFIX}*"):
            if time.time() - file.stat().st_mtime > _FORGOTTEN_AFTER_S:
                file.unlink(missing_ok=True)
    except OSError as e:
        _log.warning("%s cannot be cleared of old downloads: %s", folder, e)


def _chunks(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_raw()
    except httpx.TransportError as e:
        raise ServerUnreachable(f"the server broke off while playing: {str(e) or type(e).__name__}") from e


def _tells_its_end(response: httpx.Response) -> bool:
    """Tell whether a body that breaks off early would have been noticed while it was read."""
    chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    return chunked or "Content-Length" in response.headers


def _validator(response: httpx.Response) -> str | None:
    """Return what tells this version of the file from another; None if nothing does for sure."""
    tag = str(response.headers.get("ETag", ""))
    if tag and not tag.startswith("W/"):
        return tag
    return str(response.headers.get("Last-Modified", "")) or None


def _content_range(response: httpx.Response) -> tuple[int, int | None]:
    """Return (first byte, size of the whole) of a partial answer; (-1, None) if it does not say."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if not match:
        return -1, None
    return int(match.group(1)), None if match.group(2) == "*" else int(match.group(2))


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise StorageError(
            f"downloads cannot be written to {folder}: {e.strerror or e}; free space there or set TEMP_DIR"
        ) from e
