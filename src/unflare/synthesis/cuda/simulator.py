"""From video to events on a CUDA device, a chunk of frames at a time."""

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from unflare.events import Events
from unflare.params import Sensor
from unflare.synthesis.cuda.columns import Fired, gather, on_host, spread
from unflare.synthesis.cuda.passage import BLOCK, Film, Slots, State, Traits, watch
from unflare.synthesis.cuda.pixels import begin
from unflare.synthesis.pixels import HOT, MISMATCH, key
from unflare.synthesis.video import Frame, opened

INTERVALS = 128  # of a launch
SLOTS = 2  # of a pixel, for each interval
ROOM = 1 << 27  # pixel-frames of a launch, 12 bytes each
LONGEST = (1 << 29) - 1  # us of a launch, for an event has 32 bits
STREAMS = (-5, -6, MISMATCH, HOT)  # of random numbers, in the order of `Film`; the first two are this form's own


def simulate(video: Iterable[tuple[int, Frame]], sensor: Sensor, seed: int, device: torch.device) -> Events:
    """As `voltmeter.simulate`. Frames on the device are read there; it holds 13 bytes an event until the end.

    Raises MemoryError where the device has too little memory.
    """
    shape, frames = opened(video)
    try:
        with torch.cuda.device(device):
            return on_host(list(fired(frames, shape, sensor, seed, device)), shape)
    except torch.OutOfMemoryError as error:
        free, whole = (size >> 20 for size in torch.cuda.mem_get_info(device))
        raise MemoryError(
            f"device: the simulator's work does not fit {device}, {free} of {whole} MiB are free"
        ) from error


def fired(
    frames: Iterable[tuple[int, Frame]],
    shape: tuple[int, int],
    sensor: Sensor,
    seed: int,
    device: torch.device,
    intervals: int = INTERVALS,
) -> Iterator[Fired]:
    """The events of so many intervals at a time, in time order, on the device."""
    size = shape[0] * shape[1]
    intervals = max(1, min(intervals, ROOM // size))
    pixels = _Pixels(sensor, shape, seed, device, SLOTS * intervals)
    seen = 0
    for times, light in _chunks(frames, device, intervals):
        _refuse_outside(light, seen)
        yield pixels.fired(times, light)
        seen += len(times) - 1


def _chunks(
    frames: Iterable[tuple[int, Frame]], device: torch.device, intervals: int
) -> Iterator[tuple[list[int], Tensor]]:
    """Times and frames (n, h, w) float32, the first of them the last of the chunk before."""
    times: list[int] = []
    new: list[Frame] = []
    last: Tensor | None = None
    for t, frame in frames:
        if times and t - times[-1] > LONGEST:
            raise ValueError(f"video: expected at most {LONGEST} us from frame to frame, found {t - times[-1]} us")
        if len(times) > intervals or (times and t - times[0] > LONGEST):
            light = _on_device(last, new, device)
            yield times, light
            times, new, last = times[-1:], [], light[-1]
        times.append(t)
        new.append(frame)
    yield times, _on_device(last, new, device)


def _on_device(last: Tensor | None, new: list[Frame], device: torch.device) -> Tensor:
    """The frames, `last` before them, float32."""
    before = 0 if last is None else 1
    light = torch.empty((before + len(new), *new[0].shape), dtype=torch.float32, device=device)
    if last is not None:
        light[0] = last
    there = [frame for frame in new if isinstance(frame, Tensor) and frame.is_cuda]
    if len(there) == len(new):
        torch.stack(there, out=light[before:])
    else:  # many threads copy into memory that the device reads directly
        host = torch.empty((len(new), *new[0].shape), dtype=torch.float32, pin_memory=True)
        torch.stack([torch.from_numpy(np.require(frame, np.float32, ["C", "W"])) for frame in new], out=host)
        light[before:].copy_(host, non_blocking=True)
    return light


def _refuse_outside(light: Tensor, seen: int) -> None:
    """One look for all frames of a chunk: each waits for the device."""
    low, high = torch.aminmax(light)
    if not bool((low >= 0) & (high < math.inf)):
        first = ((light >= 0) & (light < math.inf)).flatten(1).all(1).tolist().index(False)
        worst = light[first][~((light[first] >= 0) & (light[first] < math.inf))][0].item()
        raise ValueError(f"video: frame {seen + first}: expected finite irradiance of 0 or more, found {worst}")


class _Pixels:
    """The pixels of one sensor on a device, and their state between two launches."""

    def __init__(self, sensor: Sensor, shape: tuple[int, int], seed: int, device: torch.device, slots: int) -> None:
        self.sensor, self.width, self.size = sensor, shape[1], shape[0] * shape[1]
        self.device, self.number, self.slots = device, 1, slots
        keys = np.array([key(seed, stream) for stream in STREAMS], np.uint64)
        self.streams = torch.tensor(keys.view(np.int64), device=device)
        planes = torch.empty(11, self.size, device=device)
        self.traits, self.state, self.following = Traits(*planes[:3]), State(*planes[3:7]), State(*planes[7:])
        self.bounds = self._empty(self.size + 1, torch.int64)
        begin[(self.size // BLOCK + 1,)](
            *(self.streams, self.traits, self.state, self.bounds, slots, self.size, sensor.mismatch),
            *(math.ceil(sensor.hot_share * 2**52 - 0.5), (sensor.background_rate, sensor.hot_rate)),
            BLOCK=BLOCK,
        )

    def _blocks(self, pixels: int) -> int:
        return -(-self.size // pixels)

    def fired(self, times: list[int], light: Tensor) -> Fired:
        """Events of the intervals between `times`, in their order."""
        since = torch.tensor([t - times[0] for t in times], dtype=torch.int32, device=self.device)
        film = Film(light, since, self.streams)
        slots = self._watch(film, self.bounds, self.slots * self.size)
        bounds = torch.zeros_like(self.bounds)
        torch.cumsum(slots.counts, 0, dtype=torch.int64, out=bounds[1:])
        events, most = torch.stack((bounds[-1], slots.counts.max())).tolist()
        if most > self.slots:  # nothing is committed yet, and the draws depend on the counters alone
            slots = self._watch(film, bounds, events)
        self.state, self.following = self.following, self.state
        self.number += len(times) - 1
        return self._sorted(slots, bounds, events, times[0])

    def _watch(self, film: Film, bounds: Tensor, events: int) -> Slots:
        slots = Slots(bounds, self._empty(events, torch.int32), self._empty(self.size, torch.int32))
        it = self.sensor
        watch[(self._blocks(BLOCK),)](
            *(film, self.traits, self.state, self.following, slots, it.k, it.cutoff, it.refractory),
            *(self.size, self.number, len(film.times) - 1),
            BAND=it.cutoff > 0,
            DISTURBED=bool(it.background_rate or (it.hot_rate and it.hot_share)),
            BLOCK=BLOCK,
            num_warps=1,
        )
        return slots

    def _sorted(self, slots: Slots, bounds: Tensor, events: int, start: int) -> Fired:
        when, who = self._empty(events, torch.int32), self._empty(events, torch.int32)
        gather[(self._blocks(16),)](slots, bounds, when, who, self.size, ROWS=16, STEP=16)
        when, order = torch.sort(when, stable=True)
        columns = Fired(*(self._empty(events, kind) for kind in (torch.int64, torch.int16, torch.int16, torch.uint8)))
        spread[(-(-events // 1024),)](when, who, order, columns, start, events, self.width, SIZE=1024)
        return columns

    def _empty(self, size: int, kind: torch.dtype) -> Tensor:
        return torch.empty(size, dtype=kind, device=self.device)
