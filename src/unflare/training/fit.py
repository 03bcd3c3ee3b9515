"""Fitting the classifier, a step at a time. The loop computes; whoever iterates it logs, saves and draws."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from unflare.network import Classifier
from unflare.params import Training
from unflare.runtime import Clock, Ranks
from unflare.training.batches import Batch, Batches
from unflare.training.precision import Precision
from unflare.training.replay import Replayed
from unflare.training.sources import Source
from unflare.training.validation import Validation, masked_loss, validate

ALONE = Ranks()


@dataclass(frozen=True)
class Step:
    number: int  # from 1
    loss: float
    learning_rate: float
    gradient_norm: float
    loader_seconds: float  # that a loader process worked on its batch, beside the training
    validation: Validation | None  # present when this step validated


class Trainer:
    """A network on its way: between two steps, everything that the rest of the training depends on.

    done    steps so far
    best    weights of lowest validation loss so far, on the CPU; None before the first validation
    lowest  that loss

    With several ranks, each has a trainer and its share of every batch. The losses and the gradients are those of the
    whole batch, so weights stay the same on all of them; the first one validates.
    """

    def __init__(self, network: Classifier, plan: Training, ranks: Ranks = ALONE) -> None:
        self.network, self.plan, self.ranks = network, plan, ranks
        self._logits = _passes(network, ranks)
        self.optimizer = optimizer_of(network, plan)
        self.precision = Precision(plan.precision, network.mean.device)
        self.done = 0
        self.best: dict[str, Tensor] | None = None
        self.lowest = math.inf

    def state(self) -> dict[str, Any]:
        """For `restore`: tensors, numbers and containers of them; the training goes on from it with the same bits."""
        parts: dict[str, Any] = {"network": self.network, "optimizer": self.optimizer, "scaler": self.precision.scaler}
        own = {"done": self.done, "best": self.best, "lowest": self.lowest}
        return own | {name: part.state_dict() for name, part in parts.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.precision.scaler.load_state_dict(state["scaler"])
        self.done, self.best, self.lowest = state["done"], state["best"], state["lowest"]

    def take_best(self) -> Classifier:
        """The network with the best weights. Raises ValueError where no validation gave a number."""
        if self.best is None:
            raise ValueError(f"training: no validation loss was a number in {self.done} steps")
        self.network.load_state_dict(self.best)
        return self.network.eval()

    def steps(self, train: Source, validation: Source, seed: int, clock: Clock, loaders: int) -> Iterator[Step]:
        """The steps that are left; parts of the time go to `clock`. With `loaders` processes, batches are made there.

        Raises ValueError where the loss is no longer a number.
        """
        device = next(self.network.parameters()).device
        source = "waiting" if loaders else "reading"
        steps = range(self.done, self.plan.steps)
        with clock("loaders"):
            batches = fed(iter(loader(Batches(train, self.plan, seed, self.ranks.share), steps, loaders)))
        while self.done < self.plan.steps:
            with clock(source):
                batch = next(batches)
            with clock.queued("transfer"):
                features, flare, mask = (tensor.to(device, non_blocking=True) for tensor in batch[:3])
            with clock.queued("forward"), self.precision():
                logits = self._logits(features)
            with clock.queued("loss"):
                loss = masked_loss(logits.float(), flare, mask, self.ranks.mean(mask.sum()))
            with clock.queued("backward"):
                self.optimizer.zero_grad(set_to_none=True)
                self.precision.scaler.scale(loss).backward()
            with clock.queued("optimizer"):
                rate = learning_rate(self.done, self.plan)
                norm = self._update(rate)
                value = self.ranks.mean(loss).item()
            if not math.isfinite(value):
                raise ValueError(f"training: the loss at step {self.done + 1} is {value}; lower training.learning_rate")
            self.done += 1
            with clock("validation"):
                found = self._validate(validation)
            yield Step(self.done, value, rate, norm, batch.seconds if loaders else 0.0, found)

    def _update(self, rate: float) -> float:
        """One optimizer step at this learning rate; returns the gradient's norm before clipping."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.precision.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip)
        self.precision.scaler.step(self.optimizer)
        self.precision.scaler.update()
        return float(norm)

    def _validate(self, cache: Source) -> Validation | None:
        due = self.done % self.plan.validate_every == 0 or self.done == self.plan.steps
        if not (due and self.ranks.first):
            return None
        found = validate(self.network, cache, self.plan)
        if found.loss < self.lowest:
            self.lowest = found.loss
            self.best = {name: value.cpu().clone() for name, value in self.network.state_dict().items()}
        return found


def _passes(network: Classifier, ranks: Ranks) -> Callable[[Tensor], Tensor]:
    """Features to logits: recorded on a CUDA device of its own; ranks exchange gradients in between, and launch."""
    if network.mean.device.type == "cuda" and ranks.count == 1:
        return Replayed(network)
    wrapped = ranks.wrapped(network)
    return lambda features: wrapped(features)[0]


def fed(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same, the first of them there already: it takes seconds to start the processes that make them."""
    return chain(list(islice(batches, 1)), batches)


def loader(batches: Batches, steps: range, processes: int) -> DataLoader[Any]:
    """The batches of these steps in order, the same however many processes make them.

    Processes are spawned: HDF5, numba and CUDA do not survive a fork.
    """
    context = "spawn" if processes else None
    return DataLoader(batches, None, sampler=steps, num_workers=processes, multiprocessing_context=context)


def learning_rate(step: int, plan: Training) -> float:
    """Linear warm-up, then a cosine to a hundredth; `step` from 0."""
    if step < plan.warmup:
        return plan.learning_rate * (step + 1) / plan.warmup
    progress = (step - plan.warmup) / max(1, plan.steps - plan.warmup)
    return plan.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def optimizer_of(network: Classifier, plan: Training) -> torch.optim.AdamW:
    """AdamW; weight decay for matrices only, never for biases nor for the parameters that set the state's dynamics."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in network.named_parameters():
        decays = parameter.ndim >= 2 and not name.endswith("A_log")
        (matrices if decays else others).append(parameter)
    groups = [{"params": matrices, "weight_decay": plan.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan.learning_rate, betas=(0.9, 0.95))
