"""The network as a scorer of recordings of any length."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unflare.events import Array, Events
from unflare.features import VERSION, PixelState, extract, sorting
from unflare.network import Classifier, State, load_state, save_state, shipped
from unflare.network.precision import autocast

# Events that go through the network at a time: what fits the cache of a core, what keeps a GPU busy.
WINDOWS = {"cpu": 4096, "cuda": 1 << 20}
FEATURES, NETWORK = "features.safetensors", "network.safetensors"


class NetworkScorer:
    """Flare probability of each event, by the network; a `Scorer`.

    Pixels, convolution and scan carry their state from event to event, so neither the cuts between chunks nor `window`,
    the number of events that go through the network at a time, change the result beyond rounding. Memory does not grow
    with the recording. `features_window` (us) must be that of the training. Features are computed where the network is.
    `precision` is float32, or on CUDA bfloat16 or float16, which is faster and less exact.

    Raises ValueError for half precision on another device.
    """

    def __init__(
        self, network: Classifier, features_window: int, window: int | None = None, precision: str = "float32"
    ) -> None:
        self.network = network.eval()
        self.features_window = features_window
        self.autocast = autocast(precision, network.mean.device)
        self.window = window or WINDOWS[network.mean.device.type]

    @classmethod
    def of(cls, model: "Classifier | Path | str | None", device: str = "cpu") -> "NetworkScorer":
        """By a saved model, with the features that it was trained on; None: the weights that come with the package.

        Raises FileNotFoundError, or ValueError of one sentence.
        """
        found = shipped() if model is None else model
        network = found if isinstance(found, Classifier) else Classifier.load(Path(found), _place(device))
        window, definition = network.facts.get("window"), network.facts.get("definition")
        if not isinstance(window, int) or window < 1:
            raise ValueError(f"model: expected the window of its features in us among its facts, found {window}")
        if definition != VERSION:
            raise ValueError(f"model: expected one of features of version {VERSION}, found version {definition}")
        return cls(network, window)

    def __call__(self, chunks: Iterable[Events]) -> Iterator[Array]:
        passage: Passage | None = None
        for chunk in chunks:
            passage = passage or self.begin(chunk.shape)
            yield passage.score(chunk)

    def begin(self, shape: tuple[int, int]) -> "Passage":
        """At the beginning of a recording of a sensor (height, width)."""
        on_cpu = self.network.mean.device.type == "cpu"
        return Passage(self, PixelState(shape) if on_cpu else sorting.SortedState(shape, self.network.mean.device))

    def resume(self, folder: Path) -> "Passage":
        """Where a passage was saved: what follows has the bits that it would have had."""
        device = self.network.mean.device
        on_cpu, path = device.type == "cpu", folder / FEATURES
        passage = Passage(self, PixelState.load(path) if on_cpu else sorting.SortedState.load(path, device))
        passage.state = load_state(folder / NETWORK, self.network.shape, device)
        return passage


class Passage:
    """The network on its way through one recording: what it remembers of the events so far."""

    def __init__(self, scorer: NetworkScorer, pixels: PixelState | sorting.SortedState) -> None:
        self.scorer, self.pixels = scorer, pixels
        self.state: State | None = None

    def score(self, chunk: Events) -> Array:
        """Flare probability of each event of the chunk that comes next, float32 (n,)."""
        said = [self._score(piece) for piece in self._features(chunk)]
        return torch.cat(said).cpu().numpy() if said else np.empty(0, np.float32)

    def save(self, folder: Path) -> None:
        """Two files, for `NetworkScorer.resume`, once there were events."""
        assert self.state
        self.pixels.save(folder / FEATURES)
        save_state(folder / NETWORK, self.state, self.scorer.network.shape)

    def _features(self, chunk: Events) -> Iterator[Tensor]:
        """A window at a time, where the network is."""
        window, W = self.scorer.window, self.scorer.features_window
        if isinstance(self.pixels, sorting.SortedState):
            yield from sorting.extract(chunk, self.pixels, W).split(window) if len(chunk) else ()
            return
        for first in range(0, len(chunk), window):
            yield torch.from_numpy(extract(chunk[first : first + window], self.pixels, W))

    @torch.inference_mode()
    def _score(self, features: Tensor) -> Tensor:
        with self.scorer.autocast():
            logits, self.state = self.scorer.network(features[None], self.state)
        probability: Tensor = logits[0].float().sigmoid()
        return probability


def score(
    events: Events | Iterable[Events], model: Classifier | Path | str | None = None, device: str = "cpu"
) -> Array | Iterator[Array]:
    """Flare probability of each event, float32 (n,), by the network: of a recording, or chunk by chunk of its chunks.

    `model` is a saved model, or a network that was loaded; without one, the weights that come with the package score.

    >>> import numpy as np, unflare
    >>> t = np.arange(0, 3000, 3)
    >>> x, y, p = (t % 32).astype(np.uint16), (t % 24).astype(np.uint16), (t % 2).astype(np.uint8)
    >>> events = unflare.Events(t, x, y, p, shape=(24, 32))
    >>> unflare.score(events, model).shape
    (1000,)
    >>> [len(part) for part in unflare.score((events[:600], events[600:]), model)]
    [600, 400]

    Raises FileNotFoundError, or ValueError of one sentence.
    """
    scorer = NetworkScorer.of(model, device)
    if not isinstance(events, Events):
        return scorer(events)
    parts = [part for part in scorer([events]) if len(part)]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _place(device: str) -> torch.device:
    if device not in WINDOWS:
        raise ValueError(f"device: expected cpu or cuda, found {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device: expected a CUDA device, but torch finds none on this machine")
    return torch.device(device)
