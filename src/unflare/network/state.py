"""What a network remembers between two pieces of a recording, in memory and in a file."""

import json
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from unflare.network.files import replace
from unflare.network.mamba import State as LayerState
from unflare.params import Network
from unflare.runtime.tensors import read

State = list[LayerState]  # one a layer

KIND = "unflare network state"
PARTS = ("tail", "h")


def save_state(path: Path, state: State, shape: Network) -> None:
    """Tensors tail.<layer> and h.<layer>, and the network's shape; the same state gives the same bytes."""
    tensors = {f"{part}.{i}": of.cpu() for i, layer in enumerate(state) for part, of in zip(PARTS, layer, strict=True)}
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    replace(path, save(contiguous, {KIND: _said(shape)}))


def load_state(path: Path, shape: Network, device: str | torch.device = "cpu") -> State:
    """A saved state of a network of this shape, on any device.

    Raises FileNotFoundError, or ValueError if the file is damaged, something else, or of another network.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such state of a network")
    found, tensors = read(path, KIND, "the state of a network")
    if found != _said(shape):
        raise ValueError(f"{path}: expected the state of a network {shape.model_dump()}, found one of {found}")
    return [_layer(path, tensors, shape, i, torch.device(device)) for i in range(shape.layers)]


def _said(shape: Network) -> str:
    return json.dumps(shape.model_dump(), sort_keys=True)


def _layer(path: Path, tensors: dict[str, Tensor], shape: Network, i: int, device: torch.device) -> LayerState:
    d = shape.expand * shape.d_model
    tail, h = (tensors.get(f"{part}.{i}") for part in PARTS)
    fits = tail is not None and tail.ndim == 3 and tail.shape[1:] == (shape.d_conv - 1, d)
    if tail is None or h is None or not fits or h.shape != (len(tail), d, shape.d_state):
        raise ValueError(f"{path}: expected tail and h of layer {i} as of a network {shape.model_dump()}, found others")
    return tail.to(device), h.to(device)
