"""Sound files: WAV, FLAC, OGG and whatever else libsndfile reads here (MP3 since its version 1.1).

`open_sound` gives a file that is read block by block, so that a two-hour set costs no memory; `read_sound` reads all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perform.engine.problems import UserError

Floats = NDArray[np.float32]


_SURROUND = np.array([[1, 0], [0, 1], [0.7071, 0.7071], [0, 0], [0.7071, 0], [0, 0.7071]], np.float32) / 2.4142


@dataclass(frozen=True, slots=True)
class Sound:
    """A whole sound: `stereo` [N, 2] and `mono` [N] (their mean), at `rate` frames a second."""

    stereo: Floats
    mono: Floats
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.mono) / self.rate


class Stream(Protocol):
    """Sound that is read from front to back."""

    rate: int
    frames: int
    title: str

    def read(self, count: int) -> Floats:
        """The next at most `count` frames [n, 2]; fewer only at the end."""
        ...

    def seek(self, frame: int) -> None:
        """Go to a frame, counted from the start."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class SoundFile:
    """A sound file as a `Stream`. Any one thread at a time. A block that cannot be decoded ends the sound there."""

    def __init__(self, path: Path, handle: Any) -> None:
        self._handle = handle
        self.rate: int = handle.samplerate
        self.frames: int = handle.frames
        self.title = path.name

    def read(self, count: int) -> Floats:
        import soundfile

        try:
            block: Floats = self._handle.read(count, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            return np.zeros((0, 2), np.float32)
        return stereo(block)

    def seek(self, frame: int) -> None:
        self._handle.seek(min(max(frame, 0), self.frames))

    def close(self) -> None:
        self._handle.close()


class SoundArray:
    """Samples in memory [N, channels] as a `Stream`."""

    def __init__(self, samples: NDArray[Any], rate: int, title: str) -> None:
        self._samples = stereo(np.asarray(samples, np.float32))
        self._at = 0
        self.rate = rate
        self.frames = len(self._samples)
        self.title = title

    def read(self, count: int) -> Floats:
        block = self._samples[self._at : self._at + count]
        self._at += len(block)
        return block

    def seek(self, frame: int) -> None:
        self._at = min(max(frame, 0), self.frames)

    def close(self) -> None:
        return None


def stereo(block: NDArray[Any]) -> Floats:
    """Any number of channels [n, c] or [n] as two [n, 2]: one is heard on both sides; of six (5.1 in the order of WAV)
    the middle goes to both sides and each rear to its own (ITU-R BS.775, scaled so that nothing clips); of any other
    number both sides get the mean."""
    if block.ndim == 1:
        block = block[:, None]
    count = block.shape[1]
    if count == 2:
        return block
    if count == 6:
        return np.asarray(block @ _SURROUND, np.float32)
    return np.ascontiguousarray(np.repeat(block.mean(axis=1, keepdims=True, dtype=np.float32), 2, axis=1))


def open_sound(path: Path | str) -> SoundFile:
    """Open a sound file. Raises UserError, in words, if it is missing, empty or not a sound file."""
    import soundfile

    path = Path(path)
    if not path.exists():
        raise UserError(f'there is no sound file "{path}"; check the path')
    if path.is_dir():
        raise UserError(f'"{path}" is a folder; give one sound file in it')
    try:
        if path.stat().st_size == 0:
            raise UserError(f'the sound file "{path}" is empty (0 bytes); export or copy it again')
        handle = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise UserError(
            f'"{path}" is not a sound file that can be read ({error.error_string}); '
            f"give a WAV, FLAC, OGG or MP3, or convert it: ffmpeg -i {path.name} {path.stem}-2.wav"
        ) from error
    except OSError as error:
        raise UserError(f'the sound file "{path}" cannot be opened: {error.strerror}') from error
    if handle.frames <= 0 or handle.samplerate <= 0:
        handle.close()
        raise UserError(f'the sound file "{path}" is empty: it has a header and no sound; export or copy it again')
    return SoundFile(path, handle)


def read_sound(path: Path | str) -> Sound:
    """All of a sound file as float32. Raises UserError as `open_sound` does, and where decoding gives nothing."""
    stream = open_sound(path)
    samples = stream.read(stream.frames)
    stream.close()
    if not len(samples):
        raise UserError(f'the sound file "{path}" is damaged: nothing of it can be decoded; export or copy it again')
    return Sound(samples, samples.mean(axis=1, dtype=np.float32), stream.rate)


def write_sound(path: Path, samples: NDArray[Any], rate: int) -> None:
    """Write samples [N, channels] as 32-bit float WAV. Raises OSError where the place cannot be written."""
    import soundfile

    try:
        soundfile.write(path, samples, rate, subtype="FLOAT", format="WAV")
    except soundfile.LibsndfileError as error:
        raise OSError(f"cannot write {path}: {error.error_string}") from error
