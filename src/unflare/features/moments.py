"""Mean and spread of many features, scene by scene, so that no two scenes need be in memory at once."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from unflare.events import Array

BLOCK = 1 << 16  # events whose float64 copies are made at a time


class Moments(NamedTuple):
    """Of so many rows: mean float64 (c,), and sum of squared deviations from it, float64 (c,)."""

    rows: int
    mean: Array
    squares: Array

    @property
    def std(self) -> Array:
        """float64 (c,); 1 where a column is constant, so that it divides safely."""
        std = np.sqrt(self.squares / max(self.rows, 1))
        return np.where(std > 0, std, 1.0)


def moments(values: Array) -> Moments:
    """Of values (n, c)."""
    blocks = (values[first : first + BLOCK].astype(np.float64) for first in range(0, len(values), BLOCK))
    return joined((_of_block(block) for block in blocks), values.shape[1])


def joined(parts: Iterable[Moments], columns: int) -> Moments:
    """Of all rows together (Chan, Golub & LeVeque, 1979); the bits depend on the order of the parts alone."""
    count, mean, squares = 0, np.zeros(columns), np.zeros(columns)
    for part in parts:
        if part.rows:
            difference, total = part.mean - mean, count + part.rows
            squares = squares + part.squares + difference**2 * (count * part.rows / total)
            mean = mean + difference * (part.rows / total)
            count = total
    return Moments(count, mean, squares)


def _of_block(values: Array) -> Moments:
    mean = values.mean(axis=0)
    values -= mean
    return Moments(len(values), mean, np.einsum("ij,ij->j", values, values))
