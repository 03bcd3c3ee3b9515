"""A scene: what the camera saw, what it should have seen, and how both were made."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from unflare.events.aside import aside, finished
from unflare.events.hdf5 import checked, columns, one_sentence, store
from unflare.events.stream import DTYPES, Array, Events


@dataclass(frozen=True, eq=False)
class Scene:
    """A short recording with flare, and its truth.

    events  background (+) flare, the input
    flare   float32 (n,), the flare's share in each event of the input: 0 is background or light source, to be kept
    truth   background (+) light source
    recipe  everything that made the scene, ready for JSON
    """

    events: Events
    flare: Array
    truth: Events
    recipe: dict[str, Any]

    def __post_init__(self) -> None:
        if self.flare.dtype != np.float32 or self.flare.shape != (len(self.events),):
            found = f"{self.flare.dtype} {self.flare.shape}"
            raise ValueError(f"scene: flare must be float32 of shape ({len(self.events)},), found {found}")
        if not np.all((self.flare >= 0) & (self.flare <= 1)):
            raise ValueError(f"scene: flare must lie in 0..1, found {self.flare.min()} to {self.flare.max()}")
        if self.events.shape != self.truth.shape:
            shapes = f"{self.events.shape} and {self.truth.shape}"
            raise ValueError(f"scene: input and truth must be of one sensor, found {shapes}")


def save_scene(path: Path, scene: Scene) -> None:
    """One HDF5 file, input/{t,x,y,p,flare} and truth/{t,x,y,p}; equal scenes give equal bytes.

    The recipe is JSON in the attribute `recipe`, the sensor's size in `height` and `width`. Raises ValueError or
    TypeError, and leaves nothing, if the recipe is not JSON.
    """
    recipe = json.dumps(scene.recipe, sort_keys=True, allow_nan=False)
    with aside(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["recipe"] = recipe
        file.attrs["height"], file.attrs["width"] = scene.events.shape
        for name, events in (("input", scene.events), ("truth", scene.truth)):
            group = file.create_group(name)
            for key in DTYPES:
                store(group, key, getattr(events, key))
        store(file["input"], "flare", scene.flare)


def is_scene(path: Path) -> bool:
    """Whether a file holds a scene, or what is left of one, by its content."""
    if not (path.is_file() and h5py.is_hdf5(path)):
        return False
    with one_sentence(path), h5py.File(path, "r") as file:
        return bool({"input", "truth"} & set(file))


def load_scene(path: Path) -> Scene:
    """The scene in a file, every value checked. Raises FileNotFoundError, or ValueError of one sentence."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such scene")
    with one_sentence(path), h5py.File(path, "r") as file:
        shape = (int(file.attrs["height"]), int(file.attrs["width"]))
        events, truth = (
            checked({key: data[:] for key, data in columns(file, name, path).items()}, shape, path)
            for name in ("input", "truth")
        )
        flare, recipe = file["input/flare"][:], json.loads(file.attrs["recipe"])
    try:
        return Scene(events, flare, truth, recipe)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def scene_paths(folder: Path) -> list[Path]:
    """The scenes of a folder by name. Raises FileNotFoundError if there is none."""
    paths = finished(folder, "*.h5")
    if not paths:
        raise FileNotFoundError(f"{folder}: expected scenes (*.h5), found none; the stage `synthesize` makes them")
    return paths
