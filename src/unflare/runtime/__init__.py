"""How a stage runs on this machine; nothing here changes what it computes."""

from unflare.runtime.clock import Clock
from unflare.runtime.machine import device, facts, workers
from unflare.runtime.memory import Memory, MemorySample
from unflare.runtime.pool import parallel
from unflare.runtime.record import Record, stage

__all__ = ["Clock", "Memory", "MemorySample", "Record", "device", "facts", "parallel", "stage", "workers"]
