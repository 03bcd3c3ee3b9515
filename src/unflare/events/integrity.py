"""What the decoders of makers' formats pass over in silence: words and packets that end early, times that go back."""

import struct
from pathlib import Path

import numpy as np

from unflare.events.heads import AEDAT, Head, field
from unflare.events.stream import Array

BLOCK = 1 << 21  # bytes


def refuse_broken(path: Path, head: Head) -> None:
    """Raises ValueError where a file ends within a word or a packet, a packet is longer than it, or time goes back.

    A time that overflows goes back by more than half of its range; in EVT3 by all of it, else the decoder's time stops.
    """
    size = path.stat().st_size
    if head.format == "AEDAT4":
        _refuse_packets(path, size)
    elif (size - head.length) % head.word:
        over = (size - head.length) % head.word
        raise ValueError(f"{path}: expected whole words of {head.word} bytes, found {over} bytes after the last one")
    elif head.word > 1:
        _refuse_times(path, head)


def refuse_tail(path: Path, end: int) -> None:
    """Raises ValueError where an event stream, whose last event ends at byte `end`, has the beginning of another."""
    over = path.stat().st_size - end
    with path.open("rb") as file:
        file.seek(-max(over, 0), 2)
        if 0 < over < 5 and file.read(1) < b"\xfe":  # 0xfe and 0xff stand alone
            raise ValueError(f"{path}: expected whole events of 5 bytes, found {over} bytes after the last one")


def _refuse_packets(path: Path, size: int) -> None:
    with path.open("rb") as file:
        file.seek(len(AEDAT))
        (length,) = struct.unpack("<I", file.read(4).ljust(4, b"\0"))
        place, number = len(AEDAT) + 4 + length, 0
        end = max(field(path, 6, "<q", -1), 0) or size
        while place < end:
            file.seek(place)
            prefix = file.read(8)
            place += 8 + (struct.unpack("<iI", prefix)[1] if len(prefix) == 8 else 0)
            if len(prefix) < 8 or place > size:
                raise ValueError(f"{path}: expected {place} bytes or more by packet {number}, found {size}")
            number += 1


def _refuse_times(path: Path, head: Head) -> None:
    previous = np.empty(0, np.int64)
    with path.open("rb") as file:
        file.seek(head.length)
        while block := file.read(BLOCK):
            times, overflow = _times(np.frombuffer(block, f"<u{head.word}"))
            steps = np.diff(times, prepend=previous)
            wrong = (steps < 0) & (steps > -overflow)
            if wrong.any():
                i = int(np.argmax(wrong))
                place = f"before byte {file.tell()}"
                raise ValueError(f"{path}: time must not go back, found a step of {steps[i]} ticks {place}")
            previous = times[-1:] if len(times) else previous


def _times(words: Array) -> tuple[Array, int]:
    """The words that count time, as int64, and how far one goes back, at least, that overflows."""
    if words.itemsize == 8:
        return (words & 0xFFFFFFFF).astype(np.int64), 1 << 31
    if words.itemsize == 4:
        return (words[words >> 28 == 8] & 0xFFFFFFF).astype(np.int64), 1 << 27
    return (words[words >> 12 == 8] & 0xFFF).astype(np.int64), (1 << 12) - 1
