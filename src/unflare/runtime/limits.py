"""How much memory a stage may take: what the environment says, or most of what is free, control groups included."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import torch

SHARE = 0.9  # of what is free: the rest is for what nobody foresaw
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
GIB = 2**30


@dataclass(frozen=True)
class Limit:
    """Bytes that a stage may hold, and where the figure is from."""

    bytes: int
    source: str


class MemoryLimit(Exception):
    """A stage would need, or took, more memory than it may; the message has both figures."""


def host_limit(processes: int = 1) -> Limit:
    """UNFLARE_MEMORY_LIMIT, or what this process holds and 90 % of what the machine and its control group have free.

    Of either, this process may have the part of one of so many that are alike.

    Raises ValueError if the variable is no size.
    """
    part = f" / {processes}" if processes > 1 else ""
    if said := _said("UNFLARE_MEMORY_LIMIT"):
        return Limit(said.bytes // processes, said.source + part)
    free = psutil.virtual_memory().available
    grouped = min(group_free(), default=free)
    source = "90% of what was free" + (" in the control group" if grouped < free else "")
    return Limit(psutil.Process().memory_info().rss + int(SHARE * min(free, grouped) / processes), source + part)


def device_limit(device: "torch.device") -> Limit | None:
    """The same of a CUDA device, by UNFLARE_DEVICE_MEMORY_LIMIT; torch refuses what goes beyond it. None on the CPU."""
    if device.type != "cuda":
        return None
    import torch

    number = torch.cuda.current_device()
    free, total = torch.cuda.mem_get_info(number)
    held = torch.cuda.memory_reserved(number)
    limit = _said("UNFLARE_DEVICE_MEMORY_LIMIT") or Limit(held + int(SHARE * free), "90% of what was free")
    torch.cuda.set_per_process_memory_fraction(min(1.0, limit.bytes / total), number)
    return limit


def size(text: str) -> int:
    """Bytes of "8GiB", "500M", "1.5 G" or "1048576"; units are powers of 1,024. Raises ValueError."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if not match or not float(match[1]):
        raise ValueError(f"expected a size such as 8GiB or 500M, found {text!r}")
    return int(float(match[1]) * UNITS[match[2].upper()])


def gibibytes(count: float) -> str:
    """A size to read: 0.53 GiB."""
    return f"{count / GIB:.2f} GiB"


def _said(name: str) -> Limit | None:
    text = os.environ.get(name)
    if not text:
        return None
    try:
        return Limit(size(text), name)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def group_free(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> Iterator[int]:
    """What is left in each control group above this process that has a limit, version 1 or 2.

    A page cache that the kernel would give back counts as free.
    """
    if not own.exists():
        return
    for line in own.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from _walk(root, path, ("memory.max", "memory.current", "inactive_file"))
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _walk(root / "memory", path, names)


def _walk(root: Path, path: str, names: tuple[str, str, str]) -> Iterator[int]:
    """Free bytes of the group at `path` and of those around it; inside a container the group itself is the root."""
    limit, usage, cache = names
    inside = root / path.strip("/")
    for folder in (inside, *inside.parents):
        if (folder / limit).exists() and (folder / usage).exists():
            text = (folder / limit).read_text().strip()
            if text != "max" and int(text) < 2**60:  # version 1 writes a number near 2^63 for "none"
                statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
                yield max(0, int(text) - int((folder / usage).read_text()) + int(statistics.get(cache, 0)))
        if folder == root:
            return
