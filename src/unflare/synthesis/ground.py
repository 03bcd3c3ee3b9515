"""What stands behind everything: a textured wall, lit evenly or from one side, as the camera sees it."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from unflare.events import Array
from unflare.synthesis.camera import Camera
from unflare.synthesis.lamp import log_uniform
from unflare.synthesis.textures import TEXTURES, Texture, surface

MARGIN = 1.5  # sides of the frame that the wall has; beyond, its mirror image


@dataclass(frozen=True)
class Ground:
    """A wall and its light: irradiance of a white one, 0 to 255, in the frame's middle; `slope` is by how much the
    logarithm of the light changes across the frame, in the direction `fall` (radians).
    """

    texture: Texture
    contrast: float
    grain: int
    ambient: float
    slope: float
    fall: float
    seed: int

    def light(self, shape: tuple[int, int]) -> Array:
        """Irradiance of a white wall, float32 (h, w)."""
        y, x = (np.indices(shape) + 0.5) / max(shape) - 0.5
        along = x * math.cos(self.fall) + y * math.sin(self.fall)
        light: Array = (self.ambient * np.exp(self.slope * along)).astype(np.float32)
        return light


class Wall:
    """A ground that is seen by a camera."""

    def __init__(self, ground: Ground, camera: Camera) -> None:
        self._camera, (height, width) = camera, camera.shape
        self._size = (round(MARGIN * height), round(MARGIN * width))
        self._texture = surface(
            ground.texture, self._size, ground.contrast, ground.grain, np.random.default_rng(ground.seed)
        )
        self.light = ground.light(camera.shape)
        self._still = self._looked_at(camera.affine(0)) if camera.stands else None

    def view(self, affine: Array) -> Array:
        """Irradiance float32 (h, w) under the camera's affine map, for the caller to draw on."""
        return self._looked_at(affine) if self._still is None else self._still.copy()

    def _looked_at(self, affine: Array) -> Array:
        (height, width), (rows, columns) = self._camera.shape, self._size
        place = affine.copy()
        place[:, 2] -= affine[:, :2] @ ((columns - width) / 2, (rows - height) / 2)
        seen: Array = cv2.warpAffine(
            self._texture, place, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        seen *= self.light
        return seen


def draw_ground(ambient: tuple[float, float], contrast: tuple[float, float], rng: np.random.Generator) -> Ground:
    """Any texture, from coarse to fine; light and contrast uniform in the logarithm."""
    return Ground(
        texture=TEXTURES[rng.choice(len(TEXTURES), p=[0.25, 0.35, 0.12, 0.08, 0.2])],
        contrast=log_uniform(contrast, rng),
        grain=round(log_uniform((3, 40), rng)),
        ambient=log_uniform(ambient, rng),
        slope=rng.choice([0.0, rng.uniform(0, 2)]),
        fall=rng.uniform(0, 2 * math.pi),
        seed=int(rng.integers(2**31)),
    )
