"""Open a music file and give its samples in blocks, whatever the format, and never anything but that file.

libav (through PyAV) reads all formats. It is a large library that was made to open whatever an address names,
so it is told what not to do: only the protocol ``file``, no containers that name other files (playlists), no
device and no pipe. All its errors become `AudioError` here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from audiomuse.errors import AudioError
from audiomuse.model import Float32

BLOCK_SAMPLES = 1 << 15
"""Samples of each channel in one block, about 0.7 s at 44.1 kHz."""

_CONTAINERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,bonk,caf,dff,dsf,dts,dtshd,eac3,flac,flv,iff,loas,matroska,mlp,"
    "mov,mp3,mpc,mpc8,mpeg,mpegts,nut,ogg,oma,qoa,rm,shn,sox,tak,truehd,tta,voc,w64,wav,webm,wsd,wv,xwma"
)
"""Containers that hold sound themselves. Left out on purpose: hls, dash, concat and others that open more."""

_ANY_METADATA: dict[str, Any] = (
    {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "replace"}
)
"""PyAV 19 reads tags whatever their bytes are; before, it had to be told that they may not be UTF-8."""

_LOWEST_RATE, _HIGHEST_RATE = 1_000, 2_822_400
"""From the worst telephone to what the finest DSD unpacks to, in Hz."""
_LARGEST_SAMPLE = 8.0
"""Loud masters exceed full scale a little; values beyond this are damage, not music."""
_UNSAFE_PLANES = 8
_ENCRYPTED_TAGS = frozenset({"drms", "enca", "aavd", "p608"})
_MICROSECONDS = 1_000_000

_Shape = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Block:
    """Some consecutive samples."""

    samples: Float32
    """Shape (n_channels, n_samples), finite, full scale is 1."""
    rate: int
    """Sampling rate in Hz. It may differ between the blocks of one (chained) file, as may the channels."""


class AudioFile:
    """The main audio stream of a file; open it with `open_audio`."""

    def __init__(self, path: Path, container: Any, stream: Any) -> None:
        self._path = path
        self._container = container
        self._stream = stream
        self._origin_s = max(container.start_time or 0, 0) / _MICROSECONDS
        self._is_at_start = True

    @property
    def claimed_duration_s(self) -> float | None:
        """What the headers say, in seconds: may be absent, and may be wrong by any factor."""
        stream = self._stream
        if stream.duration and stream.time_base and stream.duration > 0:
            return float(stream.duration * stream.time_base)
        if self._container.duration and self._container.duration > 0:
            return float(self._container.duration / _MICROSECONDS)
        return None

    def blocks(self, start_s: float = 0.0) -> Iterator[Block]:
        """Yield the samples from about `start_s` to the end in blocks of at most `BLOCK_SAMPLES`.

        What cannot be decoded is passed over, so a damaged file gives what is left of it.
        Where a file cannot be searched, reading goes on from the present place.
        """
        if start_s > 0 or not self._is_at_start:
            self._seek(start_s)
        self._is_at_start = False
        fifo: Any = None
        shape: _Shape | None = None
        start_s += self._origin_s
        frames = (frame for frame in self._frames() if not _ends_before(frame, start_s))
        for frame in _with_safe_planes(frames):
            if _shape(frame) != shape:
                yield from _drain(fifo)
                self._check_rate(frame.sample_rate)
                fifo, shape = av.AudioFifo(), _shape(frame)
            frame.pts = None  # gaps in time do not matter, and the queue would refuse them
            fifo.write(frame)
            while fifo.samples >= BLOCK_SAMPLES:
                yield _block(fifo.read(BLOCK_SAMPLES))
        yield from _drain(fifo)

    def packet_duration_s(self) -> float:
        """Measure the length in seconds by reading every packet from the start, decoding none of them."""
        self._seek(0.0)
        self._is_at_start = False
        ticks = 0
        for packet in self._packets():
            ticks += packet.duration or 0
        return float(ticks * self._stream.time_base)

    def _frames(self) -> Iterator[Any]:
        for packet in self._packets():
            try:
                yield from packet.decode()
            except av.error.FFmpegError:  # one damaged packet: the next may be sound
                continue

    def _packets(self) -> Iterator[Any]:
        while True:
            try:
                yield from self._container.demux(self._stream)
            except av.error.FFmpegError:  # the container ends in damage: what came before counts
                return
            except IndexError:  # PyAV trips over a stream that begins in the middle; it is not ours
                continue
            return

    def _seek(self, to_s: float) -> None:
        try:
            self._container.seek(int((self._origin_s + to_s) * _MICROSECONDS))
        except av.error.FFmpegError:
            return

    def _check_rate(self, rate: int) -> None:
        if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
            raise AudioError(f"{self._path.name}: claims a sampling rate of {rate} Hz", kind="corrupt")


@contextmanager
def open_audio(path: str | Path, *, max_bytes: int | None = None) -> Iterator[AudioFile]:
    """Open the main audio stream of a local, regular file.

    Parameters
    ----------
    path : str or Path
        Any name that the file system allows; nothing in it is taken for a protocol.
    max_bytes : int or None
        Larger files are refused.

    Yields
    ------
    AudioFile
        Closed when the context ends.

    Raises
    ------
    AudioError
        With the kinds ``"missing"``, ``"not-a-file"``, ``"empty"``, ``"too-large"``, ``"not-audio"``,
        ``"no-audio-stream"``, ``"encrypted"`` or ``"unsupported-codec"``.
    """
    path = Path(path)
    _check_file(path, max_bytes)
    try:
        container = av.open(
            f"file:{path}",
            options={"protocol_whitelist": "file", "format_whitelist": _CONTAINERS},
            **_ANY_METADATA,
        )
    except (av.error.FFmpegError, ValueError) as e:
        raise AudioError(
            f"{path.name}: not a music file that can be read ({_reason(e)})", kind="not-audio"
        ) from e
    try:
        yield AudioFile(path, container, _audio_stream(path, container))
    finally:
        container.close()


def _reason(error: Exception) -> str:
    """What libav says, without its numbers."""
    return str(getattr(error, "strerror", None) or error)


def _check_file(path: Path, max_bytes: int | None) -> None:
    try:
        found = os.stat(path)
    except OSError as e:
        raise AudioError(f"{path.name}: {e.strerror}", kind="missing") from e
    except ValueError as e:  # a NUL in the name
        raise AudioError(f"{path.name!r}: {e}", kind="missing") from e
    if not stat.S_ISREG(found.st_mode):
        raise AudioError(f"{path.name}: not a regular file", kind="not-a-file")
    if found.st_size == 0:
        raise AudioError(f"{path.name}: the file is empty", kind="empty")
    if max_bytes is not None and found.st_size > max_bytes:
        raise AudioError(
            f"{path.name}: {found.st_size} bytes, more than the limit {max_bytes}", kind="too-large"
        )
    if not os.access(path, os.R_OK):
        raise AudioError(f"{path.name}: no permission to read it", kind="missing")


def _audio_stream(path: Path, container: Any) -> Any:
    """Return the main audio stream, set to decode in one thread."""
    stream = container.streams.best("audio")
    if stream is None:
        raise AudioError(f"{path.name}: there is no sound in this file", kind="no-audio-stream")
    if _is_encrypted(container, stream):
        raise AudioError(f"{path.name}: the sound is encrypted (DRM)", kind="encrypted")
    if stream.codec_context is None:
        raise AudioError(
            f"{path.name}: the sound is in a format that no decoder here knows", kind="unsupported-codec"
        )
    stream.codec_context.thread_count = 1
    return stream


def _is_encrypted(container: Any, stream: Any) -> bool:
    tag = stream.codec_context.codec_tag if stream.codec_context is not None else ""
    return tag.lower() in _ENCRYPTED_TAGS or "ASF_Protection_Type" in container.metadata


def _ends_before(frame: Any, start_s: float) -> bool:
    """A seek lands on a key frame before the place asked for."""
    return frame.time is not None and frame.time + frame.samples / frame.sample_rate < start_s


def _shape(frame: Any) -> _Shape:
    """What has to be the same for frames to follow each other in one queue: format, channels, rate."""
    return frame.format.name, frame.layout.name, frame.sample_rate


def _with_safe_planes(frames: Iterator[Any]) -> Iterator[Any]:
    """Interleave the channels of frames with many planes.

    PyAV looks for the end of the list of planes in a zero behind it. With eight or more there is none, and
    reading the samples would crash.
    """
    packer: Any = None
    shape: _Shape | None = None
    for frame in frames:
        if not frame.format.is_planar or frame.layout.nb_channels < _UNSAFE_PLANES:
            yield frame
            continue
        if _shape(frame) != shape:
            packer, shape = av.AudioResampler(format=frame.format.packed), _shape(frame)
        yield from packer.resample(frame)


def _drain(fifo: Any) -> Iterator[Block]:
    """Yield what is left in the queue."""
    if fifo is not None and fifo.samples:
        yield _block(fifo.read(0, True))


def _block(frame: Any) -> Block:
    """Convert a decoded frame, of any sample format, to finite floats."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    if values.dtype == np.uint8:
        samples = (values.astype(np.float32) - 128.0) / 128.0
    elif np.issubdtype(values.dtype, np.integer):
        samples = values.astype(np.float32)
        samples *= np.float32(1.0 / (np.iinfo(values.dtype).max + 1.0))
    else:
        samples = _finite(values)
    return Block(samples, frame.sample_rate)


def _finite(values: Any) -> Float32:
    """Silence what is not a number or far beyond full scale."""
    with np.errstate(over="ignore"):
        samples = np.asarray(values, dtype=np.float32)
    largest = max(abs(float(samples.max())), abs(float(samples.min())))  # NaN and infinity come through
    if largest <= _LARGEST_SAMPLE:
        return samples
    damaged = ~(np.abs(samples) <= _LARGEST_SAMPLE)
    return np.where(damaged, np.float32(0.0), samples)
