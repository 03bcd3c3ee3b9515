"""Which simulator runs on a device. One place decides, by what the caller says; none stands in for another."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from unflare.events import Events
from unflare.params import Sensor
from unflare.synthesis import voltmeter
from unflare.synthesis.video import Frame

if TYPE_CHECKING:
    import torch


def simulate(video: Iterable[tuple[int, Frame]], sensor: Sensor, seed: int, *, device: str = "cpu") -> Events:
    """As `voltmeter.simulate`, on "cpu", "cuda" or "cuda:<number>"; frames are arrays, or tensors on the device.

    The devices draw different numbers from one seed: the law of the events is the same, the events are not.

    Raises ValueError, besides, where the device is not there, ImportError on CUDA without Triton, MemoryError where the
    device has too little memory.
    """
    if device == "cpu":
        return voltmeter.simulate(video, sensor, seed)
    place = _cuda(device)
    try:
        from unflare.synthesis import cuda
    except ModuleNotFoundError as error:
        raise ImportError(f"CUDA: the simulator needs Triton, which comes with torch for CUDA ({error})") from error
    return cuda.simulate(video, sensor, seed, place)


def _cuda(device: str) -> "torch.device":
    import torch

    kind, colon, number = device.partition(":")
    if kind != "cuda" or number.isdecimal() != bool(colon):
        raise ValueError(f"device: expected cpu, cuda or cuda:<number>, found {device}")
    if not torch.cuda.is_available():
        raise ValueError(f"device: {device} was asked for, and torch finds no CUDA device on this machine")
    if int(number or 0) >= torch.cuda.device_count():
        raise ValueError(f"device: {device} was asked for, and torch finds {torch.cuda.device_count()} CUDA devices")
    return torch.device("cuda", int(number or torch.cuda.current_device()))
