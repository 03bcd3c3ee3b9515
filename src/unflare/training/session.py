"""A training that survives being stopped: trainer, history and checkpoint, kept in step with each other."""

import time
from collections.abc import Iterator
from typing import Any

import torch

from unflare.runtime import Clock, Memory, MemoryLimit
from unflare.training.checkpoint import Checkpoint
from unflare.training.fit import Trainer
from unflare.training.history import History
from unflare.training.sources import Source

FIRST = tuple(f"batch {number}" for number in (1, 2, 3))  # phases of their own: memory is taken there, and kept
PHASES = (*FIRST, "training")


class Session:
    """Goes on from the checkpoint if it is one of this training.

    run            id of the MLflow run that this is part of; set it before the first step
    interruptions  where the training was stopped and went on: step, reason, time
    """

    def __init__(self, trainer: Trainer, checkpoint: Checkpoint, clock: Clock) -> None:
        self.trainer, self.checkpoint, self.clock = trainer, checkpoint, clock
        self.run: str | None = None
        self.interruptions: list[dict[str, Any]] = []
        self.history = History(clock)
        state = trainer.ranks.shared(checkpoint.load)
        if state:
            trainer.restore(state["trainer"])
            stop = {"step": trainer.done, "reason": state["reason"], "at": time.time()}
            self.run, self.interruptions = state["run"], [*state["interruptions"], stop]
            self.history.rows.extend(state["rows"].tolist())

    def rows(
        self, train: Source, validation: Source, seed: int, loaders: int, memory: Memory
    ) -> Iterator[dict[str, float]]:
        """The steps that are left, as rows of the history.

        The checkpoint is written now and then, and where the memory guard of any rank stops the training:
        raises MemoryLimit.
        """
        self.history.begin()
        for step in self.trainer.steps(train, validation, seed, self.clock, loaders):
            try:
                with self.clock("measuring"):
                    row = self.history.add(step)
                    self._mark(memory, step.number)
            except MemoryLimit as error:
                self._save("memory")
                raise MemoryLimit(f"{error}; `dvc repro` goes on after step {step.number}") from None
            yield row
            if self.checkpoint.due or self.trainer.done == self.trainer.plan.steps:
                with self.clock("checkpoint"):
                    self._save("killed")

    def _mark(self, memory: Memory, step: int) -> None:
        """Raises MemoryLimit on every rank where one of them has passed its limit."""
        excess = None
        try:
            memory.mark(PHASES[min(step, len(PHASES)) - 1], step)
        except MemoryLimit as error:
            excess = str(error)
        if said := self.trainer.ranks.said(excess):
            raise MemoryLimit(said)

    def _save(self, reason: str) -> None:
        """`reason` is what will have stopped the training if nothing more is heard of it."""
        if not self.trainer.ranks.first:
            return
        state = {"trainer": self.trainer.state(), "rows": torch.tensor(self.history.rows, dtype=torch.float64)}
        self.checkpoint.save(state | {"run": self.run, "interruptions": self.interruptions, "reason": reason})


def overhead(history: History, clock: Clock, memory: Memory) -> dict[str, float]:
    """What measuring and tracking cost the training, in seconds, and as a share of its wall time.

    clock      borders of parts, at what one costs here
    sampler    CPU time of the thread that watches the memory
    measuring  rows of the history and memory samples
    tracking   what MLflow is told
    """
    seconds = history.seconds
    borders, spent = clock.cost()
    costs = {"clock": spent, "sampler": memory.overhead}
    costs |= {part: seconds[part] for part in ("measuring", "tracking")}
    total = sum(costs.values())
    facts = {"borders": borders, "border_seconds": spent / borders, "total": total, "share": total / seconds["total"]}
    return costs | facts
