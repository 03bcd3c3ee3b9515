"""Drawings of the report, SVG. Labels are symbols, units and identifiers of result files, for all languages alike."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from unflare.events.stream import Array
from unflare.reporting.colors import BLUE, GREEN, MUTED, ORANGE
from unflare.reporting.drawing import COLORS, bars, drawing, grouped_bars, stacked_bars
from unflare.reporting.records import GIB, OURS, Missing, Records, stage_file

BLIND = {
    "keep_all": "--",
    "drop_all": ":",
    "chance": ":",
    "oracle": "-.",
}  # methods that do not look at the events, and their lines


def loss(records: Records, path: Path) -> None:
    """Training and validation loss, and validation scores, over the steps."""
    file = "reports/training/steps.csv"
    columns = ("step", "loss", "validation_loss", "validation_f1", "validation_auc")
    step, train, *validation = (_floats(records.column(file, name)) for name in columns)
    with drawing(path, columns=2) as (left, right):
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
    phases = [row["phase"] for row in records.rows(file)]
    seconds, rss, device = (_floats(records.column(file, name)) for name in ("seconds", "rss_bytes", "device_bytes"))
    curves = {"host": rss / GIB} | ({"device": device / GIB} if device.any() else {})
    names = list(dict.fromkeys(phases))
    peaks = {
        kind: [max(v for v, p in zip(values, phases, strict=True) if p == name) for name in names]
        for kind, values in curves.items()
    }
    with drawing(path, columns=2, height=0.9 + 0.32 * len(names)) as (left, right):
        grouped_bars(left, names, peaks, "GiB", "{:.2f}")
        for color, (kind, values) in zip(COLORS, curves.items(), strict=False):
            right.fill_between(seconds, values, color=color, alpha=0.14, linewidth=0)
            right.plot(seconds, values, color=color, label=kind, linewidth=1.4)
        for _, rows in groupby(range(len(phases)), key=phases.__getitem__):
            right.axvline(seconds[next(rows)], color=MUTED, linewidth=0.7, linestyle=":")
        right.set(xlabel="s", ylabel="GiB", ylim=(0, None), xlim=(0, seconds[-1]))
        right.legend(loc="lower right")


def timing(records: Records, path: Path) -> None:
    """Left: wall seconds of the stages, start-up and what is in no part set apart. Right: a step, by component."""
    stages = {stage: records.numbers(stage_file(stage), "parts") for stage in records.stages()}
    if not stages:
        raise Missing("reports/stages")
    walls = {stage: records.number(stage_file(stage), "seconds") for stage in stages}
    start = [parts.get("start-up", 0.0) for parts in stages.values()]
    named = [sum(v for part, v in parts.items() if part not in {"start-up", "rest"}) for parts in stages.values()]
    rest = [max(0.0, wall - a - b) for wall, a, b in zip(walls.values(), start, named, strict=True)]
    steps, seconds = records.trained("steps", low=1), records.numbers("reports/training/metrics.json", "seconds")
    parts = sorted(
        ((part, max(0.0, value)) for part, value in seconds.items() if part != "total"), key=lambda item: -item[1]
    )
    with drawing(path, columns=2, height=0.9 + 0.28 * len(parts)) as (left, right):
        split = {"start-up": start, "parts": named, "rest": rest}
        stacked_bars(left, list(stages), split, "s", "{:.1f}", (ORANGE, BLUE, MUTED))
        left.legend(loc="lower right", ncols=3, bbox_to_anchor=(1, 1), borderaxespad=0.2, handlelength=1)
        bars(right, [(name, 1000 * value / steps) for name, value in parts], "ms", GREEN, "{:.2f}")


def precision_recall(records: Records, path: Path) -> None:
    """Precision over recall, and recall over false positive rate, of every method; gray are those that do not look."""
    rows = records.rows("reports/evaluation/curves.csv")
    others = iter(COLORS[1:] * 4)
    with drawing(path, columns=2, height=3.9) as (left, right):
        for method, points in groupby(rows, key=lambda row: row["method"]):
            values = np.array(
                [[float(p[c] or "nan") for c in ("recall", "precision", "false_positive_rate")] for p in points]
            )
            color = BLUE if method in OURS else MUTED if method in BLIND else next(others)
            width, dashes = 2.2 if method in OURS else 1.2, ":" if method == "shipped" else BLIND.get(method, "-")
            for axes, x, y in ((left, 0, 1), (right, 2, 0)):
                marker = "o" if len(values) < 4 else ""
                axes.plot(values[:, x], values[:, y], dashes, color=color, linewidth=width, marker=marker, label=method)
        left.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
        right.set(xlabel="false positive rate", ylabel="recall", xlim=(-0.01, 1), ylim=(0, 1.02))
        handles, names = left.get_legend_handles_labels()
        left.figure.legend(handles, names, loc="outside upper left", ncols=8, fontsize=9, handlelength=1.6)


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
