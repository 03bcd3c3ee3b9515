"""A training on disk, so that one that was killed goes on where it was: with the same bits, in the same run.

One file outside the outputs of the pipeline, since DVC deletes those before a stage runs. It says which training it is
of; another training does not go on from it.
"""

import hashlib
import io
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from unflare.events import aside
from unflare.network import Classifier
from unflare.params import Params
from unflare.training.sources import Source

PERIOD = 10.0  # seconds between two checkpoints, at least
SHARE = 0.004  # of the time, at most, goes into them
CODE = Path(__file__).parents[1]
DECIDES = ("events", "features", "network", "training", "scores.py")  # what of the code a result depends on


def identity(params: Params, sources: Mapping[str, Source], network: Classifier) -> str:
    """What a training is of: parameters, code, data by their statistics, device and scan. 64 hexadecimal digits.

    Not of how many ranks: their number changes rounding alone, and a training may go on with another.
    """
    digest = hashlib.sha256()
    nouns = params.model_dump(mode="json", include={"seed", "features", "network", "training"})
    digest.update(json.dumps([nouns, network.scan, network.mean.device.type, torch.__version__]).encode())
    for name, source in sorted(sources.items()):
        digest.update(f"{name} {source.names}".encode())
        for column in (source.offsets, source.mean, source.std):
            digest.update(column.tobytes())
    for part in DECIDES:
        for path in sorted((CODE / part).rglob("*.py")) or [CODE / part]:
            digest.update(path.read_bytes())
    return digest.hexdigest()


class Checkpoint:
    """The one checkpoint of a folder."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.path = folder / "training.pt"
        self._identity = identity
        self._next = time.monotonic() + PERIOD

    @property
    def due(self) -> bool:
        return time.monotonic() >= self._next

    def load(self) -> dict[str, Any] | None:
        """The state of this very training; None where there is none, or one of another.

        Raises ValueError if the file is damaged.
        """
        if not self.path.exists():
            return None
        try:
            content = torch.load(self.path, map_location="cpu", weights_only=True)
            state: dict[str, Any] = content["state"]
            return state if content["identity"] == self._identity else None
        except Exception as error:  # whatever torch makes of bytes that it did not write
            found = " ".join(str(error).split())[:200]
            raise ValueError(f"{self.path}: not a whole checkpoint, remove it to begin anew: {found}") from error

    def save(self, state: dict[str, Any]) -> None:
        """Replaces the checkpoint, whole. Raises OSError where it cannot be written; the one before then stands."""
        start = time.monotonic()
        buffer = io.BytesIO()
        torch.save({"identity": self._identity, "state": state}, buffer)
        with aside(self.path) as temporary, temporary.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        now = time.monotonic()
        self._next = now + max(PERIOD, (now - start) / SHARE)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
