"""The features on a device, CPU or CUDA: the same integers and the same table as `pfd`, reached by sorting.

Nothing older than 2 W can change a feature. So what is remembered between chunks is the events of the last 2 W, and a
chunk is computed with them in front. A chunk costs as much as it has events, and once more as many as 2 W has; many
small ones are the business of `pfd`.

A call works on pieces of 2^24 events, so what it needs on the device besides the result, 52 bytes an event, does not
grow with it: about 60 bytes for each event of a piece and of the 2 W before it; more in the plain form.
"""

import json
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from unflare.events import Events, aside, empty
from unflare.features.columns import Columns, Look, on_device, on_host, refuse_foreign
from unflare.features.dispatch import form_for, place
from unflare.features.kernel import COLUMNS, NEVER
from unflare.features.ordered import Tables, tables
from unflare.features.pfd import VERSION
from unflare.features.state import refuse_another, refuse_earlier
from unflare.runtime.tensors import read

PIECE = 1 << 24
IMPLEMENTATION = "by sorting, Triton on CUDA"


class SortedState:
    """As `PixelState`, on a device: "cpu", "cuda" or "cuda:<number>".

    Raises ValueError where the device is not there or the sensor has 2^31 pixels, ImportError on CUDA without Triton.
    """

    def __init__(self, shape: tuple[int, int], device: str | torch.device = "cpu") -> None:
        if (shape[0] + 2) * (shape[1] + 2) >= 1 << 31:
            raise ValueError(f"features: expected a sensor of fewer than 2^31 pixels, found {shape}")
        self.shape, self.device = shape, place(device)
        self.form = form_for(self.device)
        self.window: int | None = None  # us; fixed by the first chunk
        self.tail = on_device(empty(shape), slice(None), self.device)  # the events of the last 2 W
        self.previous = NEVER  # time of the last event, us
        self.tables: Tables | None = None

    def save(self, path: Path) -> None:
        """A safetensors file, the same for the same state, written aside and renamed."""
        facts = {"shape": self.shape, "version": VERSION, "window": self.window}
        tensors = {name: column.cpu() for name, column in self.tail._asdict().items()}
        with aside(path) as temporary:
            temporary.write_bytes(save(tensors, {"features": json.dumps(facts)}))

    @classmethod
    def load(cls, path: Path, device: str | torch.device = "cpu") -> "SortedState":
        """A saved state, on any device.

        Raises FileNotFoundError, or ValueError if the file is no such state: truncated, foreign, of other definitions.
        """
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such state of the features")
        device = place(device)
        text, tensors = read(path, "features", "a state of the features")
        try:
            facts = json.loads(text)
            if facts["version"] != VERSION:
                raise ValueError(f"expected version {VERSION}, found {facts['version']}")
            state = cls((int(facts["shape"][0]), int(facts["shape"][1])), device)
            state.window = None if facts["window"] is None else int(facts["window"])
            tail = on_host(Columns(**tensors), state.shape).checked()
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: not a state of these features: {' '.join(str(error).split())}") from error
        state.tail = on_device(tail, slice(None), state.device)
        state.previous = int(tail.t[-1]) if len(tail) else NEVER
        return state


def extract(events: Events | Columns, state: SortedState, window: int = 25_000) -> Tensor:
    """The features of each event on the state's device, float32 (n, 13) in the order of FEATURES; advances `state`.

    Events that are on the device already, of the state's sensor, come as `Columns`, and nothing returns to the host but
    one look at each piece. Chunks of a recording with one state give the same bits as the recording whole. `window` is
    W in microseconds. Raises ValueError if the events are out of range or order, of another sensor or device, earlier
    than the state, or if the window is not the state's; MemoryError where the device has too little memory. The state
    is then as before.
    """
    refuse_another(state.shape, state.window, events.shape if isinstance(events, Events) else state.shape, window)
    if isinstance(events, Columns):
        refuse_foreign(events, state.device)
    try:
        return _extract(events, state, window)
    except torch.OutOfMemoryError as error:
        free, whole = (size >> 20 for size in torch.cuda.mem_get_info(state.device))
        raise MemoryError(
            f"device: features of {len(events.t)} events do not fit {state.device}, {free} of {whole} MiB are free"
        ) from error


def _extract(events: Events | Columns, state: SortedState, window: int) -> Tensor:
    values = tables(state.shape, window, state.device) if state.tables is None else state.tables
    tail, previous = state.tail, state.previous
    out = torch.empty(len(events.t), COLUMNS, device=state.device)
    for first in range(0, len(out), PIECE):
        piece = slice(first, first + PIECE)
        joined = _behind(tail, on_device(events, piece, state.device))
        seen = state.form(joined, values, out[piece], partial(_accept, events, state.shape, previous))
        tail, previous = Columns(*(column[seen.kept :].clone() for column in joined)), seen.end
    state.window, state.tables, state.tail, state.previous = window, values, tail, previous
    return out


def _behind(tail: Columns, new: Columns) -> Columns:
    return Columns(*map(torch.cat, zip(tail, new, strict=True))) if len(tail.t) else new


def _accept(events: Events | Columns, shape: tuple[int, int], previous: int, seen: Look) -> None:
    """Raises ValueError where the events of a piece are not sound, or earlier than the one before them."""
    if not seen.sound or seen.begin < max(previous, 0):
        host = events if isinstance(events, Events) else on_host(events, shape)
        host.checked()
        refuse_earlier(seen.begin, previous)
