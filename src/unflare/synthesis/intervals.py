# mypy: disable-error-code="untyped-decorator"
"""What the kernels of DVS-Voltmeter pass on to each other about one interval between two frames."""

from typing import NamedTuple

import numpy as np
from numba import njit

from unflare.events import Array

FIRES, UNSURE = np.float32(2), np.float32(4)  # outside (-1, 1): instead of a residual while a pixel is not settled
ASLEEP = np.float32(3)  # in its refractory period a pixel has this and the microseconds left as its residual
TIME = 31  # bits of time in a packed disturbance, pixel << 32 | offset << 1 | polarity

GATHERED = 1024  # pixels, and a row's, that may wait for more draws: few enough to stay in the nearest cache
LANES = 16  # of a register: columns are calculated up to a multiple of it


class Interval(NamedTuple):
    """What the pixels see, and how they do.

    a, b           light at the start and the end, float32 (h, w)
    span           us, float32
    key            of the random numbers, uint32 (2,)
    disturbances   int64, events that the light has no part in, packed with `TIME` and in order
    k              constants k1..k6, float32 (6,)
    sharpness      1 / threshold of each pixel, float32 (h, w), or of all in a row (1, w)
    pace           of a receptor at white: 2π times cutoff and span; 0 for no low pass
    refractory     us
    """

    a: Array
    b: Array
    span: np.float32
    key: Array
    disturbances: Array
    k: Array
    sharpness: Array
    pace: np.float32
    refractory: int


class State(NamedTuple):
    """Of all pixels at a frame, float32: residual voltage (h, w), and with a low pass their receptors (h, 2, w)."""

    voltage: Array
    receptor: Array


class Row(NamedTuple):
    """Of a row of pixels, by the first draw: whether they are open, uint8, that is, not settled; float32: the change of
    their receptors; drift, variance and the drawn speed ε/τ of their voltages, per us."""

    open: Array
    change: Array
    drift: Array
    variance: Array
    speed: Array


class Gathered(NamedTuple):
    """Pixels that start anew from 0 within the interval, in columns.

    place            row << 16 | column, uint32
    drift, variance  of the voltage, per us
    ahead            us to the end of the interval
    left, then       by a draw: the residual at the end of the interval, or FIRES; us ahead when it fires
    """

    place: Array
    drift: Array
    variance: Array
    ahead: Array
    left: Array
    then: Array


@njit
def new_row(width: int) -> Row:
    # Rows are indexed, for those that unpacking gives numba does not know to be contiguous.
    rows = np.zeros((4, width), np.float32)
    return Row(np.zeros((width + 7) // 8 * 8, np.uint8), rows[0], rows[1], rows[2], rows[3])


@njit
def new_columns(size: int) -> Gathered:
    rows = np.empty((5, size), np.float32)
    return Gathered(np.empty(size, np.uint32), rows[0], rows[1], rows[2], rows[3], rows[4])
