"""A video, pairs of (time in us, frame), checked as it passes."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from unflare.events import Array

if TYPE_CHECKING:
    from torch import Tensor

Frame: TypeAlias = "Array | Tensor"


def opened(video: Iterable[tuple[int, Frame]]) -> tuple[tuple[int, int], Iterator[tuple[int, Frame]]]:
    """(height, width) of a video, and its frames.

    Raises ValueError where it has no frame and, as the frames pass, where times do not ascend or shapes differ.
    """
    frames = _in_order(video)
    first = next(frames, None)
    if first is None:
        raise ValueError("video: expected at least one frame, found none")
    height, width = first[1].shape
    return (height, width), chain([first], frames)


def _in_order(video: Iterable[tuple[int, Frame]]) -> Iterator[tuple[int, Frame]]:
    previous, shape = -1, None
    for number, (t, frame) in enumerate(video):
        found = tuple(frame.shape)
        if t <= previous:
            raise ValueError(f"video: frame {number}: expected a time after {previous} us, found {t} us")
        if len(found) != 2 or 0 in found or found != (shape or found):
            raise ValueError(f"video: frame {number}: expected shape {shape or '(h, w)'}, found {found}")
        previous, shape = t, found
        yield int(t), frame
