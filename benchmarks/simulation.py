"""Pixel-frames and events a second of the simulator, as multiples of the same model in numpy on one core; one run.

W1 is a flickering flare at 1,200 frames a second, W2 a texture that moves at 1,000; both 640x480.

PYTHONPATH=tests python benchmarks/simulation.py
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numba
import numpy as np
import reference

from unflare import params
from unflare.events import Array
from unflare.synthesis import simulate

SHAPE = (480, 640)
FRAMES = 100
PLAIN_FRAMES = 12  # of the numpy form, whose time a frame does not change
REPEATS = 3
Video = list[tuple[int, Array]]


def flickering_flare() -> Video:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    glow = 230 * np.exp(-np.hypot(x - 320, y - 240) / 80)
    return [(i * 1_000_000 // 1200, glow * np.float32(0.7 + 0.3 * np.sin(np.pi * i / 6))) for i in range(FRAMES)]


def moving_texture() -> Video:
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.random((520, 760), np.float32), (0, 0), 3)
    texture = 20 + 200 * (texture - texture.min()) / np.ptp(texture)
    moves = (np.array([[1, 0, -0.3 * i], [0, 1, 0]]) for i in range(FRAMES))
    return [(i * 1000, cv2.warpAffine(texture, move, SHAPE[::-1])) for i, move in enumerate(moves)]


def rates(video: Video, work: Callable[[Video], int], clock: Callable[[], float]) -> tuple[float, float]:
    """Pixel-frames and events per second, the best of several runs."""
    best, events = np.inf, 0
    for _ in range(REPEATS):
        start = clock()
        events = work(video)
        best = min(best, clock() - start)
    return (len(video) - 1) * SHAPE[0] * SHAPE[1] / best, events / best


def main() -> None:
    most = numba.get_num_threads()
    real = params.load(Path(__file__).parents[1] / "params.yaml").sensor
    plain = real.quiet().model_copy(update={"mismatch": 0.0, "cutoff": 0.0, "refractory": 0})
    for name, video in (("W1", flickering_flare()), ("W2", moving_texture())):
        base, _ = rates(
            video[:PLAIN_FRAMES], partial(reference.simulate_by_frames, sensor=plain, seed=1), time.process_time
        )
        print(f"{name} numpy: {base / 1e6:6.1f} M pixel-frames/s")
        for label, sensor in (("the model alone", plain), ("default sensor", real)):
            work = partial(simulate, sensor=sensor, seed=1)
            work(video[:3])  # compiles
            # One thread by its CPU seconds, for what else runs on the machine matters less then; several by the wall.
            for threads, clock in ((1, time.process_time), (most, time.perf_counter)):
                numba.set_num_threads(threads)
                found, events = rates(video, lambda video, work=work: len(work(video)), clock)
                speed = f"{found / 1e6:6.1f} M pixel-frames/s, {events / 1e6:4.1f} M events/s"
                print(f"{name} {label}, threads: {threads}: {speed}, {found / base:.1f} times numpy")


if __name__ == "__main__":
    main()
