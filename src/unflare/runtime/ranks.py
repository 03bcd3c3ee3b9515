"""Processes that train together, a rank each: what the training asks of them, and its answer where there is but one.

Torch's launcher tells a process which rank it is; see `launch`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from unflare.runtime.clock import Clock

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Made = TypeVar("Made")


@dataclass(frozen=True)
class Ranks:
    """A process that trains alone: what ranks do together, it does by itself.

    number  of this rank, from 0    count  of all    engine  what joins them, for the records
    """

    number: int = 0
    count: int = 1
    engine: str = "1 process"

    @property
    def first(self) -> bool:
        """Whether this is the rank that validates, and the only one that writes and prints."""
        return self.number == 0

    @property
    def share(self) -> slice:
        """Of the windows of a batch, those that this rank takes."""
        return slice(self.number, None, self.count)

    def part(self, batch: int) -> int:
        """How many windows of a batch are its share. Raises ValueError where the ranks' shares would differ."""
        if batch % self.count:
            below = batch - batch % self.count
            fits = " or ".join(str(size) for size in (below, below + self.count) if size)
            raise ValueError(
                f"training.batch: expected a multiple of the {self.count} processes that share it (GPUS), found {batch}"
                f"; {fits} would do"
            )
        return batch // self.count

    def wrapped(self, network: "nn.Module") -> "nn.Module":
        """The network whose backward pass leaves the mean of all ranks' gradients."""
        return network

    def mean(self, value: "Tensor") -> "Tensor":
        """Of all ranks' values; without gradient."""
        return value.detach()

    def shared(self, make: Callable[[], Made]) -> Made:
        """What `make` gives on the first rank, for all of them."""
        return make()

    def listed(self, text: str) -> list[str]:
        """The texts of all ranks."""
        return [text]

    def said(self, complaint: str | None) -> str | None:
        """The first complaint of any rank, for all of them; None where none has one."""
        return complaint


def launched() -> bool:
    """Whether this process is a rank: whether torch's launcher has started it."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def number() -> int:
    """Of this rank, from 0."""
    return int(os.environ["RANK"]) if launched() else 0


def count() -> int:
    """Of all ranks, on this machine all of them."""
    return int(os.environ["WORLD_SIZE"]) if launched() else 1


@contextmanager
def joined(device: "torch.device", clock: Clock) -> Iterator[Ranks]:
    """This process among the ranks, all of which leave together; one that was not launched as a rank is alone.

    The time that the ranks take to come, and to leave, goes to the part "ranks" of `clock`. After an error there is no
    leaving: it would wait for ranks that are no more.
    """
    if not launched():
        yield Ranks()
        return
    from unflare.runtime import group

    with clock("ranks"):
        it = group.entered(number(), count(), device)
    yield it
    with clock("ranks"):
        group.leave()
