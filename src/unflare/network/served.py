"""The network as MLflow's pyfunc: features in, flare probabilities out. MLflow keeps the package and calls this."""

from pathlib import Path
from typing import Any

import torch

from unflare.network.classifier import Classifier
from unflare.network.kernels import Array


class Served:
    def __init__(self, network: Classifier) -> None:
        self._network = network

    def predict(self, features: Array, params: dict[str, Any] | None = None) -> Array:
        """Flare probability float32 (n,) or (b, n), of the features (n, 13) of a recording or (b, n, 13) of several."""
        batch = torch.as_tensor(features, dtype=torch.float32).reshape(-1, *features.shape[-2:])
        with torch.inference_mode():
            probability: Array = torch.sigmoid(self._network(batch)[0]).numpy()
        return probability.reshape(features.shape[:-1])


def _load_pyfunc(path: str) -> Served:
    return Served(Classifier.load(Path(path)))
