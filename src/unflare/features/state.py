"""What is remembered of a recording between its chunks, in memory and in a file."""

import json
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from unflare.events import Array, Events, empty
from unflare.events.aside import aside
from unflare.features.bands import Band
from unflare.features.cutting import ROWS, Times
from unflare.features.kernel import NEVER, logarithms
from unflare.features.pfd import VERSION

KIND = "unflare pixel state"  # the key of a file's facts


class PixelState:
    """What a sensor of shape (height, width) remembers between chunks of a recording; starts knowing nothing."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.previous = NEVER  # time of the last event, us
        self.window: int | None = None  # us; fixed by the first chunk
        self.bands = [Band(first, shape) for first in range(0, shape[0], ROWS)]
        self.times = Times()
        self.table = np.empty(0)

    def open(self, events: Events, window: int) -> None:
        """Get ready for a chunk. Raises ValueError if it cannot follow what was seen so far."""
        refuse_another(self.shape, self.window, events.shape, window)
        if self.window is None:
            self.window, self.table = window, logarithms(window)
        events.checked()
        if len(events):
            refuse_earlier(int(events.t[0]), self.previous)

    def save(self, path: Path) -> None:
        """The state as one safetensors file, written aside and renamed: the events of the last window are all it takes.

        Tensors t, x, y, p as in Events, and flip bool, each (n,); the metadata says shape, window and time of the last
        event (us, both null for a state that has seen nothing) and the version of the features' definition.
        """
        since = self.previous - (self.window or 0)
        parts = [band.recent(since) for band in self.bands]
        flip = np.concatenate([flips for _, flips in parts])
        columns = {name: np.concatenate([getattr(events, name) for events, _ in parts]) for name in "txyp"}
        order = np.argsort(columns["t"], kind="stable")
        facts = {
            "shape": self.shape,
            "window": self.window,
            "previous": self.previous if self.previous != NEVER else None,
            "version": VERSION,
        }
        with aside(path) as temporary:
            save_file(
                {name: values[order] for name, values in (columns | {"flip": flip}).items()},
                temporary,
                {KIND: json.dumps(facts)},
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """A state that was saved; it goes on with the bits of one that was not.

        Raises FileNotFoundError, or ValueError if the file is damaged, something else, or of another version.
        """
        if not path.is_file():
            raise FileNotFoundError(f"{path}: expected a saved pixel state, found no such file")
        facts, columns = _read(path)
        try:
            return cls._made_of(facts, columns)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: expected a pixel state, found one whose parts do not fit: {error}") from error

    @classmethod
    def _made_of(cls, facts: dict[str, Any], columns: dict[str, Array]) -> Self:
        (height, width), previous = facts["shape"], facts["previous"]
        events = Events(columns["t"], columns["x"], columns["y"], columns["p"], (height, width)).checked()
        flips = columns["flip"]
        if flips.dtype != bool or flips.shape != (len(events),):
            raise ValueError(f"flip must be bool of shape ({len(events)},), found {flips.dtype} {flips.shape}")
        if len(events) and not (previous is not None and previous == events.t[-1]):
            raise ValueError(f"the last event must be at {previous} us, found {events.t[-1]} us")
        state = cls(events.shape)
        if facts["window"] is not None:
            state.open(empty(events.shape), facts["window"])
        if previous is not None:
            state.previous = previous
        if len(events):
            state.times.add(events.t, previous - events.t[0])
        for band in state.bands:
            band.remember(events, flips)
        return state


def refuse_another(shape: tuple[int, int], window: int | None, found_shape: tuple[int, int], found_window: int) -> None:
    """Raises ValueError unless sensor and window are those of a state; it has no window before its first chunk."""
    if found_shape != shape:
        raise ValueError(f"features: the state is of a sensor {shape}, found events of {found_shape}")
    if found_window < 1:
        raise ValueError(f"features: the window must be 1 us or more, found {found_window}")
    if window is not None and found_window != window:
        raise ValueError(f"features: the state was built with a window of {window} us, found {found_window}")


def refuse_earlier(start: int, previous: int) -> None:
    """Raises ValueError if a chunk starts before the last event of a state, us."""
    if start < previous:
        raise ValueError(f"features: the state has seen {previous} us, found an event at {start} us")


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(KIND)
            columns = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise ValueError(f"{path}: expected a whole pixel state, found no whole safetensors file: {error}") from error
    if text is None:
        raise ValueError(f"{path}: expected a pixel state, found a safetensors file of something else")
    facts = json.loads(text)
    if facts.get("version") != VERSION:
        raise ValueError(f"{path}: expected features of version {VERSION}, found {facts.get('version')}")
    return facts, columns
