"""Fitting the classifier: a generator of steps. The loop computes; whoever iterates it logs, saves and draws."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from unflare.events import Array
from unflare.features.store import Cache
from unflare.network import Classifier
from unflare.params import Training
from unflare.runtime import Clock
from unflare.scores import Scores, best_threshold, scores
from unflare.training.batches import Batches, cut

PIECE = 16_384  # events that go through the network at a time where no gradient is wanted


@dataclass(frozen=True)
class Validation:
    loss: float
    scores: Scores


@dataclass(frozen=True)
class Step:
    number: int  # from 1
    loss: float
    learning_rate: float
    gradient_norm: float
    validation: Validation | None  # present when this step validated
    best: bool  # its validation loss is the lowest so far


def masked_loss(logits: Tensor, flare: Tensor, mask: Tensor) -> Tensor:
    """Binary cross-entropy against the flare's share, mean over unmasked events; shapes (B, L)."""
    loss = functional.binary_cross_entropy_with_logits(logits, flare, reduction="none")
    return (loss * mask).sum() / mask.sum()


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


def fit(
    network: Classifier, train: Cache, validation: Cache, plan: Training, seed: int, clock: Clock
) -> Iterator[Step]:
    """Train in place, a `Step` at a time; parts of the time go to `clock`."""
    device = next(network.parameters()).device
    loader = DataLoader(Batches(train, plan, seed), batch_size=None, shuffle=False)
    optimizer = optimizer_of(network, plan)
    batches = iter(loader)
    lowest = math.inf
    for step in range(plan.steps):
        with clock("data"):
            batch = next(batches)
        with clock("transfer"):
            features, flare, mask = (tensor.to(device, non_blocking=True) for tensor in batch)
        with clock("forward"):
            logits, _ = network(features)
        with clock("loss"):
            loss = masked_loss(logits, flare, mask)
        with clock("backward"):
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
        with clock("optimizer"):
            rate = learning_rate(step, plan)
            norm = update(network, optimizer, rate, plan.clip)
            value = loss.item()
        if not math.isfinite(value):
            raise ValueError(f"training: the loss at step {step + 1} is {value}; lower training.learning_rate")
        found = None
        if (step + 1) % plan.validate_every == 0 or step + 1 == plan.steps:
            with clock("validation"):
                found = validate(network, validation, plan)
        best = found is not None and found.loss < lowest
        lowest = min(lowest, found.loss) if found else lowest
        yield Step(step + 1, value, rate, norm, found, best)


def update(network: Classifier, optimizer: torch.optim.Optimizer, rate: float, clip: float) -> float:
    """One optimizer step at this learning rate; returns the gradient's norm before clipping."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
    optimizer.step()
    return float(norm)


@torch.no_grad()
def validate(network: Classifier, cache: Cache, plan: Training) -> Validation:
    """Loss and scores over fixed windows, spread evenly over the scenes and over each scene."""
    device = next(network.parameters()).device
    scenes = len(cache.offsets) - 1
    logits, flares, masks = [], [], []
    for first in range(0, plan.validation_windows, plan.batch):
        numbers = range(first, min(first + plan.batch, plan.validation_windows))
        rounds = math.ceil(plan.validation_windows / scenes)
        windows = [cut(cache, i % scenes, (i // scenes + 0.5) / rounds, plan) for i in numbers]
        features, flare, mask = (torch.from_numpy(np.stack(column)) for column in zip(*windows, strict=True))
        logits.append(network(features.to(device))[0].cpu())
        flares.append(flare)
        masks.append(mask)
    logit, flare, mask = torch.cat(logits), torch.cat(flares), torch.cat(masks)
    counted = mask.numpy() > 0
    probability = torch.sigmoid(logit).numpy()[counted]
    return Validation(masked_loss(logit, flare, mask).item(), scores(probability, flare.numpy()[counted], 0.5))


def choose_threshold(network: Classifier, cache: Cache) -> tuple[float, Scores]:
    """The threshold of greatest F1 over all cached scenes, each scored as a whole, and the scores it gives."""
    said = [score_scene(network, cache, scene) for scene in range(len(cache.offsets) - 1)]
    probability, flare = (np.concatenate(parts) for parts in zip(*said, strict=True))
    threshold = best_threshold(probability, flare)
    return threshold, scores(probability, flare, threshold)


@torch.no_grad()
def score_scene(network: Classifier, cache: Cache, scene: int) -> tuple[Array, Array]:
    """Flare probability and flare share of every event of a cached scene, with the state carried through."""
    device = next(network.parameters()).device
    first, last = (int(offset) for offset in cache.offsets[scene : scene + 2])
    state, probabilities, flares = None, [], []
    for start in range(first, last, PIECE):
        features, flare = cache.window(start, min(PIECE, last - start))
        logits, state = network(torch.from_numpy(features)[None].to(device), state)
        probabilities.append(torch.sigmoid(logits[0]).cpu().numpy())
        flares.append(flare)
    return np.concatenate(probabilities), np.concatenate(flares)
