"""Where things are on a page."""

import math
from dataclasses import dataclass

from unflare.preview.view import View

GRID = 3  # panels in a row, at most; four make two rows


@dataclass(frozen=True)
class Layout:
    """Where things are on a page, in pixels. `unit` is a hundredth of the panels' width: text and gaps go by it."""

    shape: tuple[int, int]
    panels: int
    zoom: int

    @property
    def columns(self) -> int:
        return self.panels if self.panels <= GRID else math.ceil(self.panels / 2)

    @property
    def rows(self) -> int:
        return math.ceil(self.panels / self.columns)

    @property
    def unit(self) -> float:
        return self.columns * self.zoom * self.shape[1] / 100

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the page, both even, as videos need them."""
        top, left = self.corner(self.rows * self.columns - 1)
        bottom, right = top + self.zoom * self.shape[0], left + self.zoom * self.shape[1]
        return _even(bottom + 16 * self.unit), _even(right + self.unit)

    def corner(self, panel: int) -> tuple[int, int]:
        """(row, column) of a panel's first pixel. Both are even: colors of a video are kept for 2 x 2 pixels."""
        row, column = divmod(panel, self.columns)
        height, width = (self.zoom * side for side in self.shape)
        top, left = 3.6 * self.unit + (row + 1) * 2.8 * self.unit, (column + 1) * self.unit
        return _even(top + row * height), _even(left + column * width)

    @property
    def axis(self) -> tuple[int, int, int, int]:
        """(top, bottom, left, right) of the time axis."""
        height, width = self.size
        rows, columns = (height - 13 * self.unit, height - 4 * self.unit), (6 * self.unit, width - 2 * self.unit)
        return round(rows[0]), round(rows[1]), round(columns[0]), round(columns[1])


def fitting(view: View, room: tuple[int, int]) -> Layout:
    """The layout with the largest whole zoom at which the panels fit into `room`, (height, width); at least 1."""
    plain = Layout(view.shape, len(view.titles), 1)
    limits = (room[0] // (plain.rows * view.shape[0]), room[1] // (plain.columns * view.shape[1]))
    return Layout(view.shape, len(view.titles), max(1, min(limits)))


def _even(pixels: float) -> int:
    return 2 * round(pixels / 2)
