"""Downloads over a real socket: what arrives is the whole file, or an error says why not."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest
from tests.servers.wire import Stall, WireServer, head, wire_server

from audiomuse.errors import ServerRefused, ServerUnreachable, StorageError
from audiomuse.servers.download import downloaded, player_stream, sweep
from audiomuse.servers.transport import Patience, Transport

DATA = bytes(range(256)) * 40
SIZE = len(DATA)
DATE = "Sun, 22 Nov 2026 12:00:00 GMT"
WHOLE = head("200 OK", Content_Type="audio/flac", Content_Length=SIZE, Last_Modified=DATE)


def rest(start: int, *, total: int = SIZE, date: str = DATE) -> bytes:
    return head(
        "206 Partial Content", Content_Type="audio/flac", Content_Length=total - start, Last_Modified=date,
        Content_Range=f"bytes {start}-{total - 1}/{total}",
    )  # fmt: skip


def transport_to(server: WireServer, timeout_s: float = 60.0) -> Transport:
    client = httpx.Client(timeout=timeout_s)
    patience = Patience(attempts=3, base_s=0)
    return Transport(client, server.url, variable="JELLYFIN_URL", patience=patience, sleep=lambda s: None)


@contextmanager
def fetched(
    server: WireServer, into: Path, expected_size: int | None = SIZE, *, timeout_s: float = 60.0
) -> Iterator[bytes]:
    transport = transport_to(server, timeout_s)

    def open_response(
        *, headers: Mapping[str, str], accept: Collection[int]
    ) -> AbstractContextManager[httpx.Response]:
        return transport.stream("Items/1/Download", headers=headers, accept=accept)

    with downloaded(
        open_response, into, title="Song", suffix="flac", expected_size=expected_size,
        patience=transport.patience, sleep=transport.sleep,
    ) as audio:  # fmt: skip
        assert audio.temporary
        assert audio.path.suffix == ".flac"
        yield audio.path.read_bytes()


def test_a_download_is_the_file_and_goes_away(tmp_path: Path) -> None:
    with wire_server([WHOLE, DATA]) as server, fetched(server, tmp_path) as data:
        assert data == DATA
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_closes_mid_body_is_resumed_where_it_broke(tmp_path: Path) -> None:
    with (
        wire_server([WHOLE, DATA[:5000]], [rest(5000), DATA[5000:9000]], [rest(9000), DATA[9000:]]) as server,
        fetched(server, tmp_path) as data,
    ):
        assert data == DATA
    assert "Range" not in server.heads[0]
    assert "Range: bytes=5000-" in server.heads[1]
    assert f"If-Range: {DATE}" in server.heads[1]
    assert "Range: bytes=9000-" in server.heads[2]


IMPATIENT_S = 2.0
"""Long enough for an answer of this machine at its busiest, and lost once for every `Stall`."""


def test_a_stall_mid_body_is_resumed(tmp_path: Path) -> None:
    with (
        wire_server([WHOLE, DATA[:4000], Stall()], [rest(4000), DATA[4000:]]) as server,
        fetched(server, tmp_path, timeout_s=IMPATIENT_S) as data,
    ):
        assert data == DATA


def test_a_slow_first_byte_is_asked_for_again(tmp_path: Path) -> None:
    with (
        wire_server([Stall()], [WHOLE, DATA]) as server,
        fetched(server, tmp_path, timeout_s=IMPATIENT_S) as data,
    ):
        assert data == DATA


def test_a_file_that_changed_meanwhile_is_taken_from_its_start(tmp_path: Path) -> None:
    other = DATA[::-1]
    with (
        wire_server([WHOLE, DATA[:5000]], [WHOLE, other]) as server,  # If-Range failed: 200
        fetched(server, tmp_path) as data,
    ):
        assert data == other


def test_an_answer_without_a_date_is_not_resumed(tmp_path: Path) -> None:
    undated = head("200 OK", Content_Type="audio/flac", Content_Length=SIZE)
    with (
        wire_server([undated, DATA[:5000]], [undated, DATA]) as server,
        fetched(server, tmp_path) as data,
    ):
        assert data == DATA
    assert "Range" not in server.heads[1]


def test_another_range_than_asked_for_is_not_appended(tmp_path: Path) -> None:
    with (
        wire_server([WHOLE, DATA[:5000]], [rest(4000), DATA[4000:]], [WHOLE, DATA]) as server,
        fetched(server, tmp_path) as data,
    ):
        assert data == DATA


def test_a_range_that_the_server_does_not_have_starts_anew(tmp_path: Path) -> None:
    no_range = head("416 Range Not Satisfiable", Content_Range=f"bytes */{SIZE}", Content_Length=0)
    with (
        wire_server([WHOLE, DATA[:5000]], [no_range], [WHOLE, DATA]) as server,
        fetched(server, tmp_path) as data,
    ):
        assert data == DATA


def test_a_short_body_without_a_length_is_noticed_by_the_listed_size(tmp_path: Path) -> None:
    unmeasured = head("200 OK", Content_Type="audio/flac")
    with (
        wire_server([unmeasured, DATA[:3000]], [unmeasured, DATA]) as server,
        fetched(server, tmp_path) as data,
    ):
        assert data == DATA


def test_a_file_that_was_tagged_since_the_listing_is_taken_at_its_own_word(tmp_path: Path) -> None:
    with wire_server([WHOLE, DATA]) as server, fetched(server, tmp_path, expected_size=SIZE - 7) as data:
        assert data == DATA


def test_a_body_in_chunks_shows_its_own_end(tmp_path: Path) -> None:
    chunked = head("200 OK", Content_Type="audio/flac", Transfer_Encoding="chunked", Last_Modified=DATE)
    body = b"%x\r\n%b\r\n" % (SIZE, DATA)
    with (
        wire_server([chunked, body], [chunked, body, b"0\r\n\r\n"]) as server,  # first without its end
        fetched(server, tmp_path, expected_size=SIZE - 7) as data,
    ):
        assert data == DATA


def test_a_download_that_keeps_breaking_off_at_one_place_is_given_up(tmp_path: Path) -> None:
    broken = [rest(5000)]
    with (
        wire_server([WHOLE, DATA[:5000]], broken, broken, broken, broken) as server,
        pytest.raises(ServerUnreachable, match="'Song' keeps breaking off"),
        fetched(server, tmp_path),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_login_page_is_not_music(tmp_path: Path) -> None:
    page = head("200 OK", Content_Type="text/html; charset=utf-8", Content_Length=6)
    with (
        wire_server([page, b"log in"]) as server,
        pytest.raises(ServerRefused, match="sent text/html instead of audio"),
        fetched(server, tmp_path),
    ):
        pass


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with (
        wire_server() as server,
        pytest.raises(StorageError, match="set TEMP_DIR"),
        fetched(server, blocked / "below"),
    ):
        pass


def test_the_temporary_file_goes_away_when_hearing_fails(tmp_path: Path) -> None:
    with (
        wire_server([WHOLE, DATA]) as server,
        pytest.raises(RuntimeError, match="deaf"),
        fetched(server, tmp_path),
    ):
        raise RuntimeError("deaf")
    assert list(tmp_path.iterdir()) == []


def test_a_player_gets_what_the_server_sends_and_no_more_headers_than_it_needs() -> None:
    secretive = head(
        "206 Partial Content", Content_Type="audio/flac", Content_Range="bytes 0-2/9", Content_Length=3,
        Server="Kestrel", Set_Cookie="token=1",
    )  # fmt: skip
    with wire_server([secretive, b"abc"]) as server:
        transport = transport_to(server)
        stream = player_stream(
            lambda *, headers, accept: transport.stream("x", headers=headers, accept=accept), "bytes=0-2"
        )
        assert b"".join(stream) == b"abc"
        assert stream.headers == {
            "Content-Type": "audio/flac", "Content-Range": "bytes 0-2/9", "Content-Length": "3",
        }  # fmt: skip
    assert "Range: bytes=0-2" in server.heads[0]


def test_a_range_header_of_nonsense_is_not_passed_on() -> None:
    with wire_server([WHOLE, DATA]) as server:
        transport = transport_to(server)
        with player_stream(
            lambda *, headers, accept: transport.stream("x", headers=headers, accept=accept),
            "bytes=0-\r\nX: y",
        ) as stream:
            assert stream.status == 200
    assert "Range" not in server.heads[0]


def test_a_player_learns_that_the_server_broke_off() -> None:
    with wire_server([WHOLE, DATA[:100]]) as server:
        transport = transport_to(server)
        stream = player_stream(
            lambda *, headers, accept: transport.stream("x", headers=headers, accept=accept), None
        )
        with pytest.raises(ServerUnreachable, match="broke off while playing"):
            list(stream)


def test_downloads_of_killed_processes_are_swept_after_a_day(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in ("audiomuse-a.part", "audiomuse-b.flac", "mine.flac"))
    for file in (old, young, other):
        file.write_bytes(b"x")
    two_days_ago = time.time() - 2 * 86_400
    for file in (old, other):
        os.utime(file, (two_days_ago, two_days_ago))
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == [young, other]
    sweep(tmp_path / "not there yet")
