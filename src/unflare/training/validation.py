"""How a network does on the validation scenes: in passing, and over all of them for the threshold."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unflare.events import Array
from unflare.network import Classifier
from unflare.params import Training
from unflare.scores import SHARES, Scores, background_thresholds, best_threshold, scores
from unflare.training.batches import stacked
from unflare.training.precision import Precision
from unflare.training.sources import Source

PIECE = 16_384  # events that go through the network at a time where no gradient is wanted


@dataclass(frozen=True)
class Validation:
    loss: float
    scores: Scores


def masked_loss(logits: Tensor, flare: Tensor, mask: Tensor, counted: Tensor | None = None) -> Tensor:
    """Binary cross-entropy against the flare's share, sum over unmasked events; shapes (B, L).

    Over their number it is a mean. `counted` is another number to divide by, where the batch is part of a larger one.
    """
    loss = functional.binary_cross_entropy_with_logits(logits, flare, reduction="none")
    return (loss * mask).sum() / (mask.sum() if counted is None else counted)


def parity(network: Classifier, source: Source, plan: Training, exact: float) -> dict[str, float | str]:
    """What half precision costs: the validation loss in the precision of the training, beside `exact` in float32.

    Of a training in float32 there is nothing to compare.
    """
    precision = Precision(plan.precision, network.mean.device)
    if precision.name == "float32":
        return {"precision": precision.name}
    with precision():
        loss = validate(network, source, plan).loss
    return {"precision": precision.name, "loss": loss, "float32": exact}


@torch.no_grad()
def validate(network: Classifier, source: Source, plan: Training) -> Validation:
    """Loss and scores over fixed windows, spread evenly over the scenes and over each scene."""
    device = next(network.parameters()).device
    scenes = len(source.offsets) - 1
    logits, flares, masks = [], [], []
    for first in range(0, plan.validation_windows, plan.batch):
        numbers = range(first, min(first + plan.batch, plan.validation_windows))
        rounds = math.ceil(plan.validation_windows / scenes)
        windows = [(i % scenes, (i // scenes + 0.5) / rounds) for i in numbers]
        features, flare, mask = stacked(source, windows, plan)
        logits.append(network(features.to(device))[0].float().cpu())
        flares.append(flare.cpu())
        masks.append(mask.cpu())
    logit, flare, mask = torch.cat(logits), torch.cat(flares), torch.cat(masks)
    counted = mask.numpy() > 0
    probability = torch.sigmoid(logit).numpy()[counted]
    return Validation(masked_loss(logit, flare, mask).item(), scores(probability, flare.numpy()[counted], 0.5))


class Choice(NamedTuple):
    """threshold   of greatest F1, or a higher one that keeps as much background as was asked for
    scores      what it gives
    background  thresholds that keep shares of the background, by share
    """

    threshold: float
    scores: Scores
    background: dict[str, float]


def choose_threshold(network: Classifier, source: Source, keep: float) -> Choice:
    """Over all scenes, each scored as a whole; `keep` is the share of the background that has to stay, 0 to 1."""
    said = [score_scene(network, source, scene) for scene in range(len(source.offsets) - 1)]
    probability, flare = (np.concatenate(parts) for parts in zip(*said, strict=True))
    threshold, shares = best_threshold(probability, flare), sorted({*SHARES, *([keep] if keep else [])})
    background = background_thresholds(probability, flare, shares)
    if keep:
        threshold = max(threshold, background[str(keep)])
    return Choice(threshold, scores(probability, flare, threshold), background)


@torch.no_grad()
def score_scene(network: Classifier, source: Source, scene: int) -> tuple[Array, Array]:
    """Flare probability and flare share of every event of a scene, with the state carried through."""
    device = next(network.parameters()).device
    first, last = (int(offset) for offset in source.offsets[scene : scene + 2])
    state, probabilities, flares = None, [], []
    for start in range(first, last, PIECE):
        features, flare = source.window(start, min(PIECE, last - start))
        logits, state = network(torch.as_tensor(features)[None].to(device).float(), state)
        probabilities.append(torch.sigmoid(logits[0]).cpu().numpy())
        flares.append(torch.as_tensor(flare).cpu().numpy())
    return np.concatenate(probabilities), np.concatenate(flares)
