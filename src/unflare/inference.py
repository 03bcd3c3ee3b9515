"""The network as a scorer of recordings of any length."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from unflare.events import Array, Events
from unflare.features import PixelState, extract, sorting
from unflare.network import Classifier, State
from unflare.network.precision import autocast

# Events that go through the network at a time: what fits the cache of a core, what keeps a GPU busy.
WINDOWS = {"cpu": 4096, "cuda": 1 << 20}


class NetworkScorer:
    """Flare probability of each event, by the network; a `Scorer`.

    Pixels, convolution and scan carry their state from event to event, so neither the cuts between chunks nor `window`,
    the number of events that go through the network at a time, change the result beyond rounding. Memory does not grow
    with the recording. `features_window` (us) must be that of the training. Features are computed where the network is.
    `precision` is float32, or on CUDA bfloat16 or float16, which is faster and moves a probability by up to 0.02.

    Raises ValueError for half precision on another device.
    """

    def __init__(
        self, network: Classifier, features_window: int, window: int | None = None, precision: str = "float32"
    ) -> None:
        self.network = network.eval()
        self.features_window = features_window
        self._autocast = autocast(precision, network.mean.device)
        self.window = window or WINDOWS[network.mean.device.type]

    def __call__(self, chunks: Iterable[Events]) -> Iterator[Array]:
        features: Callable[[Events], Iterator[Tensor]] | None = None
        state: State | None = None
        for chunk in chunks:
            features = self._features_of(chunk.shape) if features is None else features
            said = []
            for piece in features(chunk):
                probability, state = self._score(piece, state)
                said.append(probability)
            yield torch.cat(said).cpu().numpy() if said else np.empty(0, np.float32)

    def _features_of(self, shape: tuple[int, int]) -> Callable[[Events], Iterator[Tensor]]:
        """What makes the features of a recording's chunks, in order, a window at a time, where the network is."""
        device, W = self.network.mean.device, self.features_window
        if device.type != "cpu":
            sorted_state = sorting.SortedState(shape, device)
            return lambda chunk: iter(sorting.extract(chunk, sorted_state, W).split(self.window) if len(chunk) else ())
        state = PixelState(shape)

        def walk(chunk: Events) -> Iterator[Tensor]:
            for first in range(0, len(chunk), self.window):
                yield torch.from_numpy(extract(chunk[first : first + self.window], state, W))

        return walk

    @torch.inference_mode()
    def _score(self, features: Tensor, state: State | None) -> tuple[Tensor, State]:
        with self._autocast():
            logits, state = self.network(features[None], state)
        return logits[0].float().sigmoid(), state
