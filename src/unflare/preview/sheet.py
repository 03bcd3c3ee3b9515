"""One page: a heading, titled panels in a grid, and the event rate over time with what is shown marked in it."""

import io
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unflare.events import Array
from unflare.preview.layout import Layout
from unflare.preview.view import Layer, View
from unflare.reporting.colors import MUTED
from unflare.reporting.drawing import STYLE

POINTS = 72  # an inch
BINS = 240  # of the time axis
MARK = np.array([28, 32, 36])  # INK
LONG = 10_000_000  # us; later times are told in seconds
UNITS = ((1e6, "million events/s"), (1e3, "thousand events/s"), (1, "events/s"))


class Sheet:
    """Pages of one view that differ in their panels and in what is marked on the axis from `start` to `stop`, in us."""

    def __init__(self, view: View, layout: Layout, heading: str, start: int, stop: int) -> None:
        self._layout, self._span = layout, (start, stop)
        with matplotlib.rc_context(STYLE | {"font.size": 1.35 * layout.unit, "axes.linewidth": layout.unit / 12}):
            self.blank = _printed(view, layout, heading, np.unique(np.linspace(start, stop, BINS + 1).astype(int)))

    def page(self, images: Sequence[Array], start: int, stop: int) -> Array:
        """uint8 (height, width, 3); `start` and `stop` are marked."""
        page, layout = self.blank.copy(), self._layout
        for number, image in enumerate(images):
            top, left = layout.corner(number)
            large = image.repeat(layout.zoom, axis=0).repeat(layout.zoom, axis=1)
            page[top : top + large.shape[0], left : left + large.shape[1]] = large
        top, bottom, left, right = layout.axis
        scale = (right - left) / (self._span[1] - self._span[0])
        first, last = (left + round((t - self._span[0]) * scale) for t in (start, stop))
        marked = page[top:bottom, first : max(last, first + max(2, round(layout.unit / 5)))]
        marked[:] = (marked * 0.75 + MARK * 0.25).astype(np.uint8)
        return page


def _printed(view: View, layout: Layout, heading: str, edges: Array) -> Array:
    """The page without its panels."""
    (height, width), unit = layout.size, layout.unit
    # One point is one pixel; the half keeps the canvas from losing one to rounding.
    figure = Figure(figsize=((width + 0.5) / POINTS, (height + 0.5) / POINTS), dpi=POINTS)
    figure.text(unit / width, 1 - unit / height, heading, va="top", weight="bold")
    for number, title in enumerate(view.titles):
        top, left = layout.corner(number)
        figure.text(left / width, 1 - (top - 0.7 * unit) / height, title, va="bottom", color=MUTED)
    top, bottom, left, right = layout.axis
    axes = figure.add_axes((left / width, 1 - bottom / height, (right - left) / width, (bottom - top) / height))
    _rates(axes, view.layers(edges), edges)
    pixels = io.BytesIO()
    figure.savefig(pixels, format="rgba", dpi=POINTS)
    return np.frombuffer(pixels.getvalue(), np.uint8).reshape(height, width, 4)[..., :3]


def _rates(axes: Axes, layers: Sequence[Layer], edges: Array) -> None:
    rates = [layer.counts / np.diff(edges) * 1e6 for layer in layers]
    highest = max(1.0, *(float(rate.max()) for rate in rates))
    divisor, unit = next(one for one in UNITS if highest >= one[0])
    times, clock = (edges / 1e6, "s") if edges[-1] > LONG else (edges / 1e3, "ms")
    for layer, rate in zip(layers, rates, strict=True):
        axes.stairs(rate / divisor, times, fill=True, color=layer.color, label=layer.name)
    axes.set(xlim=(times[0], times[-1]), ylim=(0, 1.05 * highest / divisor), xlabel=clock)
    axes.set_title(unit, loc="left", color=MUTED, size="medium")
    if len(layers) > 1:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(layers), borderaxespad=0.2)
