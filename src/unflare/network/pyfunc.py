"""The network for MLflow's pyfunc flavor: `mlflow.pyfunc.load_model(uri).predict(features)`."""

from pathlib import Path

import numpy as np
import torch

from unflare.network.classifier import Classifier
from unflare.network.kernels import Array


class Model:
    def __init__(self, network: Classifier) -> None:
        self.network = network

    @torch.inference_mode()
    def predict(self, features: Array) -> Array:
        """Flare probabilities float32 of features (n, 13), one recording, or (b, n, 13), several."""
        values = torch.from_numpy(np.asarray(features, np.float32))
        logits, _ = self.network(values if values.ndim == 3 else values[None])
        probability: Array = logits.sigmoid().numpy()
        return probability if values.ndim == 3 else probability[0]


def _load_pyfunc(path: str) -> Model:
    return Model(Classifier.load(Path(path)))
