"""The thirteen features of an event, all causal and all on one horizon W (25 ms), over the 3x3 pixels around it.

The terms Mf, Ma, Ne and the two scores are those of Shi et al., "Polarity-Focused Denoising for Event Cameras" (PFD),
IEEE TCSVT 2025, in its event-by-event form; the set of thirteen is that of EventMamba-FX, with its columns that said
the same thing twice or grew with the recording replaced.

    #   name       formula                                                   unit  range        source
    0   x          (2 x - (w-1)) / (w-1)                                     1     -1 ... 1     EventMamba-FX
    1   y          (2 y - (h-1)) / (h-1)                                     1     -1 ... 1     EventMamba-FX
    2   polarity   +1 brighter, -1 darker                                    1     -1, 1        the event
    3   dt         age of the recording's previous event: a(Δt)              1     0 ... 1      EventMamba-FX
    4   dt_pixel   age of the pixel's previous event: a(Δt)                  1     0 ... 1      EventMamba-FX
    5   Mf         ln(1 + flips at the pixel)                                1     0 ...        PFD, M_f
    6   Ma         ln(1 + flips at the 8 neighbors)                          1     0 ...        PFD, M_a
    7   Ne         share of the 8 neighbors that are active                  1     0 ... 1      PFD, N_e / 8
    8   agreement  mean of polarity x last polarity of the neighbors         1     -1 ... 1     ours
                   that fired within 3/25 W (3 ms); 0 without any
    9   pfd_a      ln(1 + |M_f - M_a / N_e|); M_a / N_e is 0 without any     1     0 ...        PFD, score A
    10  pfd_b      ln(1 + M_a / N_e)                                         1     0 ...        PFD, score B
    11  dt_flip    age of the pixel's last flip: a(Δt)                       1     0 ... 1      ours
    12  count      ln(1 + events at the pixel)                               1     ln 2 ...     EventMamba-FX

- The window is closed: an event of age W counts, one of age W + 1 us does not. "Active", "flips" and "events" mean
  within the window; the event itself belongs to it, and so do earlier events of the same microsecond.
- A *flip* is an event whose pixel's previous event is of the opposite polarity and not older than W. So nothing older
  than 2 W can change a feature, and a recording may be entered anywhere with 2 W of warm-up.
- a(Δt) = ln(1 + min(Δt, W)) / ln(1 + W), Δt in microseconds; what never happened has age 1, as everything beyond W.
- Counts and quotients beyond max(W, 16,384), more than an event a microsecond, are taken for that many.
- Mirroring the sensor changes the sign of x or y, exactly, and nothing else.
"""

import numpy as np

from unflare.events import Array, Events
from unflare.features.kernel import COLUMNS, NEVER, PAST, advance, logarithms, pixels

FEATURES = (
    "x",
    "y",
    "polarity",
    "dt",
    "dt_pixel",
    "Mf",
    "Ma",
    "Ne",
    "agreement",
    "pfd_a",
    "pfd_b",
    "dt_flip",
    "count",
)
VERSION = 1  # of the definitions above: caches and checkpoints of another version are refused
IMPLEMENTATION = "numba, 1 thread"


class PixelState:
    """What a sensor of shape (height, width) remembers between chunks of a recording; starts knowing nothing."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.previous = NEVER  # time of the last event, us
        self.window: int | None = None  # us; fixed by the first chunk
        self.pixels, self.flipped = pixels(shape)
        self.queue = np.empty(0, PAST)
        self.head = self.tail = 0
        self.table = np.empty(0)

    def open(self, events: Events, window: int) -> None:
        """Get ready for a chunk. Raises ValueError if it cannot follow what was seen so far."""
        refuse_another(self.shape, self.window, events.shape, window)
        if self.window is None:
            self.window, self.table = window, logarithms(window)
        events.checked()
        if len(events):
            refuse_earlier(int(events.t[0]), self.previous)
        self._make_room(len(events))

    def _make_room(self, count: int) -> None:
        """Room behind the tail for `count` events; moves the queue so seldom that an event costs O(1)."""
        alive = self.tail - self.head
        if self.tail + count > len(self.queue):
            enough = self.head >= alive and alive + count <= len(self.queue)
            queue = self.queue if enough else np.empty(2 * (alive + count), PAST)
            queue[:alive] = self.queue[self.head : self.tail]
            self.queue, self.head, self.tail = queue, 0, alive


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


def extract(events: Events, state: PixelState, window: int = 25_000) -> Array:
    """The features of each event, float32 (n, 13) in the order of FEATURES; advances `state`.

    Chunks of a recording with one state give the same bits as the recording whole. `window` is W in microseconds.
    Raises ValueError if the events are out of range or order, of another sensor, earlier than the state, or if the
    window is not the state's.
    """
    state.open(events, window)
    out = np.empty((len(events), COLUMNS), np.float32)
    t, x, y, p = events.t, events.x, events.y, events.p
    state.head = advance(
        t,
        x,
        y,
        p,
        state.shape,
        state.pixels,
        state.flipped,
        state.queue,
        state.head,
        state.tail,
        state.previous,
        window,
        state.table,
        out,
    )
    state.tail += len(events)
    if len(events):
        state.previous = int(events.t[-1])
    return out
