"""The event stream: one noun, a frozen structure of arrays."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

DTYPES = {"t": np.dtype(np.int64), "x": np.dtype(np.uint16), "y": np.dtype(np.uint16), "p": np.dtype(np.uint8)}


@dataclass(frozen=True, eq=False)
class Events:
    """Events of one sensor in time order; a structure of arrays, each of shape (n,).

    t      int64   microseconds since the recording began
    x      uint16  column, 0 at the left
    y      uint16  row, 0 at the top
    p      uint8   polarity: 1 brighter (ON), 0 darker (OFF)
    shape          sensor (height, width), as in numpy

    Dtypes and lengths are checked here; values at the borders, by `checked`.
    """

    t: Array
    x: Array
    y: Array
    p: Array
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        for name, dtype in DTYPES.items():
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
                found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
                raise ValueError(f"events: {name} must be {dtype} of shape (n,), found {found}")
        if len({len(getattr(self, name)) for name in DTYPES}) != 1:
            lengths = ", ".join(f"{name} {len(getattr(self, name))}" for name in DTYPES)
            raise ValueError(f"events: t, x, y and p must have one length, found {lengths}")

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, index: slice | Array) -> "Events":
        return Events(self.t[index], self.x[index], self.y[index], self.p[index], self.shape)

    def between(self, start: int, stop: int) -> "Events":
        """Events with start <= t < stop, by binary search."""
        first, last = np.searchsorted(self.t, (start, stop))
        return self[first:last]

    def shifted(self, microseconds: int) -> "Events":
        """The same events, later by `microseconds`."""
        return Events(self.t + microseconds, self.x, self.y, self.p, self.shape)

    def checked(self) -> "Events":
        """Itself, once every value is in range: time sorted and not negative, inside the sensor, polarity 0 or 1.

        Raises ValueError that names the first event at fault.
        """
        height, width = self.shape
        if len(self):
            if self.t[0] < 0:
                raise ValueError(f"event 0: time must not be negative, found {self.t[0]} us")
            _refuse(self.t[1:] < self.t[:-1], self.t[1:], "time must not go back, found {} us", offset=1)
            _refuse(self.x >= width, self.x, f"x must be below the sensor's width {width}, found {{}}")
            _refuse(self.y >= height, self.y, f"y must be below the sensor's height {height}, found {{}}")
            _refuse(self.p > 1, self.p, "polarity must be 0 or 1, found {}")
        return self


def _refuse(bad: Array, values: Array, sentence: str, offset: int = 0) -> None:
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(f"event {i + offset}: {sentence.format(values[i])}")


def empty(shape: tuple[int, int]) -> Events:
    """No events of a sensor of this shape."""
    t, x, y, p = (np.empty(0, dtype) for dtype in DTYPES.values())
    return Events(t, x, y, p, shape)


def merge(*streams: Events) -> tuple[Events, Array]:
    """All events in time order, ties in the order of the arguments; and for each the number of its stream, uint8 (n,).

    Raises ValueError if the streams are of different sensors.
    """
    shapes = {stream.shape for stream in streams}
    if len(shapes) != 1:
        raise ValueError(f"merge: streams must be of one sensor, found {sorted(shapes)}")
    source = np.repeat(np.arange(len(streams), dtype=np.uint8), [len(stream) for stream in streams])
    t, x, y, p = (np.concatenate([getattr(stream, name) for stream in streams]) for name in DTYPES)
    order = np.argsort(t, kind="stable")
    return Events(t, x, y, p, shapes.pop())[order], source[order]
