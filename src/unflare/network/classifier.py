"""EventDenoisingMamba: thirteen features of each event in, the logit of its being flare out."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from unflare.network.dispatch import form_for, implementation
from unflare.network.files import replace
from unflare.network.kernels import Array
from unflare.network.mamba import Mamba
from unflare.network.state import State
from unflare.params import Network
from unflare.runtime.tensors import read

WEIGHTS, FACTS = "model.safetensors", "model.json"


class Classifier(nn.Module):
    """Embedding, Mamba layers, head. Around each layer a residual and a norm without parameters.

    Without the two the signal dies on its way: standard deviation 0.6 -> 3e-7 over four layers at the start.
    Features are standardized first, by `mean` and `std` (13,) of the training scenes; a constant one is only centered.
    `facts` is what the checkpoint says besides weights; empty for a network that was not loaded.
    """

    def __init__(self, shape: Network, mean: Array | Tensor, std: Array | Tensor) -> None:
        super().__init__()
        self.shape = shape
        self.facts: dict[str, Any] = {}
        mean, std = (torch.as_tensor(np.asarray(value), dtype=torch.float32) for value in (mean, std))
        self.mean, self.std = nn.Buffer(mean.clone()), nn.Buffer(torch.where(std > 0, std, 1.0))
        self.embedding = nn.Linear(len(mean), shape.d_model)
        self.layers = nn.ModuleList(
            Mamba(shape.d_model, d_state=shape.d_state, d_conv=shape.d_conv, expand=shape.expand)
            for _ in range(shape.layers)
        )
        self.head = nn.Linear(shape.d_model, 1)

    def forward(self, features: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits (b, l) of features (b, l, 13), and the state after the last event. Without a state it begins here."""
        after, form = [], form_for(features.device)
        x, normed = form.add_norm(self.embedding((features - self.mean) / self.std), None)
        for i, layer in enumerate(self.layers):
            y, layer_state = layer(normed, None if state is None else state[i])
            x, normed = form.add_norm(x, y)
            after.append(layer_state)
        return self.head(normed).squeeze(-1), after

    @property
    def scan(self) -> str:
        """Name of the selective scan that runs where the network is."""
        return implementation(self.mean.device)

    @property
    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)

    @property
    def digest(self) -> str:
        """What these weights are known by: the beginning of a SHA-256 over names and values, 16 hexadecimal digits."""
        total = hashlib.sha256()
        for name, tensor in sorted(self.state_dict().items()):
            total.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
        return total.hexdigest()[:16]

    def save(self, folder: Path, facts: dict[str, Any]) -> Path:
        """Weights with their facts as `folder`/model.safetensors, the facts alone, to read, as model.json.

        To the caller's facts (JSON) come the shape of the network, its number of parameters and the scan that ran.
        Both files are written aside and renamed. Returns the path of the weights.
        """
        own = {"network": self.shape.model_dump(), "parameters": self.parameter_count, "scan": self.scan}
        text = json.dumps(facts | own, indent=2, sort_keys=True)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()}
        replace(folder / FACTS, text.encode() + b"\n")
        replace(folder / WEIGHTS, save(tensors, {"facts": text}))
        return folder / WEIGHTS

    @classmethod
    def load(cls, path: Path, device: str | torch.device = "cpu") -> "Classifier":
        """A saved network, in evaluation mode, with its `facts`; `path` is the safetensors file or its folder.

        Raises FileNotFoundError, or ValueError if the file is no such network: truncated, without facts, other shapes.
        """
        path = path / WEIGHTS if path.is_dir() else path
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such model; `dvc repro train` makes one")
        text, tensors = read(path, "facts", "a network of unflare")
        try:
            facts = json.loads(text)
            network = cls(Network.model_validate(facts["network"]), tensors["mean"], tensors["std"])
            network.load_state_dict(tensors)
        except (KeyError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path}: weights and facts do not fit: {' '.join(str(error).split())}") from error
        network.facts = facts
        return network.to(device).eval()
