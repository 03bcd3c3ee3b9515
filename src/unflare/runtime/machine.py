"""Facts of the machine. They come from the machine and the environment, never from params.yaml: the same experiment
keeps its hash wherever it runs.

Torch is imported where it is needed: stages without a network, and their workers, start in half the time."""

import os
import platform
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import psutil

from unflare.runtime.cluster import count, scheduler

if TYPE_CHECKING:
    import torch


def device() -> "torch.device":
    """The device to compute on: UNFLARE_DEVICE if set, else CUDA if there is one, else the CPU.

    Raises ValueError if UNFLARE_DEVICE asks for what this machine lacks.
    """
    import torch

    name = os.environ.get("UNFLARE_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    if name not in {"cpu", "cuda"}:
        raise ValueError(f"UNFLARE_DEVICE: expected cpu or cuda, found {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("UNFLARE_DEVICE: expected a CUDA device, but torch finds none on this machine")
    return torch.device(name)


def seed(number: int) -> None:
    """Of torch's random numbers on every device: those that initial weights are drawn from."""
    import torch

    torch.manual_seed(number)


def device_name(device: "torch.device") -> str:
    """Of what this process computes on: cpu, or such as "NVIDIA H100 80GB HBM3 (0f3b52d1)", as no other is."""
    import torch

    if device.type == "cpu":
        return "cpu"
    found = torch.cuda.get_device_properties(device)
    return f"{found.name} ({str(found.uuid)[:8]})"


def workers() -> int:
    """Worker processes: those of the scheduler in UNFLARE_DASK, else UNFLARE_WORKERS, else one for each core this
    process may use. Raises ValueError, or as `cluster.count` if the scheduler does not answer."""
    address = scheduler()
    return count(address) if address else _count("UNFLARE_WORKERS", least=1) or cores()


def loaders() -> int:
    """Processes that make batches for the training: UNFLARE_LOADERS if set, else 0, the training process itself."""
    return _count("UNFLARE_LOADERS", least=0) or 0


def gpus() -> int:
    """Processes that train together: GPUS if set, else 1. A CUDA device each, or the CPU if UNFLARE_DEVICE says so.

    Raises ValueError if it is no such number or there are fewer devices; for UNFLARE_DEVICE as `device`.
    """
    asked = _count("GPUS", least=1) or 1
    if asked == 1 or (device().type == "cpu" and os.environ.get("UNFLARE_DEVICE")):
        return asked
    import torch

    there = torch.cuda.device_count()
    if asked > there:
        raise ValueError(f"GPUS: expected no more than there are CUDA devices, {there}, found {asked}")
    return asked


def facts() -> dict[str, str | int]:
    """What ran this, for the record; `device` only where torch has been loaded, that is, where it could matter."""
    torch = sys.modules.get("torch")
    accelerator = {"device": torch.cuda.get_device_name() if torch.cuda.is_available() else "none"} if torch else {}
    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": version("torch"),
        **accelerator,
    }


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _count(name: str, least: int) -> int | None:
    text = os.environ.get(name)
    if text is None:
        return None
    if not text.isdecimal() or int(text) < least:
        raise ValueError(f"{name}: expected a whole number, {least} or more, found {text!r}")
    return int(text)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            models = (line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
            return next(models, "unknown")
    except FileNotFoundError:
        return platform.processor() or "unknown"
