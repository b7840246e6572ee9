"""Every kind of file that a music folder should not hold, made from nothing."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import count
from pathlib import Path

import av
import numpy as np
from made_music import Samples, made_song, write_audio, write_wav

# --- not music at all ----------------------------------------------------------------------------


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def text(path: Path) -> Path:
    path.write_text("Dear diary, today I ripped a record.\n" * 200)
    return path


def noise_bytes(path: Path) -> Path:
    path.write_bytes(np.random.default_rng(1).bytes(50_000))
    return path


def picture(path: Path) -> Path:
    header = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    path.write_bytes(header + b"\x00" * 2000 + b"\xff\xd9")
    return path


def hls_playlist(path: Path, target: str) -> Path:
    path.write_text(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f"#EXTINF:10.0,\n{target}\n#EXT-X-ENDLIST\n"
    )
    return path


def concat_playlist(path: Path, target: str) -> Path:
    path.write_text(f"ffconcat version 1.0\nfile '{target}'\n")
    return path


def video_without_sound(path: Path) -> Path:
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(10):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    return path


def encrypted_m4a(path: Path) -> Path:
    """An iTunes-style file: the sample entry is named ``drms`` instead of ``mp4a``."""
    write_audio(path, made_song(2.0), codec="aac", container="ipod")
    path.write_bytes(path.read_bytes().replace(b"mp4a", b"drms"))
    return path


# --- damaged -------------------------------------------------------------------------------------


def truncated(path: Path, *, codec: str, keep: float, **encoding: object) -> Path:
    """A good file cut off after the share `keep`."""
    write_audio(path, made_song(8.0), codec=codec, **encoding)  # type: ignore[arg-type]
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


def scratched(path: Path, *, codec: str, **encoding: object) -> Path:
    """A good file with one byte in a thousand replaced, the header excepted."""
    write_audio(path, made_song(8.0), codec=codec, **encoding)  # type: ignore[arg-type]
    rng = np.random.default_rng(3)
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    hit = rng.integers(2_000, content.size, content.size // 1000)
    content[hit] = rng.integers(0, 256, hit.size)
    path.write_bytes(content.tobytes())
    return path


# --- headers that lie ----------------------------------------------------------------------------


def wav_with_header(path: Path, samples: Samples, *, rate: int, data_bytes: int | None = None) -> Path:
    """A 16-bit WAV whose header says whatever it is told to."""
    values = (np.clip(samples.T, -1, 1) * 32767).astype("<i2").tobytes()
    claimed = len(values) if data_bytes is None else data_bytes
    channels = len(samples)
    form = struct.pack("<HHIIHH", 1, channels, rate, (rate * channels * 2) & 0xFFFFFFFF, channels * 2, 16)
    riff = (36 + claimed) & 0xFFFFFFFF
    path.write_bytes(
        b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt " + struct.pack("<I", 16) + form
        + b"data" + struct.pack("<I", claimed) + values
    )  # fmt: skip
    return path


def float_wav(path: Path, samples: Samples) -> Path:
    """A 32-bit float WAV that keeps NaN, infinity and any size of sample."""
    values = samples.T.astype("<f4").tobytes()
    channels, rate = len(samples), 44_100
    form = struct.pack("<HHIIHH", 3, channels, rate, rate * channels * 4, channels * 4, 32)
    path.write_bytes(
        b"RIFF" + struct.pack("<I", 36 + len(values)) + b"WAVEfmt " + struct.pack("<I", 16) + form
        + b"data" + struct.pack("<I", len(values)) + values
    )  # fmt: skip
    return path


def transcoded(source: Path, path: Path, *, codec: str) -> Path:
    """Encode a file anew, whatever its channels."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream(
            codec, rate=old.streams.audio[0].rate, layout=old.streams.audio[0].layout.name
        )
        stream.codec_context.format = "fltp"
        resampler = av.AudioResampler(format="fltp", frame_size=4096)
        for frame in old.decode(audio=0):
            for piece in resampler.resample(frame):
                new.mux(stream.encode(piece))
        new.mux(stream.encode(None))
    return path


def flac_of_silence(path: Path, *, hours: float, claimed_samples: int | None = None) -> Path:
    """Hours of digital silence in a few hundred kilobytes of FLAC.

    Every frame is as long as FLAC allows and has constant subframes. `claimed_samples` is what the header
    says; 0 means unknown, None the truth.
    """
    rate, block = 44_100, 65_535
    n_frames = max(int(hours * 3600 * rate / block), 1)
    claimed = n_frames * block if claimed_samples is None else claimed_samples
    packed = (rate << 44) | (1 << 41) | (15 << 36) | claimed  # rate, channels - 1, bits - 1, samples
    stream_info = struct.pack(">HH", block, block) + b"\0" * 6 + packed.to_bytes(8, "big") + b"\0" * 16
    with path.open("wb") as file:
        file.write(b"fLaC" + b"\x80\x00\x00\x22" + stream_info)
        for number in range(n_frames):
            header = b"\xff\xf8\x79\x18" + _utf8_number(number) + struct.pack(">H", block - 1)
            header += bytes([_crc(header, _CRC8, 8)])
            frame = header + b"\x00\x00\x00" * 2
            file.write(frame + struct.pack(">H", _crc(frame, _CRC16, 16)))
    return path


def _crc_table(polynomial: int, bits: int) -> list[int]:
    top, mask = 1 << (bits - 1), (1 << bits) - 1
    table = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = ((value << 1) ^ polynomial if value & top else value << 1) & mask
        table.append(value)
    return table


_CRC8 = _crc_table(0x07, 8)
_CRC16 = _crc_table(0x8005, 16)


def _crc(data: bytes, table: list[int], bits: int) -> int:
    value, mask = 0, (1 << bits) - 1
    for byte in data:
        value = ((value << 8) ^ table[(value >> (bits - 8)) ^ byte]) & mask
    return value


def _utf8_number(number: int) -> bytes:
    """Frame numbers are coded like UTF-8 characters."""
    return chr(number).encode("utf-8", "surrogatepass") if number < 0x110000 else b""


# --- names ---------------------------------------------------------------------------------------

STRANGE_NAMES = (
    "AC:DC.mp3",
    "http:__x.mp3",
    "concat:a|b.mp3",
    "-leading dash.mp3",
    "new\nline.mp3",
    "\N{MUSICAL KEYBOARD} \N{SNOWMAN}.mp3",
    "%d %s %05d.mp3",
    "[x]*?.mp3",
    "no extension",
    "spaces  .mp3 ",
    "pipe:0",
    "cache:song.wav",
)


def numbered(folder: Path, suffix: str) -> Callable[[], Path]:
    """Names for one file after the other."""
    numbers = count()
    return lambda: folder / f"{next(numbers)}{suffix}"


def good_wav(path: Path) -> Path:
    """A short song, to be given a strange name."""
    return write_wav(path, made_song(2.0, rate=16_000), rate=16_000)
