"""A dozen scenes on one sheet: what is flare in them, and what is not."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from unflare.events.stream import Array
from unflare.reporting.pictures import GAP, GROUND, SEAM, write_png

COLUMNS, WIDTH, LABEL = 4, 320, 22  # pictures in a row; pixels of one, and of the line below it
BACKGROUND_ON, BACKGROUND_OFF = (168, 190, 214), (88, 112, 140)
FLARE_ON, FLARE_OFF = (255, 178, 84), (196, 96, 32)
TEXT = (214, 219, 224)


def draw_gallery(source: Path, target: Path) -> Path:
    """The sheet of the scenes in reports/evaluation/gallery.npz, as a PNG."""
    with np.load(source) as gallery:
        write_png(target, sheet(gallery))
    return target


def sheet(gallery: Mapping[str, Array]) -> Array:
    """Image (height, width, 3), uint8: each scene with its title, flare in orange, everything else in blue."""
    count = sum(name.endswith("_shape") for name in gallery)
    tiles = [_tile(gallery, number) for number in range(count)]
    height = max(len(tile) for tile in tiles)
    rows = -(-count // COLUMNS)
    whole = np.full((rows * (height + GAP) - GAP, COLUMNS * (WIDTH + GAP) - GAP, 3), SEAM, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // COLUMNS * (height + GAP), number % COLUMNS * (WIDTH + GAP)
        whole[top : top + height, left : left + WIDTH] = GROUND
        whole[top : top + len(tile), left : left + WIDTH] = tile
    return whole


def _tile(gallery: Mapping[str, Array], number: int) -> Array:
    x, y, p, flare = (gallery[f"{number}_{name}"] for name in ("x", "y", "p", "flare"))
    height, width = (int(side) for side in gallery[f"{number}_shape"])
    image = np.full((height, width, 3), GROUND, np.uint8)
    colors = np.array([BACKGROUND_OFF, BACKGROUND_ON, FLARE_OFF, FLARE_ON], np.uint8)
    kind = 2 * (flare > 0.5).astype(np.intp) + p
    order = np.argsort(flare > 0.5, kind="stable")  # flare on top
    image[y[order], x[order]] = colors[kind[order]]
    small = cv2.resize(image, (WIDTH, round(WIDTH * height / width)), interpolation=cv2.INTER_AREA)
    label = np.full((LABEL, WIDTH, 3), GROUND, np.uint8)
    title = str(gallery[f"{number}_title"])
    cv2.putText(label, title, (6, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.4, TEXT, 1, cv2.LINE_AA)
    return np.vstack([small, label])
