"""How a stage runs on this machine; nothing here changes what it computes."""

from unflare.runtime.clock import Clock
from unflare.runtime.launch import ranked
from unflare.runtime.limits import Limit, MemoryLimit, gibibytes
from unflare.runtime.machine import device, device_name, facts, loaders, seed, workers
from unflare.runtime.memory import Memory, MemorySample
from unflare.runtime.pool import parallel
from unflare.runtime.ranks import Ranks, joined
from unflare.runtime.record import Record, stage

__all__ = [
    "Clock",
    "Limit",
    "Memory",
    "MemoryLimit",
    "MemorySample",
    "Ranks",
    "Record",
    "device",
    "device_name",
    "facts",
    "gibibytes",
    "joined",
    "loaders",
    "parallel",
    "ranked",
    "seed",
    "stage",
    "workers",
]
