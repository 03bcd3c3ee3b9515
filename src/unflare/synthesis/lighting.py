"""The light of a scene beside its background: lamps, each under its script, and the lens that they shine into."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from unflare.events import Array
from unflare.params import Lamp
from unflare.synthesis.flare import Glow, Glows, Pair, unclipped
from unflare.synthesis.ghosts import Ghost, draw_lens
from unflare.synthesis.lamp import Script, draw_script, log_uniform


class Irradiance(NamedTuple):
    """Of the flare, which contains its light sources, and of the light sources alone; linear, 0 to 255 and above."""

    flare: Glows
    source: Glows


@dataclass(frozen=True)
class Lighting:
    """What lights a scene.

    lamps   one script each; they have one image, for they shine through one lens
    ghosts  of the lens, each of every lamp
    gamma   with which the image was coded
    core    how much brighter than its white a saturated core really was
    """

    lamps: tuple[Script, ...]
    ghosts: tuple[Ghost, ...]
    gamma: float
    core: float

    @classmethod
    def of(cls, recipe: Mapping[str, Any]) -> "Lighting":
        """The lighting whose `recipe` this is."""
        lamps, ghosts = (Script(**lamp) for lamp in recipe["lamps"]), (Ghost(**ghost) for ghost in recipe["ghosts"])
        return cls(tuple(lamps), tuple(ghosts), recipe["gamma"], recipe["core"])

    def recipe(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        parts = {"lamps": list(map(asdict, self.lamps)), "ghosts": list(map(asdict, self.ghosts))}
        return parts | {"gamma": self.gamma, "core": self.core}

    def times(self, rate: int) -> Array:
        """When to render, int64 us ascending: whenever one of the lamps asks for it."""
        return np.unique(np.concatenate([script.times(rate) for script in self.lamps]))

    def lights(self, pair: Pair, shape: tuple[int, int]) -> Irradiance:
        """Both on a sensor of this shape, from the linear images of a flare and its light source."""
        images = [unclipped(image, self.core) for image in pair]
        scattered, sources = ([Glow(image, script, shape) for script in self.lamps] for image in images)
        reflected = [ghost.glow(script, shape) for script in self.lamps for ghost in self.ghosts]
        return Irradiance(Glows([*scattered, *reflected]), Glows(sources))


def draw_lighting(lamp: Lamp, shape: tuple[int, int], duration: int, rng: np.random.Generator) -> Lighting:
    """Lamps and a lens within the ranges of the parameters; all that follow the mains have one frequency."""
    mains, count = rng.uniform(*lamp.hertz), int(rng.integers(lamp.count[0], lamp.count[1] + 1))
    return Lighting(
        lamps=tuple(draw_script(lamp, shape, duration, mains, rng) for _ in range(count)),
        ghosts=draw_lens(lamp, rng),
        gamma=rng.uniform(*lamp.gamma),
        core=log_uniform(lamp.core, rng),
    )
