"""Pixel-frames and events a second of the simulator on CUDA, for the videos of `simulation.py`; medians of runs.

PYTHONPATH=tests python benchmarks/simulation_cuda.py
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from simulation import SHAPE, Video, flickering_flare, moving_texture

from unflare import params
from unflare.params import Sensor
from unflare.synthesis import simulate
from unflare.synthesis.cuda import fired

REPEATS = 9
DEVICE = torch.device("cuda", 0)


def seconds(work: Callable[[int], object]) -> float:
    """Of one run, the device's part included; each has a seed of its own, and so pixels of its own to draw."""
    work(0)  # compiles, and takes the memory
    found = []
    for seed in range(1, REPEATS + 1):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work(seed)
        torch.cuda.synchronize()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def report(name: str, video: Video, sensor: Sensor) -> None:
    there = [(t, torch.tensor(frame, device=DEVICE)) for t, frame in video]
    ways: dict[str, Callable[[int], object]] = {
        "frames and events on the device": lambda seed: list(fired(there, SHAPE, sensor, seed, DEVICE)),
        "frames on the device, events in numpy": lambda seed: simulate(there, sensor, seed, device="cuda"),
        "frames and events in numpy": lambda seed: simulate(video, sensor, seed, device="cuda"),
    }
    events, pixel_frames = len(simulate(there, sensor, 1, device="cuda")), (len(video) - 1) * SHAPE[0] * SHAPE[1]
    print(f"{name}: {events / 1e6:.2f} M events")
    for way, work in ways.items():
        spent = seconds(work)
        rates = f"{pixel_frames / spent / 1e9:6.2f} G pixel-frames/s, {events / spent / 1e6:6.0f} M events/s"
        print(f"  {way:40} {spent * 1e3:6.2f} ms, {rates}")


def main() -> None:
    print(torch.cuda.get_device_name(DEVICE), "torch", torch.__version__)
    real = params.load(Path(__file__).parents[1] / "params.yaml").sensor
    plain = real.quiet().model_copy(update={"mismatch": 0.0, "cutoff": 0.0, "refractory": 0})
    for name, video in (("W1", flickering_flare()), ("W2", moving_texture())):
        report(f"{name}, the model alone", video, plain)
        report(f"{name}, default sensor", video, real)


if __name__ == "__main__":
    main()
