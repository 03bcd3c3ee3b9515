"""How the drawings of the report look: one style, axes side by side, bars with their numbers.

INK, MUTED, LINE and PAPER are placeholders: the HTML report puts its own colors there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unflare.reporting.colors import BLUE, GOLD, GREEN, INK, LINE, MUTED, ORANGE, PAPER, PURPLE, RED

COLORS = (BLUE, ORANGE, GREEN, PURPLE, RED, GOLD)
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "unflare",  # the same figure gives the same bytes
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": LINE,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "axes.facecolor": "none",
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
}


@contextmanager
def drawing(path: Path, columns: int, height: float = 3.4) -> Iterator[list[Axes]]:
    """Axes side by side, `height` inches; written to `path` at the end."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, height), layout="constrained")
        yield list(figure.subplots(1, columns, squeeze=False)[0])
        figure.savefig(path, metadata={"Date": None})


def bars(axes: Axes, rows: Sequence[tuple[str, float]], unit: str, color: str, form: str) -> None:
    """One bar a row, its number behind it."""
    stacked_bars(axes, [name for name, _ in rows], {"": [value for _, value in rows]}, unit, form, (color,))


def stacked_bars(
    axes: Axes, names: Sequence[str], parts: Mapping[str, Sequence[float]], unit: str, form: str, colors: Sequence[str]
) -> None:
    """One bar a name, from parts end to end; the sum stands behind it, and what is no part of a bar has no color."""
    left = [0.0] * len(names)
    places = range(len(names))
    for color, (part, values) in zip(colors, parts.items(), strict=False):
        drawn = axes.barh(places, values, left=left, color=color, height=0.62, label=part or None)
        left = [start + value for start, value in zip(left, values, strict=True)]
    axes.bar_label(drawn, [form.format(value) for value in left], padding=4, color=INK, fontsize=9)
    axes.set_yticks(places, labels=names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set(xlabel=unit, xlim=(0, 1.16 * max([*left, 1e-9])))
    axes.tick_params(axis="y", length=0)


def grouped_bars(axes: Axes, names: Sequence[str], kinds: Mapping[str, Sequence[float]], unit: str, form: str) -> None:
    """For each name a bar a kind, one below the other, each with its number."""
    height = 0.7 / len(kinds)
    for row, (color, (kind, values)) in enumerate(zip(COLORS, kinds.items(), strict=False)):
        places = [place + height * (row - (len(kinds) - 1) / 2) for place in range(len(names))]
        drawn = axes.barh(places, values, height=0.92 * height, color=color, label=kind)
        axes.bar_label(drawn, [form.format(value) for value in values], padding=4, fontsize=9)
    axes.set_yticks(range(len(names)), labels=names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    highest = max(value for values in kinds.values() for value in values)
    axes.set(xlabel=unit, xlim=(0, 1.16 * max(highest, 1e-9)))
    axes.tick_params(axis="y", length=0)
