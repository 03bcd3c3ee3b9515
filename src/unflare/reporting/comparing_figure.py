"""The figure of several runs beside each other."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from unflare.reporting.colors import MUTED
from unflare.reporting.comparison import Snapshot
from unflare.reporting.drawing import COLORS, drawing, grouped_bars, stacked_bars
from unflare.reporting.records import GIB


def draw(runs: Mapping[str, Snapshot], path: Path) -> None:
    """By run, from the left: scores, milliseconds of a training step by component, peak memory."""
    names, blank = list(runs), [""] * len(runs)
    kinds = {"host": "rss_peak", "device": "device_peak"}
    peaks = {kind: [run["memory"].get(name, 0) / GIB for run in runs.values()] for kind, name in kinds.items()}
    with drawing(path, columns=3, height=1.5 + 0.5 * len(names)) as (scores, step, memory):
        found = {score: [run["scores"].get(score, 0.0) for run in runs.values()] for score in ("f1", "roc_auc")}
        grouped_bars(scores, names, found, "", "{:.3f}")
        scores.set(xlim=(0, 1.22), xticks=(0, 0.5, 1))
        stacked_bars(step, blank, _components(list(runs.values())), "ms", "{:.1f}", (*COLORS, MUTED))
        grouped_bars(
            memory,
            blank,
            {kind: sizes for kind, sizes in peaks.items() if kind == "host" or any(sizes)},
            "GiB",
            "{:.2f}",
        )
        for axes in (scores, step, memory):
            axes.legend(loc="lower left", ncols=3, bbox_to_anchor=(0, 1), borderaxespad=0.2, fontsize=8, handlelength=1)


def _components(runs: Sequence[Snapshot]) -> dict[str, list[float]]:
    """Milliseconds of a step by run: the largest components, one a color, and all others together."""
    steps = [{name: 1000 * value for name, value in run["step"].items() if name != "total"} for run in runs]
    weight = {name: sum(step.get(name, 0.0) for step in steps) for step in steps for name in step}
    largest = sorted(weight, key=lambda name: (-weight[name], name))[: len(COLORS)]
    parts = {name: [step.get(name, 0.0) for step in steps] for name in largest}
    return parts | {"…": [sum(step.values()) - sum(step.get(name, 0.0) for name in largest) for step in steps]}
