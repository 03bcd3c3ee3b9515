"""The network as a scorer of recordings of any length."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from unflare.events import Array, Events
from unflare.features import PixelState, extract
from unflare.network import Classifier, State


class NetworkScorer:
    """Flare probability of each event, by the network; a `Scorer`.

    Pixels, convolution and scan carry their state from event to event, so neither the cuts between chunks nor `window`,
    the number of events that go through the network at a time, change the result beyond rounding. Memory does not grow
    with the recording. `features_window` (us) must be that of the training.
    """

    def __init__(self, network: Classifier, window: int, features_window: int) -> None:
        self.network = network.eval()
        self.window = window
        self.features_window = features_window

    def __call__(self, chunks: Iterable[Events]) -> Iterator[Array]:
        pixels: PixelState | None = None
        state: State | None = None
        for chunk in chunks:
            pixels = PixelState(chunk.shape) if pixels is None else pixels
            probability = np.empty(len(chunk), np.float32)
            for first in range(0, len(chunk), self.window):
                piece = slice(first, first + self.window)
                features = extract(chunk[piece], pixels, self.features_window)
                probability[piece], state = self._score(features, state)
            yield probability

    @torch.inference_mode()
    def _score(self, features: Array, state: State | None) -> tuple[Array, State]:
        device = self.network.mean.device
        logits, state = self.network(torch.from_numpy(features)[None].to(device), state)
        return logits[0].sigmoid().cpu().numpy(), state
