"""The pixels of a sensor, drawn on a CUDA device: those of `pixels.draw_pixels`, to the rounding of its float32."""

import math

import triton
import triton.language as tl

from unflare.synthesis import pixels
from unflare.synthesis.cuda.law import GOLDEN, LIMIT, UNIT64, mixed
from unflare.synthesis.cuda.passage import HOT, MISMATCH, PASSAGES, State, Traits

_UNIT52, _TURN = tl.constexpr(2.0**-52), tl.constexpr(2 * math.pi)
_LEAST = tl.constexpr(pixels.LEAST)


@triton.jit
def _bits(key: tl.tensor, number: tl.tensor) -> tl.tensor:
    """52 bits, as `pixels.py` draws them: the unit of n is (n + 1/2) / 2^52."""
    return mixed(key + number * GOLDEN) >> 12


@triton.jit
def _threshold(key: tl.tensor, pixel: tl.tensor, pixels: tl.tensor, mismatch: tl.tensor) -> tl.tensor:
    """Of a pixel, float64: Gaussian about 1."""
    u = (_bits(key, pixel).to(tl.float64) + 0.5) * _UNIT52
    angle = (_bits(key, pixel + pixels).to(tl.float64) + 0.5) * _UNIT52
    return 1.0 + mismatch * (tl.sqrt(-2.0 * tl.log(u)) * tl.cos(_TURN * angle))


@triton.jit(do_not_specialize=["pixels", "hot_below"])
def begin(  # noqa: PLR0913
    streams: tl.tensor,
    traits: Traits,
    state: State,
    bounds: tl.tensor,
    room: tl.tensor,
    pixels: tl.tensor,
    mismatch: tl.float64,
    hot_below: tl.int64,
    rates: tl.tuple,
    BLOCK: tl.constexpr,
) -> None:
    """The pixels, and their state before the first frame.

    bounds     gets where each has slots for `room` events
    hot_below  a pixel is hot whose draw of 52 bits is below
    rates      of background activity, and what a hot pixel has more, Hz
    """
    lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside, number = lane < pixels, lane.to(tl.uint64)
    key = mixed(tl.load(streams + PASSAGES).to(tl.uint64, bitcast=True))
    u = (mixed(key + number * GOLDEN).to(tl.float64) + 0.5) * UNIT64
    tl.store(state.voltage + lane, (1.9999998 * u - LIMIT).to(tl.float32), mask=inside)
    tl.store(state.sleep + lane, 0.0, mask=inside)
    tl.store(state.lag + lane, 0.0, mask=inside)
    tl.store(state.owed + lane, 0.0, mask=inside)
    key = tl.load(streams + MISMATCH).to(tl.uint64, bitcast=True)
    threshold = _threshold(key, number, pixels.to(tl.uint64), mismatch)
    tl.store(traits.sharpness + lane, (1.0 / tl.maximum(threshold, _LEAST)).to(tl.float32), mask=inside)
    key = tl.load(streams + HOT).to(tl.uint64, bitcast=True)
    hot = _bits(key, number).to(tl.int64) < hot_below
    rate = rates[0] + tl.where(hot, rates[1], 0.0)
    tl.store(traits.gap + lane, 1e6 / rate, mask=inside)
    tl.store(traits.share + lane, 1.0 - 0.5 * rates[0] / rate, mask=inside)
    tl.store(bounds + lane, room * lane.to(tl.int64), mask=lane <= pixels)
