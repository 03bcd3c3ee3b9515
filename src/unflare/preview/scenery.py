"""A scene: the light that was simulated, the events by what they are from, the input and the truth."""

from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb

from unflare.events import Array, Index, Scene
from unflare.preview.view import LEGEND, POLARITIES, Layer, drawn
from unflare.reporting.colors import BLUE, ORANGE
from unflare.reporting.pictures import picture
from unflare.synthesis.flare import WHITE, read_pair
from unflare.synthesis.light import scattered_part
from unflare.synthesis.lighting import Irradiance, Lighting

WITHOUT = "--without-light leaves its panel out"
SOURCES = np.array([[round(255 * part) for part in to_rgb(color)] for color in (BLUE, ORANGE)], np.uint8)
STRAY = 1e-3  # share of the events whose label may be more than their light explains
LIGHTS = "light, logarithmic: flare orange, light source white"
BY_SOURCE = "input: flare orange, background and light source blue"
EVENTS = (BY_SOURCE, f"input: {LEGEND}", f"truth: {LEGEND}")


class Scenery:
    """A view of a scene; without `light`, of its events alone. A scene without a lamp has a dark panel of light."""

    def __init__(self, path: Path, scene: Scene, light: Irradiance | None, *, lit: bool) -> None:
        self._scene, self._light, self._lit = scene, light, lit
        made = [scene.recipe[name] for name in ("scenario", "sequence", "flare") if name in scene.recipe]
        self.name = ", ".join([path.name, *made])
        if "duration" not in scene.recipe:
            raise ValueError(f"{path}: expected the duration of the scene in its recipe, found none")
        self.shape, self.duration = scene.events.shape, int(scene.recipe["duration"])
        self.titles: tuple[str, ...] = (LIGHTS, *EVENTS) if lit else EVENTS
        shades = shaded(*np.meshgrid(np.linspace(0, 1, 24), np.linspace(0, 1, 5)))
        self.colors = np.concatenate([POLARITIES, SOURCES, shades.reshape(-1, 3)])

    def middle(self) -> int:
        times = self._scene.events.t
        return int(times[len(times) // 2]) if len(times) else self.duration // 2

    def images(self, start: int, stop: int) -> list[Array]:
        scene = self._scene
        first, last = np.searchsorted(scene.events.t, (start, stop))
        events, flare = scene.events[first:last], scene.flare[first:last] > 0.5
        by_source = picture(events.x, events.y, SOURCES[flare.astype(int)], self.shape)
        shown = [by_source, drawn(events), drawn(scene.truth.between(start, stop))]
        return [self._shine((start + stop) // 2), *shown] if self._lit else shown

    def layers(self, edges: Array) -> list[Layer]:
        events, kept = self._scene.events.t, self._scene.events.t[self._scene.flare <= 0.5]
        whole, background = (np.diff(np.searchsorted(times, edges)) for times in (events, kept))
        return [Layer("flare", ORANGE, whole), Layer("background, light source", BLUE, background)]

    def _shine(self, t: int) -> Array:
        if not self._light:
            return np.zeros((*self.shape, 3), np.uint8)
        flare, source = (next(glows.frames([t]))[1] for glows in self._light)
        share = np.divide(source, flare, out=np.zeros_like(flare), where=flare > 0)
        return shaded(np.log1p(flare) / np.log1p(WHITE), share.clip(0, 1))


def shaded(tone: Array, share: Array) -> Array:
    """Colors of light, uint8 (..., 3): `tone` 0 to 1 is how bright, `share` 0 to 1 how much of it is the source's."""
    hue = SOURCES[1] + share[..., None] * (255.0 - SOURCES[1])
    return np.asarray((hue * tone[..., None].clip(0, 1)).round(), np.uint8)


def light_of(path: Path, scene: Scene, index: Path) -> Irradiance | None:
    """The light of a scene, of the images that the index knows by the name in the recipe; None without a lamp.

    Raises ValueError of one sentence: no index, no such image, another image of this name, or a recipe that lacks it.
    """
    if "flare" not in scene.recipe:
        return None
    try:
        light = _rendered(path, scene, index)
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(f"{error}; {WITHOUT}") from None
    if np.mean(scene.flare > scattered_part(light.flare.at, light.source.at, scene.events) + 1e-4) > STRAY:
        name = scene.recipe["flare"]
        raise ValueError(f"{index}: {name} is now another image than the one that {path} was made of; {WITHOUT}")
    return light


def _rendered(path: Path, scene: Scene, index: Path) -> Irradiance:
    name, known = scene.recipe["flare"], Index.load(index)
    pair = {pair.name: pair for pairs in known.flares.values() for pair in pairs}.get(name)
    if not pair:
        raise ValueError(f"{index}: expected the flare image {name} of {path}, found none")
    try:
        lighting = Lighting.of(scene.recipe)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected lamps and ghosts in its recipe, found {error}") from None
    images = read_pair(known.root / pair.flare, known.root / pair.light, lighting.gamma)
    return lighting.lights(images, scene.events.shape)
