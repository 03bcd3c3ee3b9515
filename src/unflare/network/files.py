"""Tensors with facts in a safetensors file: whole or absent, and refused in a sentence if damaged or something else."""

import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor


def read(path: Path, kind: str, expected: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
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
    return json.loads(text), tensors


def replace(path: Path, content: bytes) -> None:
    """Writes the file aside and renames it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
