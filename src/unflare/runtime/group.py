"""Ranks by torch.distributed: NCCL on CUDA devices, Gloo on the CPU."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from unflare.runtime.ranks import Ranks

Made = TypeVar("Made")

PATIENCE = timedelta(hours=4)  # longer than any validation; the end of a rank is noticed at once, by the launcher


@dataclass(frozen=True)
class Group(Ranks):
    """The ranks of a process group; every method but `part` is to be called on all of them."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def wrapped(self, network: nn.Module) -> nn.Module:
        return DistributedDataParallel(network, gradient_as_bucket_view=True)

    def mean(self, value: Tensor) -> Tensor:
        total = value.detach().clone()
        distributed.all_reduce(total)
        return total / self.count

    def shared(self, make: Callable[[], Made]) -> Made:
        made: list[Any] = [make() if self.first else None]
        distributed.broadcast_object_list(made, device=self.device)
        return made[0]  # type: ignore[no-any-return]

    def listed(self, text: str) -> list[str]:
        return [str(one) for one in self._gathered(text)]

    def said(self, complaint: str | None) -> str | None:
        some = torch.full((), complaint is not None, dtype=torch.int32, device=self.device)
        distributed.all_reduce(some, distributed.ReduceOp.MAX)
        if not some.item():
            return None
        spoken = enumerate(self._gathered(complaint))
        return next(f"rank {number} of {self.count}: {text}" for number, text in spoken if text is not None)

    def _gathered(self, value: str | None) -> list[str | None]:
        found: list[str | None] = [None] * self.count
        distributed.all_gather_object(found, value)
        return found


def entered(number: int, count: int, device: torch.device) -> Group:
    """The group that the launcher's environment describes, once all ranks have come."""
    cuda = device.type == "cuda"
    backend, own = ("nccl", torch.device("cuda", torch.cuda.current_device())) if cuda else ("gloo", None)
    distributed.init_process_group(backend, timeout=PATIENCE, device_id=own)
    return Group(number, count, f"{count} processes, {backend}", device)


def leave() -> None:
    """Once all ranks do."""
    distributed.destroy_process_group()
