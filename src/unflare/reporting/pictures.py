"""Event pictures: what came in, what was kept, what is true, and where the two differ."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from unflare.events.stream import Array

GROUND, SEAM = (15, 18, 22), (62, 69, 77)
ON, OFF = (255, 92, 80), (84, 148, 255)
KEPT, LOST, LEFT = (74, 82, 92), (255, 196, 61), (224, 92, 214)
GAP = 6  # pixels between panels
FIELDS = ("x", "y", "p")


def picture(x: Array, y: Array, colors: Array, shape: tuple[int, int]) -> Array:
    """Image (height, width, 3), uint8 red green blue: each event a pixel of its color (n, 3), the last on top."""
    image = np.full((*shape, 3), GROUND, np.uint8)
    image[y, x] = colors
    return image


def by_polarity(p: Array) -> Array:
    """Colors of events: ON red, OFF blue."""
    return np.where(p[:, None] == 1, np.array(ON, np.uint8), np.array(OFF, np.uint8))


def panels(examples: Mapping[str, Array], number: int, threshold: float) -> Array:
    """Input and output above, truth and errors below; `examples` as in reports/evaluation/examples.npz.

    Errors: background that was removed LOST, flare that was kept LEFT, everything that was rightly kept KEPT.
    """
    height, width = (int(side) for side in examples[f"{number}_shape"])
    shape = (height, width)
    x, y, p = (examples[f"{number}_input_{name}"] for name in FIELDS)
    truth = [examples[f"{number}_truth_{name}"] for name in FIELDS]
    flare, kept = examples[f"{number}_flare"] >= 0.5, examples[f"{number}_probability"] < threshold
    verdict = np.full((len(x), 3), KEPT, np.uint8)
    verdict[~flare & ~kept], verdict[flare & kept] = LOST, LEFT
    shown = np.argsort((flare == kept), kind="stable")  # errors last, so that they show
    shown = shown[(kept | ~flare)[shown]]
    quarters = (
        picture(x, y, by_polarity(p), shape),
        picture(x[kept], y[kept], by_polarity(p[kept]), shape),
        picture(truth[0], truth[1], by_polarity(truth[2]), shape),
        picture(x[shown], y[shown], verdict[shown], shape),
    )
    sheet = np.full((2 * height + GAP, 2 * width + GAP, 3), SEAM, np.uint8)
    for quarter, (top, left) in zip(quarters, np.ndindex(2, 2), strict=True):
        row, column = top * (height + GAP), left * (width + GAP)
        sheet[row : row + height, column : column + width] = quarter
    return sheet


def write_png(path: Path, image: Array) -> None:
    if not cv2.imwrite(str(path), image[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        raise OSError(f"{path}: the picture cannot be written")


def draw_examples(path: Path, threshold: float, folder: Path) -> list[tuple[Path, str]]:
    """One sheet of panels a slice, written into `folder`: (file, title of the slice)."""
    drawn = []
    with np.load(path) as examples:
        numbers = sorted(int(name.removesuffix("_shape")) for name in examples.files if name.endswith("_shape"))
        for number in numbers:
            target = folder / f"events_{number}.png"
            write_png(target, panels(examples, number, threshold))
            drawn.append((target, str(examples[f"{number}_title"])))
    return drawn
