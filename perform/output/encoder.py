"""H.264 and AAC into a fragmented MP4 with PyAV. Knows nothing of threads, shows or problems.

Colours are BT.709 in video range, and the file says so; players that were left to guess shift them.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

_FLAGS = "frag_keyframe+empty_moov+delay_moov+default_base_moof"
_AUDIO_BLOCK = 1024
_BT709 = 1


class Encoder:
    """One file. `add` pictures in order, then `close`; any call may raise OSError or av.error.FFmpegError.

    Same pictures, sound and number of threads in, same bytes out.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: float,
        sound: tuple[NDArray[np.float32], int] | None = None,
        threads: int = 0,
        preset: str = "veryfast",
    ) -> None:
        """Open `path`; `preset` is x264's. Raises OSError, or ValueError for a size or sound that cannot be encoded."""
        self.width, self.height = size[0] // 2 * 2, size[1] // 2 * 2
        if self.width < 2 or self.height < 2:
            raise ValueError(f"a picture of {size[0]}x{size[1]} is too small")
        self._path = path
        path.open("wb").close()  # PyAV opens the file late; say now that it cannot be written
        rate = Fraction(fps).limit_denominator(1001)
        self._fps = float(rate)
        self._container: Any = av.open(
            str(path), "w", format="mp4", options={"movflags": _FLAGS, "fflags": "+bitexact", "flush_packets": "1"}
        )
        gop = str(max(1, round(fps)))  # a key frame, and with it a fragment, each second
        options = {"preset": preset, "crf": "18", "g": gop, "keyint_min": "1", **_steady()}
        self._video: Any = self._container.add_stream("libx264", rate=rate, options=options)
        codec = self._video.codec_context
        codec.width, codec.height, codec.pix_fmt = self.width, self.height, "yuv420p"
        codec.time_base = 1 / rate
        codec.thread_count = threads
        codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
        codec.color_range = int(ColorRange.MPEG)
        codec.flags |= av.codec.context.Flags.bitexact
        self._reformatter = VideoReformatter()
        self._audio: Any = None
        self._heard = 0
        if sound is not None:
            self._open_sound(*sound)

    def _open_sound(self, samples: NDArray[np.float32], rate: int) -> None:
        if samples.ndim != 2 or samples.shape[1] not in (1, 2):
            raise ValueError(f"sound must be [N, 2], not {list(samples.shape)}")
        self._samples, self._rate = samples, rate
        self._audio = self._container.add_stream("aac", rate=rate, layout="stereo")
        self._audio.codec_context.bit_rate = 256_000
        self._audio.codec_context.flags |= av.codec.context.Flags.bitexact

    def add(self, pixels: NDArray[np.uint8], index: int) -> None:
        """The picture `[H, W, 4]` (top row first) of frame number `index`, and the sound up to its end."""
        height, width = pixels.shape[:2]
        if (width // 2 * 2, height // 2 * 2) == (self.width, self.height):
            pixels = pixels[: self.height, : self.width]
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgba")
        frame = self._reformatter.reformat(
            picture,
            self.width,
            self.height,
            "yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = index, self._video.codec_context.time_base
        for packet in self._video.encode(frame):
            self._container.mux(packet)
        self._hear((index + 1) / self._fps)

    def close(self) -> None:
        """Write what the encoders still hold, and end the file. OSError if its end did not fit on the disk."""
        for packet in self._video.encode(None):
            self._container.mux(packet)
        if self._audio is not None:
            for packet in self._audio.encode(None):
                self._container.mux(packet)
        self._container.close()  # says nothing of what it could not write
        length = self._path.stat().st_size
        if whole_boxes(self._path) < length:
            raise OSError(errno.ENOSPC, "the end of it does not fit on the disk")

    def abandon(self) -> None:
        """After an error: let go of the file without another word."""
        with contextlib.suppress(OSError, av.error.FFmpegError):
            self._container.close()

    def _hear(self, end: float) -> None:
        """Encode the sound up to `end` seconds: whole blocks, silence where there is no more."""
        if self._audio is None:
            return
        until = min(math.ceil(end * self._rate), len(self._samples))
        while self._heard < until:
            block = self._samples[self._heard : min(self._heard + _AUDIO_BLOCK, until)]
            if block.shape[1] == 1:
                block = np.repeat(block, 2, axis=1)
            planes = np.ascontiguousarray(np.clip(block.T, -1.0, 1.0), dtype=np.float32)
            frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = self._rate, self._heard, Fraction(1, self._rate)
            for packet in self._audio.encode(frame):
                self._container.mux(packet)
            self._heard += block.shape[0]


def _steady() -> dict[str, str]:
    """Keep x264 from AVX-512, whose results were not the same each time.

    On an AMD EPYC in a virtual machine, 10 of 300 files differed from the others by a few bits of a few frames, in
    bursts, with equal pictures in; with AVX2, in the same minutes, none of 300 did. It costs little.
    """
    with contextlib.suppress(OSError):
        if "avx512" in Path("/proc/cpuinfo").read_text():
            return {"x264-params": "asm=avx2"}
    return {}


def whole_boxes(path: Path) -> int:
    """Cut a broken-off fragmented MP4 back to its last whole fragment; returns the bytes kept.

    A file is a row of boxes (ISO 14496-12: size, then type); a fragment is a `moof` with the `mdat` that follows it.
    """
    kept = place = 0
    with contextlib.suppress(OSError), path.open("r+b") as file:
        length = os.fstat(file.fileno()).st_size
        while place + 8 <= length:
            file.seek(place)
            size, kind = struct.unpack(">I4s", file.read(8))
            if size < 8 or place + size > length:
                break
            place += size
            if kind != b"moof":
                kept = place
        file.truncate(kept)
    return kept
