"""Safetensors files with facts in their metadata: read whole, or refused in a sentence."""

from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

if TYPE_CHECKING:
    from torch import Tensor


def read(path: Path, kind: str, expected: str) -> tuple[str, "dict[str, Tensor]"]:
    """The facts below the key `kind` of the file's metadata, and its tensors. `expected` is what the file should be.

    Raises ValueError if it is none.
    """
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(kind)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise ValueError(f"{path}: not a whole safetensors file: {error}") from error
    if text is None:
        raise ValueError(f"{path}: expected {expected}, found a safetensors file without its facts")
    return text, tensors
