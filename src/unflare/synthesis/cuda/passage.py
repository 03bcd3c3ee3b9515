"""First passages on a CUDA device: a lane for a pixel, which keeps its state in registers through many frames.

A draw is a function of (seed, interval, pixel, how often), as on the CPU.
"""

from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor

from unflare.synthesis.cuda.law import GOLDEN, LIMIT, ROWS, draw_arrival, draw_barrier, draw_speed, law, mixed

BLOCK = 32  # pixels of a program: one warp, whose lanes wait for the pixel with most events; other warps need not

# Places in `Film.streams`: of first passages, of what the light has no part in, and of `pixels.py`.
PASSAGES, APART, MISMATCH, HOT = (tl.constexpr(place) for place in range(4))


class Film(NamedTuple):
    """Frames of a video, the first of them the last of the launch before.

    light    (n + 1, h w) float32
    times    (n + 1,) int32, us since the first
    streams  (4,) int64: of random numbers; PASSAGES, APART, MISMATCH, HOT
    """

    light: Tensor
    times: Tensor
    streams: Tensor


class Traits(NamedTuple):
    """What pixels do not share, (h w,) float32: 1 / threshold; mean us between events that the light has no part in,
    and the share of these that are ON."""

    sharpness: Tensor
    gap: Tensor
    share: Tensor


class State(NamedTuple):
    """Of a pixel between two frames, (h w,) float32: residual voltage, us left of its refractory period, the lag of its
    receptor, and what that has turned and not given out."""

    voltage: Tensor
    sleep: Tensor
    lag: Tensor
    owed: Tensor


class Slots(NamedTuple):
    """Where a pixel's events go: from bounds[pixel] up to bounds[pixel + 1], int64; what does not fit is counted only.

    events   int32, ((2 t + late) << 1 | polarity), t in us since the first frame; late sets the first instant of an
             interval behind the last of the interval before
    counts   (h w,) int32
    """

    bounds: Tensor
    events: Tensor
    counts: Tensor


@triton.jit
def _pass(  # noqa: PLR0913
    times: tl.tensor,
    keys: tl.tensor,
    motion: tl.tensor,
    poisson: tl.tensor,
    state: tl.tensor,
    slots: tl.tensor,
    DISTURBED: tl.constexpr,
) -> tl.tensor:
    """Pixels through one interval, event by event, until the last of the program's has come to its end.

    times    start and stop, us since the first frame; refractory us
    keys     of the first draw of each pixel: for its passages, and for what the light has no part in
    motion   drift, noise
    poisson  gap, share
    state    residual voltage, us left of the refractory period, whether there is such a pixel
    slots    events, where a pixel's begin, how many there is room for, and how many it has
    """
    start, stop, refractory = times
    counter, arrivals = keys
    drift, noise = motion
    gap, share = poisson
    voltage, sleep, inside = state
    events, slot, room, found = slots
    s2 = noise * noise
    now, end = sleep.to(tl.float64), (stop - start).to(tl.float64)
    arrival, on = now, inside
    if DISTURBED:
        arrival, on = draw_arrival(now * 0.0, arrivals, gap, share)
    active = inside & (now < end)
    while tl.max(active.to(tl.int32), axis=0) > 0:
        live, until = active, end
        if DISTURBED:
            until = tl.minimum(tl.floor(arrival), end)
            live = active & (until >= now)
        sign = draw_barrier(voltage, drift, s2, live, counter)
        distance = 1.0 - sign * voltage
        speed = draw_speed(distance, drift, s2, counter)
        left = (until - now).to(tl.float32)
        fires = live & (left * speed > distance)
        rests = live & ~fires
        then, up = tl.where(fires, now + (distance / speed).to(tl.float64), now), sign > 0.0
        if DISTURBED:
            struck = rests & (until < end)
            then, up = tl.where(struck, until, then), tl.where(struck, on, up)
            fires, rests = fires | struck, rests & ~struck
            past = active & (struck | ~live)  # what falls into the refractory period is gone as well
            if tl.max(past.to(tl.int32), axis=0) > 0:
                arrivals = tl.where(past, arrivals + GOLDEN, arrivals)
                following, polarity = draw_arrival(arrival, arrivals, gap, share)
                arrival, on = tl.where(past, following, arrival), tl.where(past, polarity, on)
        stamp = (then + 0.5).to(tl.int32)
        packed = ((2 * (start + stamp) + (stamp == 0).to(tl.int32)) << 1) | up.to(tl.int32)
        tl.store(events + slot + found, packed, mask=fires & (found < room))
        found += fires.to(tl.int32)
        counter = tl.where(fires, counter + GOLDEN, counter)
        rested = tl.minimum(tl.maximum(voltage + sign * speed * left, -LIMIT), LIMIT)
        voltage = tl.where(fires, 0.0, tl.where(rests, rested, voltage))
        now = tl.where(fires, tl.where(refractory > 0, (stamp + refractory).to(tl.float64), then), now)
        active = active & ~rests & (now < end)
    asleep = (now > end) & (refractory > 0)
    return voltage, tl.where(asleep, (now - end).to(tl.float32), 0.0), found


@triton.jit(do_not_specialize=["refractory", "first", "intervals"])
def watch(  # noqa: PLR0913
    film: Film,
    traits: Traits,
    before: State,
    after: State,
    slots: Slots,
    k: tl.tuple,
    cutoff: tl.tensor,
    refractory: tl.tensor,
    pixels: tl.tensor,
    first: tl.tensor,
    intervals: tl.tensor,
    BAND: tl.constexpr,
    DISTURBED: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Events of `intervals` intervals into `slots`, the state before the next one into `after`.

    first   number of the first interval in its video, from 1
    """
    lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = lane < pixels
    voltage = tl.load(before.voltage + lane, mask=inside, other=0.0)
    sleep = tl.load(before.sleep + lane, mask=inside, other=0.0)
    lag = tl.load(before.lag + lane, mask=inside, other=0.0)
    owed = tl.load(before.owed + lane, mask=inside, other=0.0)
    sharpness = tl.load(traits.sharpness + lane, mask=inside, other=1.0)
    poisson = tl.load(traits.gap + lane, mask=inside, other=1.0), tl.load(traits.share + lane, mask=inside, other=1.0)
    slot = tl.load(slots.bounds + lane, mask=inside, other=0)
    room = tl.load(slots.bounds + lane + 1, mask=inside, other=0) - slot
    passages = tl.load(film.streams + PASSAGES).to(tl.uint64, bitcast=True)
    apart = tl.load(film.streams + APART).to(tl.uint64, bitcast=True)
    row = lane.to(tl.uint64) * ROWS
    found = tl.zeros((BLOCK,), tl.int32)
    a, start = tl.load(film.light + lane, mask=inside, other=0.0), tl.load(film.times)
    for frame in range(intervals):
        b = tl.load(film.light + (frame + 1) * pixels + lane, mask=inside, other=0.0)
        stop = tl.load(film.times + frame + 1)
        number = (first + frame).to(tl.uint64) * GOLDEN
        keys = mixed(passages + number) + row, mixed(apart + number) + row
        drift, noise, lag, owed = law((a, b), (stop - start).to(tl.float32), (lag, owed), k, cutoff, BAND)
        voltage, sleep, found = _pass(
            (start, stop, refractory),
            keys,
            (sharpness * drift, sharpness * noise),
            poisson,
            (voltage, sleep, inside),
            (slots.events, slot, room, found),
            DISTURBED,
        )
        a, start = b, stop
    tl.store(after.voltage + lane, voltage, mask=inside)
    tl.store(after.sleep + lane, sleep, mask=inside)
    tl.store(after.lag + lane, lag, mask=inside)
    tl.store(after.owed + lane, owed, mask=inside)
    tl.store(slots.counts + lane, found, mask=inside)
