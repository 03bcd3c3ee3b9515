"""Drawings of the report, SVG. Labels are symbols, units and identifiers of result files: one figure for all languages.

INK, MUTED, LINE and PAPER are placeholders: the HTML report puts its own colors there.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unflare.events.stream import Array
from unflare.reporting.colors import BLUE, GOLD, GREEN, INK, LINE, MUTED, ORANGE, PAPER, PURPLE, RED
from unflare.reporting.records import STAGES, Records

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


def loss(records: Records, path: Path) -> None:
    """Training and validation loss, and validation scores, over the steps."""
    file = "reports/training/steps.csv"
    columns = ("step", "loss", "validation_loss", "validation_f1", "validation_auc")
    step, train, *validation = (_floats(records.column(file, name)) for name in columns)
    with _drawing(path, columns=2) as (left, right):
        left.plot(step, train, color=BLUE, alpha=0.3, linewidth=0.8)
        left.plot(step, _smooth(train), color=BLUE, linewidth=1.8, label="train")
        for axes, values, label, color in (
            (left, validation[0], "validation", ORANGE),
            (right, validation[1], "F1", ORANGE),
            (right, validation[2], "ROC-AUC", GREEN),
        ):
            known = np.isfinite(values)
            axes.plot(step[known], values[known], marker="o", markersize=4, color=color, label=label)
        left.set(xlabel="step", ylabel="loss", ylim=(0, None))
        right.set(xlabel="step", ylim=(None, 1.0), xlim=left.get_xlim())
        for axes in (left, right):
            axes.legend()


def memory(records: Records, path: Path) -> None:
    """Memory of the training. Left: peak of each phase. Right: over time, with a line where a phase begins."""
    file = "reports/training/memory.csv"
    phases = [row["phase"] for row in records.at(file)]
    seconds, rss, device = (_floats(records.column(file, name)) for name in ("seconds", "rss_bytes", "device_bytes"))
    kinds = [(rss / 2**30, "RSS", BLUE), *([(device / 2**30, "GPU", ORANGE)] if device.any() else [])]
    with _drawing(path, columns=2) as (left, right):
        peaks = {name: max(v for v, p in zip(kinds[0][0], phases, strict=True) if p == name) for name in phases}
        _bars(left, list(peaks.items()), "GiB", BLUE, "{:.2f}")
        for gibibytes, label, color in kinds:
            right.fill_between(seconds, gibibytes, color=color, alpha=0.14, linewidth=0)
            right.plot(seconds, gibibytes, color=color, label=label, linewidth=1.4)
        for _, rows in groupby(range(len(phases)), key=phases.__getitem__):
            right.axvline(seconds[next(rows)], color=MUTED, linewidth=0.7, linestyle=":")
        right.set(xlabel="s", ylabel="GiB", ylim=(0, None), xlim=(0, seconds[-1]))
        right.legend(loc="lower right")


def timing(records: Records, path: Path) -> None:
    """Left: wall seconds of the stages. Right: where the training's time went, in percent."""
    stages = [
        (name, records.number(f"reports/stages/{name}.json", "seconds")) for name in STAGES if _ran(records, name)
    ]
    seconds = dict(records.training("seconds"))
    total = seconds.pop("total")
    parts = sorted(seconds.items(), key=lambda part: -part[1])
    with _drawing(path, columns=2) as (left, right):
        _bars(left, stages, "s", BLUE, "{:.1f}")
        _bars(right, [(name, 100 * value / total) for name, value in parts], "%", GREEN, "{:.1f}")


def precision_recall(records: Records, path: Path) -> None:
    """Precision over recall of every method that gives a score."""
    rows = records.at("reports/evaluation/curves.csv")
    with _drawing(path, columns=2) as (left, right):
        for color, (method, points) in zip(COLORS * 4, groupby(rows, key=lambda row: row["method"]), strict=False):
            values = np.array(
                [[float(p[c] or "nan") for c in ("recall", "precision", "false_positive_rate")] for p in points]
            )
            width = 2.2 if method == "unflare" else 1.2
            marker = "o" if len(values) < 4 else ""
            left.plot(values[:, 0], values[:, 1], color=color, label=method, linewidth=width, marker=marker)
            right.plot(values[:, 2], values[:, 0], color=color, linewidth=width, marker=marker)
        left.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
        right.set(xlabel="false positive rate", ylabel="recall", xlim=(-0.01, 1), ylim=(0, 1.02))
        right.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
        left.legend()


@contextmanager
def _drawing(path: Path, columns: int) -> Iterator[list[Axes]]:
    """Axes side by side; written to `path` at the end."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, 3.4), layout="constrained")
        yield list(figure.subplots(1, columns, squeeze=False)[0])
        figure.savefig(path, metadata={"Date": None})


def _bars(axes: Axes, rows: Sequence[tuple[str, float]], unit: str, color: str, form: str) -> None:
    names, values = zip(*rows, strict=True)
    bars = axes.barh(names, values, color=color, height=0.62)
    axes.bar_label(bars, [form.format(value) for value in values], padding=4, color=INK, fontsize=9)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set(xlabel=unit, xlim=(0, 1.14 * max(values)))
    axes.tick_params(axis="y", length=0)


def _ran(records: Records, stage: str) -> bool:
    return records.has(f"reports/stages/{stage}.json", "seconds")


def _floats(values: Sequence[float | None]) -> Array:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _smooth(values: Array) -> Array:
    """Mean over a twentieth of the curve, shortened at the ends."""
    half = max(1, len(values) // 40)
    total = np.concatenate([[0.0], np.cumsum(values)])
    first, last = (
        np.maximum(np.arange(len(values)) - half, 0),
        np.minimum(np.arange(len(values)) + half + 1, len(values)),
    )
    mean: Array = (total[last] - total[first]) / (last - first)
    return mean
