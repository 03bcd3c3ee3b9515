"""How much memory a training step will take, told before the first one; and what a larger batch would bring."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from unflare.network import Classifier
from unflare.params import Training
from unflare.runtime import Limit, MemoryLimit, gibibytes
from unflare.training.batches import Batches
from unflare.training.precision import Precision
from unflare.training.sources import Source
from unflare.training.validation import masked_loss

# Peak of a step over what it keeps for its backward pass; measured 1.07 to 1.24 on a CPU, 1.02 to 1.11 on an H100.
WORKING = 1.25
LOADER = 320 * 2**20  # bytes that a process which makes batches takes, most of them torch's; measured 306 MiB
SETTLING = 160 * 2**20  # that allocators, HDF5 and MLflow take on the host meanwhile; measured 16 to 128 MiB
SECONDS = 0.5  # of steps that a throughput is measured over, at least


@dataclass(frozen=True)
class Forecast:
    """What the training will take of one kind of memory, in bytes.

    Of one rank, which has its share of every batch; but for `largest_batch`, which they make together.

    base             held before the first batch, and what comes whatever the batch
    bytes_per_event  that each event of a batch adds
    predicted        at the batch of the plan
    largest_batch    that fits into `allowed` with the window of the plan
    """

    kind: str  # host | device
    base: int
    bytes_per_event: float
    predicted: int
    allowed: int
    largest_batch: int


def forecast(
    network: Classifier, plan: Training, memory: Callable[[], tuple[str, int, Limit]], loaders: int, ranks: int = 1
) -> Forecast:
    """Before the first step. `memory` tells the kind of memory that fills, what is held of it now, and its limit;
    `loaders` processes are still to come. Each of `ranks` takes its share of a batch.

    Raises MemoryLimit if the plan does not fit, with what would.
    """
    weights = sum(parameter.nbytes for parameter in network.parameters())
    precision = Precision(plan.precision, network.mean.device)
    short, long = (kept_bytes(network, events, precision) for events in (128, 256))
    each = WORKING * (long - short) / 128
    kind, base, limit = memory()
    if kind == "host":
        base += SETTLING + loaders * LOADER
    fixed = base + 3 * weights  # gradients, and AdamW's two moments
    predicted = round(fixed + each * plan.batch / ranks * plan.window)
    batch = ranks * max(0, int((limit.bytes - fixed) / (each * plan.window)))
    if predicted > limit.bytes:
        window = max(0, int((limit.bytes - fixed) / (each * plan.batch / ranks)))
        fits = f"a batch of {batch}" if batch else f"a window of {window:,}" if window > plan.lead else "no batch"
        on = f" on {ranks} ranks" if ranks > 1 else ""
        raise MemoryLimit(
            f"memory: a batch of {plan.batch} x {plan.window:,} events{on} would take {gibibytes(predicted)} of {kind} "
            f"memory, {gibibytes(limit.bytes)} allowed ({limit.source}); {fits} would fit"
        )
    return Forecast(kind, base, each, predicted, limit.bytes, batch)


def kept_bytes(network: Classifier, events: int, precision: Precision) -> int:
    """Bytes that a forward pass over one sequence keeps for its backward pass, weights not counted.

    Counted from what autograd is given to keep: the same on any device, and next to no work. Both passes run, so that
    what libraries set aside on their first use is there afterwards.
    """
    device = network.mean.device
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    kept: dict[int, int] = {}
    alive: list[Tensor] = []  # a storage that is given back could come again under the same address

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    features = torch.zeros(1, events, len(network.mean), device=device)
    flare = torch.zeros(1, events, device=device)
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        with precision():
            logits = network(features)[0].float()
        masked_loss(logits, flare, torch.ones_like(flare)).backward()
    network.zero_grad(set_to_none=True)
    return sum(kept.values())


def scaling(
    network: Classifier, source: Source, plan: Training, seed: int, largest: int, ranks: int = 1
) -> list[dict[str, Any]]:
    """Events a second of forward and backward at the batch of the plan, twice and four times that, as far as they fit.

    With several ranks, of one of them, at its share of these batches.

    No weight changes; gradients are gone afterwards.
    """
    batches = [batch for batch in (plan.batch, 2 * plan.batch, 4 * plan.batch) if batch <= largest]
    found = [
        {
            "batch": batch,
            "events_per_second": _throughput(network, source, plan.model_copy(update={"batch": batch // ranks}), seed),
        }
        for batch in batches
    ]
    network.zero_grad(set_to_none=True)
    return found


def _throughput(network: Classifier, source: Source, plan: Training, seed: int) -> float:
    device, precision = network.mean.device, Precision(plan.precision, network.mean.device)
    batch = tuple(tensor.to(device) for tensor in Batches(source, plan, seed)[0][:3])
    _step(network, batch, precision)
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        _step(network, batch, precision)
        steps += 1
    return steps * plan.batch * plan.window / (time.perf_counter() - start)


def _step(network: Classifier, batch: tuple[Tensor, ...], precision: Precision) -> None:
    features, flare, mask = batch
    network.zero_grad(set_to_none=True)
    with precision():
        logits = network(features)[0].float()
    loss = masked_loss(logits, flare, mask)
    loss.backward()
    loss.item()  # waits for the device
    if network.mean.device.type == "cuda":
        torch.cuda.synchronize()
